package codec

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// authJSHolding encrypts JSON.
func authJSHolding(tb testing.TB, c Codec, text string) Cookies {
	tb.Helper()
	a := c.(*authJS)
	token, err := a.encrypt([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return Cookies{a.cookie: token}
}

func openAuthJS(t *testing.T, cookie string) *authJS {
	t.Helper()
	c, err := NewAuthJS(AuthJSOptions{Cookie: cookie, Secrets: []string{testSecret}})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*authJS)
}

func TestAuthJSVectors(t *testing.T) {
	five := openAuthJS(t, "authjs.session-token")
	const key5 = "11976ca4103f1cbcf6032bcb75ec9ff2871fc106609fa4ed79b4e5ed3260833c5f8bf5dded79f8656208ab7132c1d8ddc904e13803314fda792705055166617a"
	const kid5 = "ZRodHXmjTlZRdqcHNMfUZOPFpKlwBZyEZIABzoP8K4VCpJIysxZk6fmQRL2EgxQwemz8nemvR-F5bcsB7GJfzQ"
	if got := hex.EncodeToString(five.keys[0].secret); got != key5 {
		t.Errorf("key %s", got)
	}
	if got := five.keys[0].id; got != kid5 {
		t.Errorf("kid %s", got)
	}
	c, err := NewNextAuth(AuthJSOptions{Secrets: []string{testSecret}})
	if err != nil {
		t.Fatal(err)
	}
	const key4 = "f4f1797e1dc860ab4d8e1783231e1b45dcdb524d301c725c46d6de053fd2ee82"
	if got := hex.EncodeToString(c.(*authJS).keys[0].secret); got != key4 {
		t.Errorf("key %s", got)
	}
	for _, a := range []*authJS{five, c.(*authJS)} {
		token := mustEncode(t, a, Data{}, testNow)[a.cookie]
		if header, _, _ := strings.Cut(token, "."); header != a.keys[0].header {
			t.Errorf("header %q, want %q", header, a.keys[0].header)
		}
	}
}

func TestAuthJSClaims(t *testing.T) {
	a := openAuthJS(t, "")
	d := Data{"sub": "42", "iat": int64(1), "exp": int64(2)}
	got := mustDecode(t, a, mustEncode(t, a, d, testNow), testNow)
	want := Data{"sub": "42", "iat": testNow.Unix(), "exp": testNow.Add(time.Hour).Unix(), "jti": got["jti"]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if jti, _ := got["jti"].(string); !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(jti) {
		t.Errorf("jti %q", jti)
	}
	if len(d) != 3 || d["exp"] != int64(2) {
		t.Errorf("Encode changed what it was given: %v", d)
	}
	if again := mustDecode(t, a, mustEncode(t, a, d, testNow), testNow); again["jti"] == got["jti"] {
		t.Error("two tokens have one jti")
	}
	if own := mustDecode(t, a, mustEncode(t, a, Data{"jti": "ours"}, testNow), testNow); own["jti"] != "ours" {
		t.Errorf("jti %v", own["jti"])
	}
	cookies, err := a.Encode(t.Context(), nil, Times{Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	if byDefault := mustDecode(t, a, cookies, testNow); byDefault["exp"] != testNow.Add(30*24*time.Hour).Unix() {
		t.Errorf("exp %v", byDefault["exp"])
	}
}

// authJSTimes is what jwtDecrypt says at testNow of a token's times.
var authJSTimes = map[string]bool{
	`{"exp":1700000000}`: true, `{"exp":1699999986}`: true, `{"exp":1699999985}`: false, `{"exp":1699999984}`: false,
	`{"exp":1699999985.5}`: true, `{"exp":1699999984.9}`: false, `{"exp":1.7e9}`: true, `{"exp":0}`: false, `{"exp":-1}`: false,
	`{"exp":"1700000000"}`: false, `{"exp":null}`: false, `{"exp":true}`: false, `{"exp":[1700000000]}`: false,
	`{"exp":1700000000,"nbf":1700000015}`: true, `{"exp":1700000000,"nbf":1700000016}`: false, `{"exp":1700000000,"nbf":"0"}`: false, `{"exp":1700000000,"nbf":null}`: false,
	`{"exp":1700000000,"iat":1800000000}`: true, `{"exp":1700000000,"iat":"0"}`: false, `{"exp":1700000000,"iat":null}`: false,
}

func TestAuthJSTimes(t *testing.T) {
	for _, f := range nodeFormats[2:] {
		c := f.must(t, testSecret)
		for text, good := range authJSTimes {
			if cookies := authJSHolding(t, c, text); good {
				mustDecode(t, c, cookies, testNow)
			} else {
				wantForeign(t, c, cookies, testNow)
			}
		}
		wantForeign(t, c, authJSHolding(t, c, `{}`), testNow)
		cookies := mustEncode(t, c, Data{}, testNow) // for an hour
		end := testNow.Add(time.Hour + authJSSkew*time.Second)
		mustDecode(t, c, cookies, end.Add(-time.Second))
		wantForeign(t, c, cookies, end)
		mustDecode(t, c, cookies, testNow.Add(-24*time.Hour)) // a bridge whose clock is behind
	}
}

func TestAuthJSChunks(t *testing.T) {
	for _, f := range nodeFormats[2:] {
		t.Run(f.name, func(t *testing.T) {
			c := f.must(t, testSecret)
			a := c.(*authJS)
			d := Data{"jti": "x", "text": noise(9000)}
			cookies := mustEncode(t, c, d, testNow)
			first := a.cookie + ".0"
			if len(cookies) != 4 || len(cookies[first]) != a.chunk || len(cookies[a.cookie+".2"]) != a.chunk || cookies[a.cookie] != "" {
				t.Fatalf("%d cookies", len(cookies))
			}
			if got := mustDecode(t, c, cookies, testNow); got["text"] != d["text"] {
				t.Error("another text")
			}
			owner := c.(Owner)
			for name := range cookies {
				if !owner.OwnsCookie(name) {
					t.Errorf("%s is not owned", name)
				}
			}
			short := mustEncode(t, c, Data{}, testNow)
			for name, change := range map[string]func(Cookies){
				"one is missing":           func(c Cookies) { delete(c, a.cookie+".1") },
				"the last is missing":      func(c Cookies) { delete(c, a.cookie+".3") },
				"the first is missing":     func(c Cookies) { delete(c, first) },
				"one is empty":             func(c Cookies) { c[a.cookie+".1"] = "" },
				"two are swapped":          func(c Cookies) { c[first], c[a.cookie+".1"] = c[a.cookie+".1"], c[first] },
				"one more":                 func(c Cookies) { c[a.cookie+".4"] = "x" },
				"one of another name":      func(c Cookies) { c[a.cookie+"-x"] = "x" },
				"one twice":                func(c Cookies) { c[a.cookie+".00"] = c[first] },
				"a short session, too":     func(c Cookies) { maps.Copy(c, short) },
				"one is from elsewhere":    func(c Cookies) { c[a.cookie+".1"] = strings.Repeat("A", a.chunk) },
				"a number that is too big": func(c Cookies) { c[a.cookie+".99999999999999999999"] = "x" },
				"a hundred duplicates": func(c Cookies) {
					for i := range 100 {
						c[fmt.Sprintf("%s.%d", a.cookie, i)] = c[first]
					}
				},
			} {
				changed := maps.Clone(cookies)
				change(changed)
				if d, err := c.Decode(t.Context(), changed, Times{Now: testNow}); !errors.Is(err, ErrForeign) {
					t.Errorf("%s: %v, %v", name, d, err)
				}
			}
			// The framework takes empty cookies for none.
			short[first], short[a.cookie+"x"] = "", ""
			mustDecode(t, c, short, testNow)

			if _, err := c.Encode(t.Context(), Data{"a": noise(MaxBytes / 4 * 3)}, Times{Now: testNow}); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%v", err)
			}
			long, err := f.open(t, strings.Repeat("n", 200), testSecret)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := long.Encode(t.Context(), d, Times{Now: testNow}); !errors.Is(err, ErrTooLarge) {
				t.Errorf("a chunk of more than 4096 bytes: %v", err)
			}
		})
	}
}

// TestAuthJSTooLong: of more than is read, nothing is decrypted.
func TestAuthJSTooLong(t *testing.T) {
	for _, f := range nodeFormats[2:] {
		a := f.must(t, testSecret).(*authJS)
		for size, good := range map[int]bool{MaxBytes / 4 * 3 / 2: true, MaxBytes: false} {
			token := authJSHolding(t, a, `{"exp":1700003600,"a":"`+noise(size)+`"}`)[a.cookie]
			half := len(token) / 2
			for _, cookies := range []Cookies{{a.cookie: token}, {a.chunkName(0): token[:half], a.chunkName(1): token[half:]}} {
				if _, err := a.Decode(t.Context(), cookies, Times{Now: testNow}); (err == nil) != good || err != nil && !errors.Is(err, ErrForeign) {
					t.Errorf("%s, %d bytes: %v", f.name, len(token), err)
				}
			}
		}
	}
}

// TestAuthJSChunkBoundary: one cookie of CHUNK_SIZE, or two.
func TestAuthJSChunkBoundary(t *testing.T) {
	for _, f := range nodeFormats[2:] {
		a := f.must(t, testSecret).(*authJS)
		for size, want := range map[int]int{a.chunk: 1, a.chunk + 1: 2, 2 * a.chunk: 2, 2*a.chunk + 1: 3, MaxBytes: 9} {
			cookies, err := a.split(strings.Repeat("x", size))
			if err != nil || len(cookies) != want {
				t.Errorf("%d bytes: %d cookies, %v", size, len(cookies), err)
			}
			if token, err := a.join(cookies); err != nil || len(token) != size {
				t.Errorf("%d bytes: %d joined, %v", size, len(token), err)
			}
		}
	}
}

// TestAuthJSHeaders: one algorithm, one encryption, no compression and no extension,
// though the key and everything else is right.
func TestAuthJSHeaders(t *testing.T) {
	text := []byte(`{"exp":1700003600}`)
	for _, f := range nodeFormats[2:] {
		t.Run(f.name, func(t *testing.T) {
			a := f.must(t, testSecret).(*authJS)
			key := a.keys[0]
			other := jose.A256GCM
			if a.enc == other {
				other = jose.A128CBC_HS256 // of a key of the same size
			}
			otherKey := key.secret[:32]
			kid := map[jose.HeaderKey]any{}
			if a.kid {
				kid["kid"] = key.id
			}
			seal := func(enc jose.ContentEncryption, to jose.Recipient, zip jose.CompressionAlgorithm, more map[jose.HeaderKey]any) string {
				headers := maps.Clone(kid)
				maps.Copy(headers, more)
				e, err := jose.NewEncrypter(enc, to, &jose.EncrypterOptions{Compression: zip, ExtraHeaders: headers})
				if err != nil {
					t.Fatal(err)
				}
				object, err := e.Encrypt(text)
				if err != nil {
					t.Fatal(err)
				}
				token, err := object.CompactSerialize()
				if err != nil {
					t.Fatal(err)
				}
				return token
			}
			direct := jose.Recipient{Algorithm: jose.DIRECT, Key: key.secret}
			mustDecode(t, a, Cookies{a.cookie: seal(a.enc, direct, "", nil)}, testNow)
			for name, token := range map[string]string{
				"compressed":         seal(a.enc, direct, jose.DEFLATE, nil),
				"says compressed":    seal(a.enc, direct, "", map[jose.HeaderKey]any{"zip": "DEF"}),
				"typ":                seal(a.enc, direct, "", map[jose.HeaderKey]any{"typ": "JWT"}),
				"cty":                seal(a.enc, direct, "", map[jose.HeaderKey]any{"cty": "JWT"}),
				"crit":               seal(a.enc, direct, "", map[jose.HeaderKey]any{"crit": []string{"exp"}}),
				"a claim":            seal(a.enc, direct, "", map[jose.HeaderKey]any{"sub": "42"}),
				"another kid":        seal(a.enc, direct, "", map[jose.HeaderKey]any{"kid": "x"}),
				"another encryption": seal(other, jose.Recipient{Algorithm: jose.DIRECT, Key: otherKey}, "", nil),
				"wrapped key":        seal(a.enc, jose.Recipient{Algorithm: jose.A256KW, Key: otherKey}, "", nil),
				"password":           seal(a.enc, jose.Recipient{Algorithm: jose.PBES2_HS256_A128KW, Key: otherKey, PBES2Count: 1000}, "", nil),
			} {
				if d, err := a.Decode(t.Context(), Cookies{a.cookie: token}, Times{Now: testNow}); !errors.Is(err, ErrForeign) {
					t.Errorf("%s: %v, %v", name, d, err)
				}
			}
			good := strings.Split(seal(a.enc, direct, "", nil), ".")
			// Together they are the same bytes, which is all that the library looks at.
			ciphertext, _ := base64URL.DecodeString(good[3])
			tag, _ := base64URL.DecodeString(good[4])
			first, rest := base64URL.EncodeToString(ciphertext[:1]), base64URL.EncodeToString(append(ciphertext[1:], tag...))
			for name, parts := range map[string][]string{
				"an encrypted key": {good[0], "AAAA", good[2], good[3], good[4]},
				"no tag":           {good[0], "", good[2], good[3], ""},
				"a short tag":      {good[0], "", good[2], good[3], good[4][:16]},
				"no IV":            {good[0], "", "", good[3], good[4]},
				"a long tag":       {good[0], "", good[2], first, rest},
				"a long IV":        {good[0], "", good[2] + good[2], good[3], good[4]},
				"no ciphertext":    {good[0], "", good[2], "", good[4]},
				"four parts":       good[:4],
				"six parts":        append(good[:5:5], ""),
				"a newline":        {good[0], "", good[2], good[3], good[4] + "\n"},
				"a JWS":            {good[0], good[3], good[4]},
				"no header":        {"", "", good[2], good[3], good[4]},
			} {
				if d, err := a.Decode(t.Context(), Cookies{a.cookie: strings.Join(parts, ".")}, Times{Now: testNow}); !errors.Is(err, ErrForeign) {
					t.Errorf("%s: %v, %v", name, d, err)
				}
			}
			wantForeign(t, a, Cookies{a.cookie: `{"protected":"` + good[0] + `","iv":"` + good[2] + `","ciphertext":"` + good[3] + `","tag":"` + good[4] + `"}`}, testNow)
		})
	}
}
