package codec

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

const pySecret = "bridge-test-secret"

// pyNow is the time of the vectors.
var pyNow = time.Unix(1700000000, 0)

// pyFormat is one of the formats whose cookies hold the session itself.
type pyFormat struct {
	name   string
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
		name: "flask", maxAge: 31 * 24 * time.Hour, skew: itsdangerousSkew,
		open: func(cookie string, maxAge time.Duration, secrets ...string) (Codec, error) {
			return NewFlask(FlaskOptions{Cookie: cookie, MaxAge: maxAge, Secrets: secrets})
		},
		sign: func(c Codec, payload string, now time.Time) (string, error) {
			return c.(*flask).signer.sign(payload, now)
		},
		wrap: func(text []byte) string { return pyURL.EncodeToString(text) },
	},
	{
		name: "starlette", maxAge: 14 * 24 * time.Hour, skew: itsdangerousSkew,
		open: func(cookie string, maxAge time.Duration, secrets ...string) (Codec, error) {
			return NewStarlette(StarletteOptions{Cookie: cookie, MaxAge: maxAge, Secrets: secrets})
		},
		sign: func(c Codec, payload string, now time.Time) (string, error) {
			return c.(*starlette).signer.sign(payload, now)
		},
		wrap: func(text []byte) string { return pyStd.EncodeToString(text) },
	},
	{
		name: "django", maxAge: 14 * 24 * time.Hour, future: true,
		open: func(cookie string, maxAge time.Duration, secrets ...string) (Codec, error) {
			return NewDjango(DjangoOptions{Cookie: cookie, MaxAge: maxAge, Secrets: secrets})
		},
		sign: func(c Codec, payload string, now time.Time) (string, error) {
			return c.(*django).signer.sign(payload, now)
		},
		wrap: func(text []byte) string { return pyURL.EncodeToString(text) },
	},
}

// eachPyFormat runs a test with every format as it is by default.
func eachPyFormat(t *testing.T, test func(t *testing.T, f pyFormat, c Codec)) {
	t.Helper()
	for _, f := range pyFormats {
		t.Run(f.name, func(t *testing.T) { test(t, f, f.must(t, pySecret)) })
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

// pyHolding is the cookie of signed JSON.
func (f pyFormat) holding(tb testing.TB, c Codec, payload string) Cookies {
	tb.Helper()
	value, err := f.sign(c, payload, pyNow)
	if err != nil {
		tb.Fatal(err)
	}
	return Cookies{c.Names()[0]: value}
}

func pyEncode(tb testing.TB, c Codec, d Data, now time.Time) Cookies {
	tb.Helper()
	cookies, err := c.Encode(tb.Context(), d, Times{Now: now, Expires: now.Add(time.Hour)})
	if err != nil {
		tb.Fatalf("Encode: %v", err)
	}
	return cookies
}

func pyDecoded(tb testing.TB, c Codec, cookies Cookies, now time.Time) Data {
	tb.Helper()
	d, err := c.Decode(tb.Context(), cookies, Times{Now: now})
	if err != nil {
		tb.Fatalf("Decode: %v", err)
	}
	return d
}

// pyWantForeign fails if a session is taken, or refused as anything but foreign.
func pyWantForeign(tb testing.TB, c Codec, cookies Cookies, now time.Time) {
	tb.Helper()
	d, err := c.Decode(tb.Context(), cookies, Times{Now: now})
	if d != nil || !errors.Is(err, ErrForeign) {
		tb.Errorf("Decode(%q) = %v, %v; want ErrForeign", cookies, d, err)
	}
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

func TestPythonTypesAreKept(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, _ pyFormat, c Codec) {
		for name, d := range map[string]Data{
			"sample": pySample(), "empty": {}, "one tag": {" t": []any{}}, "tag of a tag": {" di": map[string]any{"a__": "b"}},
		} {
			got := pyDecoded(t, c, pyEncode(t, c, d, pyNow), pyNow)
			if diff := cmp.Diff(d, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		got := pyDecoded(t, c, pyEncode(t, c, Data{"z": math.Copysign(0, -1)}, pyNow), pyNow)
		if !math.Signbit(got["z"].(float64)) {
			t.Error("-0.0 lost its sign")
		}
	})
}

func TestPythonRoundTrip(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{" t", " b", " m", " u", " d", " di", " od", " t__", ""}))
	value := pyValue(text, 4)
	eachPyFormat(t, func(t *testing.T, _ pyFormat, c Codec) {
		rapid.Check(t, func(t *rapid.T) {
			d := Data(rapid.MapOfN(text, value, 0, 4).Draw(t, "session"))
			cookies, err := c.Encode(t.Context(), d, Times{Now: pyNow})
			if errors.Is(err, ErrTooLarge) {
				t.Skip()
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Decode(t.Context(), cookies, Times{Now: pyNow})
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
		cookies := pyEncode(t, c, long, pyNow)
		if diff := cmp.Diff(long, pyDecoded(t, c, cookies, pyNow)); diff != "" {
			t.Error(diff)
		}
		if compressed := cookies[c.Names()[0]][0] == '.'; compressed != (f.name != "starlette") {
			t.Errorf("compressed: %t", compressed)
		}
		for name, d := range map[string]Data{
			"random":   {"text": rapid.StringN(4000, 4000, -1).Example(1)},
			"beyond":   {"text": strings.Repeat("a", MaxUnpacked)},
			"by a bit": {"text": pyNoise(4100)},
		} {
			if cookies, err := c.Encode(t.Context(), d, Times{Now: pyNow}); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s: %d bytes, %v; want ErrTooLarge", name, len(cookies[c.Names()[0]]), err)
			}
		}
	})
}

// pyNoise is text that cannot be compressed much.
func pyNoise(n int) string {
	var b strings.Builder
	for i, x := 0, uint32(1); i < n; i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[x%64])
	}
	return b.String()
}

// TestPythonCookieFillsABrowser: a cookie of 4096 bytes is kept, one of 4097 not.
func TestPythonCookieFillsABrowser(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, _ pyFormat, c Codec) {
		size := func(n int) int {
			cookies, err := c.Encode(t.Context(), Data{"t": pyNoise(n)}, Times{Now: pyNow})
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
		short, err := f.open("", time.Hour, pySecret)
		if err != nil {
			t.Fatal(err)
		}
		for c, maxAge := range map[Codec]time.Duration{byDefault: f.maxAge, short: time.Hour} {
			cookies := pyEncode(t, c, Data{"a": "b"}, pyNow)
			last := pyNow.Add(maxAge - f.skew)
			pyDecoded(t, c, cookies, last)
			pyWantForeign(t, c, cookies, last.Add(time.Second))
			pyWantForeign(t, c, cookies, last.Add(1000*24*time.Hour))

			// A clock that is behind the stamp.
			first := pyNow.Add(-2 * f.skew)
			pyDecoded(t, c, cookies, first)
			if before := first.Add(-time.Second); f.future {
				pyDecoded(t, c, cookies, before)
			} else {
				pyWantForeign(t, c, cookies, before)
			}
		}
		if _, err := byDefault.Encode(t.Context(), Data{}, Times{}); err == nil {
			t.Error("a session of the year 1")
		}
	})
}

