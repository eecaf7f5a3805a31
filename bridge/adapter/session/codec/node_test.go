package codec

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable
)

// nodeFormat is one of the formats of Node's frameworks.
type nodeFormat struct {
	name   string
	cookie string // by default
	// one: the framework knows one secret.
	one  bool
	open func(tb testing.TB, cookie string, secrets ...string) (Codec, error)
	// holding makes the cookies of a session that is this JSON.
	holding func(tb testing.TB, c Codec, text string) Cookies
	// reserved are members that a session has of itself.
	reserved []string
}

var nodeFormats = []nodeFormat{
	{
		name: "cookiesession", cookie: "session",
		open: func(_ testing.TB, cookie string, secrets ...string) (Codec, error) {
			return NewCookieSession(CookieSessionOptions{Cookie: cookie, Secrets: secrets})
		},
		holding: func(_ testing.TB, c Codec, text string) Cookies { return c.(*cookieSession).holding([]byte(text)) },
	},
	{
		name: "expresssession", cookie: "connect.sid",
		open: func(tb testing.TB, cookie string, secrets ...string) (Codec, error) {
			tb.Helper()
			return NewExpressSession(ExpressSessionOptions{Cookie: cookie, Secrets: secrets, Redis: expressFake(tb)})
		},
		holding:  expressHolding,
		reserved: []string{"cookie"},
	},
	{
		name: "authjs", cookie: "__Secure-authjs.session-token",
		open: func(_ testing.TB, cookie string, secrets ...string) (Codec, error) {
			return NewAuthJS(AuthJSOptions{Cookie: cookie, Secrets: secrets})
		},
		holding:  authJSHolding,
		reserved: []string{"exp", "iat", "nbf"},
	},
	{
		name: "nextauth", cookie: "__Secure-next-auth.session-token", one: true,
		open: func(_ testing.TB, cookie string, secrets ...string) (Codec, error) {
			return NewNextAuth(AuthJSOptions{Cookie: cookie, Secrets: secrets})
		},
		holding:  authJSHolding,
		reserved: []string{"exp", "iat", "nbf"},
	},
}

// format is the format as it is by default, with one store for all codecs. Neither
// NextAuth 4, whose salt is empty, nor express-session binds a cookie to its name.
func (f nodeFormat) format(tb testing.TB) format {
	tb.Helper()
	store := expressFake(tb)
	var added []string
	if f.holdsTimes() {
		added = []string{"iat", "exp", "jti"}
	}
	return format{
		name: f.name, cookie: f.cookie, one: f.one, sample: nodeSample(), added: added,
		unbound: f.name == "nextauth" || f.name == "expresssession",
		secrets: []string{testSecret, strings.ToUpper(testSecret), testSecret + "x"},
		open: func(tb testing.TB, cookie string, secrets ...string) (Codec, error) {
			tb.Helper()
			c, err := f.open(tb, cookie, secrets...)
			if express, ok := c.(*expressSession); ok {
				express.redis = store
			}
			return c, err
		},
		inner: func(tb testing.TB, c Codec, text []byte) Cookies { return f.holding(tb, c, string(text)) },
	}
}

// eachNodeFormat runs a test with every format as it is by default.
func eachNodeFormat(t *testing.T, test func(t *testing.T, f nodeFormat, c Codec)) {
	t.Helper()
	for _, f := range nodeFormats {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			test(t, f, f.must(t, testSecret))
		})
	}
}

