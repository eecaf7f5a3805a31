package codec

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCookieSessionVector(t *testing.T) {
	c, err := NewCookieSession(CookieSessionOptions{Secrets: []string{testSecret}})
	if err != nil {
		t.Fatal(err)
	}
	vector := Cookies{"session": "eyJ1c2VyIjoiYWxpY2UifQ==", "session.sig": "-Qf36GT_m1EDomPtWqv7ygyQ14c"}
	if got := mustEncode(t, c, Data{"user": "alice"}, testNow); !maps.Equal(got, vector) {
		t.Errorf("Encode = %v", got)
	}
	if diff := cmp.Diff(Data{"user": "alice"}, mustDecode(t, c, vector, testNow)); diff != "" {
		t.Error(diff)
	}
	if got := c.Names(); !slices.Equal(got, []string{"session", "session.sig"}) {
		t.Errorf("Names() = %q", got)
	}
	// The same bytes, spelt as the library would read but not write them.
	for _, value := range []string{`eyJ1c2VyIjoiYWxpY2UifQ`, "eyJ1c2VyIjoiYWxpY2UifQ=", "eyJ1c2VyIjoiYWxpY2UifR==", " eyJ1c2VyIjoiYWxpY2UifQ==", "eyJ1c2VyIjoi\nYWxpY2UifQ=="} {
		spelt := c.(*cookieSession)
		wantForeign(t, c, Cookies{"session": value, "session.sig": spelt.sign(spelt.keys[0], value)}, testNow)
	}
}

// TestCookieSessionFillsABrowser: a cookie of 4096 bytes is kept, one of 4097 not.
func TestCookieSessionFillsABrowser(t *testing.T) {
	c, err := NewCookieSession(CookieSessionOptions{Secrets: []string{testSecret}})
	if err != nil {
		t.Fatal(err)
	}
	const fits = (4096-len("session="))/4*3 - len(`{"t":""}`)
	mustEncode(t, c, Data{"t": noise(fits)}, testNow)
	if _, err := c.Encode(t.Context(), Data{"t": noise(fits + 1)}, Times{Now: testNow}); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}
