package codec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// webNow is the time of the vectors.
var webNow = time.Unix(1700000000, 0)

// webFormat is one format of Go, Rails or Laravel, as an app may have set it.
type webFormat struct {
	name    string
	cookie  string
	secrets []string // of which any does
	// open opens the format with a cookie's name, or the usual one.
	open func(cookie string, secrets ...string) (Codec, error)
	// sample has all that the format can hold.
	sample Data
	// added are the keys that Encode adds.
	added []string
	// inner encodes what the codec would decrypt or verify last.
	inner func(c Codec, text []byte) Cookies
}

func gorillaFormat(name string, o GorillaOptions, sample Data) webFormat {
	return webFormat{
		name: name, cookie: "app-session", sample: sample,
		secrets: []string{"bridge-test-hash-key-32-bytes!!!", "another-hash-key-of-32-bytes...!", "x"},
		open: func(cookie string, secrets ...string) (Codec, error) {
			o.Cookie, o.Secrets = cookie, secrets
			o.BlockKeys = nil
			for i := range secrets {
				if strings.HasSuffix(name, "encrypted") {
					o.BlockKeys = append(o.BlockKeys, strings.Repeat(secrets[i][:1], 16))
				}
			}
			return NewGorilla(o)
		},
		inner: gorillaInner,
	}
}

func railsFormat(version string) webFormat {
	return webFormat{
		name: "rails " + version, cookie: "_app_session", sample: webSample(), added: []string{"session_id"},
		secrets: []string{"0123456789abcdef0123456789abcdef", "other", "x"},
		open: func(cookie string, secrets ...string) (Codec, error) {
			return NewRails(RailsOptions{Cookie: cookie, Secrets: secrets, Version: version})
		},
		inner: func(c Codec, text []byte) Cookies {
			r := c.(*rails)
			plain := railsEnvelopeStart + `"` + pyStd.EncodeToString(text) + `","exp":null,"pur":"cookie.` + r.cookie + `"}}`
			return Cookies{r.cookie: base64Escape(railsSeal(r.keys[0], []byte(plain)))}
		},
	}
}

func laravelFormat(name string, o LaravelOptions) webFormat {
	sample := webSample()
	if o.Serialization != "json" {
		delete(sample, "object") // PHP has no such thing
	}
	size := 32
	if strings.Contains(o.Cipher, "128") {
		size = 16
	}
	key := func(c string) string {
		return "base64:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(c, size)))
	}
	return webFormat{
		name: "laravel " + name, cookie: "laravel_session", sample: sample, added: []string{"_token"},
		secrets: []string{key("a"), strings.Repeat("b", size), key("x")},
		open: func(cookie string, secrets ...string) (Codec, error) {
			o.Cookie, o.Secrets = cookie, secrets
			return NewLaravel(o)
		},
		inner: func(c Codec, text []byte) Cookies {
			l, id := c.(*laravel), strings.Repeat("Z", 40)
			data := string(text)
			if l.encrypt {
				data = l.crypt.seal(fmt.Appendf(nil, `s:%d:"%s";`, len(text), text))
			}
			session := `{"data":` + webQuote(data) + `,"expires":1800000000}`
			return Cookies{l.cookie: l.seal(l.cookie, []byte(id)), id: l.seal(id, []byte(session))}
		},
	}
}