func (f nodeFormat) must(tb testing.TB, secrets ...string) Codec {
	tb.Helper()
	c, err := f.open(tb, "", secrets...)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// encoded is what must be decoded: d, and what Auth.js adds.
func (f nodeFormat) encoded(d, got Data) Data {
	d = maps.Clone(d)
	for _, added := range []string{"iat", "exp", "jti"} {
		if _, own := d[added]; !own && len(f.reserved) == 3 {
			d[added] = got[added]
		}
	}
	return d
}

// nodeSample has every type, and what formats get wrong.
func nodeSample() Data {
	d := pySample()
	for _, beyond := range []string{"big", "small", "beyond float"} {
		delete(d, beyond)
	}
	d["safe"], d["-safe"], d["kept"] = int64(1<<53-1), int64(-1<<53+1), int64(1152921504606847000)
	d["passport"] = map[string]any{"user": "42"}
	return d
}

func TestNodeRoundTrip(t *testing.T) {
	value := nodeValue(4)
	eachNodeFormat(t, func(t *testing.T, f nodeFormat, c Codec) {
		rapid.Check(t, func(t *rapid.T) {
			d := Data(rapid.MapOfN(rapid.String(), value, 0, 4).Draw(t, "session"))
			for _, name := range f.reserved {
				delete(d, name)
			}
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
			if diff := cmp.Diff(f.encoded(d, got), got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	})
}

// nodeValue generates what Data may hold and JavaScript keeps.
func nodeValue(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(),
		rapid.Int64().Filter(jsKeeps).AsAny(), rapid.Int64Range(-1<<53, 1<<53).AsAny(),
		rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).AsAny(),
	}
	if depth > 0 {
		inner := nodeValue(depth - 1)
		kinds = append(kinds, rapid.SliceOfN(inner, 0, 3).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 2).AsAny())
	}
	return rapid.OneOf(kinds...)
}

// TestTooManyNodeCookies: a hundred chunks, and one that is too long.
func TestTooManyNodeCookies(t *testing.T) {
	eachNodeFormat(t, func(t *testing.T, _ nodeFormat, c Codec) {
		name := c.Names()[0]
		value := mustEncode(t, c, Data{"user": "ann"}, testNow)[name]
		hundred := Cookies{}
		for i := range 100 {
			hundred[fmt.Sprintf("%s%d", name, i)] = value
		}
		wantForeign(t, c, hundred, testNow)
		wantForeign(t, c, Cookies{name: strings.Repeat("A", MaxBytes+1), name + ".sig": "x"}, testNow)
	})
}

// TestNodeCookiesOfOtherFormats: what one format writes is none of another's.
func TestNodeCookiesOfOtherFormats(t *testing.T) {
	for _, from := range nodeFormats {
		for _, to := range nodeFormats {
			if from.name == to.name {
				continue
			}
			writer, _ := from.open(t, "session", testSecret)
			reader, _ := to.open(t, "session", testSecret)
			wantForeign(t, reader, mustEncode(t, writer, Data{"user": "ann"}, testNow), testNow)
		}
	}
}

// TestSealedButNoNodeSession: a good signature alone makes no session.
func TestSealedButNoNodeSession(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	eachNodeFormat(t, func(t *testing.T, f nodeFormat, c Codec) {
		const rest = `"exp":1700003600,"cookie":{}}`
		for _, text := range []string{
			"", " ", "null", "true", `"text"`, "1", "[]", "{", `{"a"}`, "{a:1," + rest, `{"a":1,,` + rest, `{"a":1` + rest, `{"a":1,` + rest + "{",
			`{"a":NaN,` + rest, `{"a":1e999,` + rest, `{"a":01,` + rest, `{"a":9007199254740993,` + rest, `{"a":9223372036854775808,` + rest,
			`{"a":"\ud800",` + rest, "{\"a\":\"\xff\"," + rest, "\xef\xbb\xbf{" + rest, `{"a":` + deep + "," + rest,
			strings.Repeat("[", 10000), strings.Repeat(`{"a":`, 10000),
		} {
			wantForeign(t, c, f.holding(t, c, text), testNow)
		}
		got := mustDecode(t, c, f.holding(t, c, " {\"a\":\t1, \"a\" :\r\n2,"+rest), testNow)
		if got["a"] != int64(2) {
			t.Errorf("of two equal members, the later counts in JavaScript; got %v", got)
		}
	})
}

func TestNodeKeepsNoOtherInteger(t *testing.T) {
	eachNodeFormat(t, func(t *testing.T, _ nodeFormat, c Codec) {
		for name, v := range map[string]any{
			"an ID that JavaScript reads as the next one's": int64(1<<53 + 1), "largest": int64(math.MaxInt64), "smallest": int64(math.MinInt64),
		} {
			if cookies, err := c.Encode(t.Context(), Data{"a": v}, Times{Now: testNow}); err == nil || errors.Is(err, ErrForeign) {
				t.Errorf("%s: %v, %v", name, cookies, err)
			}
		}
	})
}

// TestNodeJSONIsJavaScripts: to the byte, but for the point of whole float64s.
func TestNodeJSONIsJavaScripts(t *testing.T) {
	d := Data{
		"10": nil, "2": true, "01": false, "4294967294": int64(0), "4294967295": "", "b": []any{}, "a": map[string]any{},
		"text": "\x00\b\t\n\v\f\r\x1f\x7f\"\\/<>&'\u2028\ufeff東🗼", "floats": []any{1e21, 1e-7, 0.1, 5e-324, 123456789.5, 1.5e300, 2.0},
	}
	want := `{"2":true,"10":null,"4294967294":0,"01":false,"4294967295":"","a":{},"b":[],` +
		`"floats":[1e+21,1e-7,0.1,5e-324,123456789.5,1.5e+300,2.0],` +
		`"text":"\u0000\b\t\n\u000b\f\r\u001f` + "\x7f" + `\"\\/<>&'` + "\u2028\ufeff東🗼" + `"}`
	if got, err := marshalJS(d); err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}
