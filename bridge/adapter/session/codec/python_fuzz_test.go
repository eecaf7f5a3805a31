package codec

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fuzzPy decodes a value as it is, and one that is signed.
func fuzzPy(f *testing.F, format pyFormat) {
	c := format.must(f, testSecret)
	name := c.Names()[0]
	f.Add(mustEncode(f, c, pySample(), testNow)[name])
	f.Add(mustEncode(f, c, Data{"a": "b"}, testNow)[name])
	for _, payload := range []string{
		`{"a":[1,2.5,null,true,{"b":"\ud83d\ude00"}]}`, `{"a":{" t":[1,{" b":"YQ=="}]}}`, `{" di":{" t__":1}}`, `{"a":{" di":{" di__":{" m":"x"}}}}`,
		`{"a":{" u":"00000000000000000000000000000000"}}`, `{"a":{" d":"Thu, 01 Jan 1970 00:00:00 GMT"}}`, `[]`, `{"a":1e5,"a":-0}`,
	} {
		f.Add(format.wrap([]byte(payload)))
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, value string) {
		values := []string{value}
		for _, payload := range []string{value, format.wrap([]byte(value))} {
			if signed, err := format.sign(c, payload, testNow); err == nil {
				values = append(values, signed)
			}
		}
		for _, value := range values {
			d, err := c.Decode(t.Context(), Cookies{name: value}, Times{Now: testNow})
			if err != nil {
				if !errors.Is(err, ErrForeign) {
					t.Fatalf("%v", err)
				}
				continue
			}
			fuzzPyAccepted(t, c, d)
		}
	})
}

// fuzzPyAccepted: what is accepted is what Data may hold, and re-encodes.
func fuzzPyAccepted(t *testing.T, c Codec, d Data) {
	t.Helper()
	wantData(t, map[string]any(d), 1)
	cookies, err := c.Encode(t.Context(), d, Times{Now: testNow})
	if errors.Is(err, ErrTooLarge) || errors.Is(err, errDeep) {
		return
	}
	if err != nil {
		t.Fatalf("%v: %v", d, err)
	}
	if diff := cmp.Diff(d, mustDecode(t, c, cookies, testNow)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func FuzzFlaskDecode(f *testing.F)     { fuzzPy(f, pyFormats[0]) }
func FuzzStarletteDecode(f *testing.F) { fuzzPy(f, pyFormats[1]) }
func FuzzDjangoDecode(f *testing.F)    { fuzzPy(f, pyFormats[2]) }