// webQuote makes JSON of any bytes that are UTF-8; others it replaces.
func webQuote(s string) string {
	text, err := pyDumps(strings.ToValidUTF8(s, "?"), pyCompact)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func webFormats() []webFormat {
	gob := webSample()
	delete(gob, "nothing")
	delete(gob, "object")
	delete(gob, "user")
	gob["mixed"] = []any{"admin", true, []any{int64(1)}, []any{}}
	gob["mixed numbers"] = []any{int64(1), 1.0}
	gob["_flash"] = []any{"saved", "sent"}
	return []webFormat{
		gorillaFormat("gorilla gob", GorillaOptions{}, gob),
		gorillaFormat("gorilla gob encrypted", GorillaOptions{Serializer: "gob"}, gob),
		gorillaFormat("gorilla json", GorillaOptions{Serializer: "json"}, webSample()),
		railsFormat("6.1"),
		railsFormat("8.0"),
		laravelFormat("cbc", LaravelOptions{}),
		laravelFormat("cbc 128", LaravelOptions{Cipher: "AES-128-CBC"}),
		laravelFormat("gcm", LaravelOptions{Cipher: "aes-256-gcm"}),
		laravelFormat("encrypted", LaravelOptions{Encrypt: true}),
		laravelFormat("json", LaravelOptions{Serialization: "json"}),
	}
}

// webSample has every type, and what formats get wrong.
func webSample() Data {
	return Data{
		"user_id": int64(42), "_ssobridge": "1700003600.bWFj", "yes": true, "no": false, "nothing": nil,
		"empty": "", "zoë": "Zoë 東京 🗼\u2028", "text": "\x00\t\r\n\"\\/<>&';:{}",
		"big": int64(math.MaxInt64), "small": int64(math.MinInt64), "beyond float": int64(1<<53 + 1),
		"whole": 1.0, "pi": math.Pi, "huge": 1e300, "tiny": 5e-324, "exponent": 1e25, "minus": -0.5,
		"roles": []any{"admin", "dev"}, "numbers": []any{int64(1), int64(-2)}, "floats": []any{1.0, 2.5}, "flags": []any{true},
		"none": []any{}, "object": map[string]any{},
		"user": map[string]any{"id": int64(7), "7": "seven", "-1": nil, "007": []any{[]any{map[string]any{"deep": nil}}}},
	}
}

func eachWebFormat(t *testing.T, test func(t *testing.T, f webFormat, c Codec)) {
	t.Helper()
	for _, f := range webFormats() {
		t.Run(f.name, func(t *testing.T) { test(t, f, f.must(t, f.secrets[0])) })
	}
}

func (f webFormat) must(tb testing.TB, secrets ...string) Codec {
	tb.Helper()
	c, err := f.open(f.cookie, secrets...)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func webEncode(tb testing.TB, c Codec, d Data, now time.Time) Cookies {
	tb.Helper()
	cookies, err := c.Encode(tb.Context(), d, Times{Now: now, Expires: now.Add(time.Hour)})
	if err != nil {
		tb.Fatalf("Encode: %v", err)
	}
	return cookies
}

// webDecode returns what cookies hold, without what Encode adds.
func (f webFormat) decode(tb testing.TB, c Codec, cookies Cookies, now time.Time) Data {
	tb.Helper()
	d, err := c.Decode(tb.Context(), cookies, Times{Now: now})
	if err != nil {
		tb.Fatalf("Decode: %v", err)
	}
	for _, key := range f.added {
		if s, _ := d[key].(string); len(s) < 32 {
			tb.Errorf("%s is %q", key, s)
		}
		delete(d, key)
	}
	return d
}

func webForeign(tb testing.TB, c Codec, cookies Cookies, now time.Time) {
	tb.Helper()
	if d, err := c.Decode(tb.Context(), cookies, Times{Now: now}); d != nil || !errors.Is(err, ErrForeign) {
		tb.Errorf("Decode(%q) = %v, %v; want ErrForeign", cookies, d, err)
	}
}

func TestWebTypesAreKept(t *testing.T) {
	eachWebFormat(t, func(t *testing.T, f webFormat, c Codec) {
		for name, d := range map[string]Data{"sample": f.sample, "empty": {}} {
			before := maps.Clone(d)
			if diff := cmp.Diff(d, f.decode(t, c, webEncode(t, c, d, webNow), webNow)); diff != "" {
				t.Errorf("%s (-given +read):\n%s", name, diff)
			}
			if diff := cmp.Diff(before, d); diff != "" {
				t.Errorf("%s was changed:\n%s", name, diff)
			}
		}
	})
}

func TestWebKeepsWhatIsThereAlready(t *testing.T) {
	eachWebFormat(t, func(t *testing.T, f webFormat, c Codec) {
		d := Data{"session_id": "of the app", "_token": "of the app"}
		got, err := c.Decode(t.Context(), webEncode(t, c, d, webNow), Times{Now: webNow})
		if diff := cmp.Diff(d, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}

func TestWebUnwritableData(t *testing.T) {
	deep := any("x")
	for range MaxDepth {
		deep = []any{deep}
	}
	eachWebFormat(t, func(t *testing.T, _ webFormat, c Codec) {
		for name, v := range map[string]any{
			"NaN": math.NaN(), "infinite": math.Inf(1), "bytes": []byte("x"), "int": 1, "strings": []string{"x"},
			"not UTF-8": "\xff", "nested": []any{[]any{"\xff"}}, "too deep": deep, "inside": []any{uint8(1)},
		} {
			if cookies, err := c.Encode(t.Context(), Data{"v": v}, Times{Now: webNow}); err == nil {
				t.Errorf("%s: %q", name, cookies)
			}
		}
		if _, err := c.Encode(t.Context(), Data{"\xff": "v"}, Times{Now: webNow}); err == nil {
			t.Error("a key that is not UTF-8 was written")
		}
	})
}

func TestWebDepth(t *testing.T) {
	eachWebFormat(t, func(t *testing.T, f webFormat, c Codec) {
		deep := any("x")
		for range MaxDepth - 1 {
			deep = []any{deep, true}
		}
		d := Data{"deep": deep}
		// cmp.Diff takes ages for this.
		if got := f.decode(t, c, webEncode(t, c, d, webNow), webNow); !reflect.DeepEqual(d, got) {
			t.Errorf("read as %v", got)
		}
	})
}

func TestWebTooLarge(t *testing.T) {
	eachWebFormat(t, func(t *testing.T, f webFormat, c Codec) {
		largest := 0
		for size := 100; size < 4000; size += 50 {
			cookies, err := c.Encode(t.Context(), Data{"v": strings.Repeat("v", size)}, Times{Now: webNow, Expires: webNow.Add(time.Hour)})
			if err != nil {
				if !errors.Is(err, ErrTooLarge) {
					t.Fatalf("%d: %v", size, err)
				}
				continue
			}
			largest = size
			for name, value := range cookies {
				if len(name)+1+len(value) > maxCookie {
					t.Errorf("%d: a cookie of %d bytes", size, len(value))
				}
			}
			if got := f.decode(t, c, cookies, webNow); len(got["v"].(string)) != size {
				t.Errorf("%d: read as %d", size, len(got["v"].(string)))
			}
		}
		if largest < 700 || largest > 3000 {
			t.Errorf("room for %d bytes", largest)
		}
	})
}

func TestWebTampering(t *testing.T) {
	eachWebFormat(t, func(t *testing.T, f webFormat, c Codec) {
		cookies := webEncode(t, c, Data{"user_id": int64(42), "admin": false}, webNow)
		for name, value := range cookies {
			with := func(value string) Cookies {
				changed := maps.Clone(cookies)
				changed[name] = value
				return changed
			}
			for i := range value {
				webForeign(t, c, with(value[:i]), webNow)
				webForeign(t, c, with(value[i+1:]), webNow)
				for bit := range 8 {
					b := []byte(value)
					b[i] ^= 1 << bit
					webForeign(t, c, with(string(b)), webNow)
				}
			}
			for _, more := range []string{"=", "%3D", " ", "\n", "A", "--", value} {
				webForeign(t, c, with(value+more), webNow)
				webForeign(t, c, with(more+value), webNow)
			}
			webForeign(t, c, with(strings.ReplaceAll(value, "%3D", "=")+"\r"), webNow)
			webForeign(t, c, with(strings.Repeat("A", MaxBytes+1)), webNow)
			gone := maps.Clone(cookies)
			delete(gone, name)
			webForeign(t, c, gone, webNow)
			if unescaped := strings.ReplaceAll(value, "%3D", "="); unescaped != value {
				webForeign(t, c, with(unescaped), webNow)
			}
		}
		if len(f.decode(t, c, cookies, webNow)) != 2 {
			t.Error("the cookie itself is not read")
		}
	})
}

func TestWebOthersSecretsAndNames(t *testing.T) {
	eachWebFormat(t, func(t *testing.T, f webFormat, c Codec) {
		cookies := webEncode(t, c, Data{"user_id": int64(42)}, webNow)
		webForeign(t, f.must(t, f.secrets[1]), cookies, webNow)
		webForeign(t, f.must(t, f.secrets[1], f.secrets[2]), cookies, webNow)
		other, err := f.open("other", f.secrets[0])
		if err != nil {
			t.Fatal(err)
		}
		webForeign(t, other, cookies, webNow)
		renamed := maps.Clone(cookies)
		renamed["other"] = cookies[f.cookie]
		webForeign(t, other, renamed, webNow)
		webForeign(t, c, nil, webNow)
	})
}

func TestWebRotation(t *testing.T) {
	eachWebFormat(t, func(t *testing.T, f webFormat, c Codec) {
		rotated, newest := f.must(t, f.secrets[1], f.secrets[0]), f.must(t, f.secrets[1])
		d := Data{"user_id": int64(42)}
		for name, got := range map[string]Data{
			"the second reads": f.decode(t, rotated, webEncode(t, c, d, webNow), webNow),
			"the first writes": f.decode(t, newest, webEncode(t, rotated, d, webNow), webNow),
		} {
			if diff := cmp.Diff(d, got); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
	})
}

func TestWebConcurrentUse(t *testing.T) {
	eachWebFormat(t, func(t *testing.T, f webFormat, c Codec) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					cookies, err := c.Encode(t.Context(), f.sample, Times{Now: webNow, Expires: webNow.Add(time.Hour)})
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := c.Decode(t.Context(), cookies, Times{Now: webNow}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestWebErrorsTellNoValues(t *testing.T) {
	const canary = "canary-value"
	eachWebFormat(t, func(t *testing.T, f webFormat, c Codec) {
		for _, v := range []any{canary + "\xff", []any{canary, math.NaN()}, strings.Repeat(canary, 1000)} {
			_, err := c.Encode(t.Context(), Data{"v": v}, Times{Now: webNow})
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("%v", err)
			}
		}
		for _, text := range []string{`{"a":"` + canary + `"`, canary, `s:12:"` + canary + `";`, `a:1:{s:12:"` + canary + `";R:1;}`} {
			_, err := c.Decode(t.Context(), f.inner(c, []byte(text)), Times{Now: webNow})
			if !errors.Is(err, ErrForeign) || strings.Contains(err.Error(), canary) {
				t.Errorf("%v", err)
			}
		}
	})
}

func TestWebOptions(t *testing.T) {
	gorilla := func(o GorillaOptions) error { _, err := NewGorilla(o); return err }
	rails := func(o RailsOptions) error { _, err := NewRails(o); return err }
	laravel := func(o LaravelOptions) error { _, err := NewLaravel(o); return err }
	key := []string{strings.Repeat("k", 32)}
	for name, test := range map[string]struct {
		err  error
		keys []string
	}{
		"gorilla, nothing":     {gorilla(GorillaOptions{}), []string{"secrets", "cookie"}},
		"gorilla, serializer":  {gorilla(GorillaOptions{Cookie: "a", Secrets: key, Serializer: "JSON"}), []string{"serializer"}},
		"gorilla, block key":   {gorilla(GorillaOptions{Cookie: "a", Secrets: key, BlockKeys: []string{"short"}}), []string{"block_keys[1]"}},
		"gorilla, block keys":  {gorilla(GorillaOptions{Cookie: "a", Secrets: key, BlockKeys: []string{"", ""}}), []string{"block_keys"}},
		"gorilla, age":         {gorilla(GorillaOptions{Cookie: "a", Secrets: key, MaxAge: -1}), []string{"max_age"}},
		"rails, nothing":       {rails(RailsOptions{}), []string{"secrets", "cookie"}},
		"rails, version":       {rails(RailsOptions{Cookie: "_a", Secrets: key, Version: "5.2"}), []string{"version"}},
		"rails, age":           {rails(RailsOptions{Cookie: "_a", Secrets: key, MaxAge: -1}), []string{"max_age"}},
		"rails, empty secret":  {rails(RailsOptions{Cookie: "_a", Secrets: []string{""}}), []string{"secrets"}},
		"laravel, nothing":     {laravel(LaravelOptions{}), []string{"secrets"}},
		"laravel, dot":         {laravel(LaravelOptions{Cookie: "a.b", Secrets: key}), []string{"cookie"}},
		"laravel, cipher":      {laravel(LaravelOptions{Secrets: key, Cipher: "des"}), []string{"cipher"}},
		"laravel, key size":    {laravel(LaravelOptions{Secrets: append(key, "base64:QUJD")}), []string{"secrets[2]"}},
		"laravel, key base64":  {laravel(LaravelOptions{Secrets: []string{"base64:%"}}), []string{"secrets[1]"}},
		"laravel, serializing": {laravel(LaravelOptions{Secrets: key, Serialization: "xml"}), []string{"serialization"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			var collect func(err error)
			collect = func(err error) {
				if many, ok := err.(interface{ Unwrap() []error }); ok {
					for _, e := range many.Unwrap() {
						collect(e)
					}
					return
				}
				var wrong *adapter.OptionError
				if !errors.As(err, &wrong) {
					t.Fatalf("%T: %v", err, err)
				}
				got = append(got, wrong.Key)
			}
			collect(test.err)
			if !slices.Equal(got, test.keys) {
				t.Errorf("%q: %v", got, test.err)
			}
		})
	}
}
