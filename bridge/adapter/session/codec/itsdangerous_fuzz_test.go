package codec

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// fuzzPy decodes a value as it is, and one that is signed.
func fuzzPy(f *testing.F, format pyFormat) {
	c := format.must(f, pySecret)
	name := c.Names()[0]
	f.Add(pyEncode(f, c, pySample(), pyNow)[name])
	f.Add(pyEncode(f, c, Data{"a": "b"}, pyNow)[name])
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
			if signed, err := format.sign(c, payload, pyNow); err == nil {
				values = append(values, signed)
			}
		}
		for _, value := range values {
			d, err := c.Decode(t.Context(), Cookies{name: value}, Times{Now: pyNow})
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
	pyWantData(t, map[string]any(d), 1)
	cookies, err := c.Encode(t.Context(), d, Times{Now: pyNow})
	if errors.Is(err, ErrTooLarge) || errors.Is(err, errPyDeep) {
		return
	}
	if err != nil {
		t.Fatalf("%v: %v", d, err)
	}
	if diff := cmp.Diff(d, pyDecoded(t, c, cookies, pyNow)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func pyWantData(t *testing.T, v any, depth int) {
	t.Helper()
	if depth > MaxDepth+1 {
		t.Fatal("too deep")
	}
	switch v := v.(type) {
	case nil, bool, int64:
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatal(v)
		}
	case string:
		if !utf8.ValidString(v) {
			t.Fatalf("%q", v)
		}
	case []any:
		for _, member := range v {
			pyWantData(t, member, depth+1)
		}
	case map[string]any:
		for key, member := range v {
			pyWantData(t, key, depth)
			pyWantData(t, member, depth+1)
		}
	default:
		t.Fatalf("%T", v)
	}
}

func FuzzFlaskDecode(f *testing.F)     { fuzzPy(f, pyFormats[0]) }
func FuzzStarletteDecode(f *testing.F) { fuzzPy(f, pyFormats[1]) }
func FuzzDjangoDecode(f *testing.F)    { fuzzPy(f, pyFormats[2]) }

func benchmarkPython(b *testing.B, run func(b *testing.B, c Codec, d Data, cookies Cookies)) {
	for _, f := range pyFormats {
		c := f.must(b, pySecret)
		for name, d := range map[string]Data{
			"short": {"_user_id": "42", "_fresh": true, "roles": []any{"admin", "dev"}, "_ssobridge": "1700003600." + pyNoise(43)},
			"long":  {"_user_id": "42", "text": strings.Repeat("compress me ", 200)},
		} {
			b.Run(f.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				run(b, c, d, pyEncode(b, c, d, pyNow))
			})
		}
	}
}

func BenchmarkPythonEncode(b *testing.B) {
	benchmarkPython(b, func(b *testing.B, c Codec, d Data, _ Cookies) {
		for b.Loop() {
			pyEncode(b, c, d, pyNow)
		}
	})
}

func BenchmarkPythonDecode(b *testing.B) {
	benchmarkPython(b, func(b *testing.B, c Codec, _ Data, cookies Cookies) {
		for b.Loop() {
			pyDecoded(b, c, cookies, pyNow)
		}
	})
}