func TestPythonSecretsRotate(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, f pyFormat, before Codec) {
		both, after := f.must(t, "the new secret", pySecret), f.must(t, "the new secret")
		d := Data{"a": "b"}
		pyDecoded(t, both, pyEncode(t, before, d, pyNow), pyNow)
		written := pyEncode(t, both, d, pyNow)
		pyDecoded(t, after, written, pyNow)
		pyWantForeign(t, before, written, pyNow)
		if same := pyEncode(t, after, d, pyNow); !maps.Equal(written, same) {
			t.Errorf("%v and %v", written, same)
		}
	})
}

func TestPythonEncodeRefuses(t *testing.T) {
	deep := any(nil)
	for range MaxDepth {
		deep = []any{deep}
	}
	eachPyFormat(t, func(t *testing.T, _ pyFormat, c Codec) {
		for name, v := range map[string]any{
			"int": 1, "bytes": []byte("a"), "strings": []string{"a"}, "time": pyNow, "NaN": math.NaN(), "infinity": math.Inf(-1),
			"not UTF-8": "\xff", "not UTF-8 inside": []any{map[string]any{"\xff": nil}}, "too deep": deep, "inside": []any{1},
		} {
			if cookies, err := c.Encode(t.Context(), Data{"a": v}, Times{Now: pyNow}); err == nil {
				t.Errorf("%s: %v", name, cookies)
			}
		}
		if _, err := c.Encode(t.Context(), Data{"a": deep.([]any)[0]}, Times{Now: pyNow}); err != nil {
			t.Errorf("as deep as it may be: %v", err)
		}
	})
}

func TestPythonOptions(t *testing.T) {
	for _, f := range pyFormats {
		c, err := f.open("__Host-app", time.Minute, pySecret)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Names(); !slices.Equal(got, []string{"__Host-app"}) {
			t.Errorf("Names() = %q", got)
		}
		if cookies := pyEncode(t, c, Data{}, pyNow); len(cookies) != 1 || cookies["__Host-app"] == "" {
			t.Errorf("%v", cookies)
		}
		_, err = f.open("a b", -1, "")
		want := "cookie: not a cookie's name: letters, digits and -_.\n" +
			"secrets: empty: the framework signs nothing without a secret\n" +
			"max_age: shorter than a minute"
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", f.name, err)
		}
		if option := (*adapter.OptionError)(nil); !errors.As(err, &option) {
			t.Errorf("%T", err)
		}
		_, err = f.open("a", time.Minute)
		if want := "secrets: missing: the app's own secret is what sessions are signed with"; err == nil || err.Error() != want {
			t.Errorf("%s: %v", f.name, err)
		}
		for _, bad := range []string{"a;b", "a=b", "a,b", "ä", "a\n", `a"b`} {
			if _, err := f.open(bad, 0, pySecret); err == nil {
				t.Errorf("%s: cookie %q", f.name, bad)
			}
		}
	}
}

func TestPythonCodecsAtOnce(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, _ pyFormat, c Codec) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				want := Data{"n": int64(i), "text": strings.Repeat(fmt.Sprint(i), 100)}
				for range 20 {
					cookies, err := c.Encode(t.Context(), want, Times{Now: pyNow})
					if err != nil {
						t.Error(err)
						return
					}
					if got, err := c.Decode(t.Context(), cookies, Times{Now: pyNow}); err != nil || !cmp.Equal(want, got) {
						t.Errorf("%v, %v", got, err)
					}
				}
			})
		}
		wg.Wait()
	})
}
