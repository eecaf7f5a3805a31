package codec

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// format is one that an app may use, with one set of options.
type format struct {
	name    string
	cookie  string
	secrets []string // of which any does
	// one: the framework knows one secret.
	one bool
	// unbound: what signs a cookie, or encrypts it, does not say its name.
	unbound bool
	open    func(tb testing.TB, cookie string, secrets ...string) (Codec, error)
	// sample has all that the format can hold.
	sample Data
	// added are the keys that Encode adds.
	added []string
	// inner encodes what the codec would decrypt or verify last.
	inner func(tb testing.TB, c Codec, text []byte) Cookies
}

func gorillaFormat(name string, o GorillaOptions, sample Data) format {
	return format{
		name: name, cookie: "app-session", sample: sample,
		secrets: []string{"bridge-test-hash-key-32-bytes!!!", "another-hash-key-of-32-bytes...!", "x"},
		open: func(_ testing.TB, cookie string, secrets ...string) (Codec, error) {
			o.Cookie, o.Secrets = cookie, secrets
			o.BlockKeys = nil
			for i := range secrets {
				if strings.HasSuffix(name, "encrypted") {
					o.BlockKeys = append(o.BlockKeys, strings.Repeat(secrets[i][:1], 16))
				}
			}
			return NewGorilla(o)
		},
		inner: func(_ testing.TB, c Codec, text []byte) Cookies { return gorillaInner(c, text) },
	}
}

func railsFormat(version string) format {
	return format{
		name: "rails " + version, cookie: "_app_session", sample: sample(), added: []string{"session_id"},
		secrets: []string{"0123456789abcdef0123456789abcdef", "other", "x"},
		open: func(_ testing.TB, cookie string, secrets ...string) (Codec, error) {
			return NewRails(RailsOptions{Cookie: cookie, Secrets: secrets, Version: version})
		},
		inner: func(_ testing.TB, c Codec, text []byte) Cookies {
			r := c.(*rails)
			plain := railsEnvelopeStart + `"` + base64Std.EncodeToString(text) + `","exp":null,"pur":"cookie.` + r.cookie + `"}}`
			return Cookies{r.cookie: base64Escape(railsSeal(r.keys[0], []byte(plain)))}
		},
	}
}

func laravelFormat(name string, o LaravelOptions) format {
	sample := sample()
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
	return format{
		name: "laravel " + name, cookie: "laravel_session", sample: sample, added: []string{"_token"},
		secrets: []string{key("a"), strings.Repeat("b", size), key("x")},
		open: func(_ testing.TB, cookie string, secrets ...string) (Codec, error) {
			o.Cookie, o.Secrets = cookie, secrets
			return NewLaravel(o)
		},
		inner: func(_ testing.TB, c Codec, text []byte) Cookies {
			l, id := c.(*laravel), strings.Repeat("Z", 40)
			data := string(text)
			if l.encrypt {
				data = l.crypt.seal(fmt.Appendf(nil, `s:%d:"%s";`, len(text), text))
			}
			session := `{"data":` + quoteJSON(data) + `,"expires":1800000000}`
			return Cookies{l.cookie: l.seal(l.cookie, []byte(id)), id: l.seal(id, []byte(session))}
		},
	}
}

// quoteJSON makes JSON of any bytes that are UTF-8; others it replaces.
func quoteJSON(s string) string {
	text, err := marshalJSON(strings.ToValidUTF8(s, "?"), jsonCompact)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// formats are all of them, of which none shares a store with another call's.
func formats(tb testing.TB) []format {
	tb.Helper()
	var all []format
	for _, f := range pyFormats {
		all = append(all, f.format())
	}
	for _, f := range nodeFormats {
		all = append(all, f.format(tb))
	}
	gob := sample()
	delete(gob, "nothing")
	delete(gob, "object")
	delete(gob, "user")
	gob["mixed"] = []any{"admin", true, []any{int64(1)}, []any{}}
	gob["mixed numbers"] = []any{int64(1), 1.0}
	gob["_flash"] = []any{"saved", "sent"}
	return append(all,
		gorillaFormat("gorilla gob", GorillaOptions{}, gob),
		gorillaFormat("gorilla gob encrypted", GorillaOptions{Serializer: "gob"}, gob),
		gorillaFormat("gorilla json", GorillaOptions{Serializer: "json"}, sample()),
		railsFormat("6.1"),
		railsFormat("8.0"),
		laravelFormat("cbc", LaravelOptions{}),
		laravelFormat("cbc 128", LaravelOptions{Cipher: "AES-128-CBC"}),
		laravelFormat("gcm", LaravelOptions{Cipher: "aes-256-gcm"}),
		laravelFormat("encrypted", LaravelOptions{Encrypt: true}),
		laravelFormat("json", LaravelOptions{Serialization: "json"}),
	)
}

// sample has every type, and what formats get wrong.
func sample() Data {
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

// eachFormat runs a test with every format, at once.
func eachFormat(t *testing.T, test func(t *testing.T, f format, c Codec)) {
	t.Helper()
	for _, f := range formats(t) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			test(t, f, f.must(t, f.secrets[0]))
		})
	}
}

func (f format) must(tb testing.TB, secrets ...string) Codec {
	tb.Helper()
	c, err := f.open(tb, f.cookie, secrets...)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// decode returns what cookies hold, without what Encode adds.
func (f format) decode(tb testing.TB, c Codec, cookies Cookies, now time.Time) Data {
	tb.Helper()
	d, err := c.Decode(tb.Context(), cookies, Times{Now: now})
	if err != nil {
		tb.Fatalf("Decode: %v", err)
	}
	for _, key := range f.added {
		if s, isText := d[key].(string); d[key] == nil || isText && len(s) < 32 {
			tb.Errorf("%s is %v", key, d[key])
		}
		delete(d, key)
	}
	return d
}
