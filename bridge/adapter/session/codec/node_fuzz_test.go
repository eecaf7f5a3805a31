package codec

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fuzzNode decodes cookies as they are, and JSON that is sealed.
func fuzzNode(f *testing.F, format nodeFormat) {
	c := format.must(f, testSecret)
	for _, d := range []Data{nodeSample(), {"a": "b"}} {
		cookies := mustEncode(f, c, d, testNow)
		f.Add(cookies[c.Names()[0]], cookies[c.Names()[0]+".sig"])
	}
	for _, text := range []string{
		`{"a":[1,2.5,null,true,{"b":"\ud83d\ude00"}],"exp":1700003600,"cookie":{}}`, `{"a":1e5,"b":-0,"exp":17e8,"nbf":1.5,"cookie":{"maxAge":1}}`,
		`{"__proto__":{"a":1},"isNew":true,"id":1,"exp":1700003600,"cookie":{}}`, `{"1":1,"0":0,"exp":1152921504606847000,"cookie":{}}`, `[]`,
	} {
		f.Add(text, "")
	}
	f.Fuzz(func(t *testing.T, value, second string) {
		all := []Cookies{{c.Names()[0]: value, c.Names()[0] + ".sig": second}, {c.Names()[0] + ".0": value, c.Names()[0] + ".1": second}}
		for _, cookies := range append(all, Cookies{c.Names()[0]: value}, format.holding(t, c, value)) {
			d, err := c.Decode(t.Context(), cookies, Times{Now: testNow})
			if err != nil {
				if !errors.Is(err, ErrForeign) {
					t.Fatalf("%v", err)
				}
				continue
			}
			wantData(t, map[string]any(d), 1)
			cookies, err := c.Encode(t.Context(), d, Times{Now: testNow, Expires: testNow.Add(time.Hour)})
			if errors.Is(err, ErrTooLarge) {
				continue
			}
			if err != nil {
				t.Fatalf("%v: %v", d, err)
			}
			got := mustDecode(t, c, cookies, testNow)
			for _, name := range []string{"iat", "exp", "jti"} {
				if _, had := d[name]; format.holdsTimes() && (!had || name != "jti") {
					delete(d, name)
					delete(got, name)
				}
			}
			if _, early := d["nbf"]; early && format.holdsTimes() {
				continue
			}
			if diff := cmp.Diff(d, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		}
	})
}

func (f nodeFormat) holdsTimes() bool { return slices.Contains(f.reserved, "exp") }

func FuzzCookieSessionDecode(f *testing.F)  { fuzzNode(f, nodeFormats[0]) }
func FuzzExpressSessionDecode(f *testing.F) { fuzzNode(f, nodeFormats[1]) }
func FuzzAuthJSDecode(f *testing.F)         { fuzzNode(f, nodeFormats[2]) }
func FuzzNextAuthDecode(f *testing.F)       { fuzzNode(f, nodeFormats[3]) }
