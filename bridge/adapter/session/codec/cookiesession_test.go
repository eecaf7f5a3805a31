package codec

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/bridge/adapter"
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

// eachNodeFormat runs a test with every format as it is by default.
func eachNodeFormat(t *testing.T, test func(t *testing.T, f nodeFormat, c Codec)) {
	t.Helper()
	for _, f := range nodeFormats {
		t.Run(f.name, func(t *testing.T) { test(t, f, f.must(t, pySecret)) })
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

func TestNodeTypesAreKept(t *testing.T) {
	eachNodeFormat(t, func(t *testing.T, f nodeFormat, c Codec) {
		for name, d := range map[string]Data{"sample": nodeSample(), "empty": {}} {
			got := pyDecoded(t, c, pyEncode(t, c, d, pyNow), pyNow)
			if diff := cmp.Diff(f.encoded(d, got), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		got := pyDecoded(t, c, pyEncode(t, c, Data{"z": math.Copysign(0, -1)}, pyNow), pyNow)
		if !math.Signbit(got["z"].(float64)) {
			t.Error("-0.0 lost its sign")
		}
	})
}

func TestNodeRoundTrip(t *testing.T) {
	value := nodeValue(4)
	eachNodeFormat(t, func(t *testing.T, f nodeFormat, c Codec) {
		rapid.Check(t, func(t *rapid.T) {
			d := Data(rapid.MapOfN(rapid.String(), value, 0, 4).Draw(t, "session"))
			for _, name := range f.reserved {
				delete(d, name)
			}
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
		rapid.Int64().Filter(nodeKeeps).AsAny(), rapid.Int64Range(-1<<53, 1<<53).AsAny(),
		rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).AsAny(),
	}
	if depth > 0 {
		inner := nodeValue(depth - 1)
		kinds = append(kinds, rapid.SliceOfN(inner, 0, 3).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 2).AsAny())
	}
	return rapid.OneOf(kinds...)
}

func TestTamperedNodeCookies(t *testing.T) {
	eachNodeFormat(t, func(t *testing.T, f nodeFormat, c Codec) {
		name := c.Names()[0]
		cookies := pyEncode(t, c, Data{"user": "ann", "_ssobridge": "1700003600.bWFj"}, pyNow)
		for part, value := range cookies {
			for tampered := range pyTampered(value) {
				changed := maps.Clone(cookies)
				changed[part] = tampered
				pyWantForeign(t, c, changed, pyNow)
			}
			without := maps.Clone(cookies)
			delete(without, part)
			pyWantForeign(t, c, without, pyNow)
		}
		value := cookies[name]
		hundred := Cookies{}
		for i := range 100 {
			hundred[fmt.Sprintf("%s%d", name, i)] = value
		}
		pyWantForeign(t, c, hundred, pyNow)
		pyWantForeign(t, c, Cookies{}, pyNow)
		pyWantForeign(t, c, Cookies{strings.ToUpper(name): value}, pyNow)
		pyWantForeign(t, c, Cookies{name: strings.Repeat("A", MaxBytes+1), name + ".sig": "x"}, pyNow)
		pyWantForeign(t, f.must(t, pySecret+"x"), cookies, pyNow)
		pyWantForeign(t, f.must(t, strings.ToUpper(pySecret)), cookies, pyNow)
	})
}

// TestNodeCookiesOfOtherNames: a cookie is no session under another name, though the
// secret is the same. Two frameworks do not bind it to its name: NextAuth 4, whose salt
// is empty, and express-session, for which the store says what is a session.
func TestNodeCookiesOfOtherNames(t *testing.T) {
	eachNodeFormat(t, func(t *testing.T, f nodeFormat, c Codec) {
		other, err := f.open(t, "other", pySecret)
		if err != nil {
			t.Fatal(err)
		}
		cookies := pyEncode(t, c, Data{"user": "ann"}, pyNow)
		pyWantForeign(t, other, cookies, pyNow)
		renamed := Cookies{}
		for name, value := range cookies {
			renamed[strings.Replace(name, f.cookie, "other", 1)] = value
		}
		if express, ok := c.(*expressSession); ok {
			other.(*expressSession).redis = express.redis
		}
		if f.name == "nextauth" || f.name == "expresssession" {
			pyDecoded(t, other, renamed, pyNow)
			return
		}
		pyWantForeign(t, other, renamed, pyNow)
	})
}

// TestNodeCookiesOfOtherFormats: what one format writes is none of another's.
func TestNodeCookiesOfOtherFormats(t *testing.T) {
	for _, from := range nodeFormats {
		for _, to := range nodeFormats {
			if from.name == to.name {
				continue
			}
			writer, _ := from.open(t, "session", pySecret)
			reader, _ := to.open(t, "session", pySecret)
			pyWantForeign(t, reader, pyEncode(t, writer, Data{"user": "ann"}, pyNow), pyNow)
		}
	}
}

func TestNodeSecretsRotate(t *testing.T) {
	eachNodeFormat(t, func(t *testing.T, f nodeFormat, before Codec) {
		both, err := f.open(t, "", "the new secret", pySecret)
		if f.one {
			if want := "secrets: NextAuth 4 knows one secret, not several; name its own"; err == nil || err.Error() != want {
				t.Errorf("%v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		after := f.must(t, "the new secret")
		if f.name == "expresssession" {
			store := both.(*expressSession).redis
			before.(*expressSession).redis, after.(*expressSession).redis = store, store
		}
		pyDecoded(t, both, pyEncode(t, before, Data{"a": "b"}, pyNow), pyNow)
		written := pyEncode(t, both, Data{"a": "b"}, pyNow)
		pyDecoded(t, after, written, pyNow)
		pyWantForeign(t, before, written, pyNow)
	})
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
			pyWantForeign(t, c, f.holding(t, c, text), pyNow)
		}
		got := pyDecoded(t, c, f.holding(t, c, " {\"a\":\t1, \"a\" :\r\n2,"+rest), pyNow)
		if got["a"] != int64(2) {
			t.Errorf("of two equal members, the later counts in JavaScript; got %v", got)
		}
	})
}

func TestNodeEncodeRefuses(t *testing.T) {
	deep := any(nil)
	for range MaxDepth {
		deep = []any{deep}
	}
	eachNodeFormat(t, func(t *testing.T, f nodeFormat, c Codec) {
		for name, v := range map[string]any{
			"int": 1, "bytes": []byte("a"), "strings": []string{"a"}, "time": pyNow, "NaN": math.NaN(), "infinity": math.Inf(-1),
			"not UTF-8": "\xff", "not UTF-8 inside": []any{map[string]any{"\xff": nil}}, "too deep": deep,
			"an ID that JavaScript reads as the next one's": int64(1<<53 + 1), "largest": int64(math.MaxInt64), "smallest": int64(math.MinInt64),
		} {
			if cookies, err := c.Encode(t.Context(), Data{"a": v}, Times{Now: pyNow}); err == nil || errors.Is(err, ErrForeign) {
				t.Errorf("%s: %v, %v", name, cookies, err)
			}
		}
		if _, err := c.Encode(t.Context(), Data{"a": deep.([]any)[0]}, Times{Now: pyNow}); err != nil {
			t.Errorf("as deep as it may be: %v", err)
		}
		if _, err := c.Encode(t.Context(), Data{"a": pyNoise(MaxUnpacked)}, Times{Now: pyNow}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("too long: %v", err)
		}
	})
}

func TestNodeOptions(t *testing.T) {
	for _, f := range nodeFormats {
		if got := f.must(t, pySecret).Names()[0]; got != f.cookie {
			t.Errorf("%s: by default %q", f.name, got)
		}
		_, err := f.open(t, "a b", "")
		want := "cookie: not a cookie's name: letters, digits and -_.\n" +
			"secrets: empty: the framework signs nothing without a secret"
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", f.name, err)
		}
		if option := (*adapter.OptionError)(nil); !errors.As(err, &option) {
			t.Errorf("%T", err)
		}
		if _, err := f.open(t, ""); err == nil {
			t.Errorf("%s: without a secret", f.name)
		}
	}
	_, err := NewCookieSession(CookieSessionOptions{Digest: "md5", Secrets: []string{"x"}})
	if want := `digest: "md5"; choose "sha1", "sha256" or "sha512", as the app's Keygrip has it`; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	_, err = NewExpressSession(ExpressSessionOptions{Secrets: []string{"x"}, MaxAge: time.Millisecond})
	want := "max_age: shorter than a minute\nredis: missing: the app's own Redis is where its sessions are"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// TestNodeErrorsTellNothing: what a session holds is in no error.
func TestNodeErrorsTellNothing(t *testing.T) {
	eachNodeFormat(t, func(t *testing.T, f nodeFormat, c Codec) {
		all := []Cookies{{c.Names()[0]: "canary.canary.canary.canary.canary", c.Names()[0] + ".sig": "canary"}}
		for _, text := range []string{`{"canary":canary}`, `{"a":"canary\x"}`, `{"a":1}canary`, `["canary"]`, `{"exp":"canary"}`} {
			all = append(all, f.holding(t, c, text))
		}
		for _, cookies := range all {
			if _, err := c.Decode(t.Context(), cookies, Times{Now: pyNow}); err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		}
	})
}

func TestCookieSessionVector(t *testing.T) {
	c, err := NewCookieSession(CookieSessionOptions{Secrets: []string{pySecret}})
	if err != nil {
		t.Fatal(err)
	}
	vector := Cookies{"session": "eyJ1c2VyIjoiYWxpY2UifQ==", "session.sig": "-Qf36GT_m1EDomPtWqv7ygyQ14c"}
	if got := pyEncode(t, c, Data{"user": "alice"}, pyNow); !maps.Equal(got, vector) {
		t.Errorf("Encode = %v", got)
	}
	if diff := cmp.Diff(Data{"user": "alice"}, pyDecoded(t, c, vector, pyNow)); diff != "" {
		t.Error(diff)
	}
	if got := c.Names(); !slices.Equal(got, []string{"session", "session.sig"}) {
		t.Errorf("Names() = %q", got)
	}
	// The same bytes, spelt as the library would read but not write them.
	for _, value := range []string{`eyJ1c2VyIjoiYWxpY2UifQ`, "eyJ1c2VyIjoiYWxpY2UifQ=", "eyJ1c2VyIjoiYWxpY2UifR==", " eyJ1c2VyIjoiYWxpY2UifQ==", "eyJ1c2VyIjoi\nYWxpY2UifQ=="} {
		spelt := c.(*cookieSession)
		pyWantForeign(t, c, Cookies{"session": value, "session.sig": spelt.sign(spelt.keys[0], value)}, pyNow)
	}
}

// TestCookieSessionFillsABrowser: a cookie of 4096 bytes is kept, one of 4097 not.
func TestCookieSessionFillsABrowser(t *testing.T) {
	c, err := NewCookieSession(CookieSessionOptions{Secrets: []string{pySecret}})
	if err != nil {
		t.Fatal(err)
	}
	const fits = (4096-len("session="))/4*3 - len(`{"t":""}`)
	pyEncode(t, c, Data{"t": pyNoise(fits)}, pyNow)
	if _, err := c.Encode(t.Context(), Data{"t": pyNoise(fits + 1)}, Times{Now: pyNow}); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
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
	if got, err := nodeDumps(d); err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}
