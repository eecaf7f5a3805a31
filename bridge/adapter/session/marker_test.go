package session

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

func TestParseMark(t *testing.T) {
	mac := strings.Repeat("A", 43)
	for _, tt := range []struct {
		text string
		end  int64 // 0: not a marker
	}{
		{"1.1800000000." + mac, 1_800_000_000},
		{"1.1." + mac, 1},
		{"", 0},
		{"1", 0},
		{"1.", 0},
		{"1..", 0},
		{"1.1800000000", 0},
		{"1.1800000000.", 0},
		{"2.1800000000." + mac, 0},
		{"1.+1800000000." + mac, 0},
		{"1.-1." + mac, 0},
		{"1.0." + mac, 0},
		{"1.01800000000." + mac, 0},
		{"1. 1800000000." + mac, 0},
		{"1.1_800." + mac, 0},
		{"1.9223372036854775808." + mac, 0},
		{"1.1800000000." + mac + "A", 0},
		{"1.1800000000." + mac[1:], 0},
		{"1.1800000000." + mac[1:] + "=", 0},
		{"1.1800000000." + mac[1:] + "+", 0},
		{"1.1800000000." + mac[1:] + "B", 0}, // bits that no byte has
		{"1.1800000000." + mac[1:] + "\n", 0},
		{"1.1800000000." + mac + ".", 0},
		{" 1.1800000000." + mac, 0},
	} {
		m, ok := parseMark(tt.text)
		if ok != (tt.end != 0) || ok && m.expires != tt.end {
			t.Errorf("%q: %d, %t", tt.text, m.expires, ok)
		}
		if ok && m.String() != tt.text {
			t.Errorf("%q is written as %q", tt.text, m)
		}
	}
}

// FuzzParseMark: what is read has one form, and reading never fails otherwise.
func FuzzParseMark(f *testing.F) {
	f.Add("1.1800000000." + strings.Repeat("A", 43))
	f.Add("1.1." + strings.Repeat("_", 42) + "8")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		if m, ok := parseMark(text); ok && m.String() != text {
			t.Errorf("%q is written as %q", text, m)
		}
	})
}

// fact is all that a marker is over.
type fact struct {
	app, issuer, subject, session string
	roles                         []string
	now                           string
	data                          map[string]any
	expires                       int64
}

func (f *fact) bytes(bound []string) []byte {
	in := adapter.Input{
		Principal: &verifier.Principal{Subject: f.subject, SessionID: f.session, Claims: map[string]any{"iss": f.issuer}},
		Decision:  mapping.Decision{Roles: f.roles},
	}
	return newMarker(f.app, []string{appSecret}, bound).facts(nil, &in, []byte(f.now), f.data, f.expires)
}

// drawValue draws a value of a session; few different ones, so that two are often
// near each other.
func drawValue(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	switch {
	case kind == 0:
		return nil
	case kind == 1:
		return rapid.Bool().Draw(t, "bool")
	case kind == 2:
		return rapid.Int64Range(-1, 1).Draw(t, "int")
	case kind == 3:
		return rapid.SampledFrom([]float64{0, 1, -1, 0.5}).Draw(t, "float")
	case kind == 4 || depth > 2:
		return rapid.SampledFrom([]string{"", "a", "ab", "\x00", "s", "[", "-"}).Draw(t, "text")
	case kind == 5:
		list := make([]any, rapid.IntRange(0, 2).Draw(t, "items"))
		for i := range list {
			list[i] = drawValue(t, depth+1)
		}
		return list
	default:
		object := map[string]any{}
		for range rapid.IntRange(0, 2).Draw(t, "members") {
			object[rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "name")] = drawValue(t, depth+1)
		}
		return object
	}
}

func drawFact(t *rapid.T) *fact {
	text := rapid.SampledFrom([]string{"", "a", "ab", "b", "\x00", "\x00\x00\x00\x01a"})
	f := &fact{
		app: text.Draw(t, "app"), issuer: text.Draw(t, "issuer"), subject: text.Draw(t, "subject"), session: text.Draw(t, "session"),
		roles: rapid.SliceOfN(text, 0, 3).Draw(t, "roles"), now: text.Draw(t, "now"), data: map[string]any{},
		expires: rapid.Int64Range(1, 3).Draw(t, "expires"),
	}
	for _, name := range []string{"x", "y"} {
		if rapid.Bool().Draw(t, "has "+name) {
			f.data[name] = drawValue(t, 0)
		}
	}
	return f
}

// TestFactsAreApart: no two people, roles, ends or sessions are the same bytes,
// wherever one text ends and the next begins.
func TestFactsAreApart(t *testing.T) {
	bound := []string{"x", "y"}
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawFact(t), drawFact(t)
		same := a.app == b.app && a.issuer == b.issuer && a.subject == b.subject && a.session == b.session &&
			slices.Equal(a.roles, b.roles) && a.now == b.now && a.expires == b.expires && sameValue(a.data, b.data)
		if equal := string(a.bytes(bound)) == string(b.bytes(bound)); equal != same {
			t.Fatalf("%+v and %+v: equal bytes: %t", a, b, equal)
		}
	})
}

// TestRolesEndBeforeFields: what follows the roles is none of them.
func TestRolesEndBeforeFields(t *testing.T) {
	roles := fact{roles: []string{"admin"}, now: "{}", expires: 1}
	fields := fact{now: "admin\x00\x00\x00\x02{}", expires: 1}
	if string(roles.bytes(nil)) == string(fields.bytes(nil)) {
		t.Error("fields pass for a role")
	}
	fewer := fact{roles: []string{"a"}, now: "{}", expires: 1}
	if more := (&fact{roles: []string{"a", "{}"}, expires: 1}); strings.HasPrefix(string(more.bytes(nil)), string(fewer.bytes(nil)[:len(fewer.bytes(nil))-8])) {
		t.Error("a role passes for fields")
	}
}

// sameValue compares by type, as apps do.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case []any:
		list, is := b.([]any)
		return is && slices.EqualFunc(a, list, sameValue)
	case map[string]any:
		object, is := b.(map[string]any)
		return is && maps.EqualFunc(a, object, sameValue)
	default:
		switch b.(type) {
		case []any, map[string]any:
			return false
		}
		return a == b
	}
}

// TestMarkerKeyIsItsOwn: what the app signs with its secret is no marker, and the
// other way round.
func TestMarkerKeyIsItsOwn(t *testing.T) {
	in := inputOf(ann())
	a, b := newMarker("wiki", []string{appSecret + "-1"}, nil), newMarker("wiki", []string{otherSecret}, nil)
	text := a.mint(&in, []byte("{}"), codec.Data{}, 1_900_000_000)
	m, ok := parseMark(text)
	if !ok || !a.verify(&in, []byte("{}"), codec.Data{}, m) {
		t.Fatalf("%q", text)
	}
	if b.verify(&in, []byte("{}"), codec.Data{}, m) {
		t.Error("verified with another secret")
	}
	if a.verify(&in, []byte(`{"a":1}`), codec.Data{}, m) {
		t.Error("verified with other fields")
	}
	if strings.Contains(text, appSecret) {
		t.Error("the secret is in it")
	}
}
