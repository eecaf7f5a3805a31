package jwt

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// reusing is an adapter whose tokens are good for a minute and sent for half of it.
func reusing(tb testing.TB) adapter.Adapter {
	tb.Helper()
	o := claims(tb, map[string]Claim{"email": {From: "email"}, "role": {From: "role"}, "groups": {From: "groups"}})
	o.Reuse = 30 * time.Second
	return mustOpen(tb, o, serving)
}

// TestReuse: the same token is sent to nobody but whom it says, and only while it is
// young, has time left, and is no longer good than the assertion of the request.
func TestReuse(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*adapter.Input)
		same   bool
	}{
		{"at once", func(*adapter.Input) {}, true},
		{"half a minute less a second later", func(in *adapter.Input) { in.Time = noon.Add(29 * time.Second) }, true},
		{"half a minute later", func(in *adapter.Input) { in.Time = noon.Add(30 * time.Second) }, false},
		{"an hour later", func(in *adapter.Input) {
			in.Time = noon.Add(time.Hour)
			in.Principal.ExpiresAt = noon.Add(2 * time.Hour)
		}, false},
		{"by a clock that went back", func(in *adapter.Input) { in.Time = noon.Add(-time.Second) }, false},
		{"another assertion", func(in *adapter.Input) { in.Principal.ExpiresAt = noon.Add(time.Hour) }, true},
		{"an assertion without an end", func(in *adapter.Input) { in.Principal.ExpiresAt = time.Time{} }, true},
		{"an assertion that ends with the token", func(in *adapter.Input) { in.Principal.ExpiresAt = noon.Add(time.Minute) }, true},
		{"an assertion that ends before the token", func(in *adapter.Input) { in.Principal.ExpiresAt = noon.Add(59 * time.Second) }, false},
		{"somebody else", func(in *adapter.Input) { in.Principal.Subject = "2f6b" }, false},
		{"another email", func(in *adapter.Input) { in.Principal.Email = "bob@example.com" }, false},
		{"another role", func(in *adapter.Input) { in.Decision.Roles = []string{"Viewer"} }, false},
		{"a group less", func(in *adapter.Input) { in.Principal.Groups = in.Principal.Groups[:1] }, false},
		{"something that the app is not told", func(in *adapter.Input) { in.Principal.Name = "Ann B." }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := reusing(t)
			first := token(t, a, inputOf(ann()))
			in := inputOf(ann())
			tt.change(&in)
			second := token(t, a, in)
			if (first == second) != tt.same {
				t.Errorf("the same token: %t, want %t", first == second, tt.same)
			}
			got, err := read(second, jwks(t, a), in.Time)
			if err != nil {
				t.Fatal(err)
			}
			if role, _ := in.Decision.Role(); got["sub"] != in.Principal.Subject || got["email"] != in.Principal.Email || got["role"] != role {
				t.Errorf("claims %v", got)
			}
			if ends := in.Principal.ExpiresAt; !ends.IsZero() && got["exp"].(float64) > float64(ends.Unix()) {
				t.Error("the token outlives the assertion of the request")
			}
		})
	}
	a := mustOpen(t, claims(t, nil), serving)
	first := token(t, a, inputOf(ann()))
	if token(t, a, inputOf(ann())) == first {
		t.Error("a token is sent twice, and nobody wrote so")
	}
}

// TestReuseNotBeforeTheEnd: a token made under an assertion that was about to end is
// not sent once a new assertion is there.
func TestReuseNotBeforeTheEnd(t *testing.T) {
	a := reusing(t)
	in := inputOf(ann())
	in.Principal.ExpiresAt = noon.Add(10 * time.Second)
	short := token(t, a, in)
	in.Time = noon.Add(2 * time.Second)
	if token(t, a, in) != short {
		t.Error("made anew under the same assertion")
	}
	in.Principal.ExpiresAt = noon.Add(time.Hour)
	if token(t, a, in) == short {
		t.Error("ends in 8 seconds, and a minute is to be had")
	}
}

// TestReuseIsBounded: what people ask for does not add up in memory.
func TestReuseIsBounded(t *testing.T) {
	r := newReuse(30 * time.Second)
	key := func(i int) (k claimsKey) {
		copy(k[:], fmt.Sprint(i))
		return k
	}
	for i := range 5 * maxReused {
		r.keep(key(i), noon, minted{text: "x", at: noon.Unix(), ends: noon.Unix() + 60})
		if held := len(r.young) + len(r.old); held > 2*maxReused {
			t.Fatalf("%d tokens are held", held)
		}
	}
	if _, found := r.find(key(5*maxReused-1), noon, noon.Unix()+60, noon.Unix()+300); !found {
		t.Error("the last is forgotten")
	}
	for i := range 2 { // two generations later, nothing is left of them
		at := noon.Add(time.Duration(i+1) * 30 * time.Second)
		r.keep(key(-1-i), at, minted{text: "x", at: at.Unix(), ends: at.Unix() + 60})
	}
	if held := len(r.young) + len(r.old); held != 2 {
		t.Errorf("%d tokens are held", held)
	}
}

// TestReuseMixesNobodyUp is for the race detector.
func TestReuseMixesNobodyUp(t *testing.T) {
	a := reusing(t)
	keys := jwks(t, a)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 50 {
				in := inputOf(ann())
				in.Principal.Subject = fmt.Sprint(i % 3)
				in.Time = noon.Add(time.Duration(n) * time.Second)
				out, err := a.Adapt(t.Context(), in)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := read(out.Header.Get("X-Jwt-Assertion"), keys, in.Time)
				if err != nil || got["sub"] != in.Principal.Subject {
					t.Errorf("%v, %v", got["sub"], err)
				}
			}
		})
	}
	all.Wait()
}

// TestBackdate: an app whose clock is behind takes the token; it ends as before.
func TestBackdate(t *testing.T) {
	o := claims(t, nil)
	o.Backdate = 10 * time.Second
	a := mustOpen(t, o, serving)
	got, err := read(token(t, a, inputOf(ann())), jwks(t, a), noon.Add(-10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if got["iat"] != float64(noon.Add(-10*time.Second).Unix()) || got["exp"] != float64(noon.Add(time.Minute).Unix()) {
		t.Errorf("iat %v, exp %v", got["iat"], got["exp"])
	}
	in := inputOf(ann())
	in.Principal.ExpiresAt = noon // backdating lends nobody time
	if _, err := a.Adapt(t.Context(), in); err == nil {
		t.Error("an assertion that has ended makes a token")
	}
}
