package codec

import (
	"errors"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What no format takes for a session.

func TestTampering(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format, c Codec) {
		d := Data{"user_id": int64(42), "admin": false}
		cookies := mustEncode(t, c, d, testNow)
		for name, value := range cookies {
			changed := maps.Clone(cookies)
			for bad := range tampered(value) {
				changed[name] = bad
				wantForeign(t, c, changed, testNow)
			}
			delete(changed, name)
			wantForeign(t, c, changed, testNow)
			for _, other := range []string{name + "2", strings.ToUpper(name)} {
				if other != name { // of which Laravel's ID may consist
					changed[other] = value
					wantForeign(t, c, changed, testNow)
					delete(changed, other)
				}
			}
		}
		wantForeign(t, c, Cookies{}, testNow)
		wantForeign(t, c, nil, testNow)
		if diff := cmp.Diff(d, f.decode(t, c, cookies, testNow)); diff != "" {
			t.Errorf("the session itself (-given +read):\n%s", diff)
		}
	})
}

func TestOthersSecrets(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format, c Codec) {
		cookies := mustEncode(t, c, Data{"user_id": int64(42)}, testNow)
		wantForeign(t, f.must(t, f.secrets[1]), cookies, testNow)
		wantForeign(t, f.must(t, f.secrets[2]), cookies, testNow)
		if !f.one {
			wantForeign(t, f.must(t, f.secrets[1], f.secrets[2]), cookies, testNow)
		}
	})
}

// TestOthersNames: a cookie is no session under another name, though the secret is the
// same, unless the framework takes it.
func TestOthersNames(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format, c Codec) {
		cookies := mustEncode(t, c, Data{"user_id": int64(42)}, testNow)
		other, err := f.open(t, "other", f.secrets[0])
		if err != nil {
			t.Fatal(err)
		}
		wantForeign(t, other, cookies, testNow)
		renamed := Cookies{}
		for name, value := range cookies {
			renamed[strings.Replace(name, f.cookie, "other", 1)] = value
		}
		if f.unbound {
			f.decode(t, other, renamed, testNow)
			return
		}
		wantForeign(t, other, renamed, testNow)
	})
}

// TestErrorsTellNoValues: what a session holds is in no error.
func TestErrorsTellNoValues(t *testing.T) {
	const canary = "canary-value"
	eachFormat(t, func(t *testing.T, f format, c Codec) {
		for _, v := range []any{canary + "\xff", []any{canary, math.NaN()}, canary + noise(MaxUnpacked)} {
			_, err := c.Encode(t.Context(), Data{"v": v}, Times{Now: testNow})
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("%v", err)
			}
		}
		name := c.Names()[0]
		all := []Cookies{{name: strings.Repeat(canary+".", 5), name + ".sig": canary}}
		for _, text := range []string{
			canary, `{"a":"` + canary + `"`, `{"` + canary + `":` + canary + `}`, `{"a":"` + canary + `\x"}`, `["` + canary + `"]`,
			`s:12:"` + canary + `";`, `a:1:{s:12:"` + canary + `";R:1;}`,
		} {
			all = append(all, f.inner(t, c, []byte(text)))
		}
		for _, cookies := range all {
			_, err := c.Decode(t.Context(), cookies, Times{Now: testNow})
			if !errors.Is(err, ErrForeign) || strings.Contains(err.Error(), canary) {
				t.Errorf("%v", err)
			}
		}
		for _, text := range []string{`{" b":"` + canary + `"}`, `{"exp":"` + canary + `"}`, `{"a":1}` + canary} { // foreign to some
			if _, err := c.Decode(t.Context(), f.inner(t, c, []byte(text)), Times{Now: testNow}); err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%v", err)
			}
		}
	})
}
