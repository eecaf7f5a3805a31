package verifier

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// fuzzIssuer has the same key in every run, so that a corpus keeps its meaning.
func fuzzIssuer(tb testing.TB) *verifiertest.Issuer {
	tb.Helper()
	scalar := sha256.Sum256([]byte("ssobridge verifier fuzz"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		tb.Fatal(err)
	}
	issuer, err := verifiertest.NewIssuer(verifiertest.Key(key), verifiertest.Clock(fuzzNow))
	if err != nil {
		tb.Fatal(err)
	}
	return issuer
}

func fuzzNow() time.Time { return time.Unix(1686870680, 0) }

func fuzzClaims() verifiertest.Claims {
	return verifiertest.Claims{
		Audience: "a.example", Subject: "ann", Email: "ann@example.com", Name: "Ann & <b>", Groups: []string{"g1", "a,b"},
		ID: "0b0a7a5e-6d3c-4c1c-9d57-0e7e1c9b6a54",
	}
}

// FuzzParseCompact: what is accepted has one spelling, and its header means to a
// lenient reader what it means here.
func FuzzParseCompact(f *testing.F) {
	issuer := fuzzIssuer(f)
	good := issuer.Assertion(fuzzClaims())
	for _, seed := range []string{
		good, good + "=", good + "\n", " " + good, good + ".", good[:len(good)-1] + "B", "..", "a.b.c",
		issuer.Sign([]byte(`{"alg":"ES256","alg":"none"}`), []byte("{}")),
		issuer.Sign([]byte(`{"alg":"ES256","kid":"\u0000","crit":["b64"],"b64":false}`), []byte("foo")),
		issuer.Sign([]byte(`{"\u0061lg":"ES256","typ":"JWT"}`), nil),
		`{"payload":"e30","protected":"e30","signature":"AA"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, refusal := parseCompact(text)
		if refusal != nil {
			if refusal.Reason != ReasonMalformed {
				t.Fatalf("refused as %s", refusal.Reason)
			}
			return
		}
		encoded, _, _ := strings.Cut(text, ".")
		header, err := base64.URLEncoding.WithPadding(base64.NoPadding).DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		if again := encode(header) + "." + encode(c.payload); c.signingInput != again || text != again+"."+encode(c.signature) {
			t.Fatalf("%q is another spelling of %q", text, again)
		}
		var lenient struct{ Alg, Kid, Typ string }
		if err := json.Unmarshal(header, &lenient); err != nil {
			t.Fatalf("encoding/json refuses header %q: %v", header, err)
		}
		if lenient.Alg != c.algorithm || lenient.Kid != c.keyID || lenient.Typ != "" && lenient.Typ != "JWT" {
			t.Fatalf("encoding/json reads %+v from header %q, this package %q and %q", lenient, header, c.algorithm, c.keyID)
		}
	})
}

// FuzzParseClaims: what is accepted means the same to encoding/json, which
// matches names without case and takes the last of several.
func FuzzParseClaims(f *testing.F) {
	issuer := fuzzIssuer(f)
	c, _ := parseCompact(issuer.Assertion(fuzzClaims()))
	f.Add(c.payload)
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"exp":0}`, `{"exp":1.683061093e+09,"iat":1622350222.71}`, `{"exp":1e400}`, `{"exp":"1"}`,
		`{"sub":"a","sub":"b"}`, `{"sub":"a","SUB":"b"}`, `{"ſub":"a"}`, `{"sub":"a","user":"b"}`, `{"sub":"a","user":"a"}`,
		`{"aud":["a",1]}`, `{"aud":["a","b"],"groups":null}`, `{"groups":"a,b"}`, `{"groups":[["a"]]}`,
		`{"email":"a@b@c"}`, `{"email":"a\u200b@b"}`, `{"x":{"a":[{"b":1,"b":2}]}}`, `{"x":"\ud800"}`, "{\"x\":\"\xff\"}", `{"a":1}{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, refusal := parseClaims(payload)
		if refusal != nil {
			if refusal.Reason != ReasonClaims {
				t.Fatalf("refused as %s", refusal.Reason)
			}
			return
		}
		var lenient struct {
			Iss, Sub, User, Email, Name, Sid string
			Aud                              any
			Groups                           []string
			Exp, Nbf, Iat                    float64
		}
		if err := json.Unmarshal(payload, &lenient); err != nil {
			t.Fatalf("encoding/json refuses %q: %v", payload, err)
		}
		p := c.principal
		audience := c.audience
		if one, is := lenient.Aud.(string); is && !slices.Equal(audience, []string{one}) {
			t.Fatalf("aud: %q and %q", audience, one)
		}
		if list, is := lenient.Aud.([]any); is && fmt.Sprint(list) != fmt.Sprint(audience) {
			t.Fatalf("aud: %q and %q", audience, list)
		}
		if lenient.Iss != c.issuer || lenient.Sub != p.Subject || lenient.Email != p.Email || lenient.Name != p.Name ||
			lenient.Sid != p.SessionID || !slices.Equal(lenient.Groups, p.Groups) || lenient.User != "" && lenient.User != p.Subject {
			t.Fatalf("encoding/json reads %+v, this package %+v", lenient, p)
		}
		for _, times := range []struct {
			lenient float64
			ours    time.Time
		}{{lenient.Exp, c.expires}, {lenient.Nbf, c.notBefore}, {lenient.Iat, c.issuedAt}} {
			if times.lenient == 0 && times.ours.IsZero() {
				continue
			}
			if times.lenient < 1 || times.ours.Unix() != int64(times.lenient) || times.ours.Year() > 9999 {
				t.Fatalf("a time of %f is %s", times.lenient, times.ours)
			}
		}
		if strings.Count(p.Email, "@") > 1 || hasControl(p.Email+p.Subject) {
			t.Fatalf("accepted %+v", p)
		}
	})
}

// wantVetted fails the test unless the keys are what they may be.
func wantVetted(t *testing.T, keys []Key) {
	t.Helper()
	if len(keys) == 0 {
		t.Fatal("neither keys nor an error")
	}
	for _, k := range keys {
		switch public := k.Public.(type) {
		case *ecdsa.PublicKey:
			if _, err := public.ECDH(); k.Algorithm != ES256 || public.Curve != elliptic.P256() || err != nil {
				t.Fatalf("accepted %+v", k)
			}
		case *rsa.PublicKey:
			if k.Algorithm != RS256 || public.N.BitLen() < 2048 || public.N.BitLen() > 8192 || public.E < 3 || public.E&1 == 0 {
				t.Fatalf("accepted %+v", k)
			}
		default:
			t.Fatalf("accepted a %T", public)
		}
		// Any signature is wrong, but checking it must not fail otherwise.
		_ = checkSignature(k, "a.b", make([]byte, 64))
	}
}

func FuzzParseJWKS(f *testing.F) {
	f.Add(fuzzIssuer(f).JWKS())
	for _, seed := range []string{
		`{"keys":null}`, `{"keys":[null]}`, `{}`, `[]`,
		`{"keys":[` + rfc7515RSAKey + `,` + rfc7515ECKey + `]}`,
		`{"keys":[` + strings.Replace(rfc7515ECKey, `{`, `{"use":"sig","key_ops":["verify"],"alg":"ES256","kid":"k","x5c":["AAAA"],"x5t":"AA",`, 1) + `]}`,
		`{"keys":[{"kty":"oct","k":"AAAA"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}]}`,
		`{"keys":[{"kty":"OKP","crv":"X25519","x":"AA"},{"kty":"RSA","n":"AQ","e":"AQ"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ParseJWKS(data)
		if err != nil {
			if keys != nil {
				t.Fatalf("keys and an error: %v", err)
			}
			return
		}
		wantVetted(t, keys)
		seen := make(map[string]bool)
		for _, k := range keys {
			if seen[k.Algorithm+k.ID] {
				t.Fatalf("two keys of ID %q", k.ID)
			}
			seen[k.Algorithm+k.ID] = true
		}
	})
}

func FuzzParsePEM(f *testing.F) {
	good := fuzzIssuer(f).PublicPEM()
	f.Add(good)
	f.Add(slices.Concat([]byte("text\n"), good, good))
	f.Add(good[:len(good)-10])
	for _, typ := range []string{"EC PRIVATE KEY", "CERTIFICATE", "PUBLIC KEY", ""} {
		f.Add([]byte("-----BEGIN " + typ + "-----\nA: b\n\nAAAA\n-----END " + typ + "-----\n"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ParsePEM(data)
		if err != nil {
			if keys != nil {
				t.Fatalf("keys and an error: %v", err)
			}
			return
		}
		wantVetted(t, keys)
		for _, k := range keys {
			if len(k.ID) != 64 || k.ID != thumbprint(k.Public) {
				t.Fatalf("key ID %q", k.ID)
			}
		}
	})
}

// FuzzVerify: whatever the fuzzer makes of good assertions, only what the issuer
// signed is accepted, and Inspect agrees. (Of a signature there are two
// spellings, s and n-s.)
func FuzzVerify(f *testing.F) {
	issuer := fuzzIssuer(f)
	keys, err := ParseJWKS(issuer.JWKS())
	if err != nil {
		f.Fatal(err)
	}
	v, err := New(StaticKeys(keys...), Options{Issuer: "a.example", Audience: []string{"a.example"}, Algorithms: []string{ES256, RS256}, Now: fuzzNow})
	if err != nil {
		f.Fatal(err)
	}
	// The corpus outlives a run, and ECDSA is randomised: what was signed in an
	// earlier run is known by its first two parts.
	signed := make(map[string]bool)
	for _, change := range []func(*verifiertest.Claims){
		func(*verifiertest.Claims) {},
		func(c *verifiertest.Claims) { c.Audience = "b.example" },
		func(c *verifiertest.Claims) { c.Expires = fuzzNow().Add(-time.Hour) },
		func(c *verifiertest.Claims) { c.Subject = "" },
		func(c *verifiertest.Claims) { c.Groups = nil },
	} {
		c := fuzzClaims()
		change(&c)
		assertion := issuer.Assertion(c)
		signed[assertion[:strings.LastIndexByte(assertion, '.')]] = true
		f.Add(assertion)
		f.Add(strings.Replace(assertion, ".", "..", 1))
		f.Add("Bearer " + assertion)
	}
	f.Fuzz(func(t *testing.T, assertion string) {
		p, err := v.Verify(t.Context(), assertion)
		inspection, errInspect := Inspect(t.Context(), v.keys, v.o, assertion)
		if errInspect != nil || (inspection.Outcome() == Passed) != (err == nil) {
			t.Fatalf("Inspect says %+v, %v; Verify says %v", inspection, errInspect, err)
		}
		if err != nil {
			wantReasonKnown(t, err)
			if p != nil {
				t.Fatal("a principal and an error")
			}
			return
		}
		if !signed[assertion[:strings.LastIndexByte(assertion, '.')]] || p.Subject != "ann" || !slices.Contains([]int{0, 2}, len(p.Groups)) {
			t.Fatalf("accepted %q as %+v", assertion, p)
		}
	})
}

func wantReasonKnown(t *testing.T, err error) {
	t.Helper()
	e, ok := err.(*Error) //nolint:errorlint // Verify promises the type itself, not a wrapping of it
	if !ok || e.Reason == "" || e.Err == nil {
		t.Fatalf("a refusal without a reason: %#v", err)
	}
}
