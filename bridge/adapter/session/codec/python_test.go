package codec

import (
	"errors"
	"math"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// pyFormat is one of the formats whose cookies hold the session itself.
type pyFormat struct {
	name   string
	cookie string        // by default
	maxAge time.Duration // by default
	// skew is how old a stamp is when it is written, and how far in the future it may
	// be when it is read; stamps of the future never expire in Django.
	skew   time.Duration
	future bool
	open   func(cookie string, maxAge time.Duration, secrets ...string) (Codec, error)
	// sign makes a cookie's value of a payload.
	sign func(c Codec, payload string, now time.Time) (string, error)
	// wrap makes a payload of JSON.
	wrap func(text []byte) string
}

var pyFormats = []pyFormat{
	{
		name: "flask", cookie: "session", maxAge: 31 * 24 * time.Hour, skew: itsdangerousSkew,
		open: func(cookie string, maxAge time.Duration, secrets ...string) (Codec, error) {
			return NewFlask(FlaskOptions{Cookie: cookie, MaxAge: maxAge, Secrets: secrets})
		},
		sign: func(c Codec, payload string, now time.Time) (string, error) {
			return c.(*flask).signer.sign(payload, now)
		},
		wrap: func(text []byte) string { return base64URL.EncodeToString(text) },
	},
	{
		name: "starlette", cookie: "session", maxAge: 14 * 24 * time.Hour, skew: itsdangerousSkew,
		open: func(cookie string, maxAge time.Duration, secrets ...string) (Codec, error) {
			return NewStarlette(StarletteOptions{Cookie: cookie, MaxAge: maxAge, Secrets: secrets})
		},
		sign: func(c Codec, payload string, now time.Time) (string, error) {
			return c.(*starlette).signer.sign(payload, now)
		},
		wrap: func(text []byte) string { return base64Std.EncodeToString(text) },
	},
	{
		name: "django", cookie: "sessionid", maxAge: 14 * 24 * time.Hour, future: true,
		open: func(cookie string, maxAge time.Duration, secrets ...string) (Codec, error) {
			return NewDjango(DjangoOptions{Cookie: cookie, MaxAge: maxAge, Secrets: secrets})
		},
		sign: func(c Codec, payload string, now time.Time) (string, error) {
			return c.(*django).signer.sign(payload, now)
		},
		wrap: func(text []byte) string { return base64URL.EncodeToString(text) },
	},
}

// format is the format as it is by default. No signature says a cookie's name.
func (f pyFormat) format() format {
	return format{
		name: f.name, cookie: f.cookie, unbound: true, sample: pySample(),
		secrets: []string{testSecret, strings.ToUpper(testSecret), testSecret + "x"},
		open: func(_ testing.TB, cookie string, secrets ...string) (Codec, error) {
			return f.open(cookie, 0, secrets...)
		},
		inner: func(tb testing.TB, c Codec, text []byte) Cookies { return f.holding(tb, c, f.wrap(text)) },
	}
}

// eachPyFormat runs a test with every format as it is by default.
func eachPyFormat(t *testing.T, test func(t *testing.T, f pyFormat, c Codec)) {
	t.Helper()
	for _, f := range pyFormats {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			test(t, f, f.must(t, testSecret))
		})
	}
}

