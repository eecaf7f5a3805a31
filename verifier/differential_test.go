package verifier

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// repeatable signs the same with the same signature (RFC 6979), which the fuzzer
// needs to tell a new path through the code from chance.
type repeatable struct{ *ecdsa.PrivateKey }

func (r repeatable) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return r.PrivateKey.Sign(nil, digest, o)
}

func repeatableIssuer(tb testing.TB) *verifiertest.Issuer {
	tb.Helper()
	scalar := sha256.Sum256([]byte("ssobridge verifier differential fuzz"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		tb.Fatal(err)
	}
	issuer, err := verifiertest.NewIssuer(verifiertest.Key(repeatable{key}), verifiertest.Clock(fuzzNow))
	if err != nil {
		tb.Fatal(err)
	}
	return issuer
}

// FuzzStrictFrontAgainstGoJose: what this package accepts as signed by a key, a
// second library and the standard library accept too, with the same payload.
// They may accept more: they are more lenient about spellings. The fuzzer gives
// a text as it might arrive, and a header and a payload that are then really
// signed, since it could not guess a signature.
func FuzzStrictFrontAgainstGoJose(f *testing.F) {
	issuer := repeatableIssuer(f)
	keys, err := ParseJWKS(issuer.JWKS())
	if err != nil {
		f.Fatal(err)
	}
	for _, jwk := range []string{rfc7515RSAKey, rfc7515ECKey} {
		more, err := ParseJWKS([]byte(`{"keys":[` + jwk + `]}`))
		if err != nil {
			f.Fatal(err)
		}
		keys = append(keys, more...)
	}
	good := issuer.Assertion(fuzzClaims())
	rsaText := rfc7515RSAHeader + "." + rfc7515Payload + "." + rfc7515RSASig
	ecText := rfc7515ECHeader + "." + rfc7515Payload + "." + rfc7515ECSig
	header, rest, _ := strings.Cut(good, ".")
	headerJSON, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		f.Fatal(err)
	}
	last := good[:len(good)-1]
	for _, text := range []string{
		good, rsaText, ecText, good + "=", good + "\n", "\t" + good, good + ".", good + "." + good, last + "B", last,
		header + ".." + good[strings.LastIndexByte(good, '.')+1:], rfc7515ECHeader + "." + rest,
		strings.ReplaceAll(good, "-", "+"), strings.ReplaceAll(good, "_", "/"), header + "\r\n." + rest,
		`{"payload":"` + rfc7515Payload + `","protected":"` + rfc7515RSAHeader + `","signature":"` + rfc7515RSASig + `"}`,
	} {
		f.Add(text, headerJSON, []byte(`{}`))
	}
	for _, h := range []string{
		`{"alg":"ES256"}`, ` {"alg" : "ES256"} `, `{"\u0061lg":"ES256"}`, `{"alg":"ES256","kid":"~"}`, `{"alg":"ES256","kid":""}`,
		`{"alg":"ES256","alg":"ES256"}`, `{"alg":"ES256","ALG":"none"}`, `{"alg":"ES256","typ":"jwt"}`, `{"alg":"none"}`, `{"alg":"RS256"}`,
		`{"alg":"ES256","b64":false,"crit":["b64"]}`, `{"alg":"ES256","jwk":{}}`, `{"alg":"ES256","zip":"DEF"}`, `null`, `[]`, ``,
	} {
		for _, payload := range []string{`{"sub":"ann"}`, "", "\x00\xff", "a.b"} {
			f.Add(good, []byte(h), []byte(payload))
		}
	}
	f.Fuzz(func(t *testing.T, text string, header, payload []byte) {
		for _, k := range keys {
			wantAgreement(t, k, text)
		}
		signed := issuer.Sign(header, payload)
		if got, accepted := wantAgreement(t, keys[0], signed); accepted && !bytes.Equal(got, payload) {
			t.Fatalf("signed %q, read %q", payload, got)
		}
	})
}

// wantAgreement returns the payload if this package accepts text under k, and
// fails the test unless the others then accept the same.
func wantAgreement(t *testing.T, k Key, text string) (payload []byte, accepted bool) {
	t.Helper()
	c, refusal := parseCompact(text)
	if refusal != nil || c.algorithm != k.Algorithm || checkSignature(k, c.signingInput, c.signature) != nil {
		return nil, false
	}
	object, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		t.Fatalf("go-jose cannot parse %q: %v", text, err)
	}
	if payload, err = object.Verify(k.Public); err != nil || !bytes.Equal(payload, c.payload) {
		t.Fatalf("go-jose reads %q from %q, this package %q: %v", payload, text, c.payload, err)
	}
	if h := object.Signatures[0].Protected; h.Algorithm != c.algorithm || h.KeyID != c.keyID || len(object.Signatures) != 1 {
		t.Fatalf("go-jose reads header %+v from %q, this package %q and %q", h, text, c.algorithm, c.keyID)
	}
	if payload = verifyStandard(t, k, text); !bytes.Equal(payload, c.payload) {
		t.Fatalf("the standard library reads %q from %q, this package %q", payload, text, c.payload)
	}
	return payload, true
}

// verifyStandard is RFC 7515 §5.2 in the standard library and nothing else. It
// fails the test unless text is signed by k.
func verifyStandard(t *testing.T, k Key, text string) []byte {
	t.Helper()
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			t.Fatal(err)
		}
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil || header.Algorithm != k.Algorithm {
		t.Fatalf("header %q: %v", decoded[0], err)
	}
	digest, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decoded[2]
	var good bool
	switch public := k.Public.(type) {
	case *ecdsa.PublicKey:
		good = len(signature) == 64 &&
			ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case *rsa.PublicKey:
		good = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	}
	if !good {
		t.Fatalf("the standard library refuses the signature of %q", text)
	}
	return decoded[1]
}

// TestDifferentialAccepts: the comparison above compares something.
func TestDifferentialAccepts(t *testing.T) {
	issuer := repeatableIssuer(t)
	for name, tt := range map[string]struct{ jwks, text string }{
		"assertion":            {string(issuer.JWKS()), issuer.Assertion(fuzzClaims())},
		"without payload":      {string(issuer.JWKS()), issuer.Sign([]byte(`{"alg":"ES256"}`), nil)},
		"RFC 7515 A.2 (RS256)": {`{"keys":[` + rfc7515RSAKey + `]}`, rfc7515RSAHeader + "." + rfc7515Payload + "." + rfc7515RSASig},
		"RFC 7515 A.3 (ES256)": {`{"keys":[` + rfc7515ECKey + `]}`, rfc7515ECHeader + "." + rfc7515Payload + "." + rfc7515ECSig},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := ParseJWKS([]byte(tt.jwks))
			if err != nil {
				t.Fatal(err)
			}
			if _, accepted := wantAgreement(t, keys[0], tt.text); !accepted {
				t.Error("refused")
			}
		})
	}
}