func (f pyFormat) must(tb testing.TB, secrets ...string) Codec {
	tb.Helper()
	c, err := f.open("", 0, secrets...)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// holding is the cookie of signed JSON.
func (f pyFormat) holding(tb testing.TB, c Codec, payload string) Cookies {
	tb.Helper()
	value, err := f.sign(c, payload, testNow)
	if err != nil {
		tb.Fatal(err)
	}
	return Cookies{c.Names()[0]: value}
}

// pySample has every type, and what formats get wrong.
func pySample() Data {
	return Data{
		"_user_id": "42", "_fresh": true, "_ssobridge": "1700003600.bWFj",
		"nothing": nil, "no": false, "empty": "", "none": []any{}, "object": map[string]any{},
		"int": int64(0), "below": int64(-1), "big": int64(math.MaxInt64), "small": int64(math.MinInt64),
		"beyond float": int64(1<<53 + 1), "whole": float64(1), "pi": math.Pi, "huge": 1e300, "tiny": 5e-324,
		"point": 1e15 + 0.5, "exponent": 1e16, "thousandth": 1e-4, "less": 1e-5, "minus zero": math.Copysign(0, -1),
		"zoë": "Zoë 東京 🗼 \u2028\u007f", "text": "\x00\x01\b\t\n\v\f\r\x1f \"\\/<>&'",
		"roles": []any{"admin", "dev", []any{map[string]any{"deep": []any{nil, int64(1), 2.5}}}},
		" t":    []any{"not a tuple"}, "tagged": map[string]any{" t": []any{"nor this"}},
		"markup":  map[string]any{" m": "<script>"},
		"escaped": map[string]any{" di": map[string]any{" t__": "x"}},
		"theirs":  map[string]any{" od": []any{}},
	}
}

func TestPythonRoundTrip(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{" t", " b", " m", " u", " d", " di", " od", " t__", ""}))
	value := pyValue(text, 4)
	eachPyFormat(t, func(t *testing.T, _ pyFormat, c Codec) {
		rapid.Check(t, func(t *rapid.T) {
			d := Data(rapid.MapOfN(text, value, 0, 4).Draw(t, "session"))
			cookies, err := c.Encode(t.Context(), d, Times{Now: testNow})
			if errors.Is(err, ErrTooLarge) {
				t.Skip()
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Decode(t.Context(), cookies, Times{Now: testNow})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	})
}

// pyValue generates what Data may hold.
func pyValue(text *rapid.Generator[string], depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), text.AsAny(),
		rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).AsAny(),
	}
	if depth > 0 {
		inner := pyValue(text, depth-1)
		kinds = append(kinds, rapid.SliceOfN(inner, 0, 3).AsAny(), rapid.MapOfN(text, inner, 0, 2).AsAny())
	}
	return rapid.OneOf(kinds...)
}

func TestPythonLongSessions(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, f pyFormat, c Codec) {
		long := Data{"text": strings.Repeat("compress me ", 200)}
		cookies := mustEncode(t, c, long, testNow)
		if diff := cmp.Diff(long, mustDecode(t, c, cookies, testNow)); diff != "" {
			t.Error(diff)
		}
		if compressed := cookies[c.Names()[0]][0] == '.'; compressed != (f.name != "starlette") {
			t.Errorf("compressed: %t", compressed)
		}
		for name, d := range map[string]Data{
			"random":   {"text": rapid.StringN(4000, 4000, -1).Example(1)},
			"beyond":   {"text": strings.Repeat("a", MaxUnpacked)},
			"by a bit": {"text": noise(4100)},
		} {
			if cookies, err := c.Encode(t.Context(), d, Times{Now: testNow}); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s: %d bytes, %v; want ErrTooLarge", name, len(cookies[c.Names()[0]]), err)
			}
		}
	})
}

// TestPythonCookieFillsABrowser: a cookie of 4096 bytes is kept, one of 4097 not.
func TestPythonCookieFillsABrowser(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, _ pyFormat, c Codec) {
		size := func(n int) int {
			cookies, err := c.Encode(t.Context(), Data{"t": noise(n)}, Times{Now: testNow})
			if err != nil {
				return math.MaxInt
			}
			return len(c.Names()[0]) + 1 + len(cookies[c.Names()[0]])
		}
		first := sort.Search(5000, func(n int) bool { return size(n) == math.MaxInt })
		largest := size(first - 1)
		if largest > 4096 || largest < 4096-3 {
			t.Errorf("the largest cookie has %d bytes", largest)
		}
	})
}

func TestPythonCookieExpires(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, f pyFormat, byDefault Codec) {
		short, err := f.open("", time.Hour, testSecret)
		if err != nil {
			t.Fatal(err)
		}
		for c, maxAge := range map[Codec]time.Duration{byDefault: f.maxAge, short: time.Hour} {
			cookies := mustEncode(t, c, Data{"a": "b"}, testNow)
			last := testNow.Add(maxAge - f.skew)
			mustDecode(t, c, cookies, last)
			wantForeign(t, c, cookies, last.Add(time.Second))
			wantForeign(t, c, cookies, last.Add(1000*24*time.Hour))

			// A clock that is behind the stamp.
			first := testNow.Add(-2 * f.skew)
			mustDecode(t, c, cookies, first)
			if before := first.Add(-time.Second); f.future {
				mustDecode(t, c, cookies, before)
			} else {
				wantForeign(t, c, cookies, before)
			}
		}
		if _, err := byDefault.Encode(t.Context(), Data{}, Times{}); err == nil {
			t.Error("a session of the year 1")
		}
	})
}
