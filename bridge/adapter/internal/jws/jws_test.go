package jws

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v2/jwa"
	jwxjwk "github.com/lestrrat-go/jwx/v2/jwk"
	jwxjws "github.com/lestrrat-go/jwx/v2/jws"
)

func block(typ string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})
}

func pkcs8(tb testing.TB, key any) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func public(tb testing.TB, key crypto.Signer) []byte {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		tb.Fatal(err)
	}
	return block("PUBLIC KEY", der)
}

func ecKey(tb testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func rsaKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func edKey(tb testing.TB) ed25519.PrivateKey {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// TestOthersVerify: two libraries that have no part in signing find the key in
// the set by its ID and verify what it signed.
func TestOthersVerify(t *testing.T) {
	payload := []byte(`{"sub":"2f6a"}`)
	for algorithm, pemData := range map[string][]byte{
		"ES256": pkcs8(t, ecKey(t, elliptic.P256())), "RS256": pkcs8(t, rsaKey(t)), "EdDSA": pkcs8(t, edKey(t)),
	} {
		t.Run(algorithm, func(t *testing.T) {
			key, err := ParsePEM(pemData)
			if err != nil {
				t.Fatal(err)
			}
			other, err := ParsePEM(pkcs8(t, ecKey(t, elliptic.P256())))
			if err != nil {
				t.Fatal(err)
			}
			set, err := JWKS([]*Key{other, key})
			if err != nil {
				t.Fatal(err)
			}
			signer, err := NewSigner(key, "ssobridge+jwt")
			if err != nil {
				t.Fatal(err)
			}
			token, err := signer.Sign([]byte("Bearer "), payload)
			if err != nil {
				t.Fatal(err)
			}
			compact := strings.TrimPrefix(string(token), "Bearer ")

			signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
			if err != nil {
				t.Fatal(err)
			}
			var keys jose.JSONWebKeySet
			if err := json.Unmarshal(set, &keys); err != nil {
				t.Fatal(err)
			}
			header := signed.Signatures[0].Header
			found := keys.Key(header.KeyID)
			if len(found) != 1 || found[0].Algorithm != algorithm || found[0].Use != "sig" || !found[0].IsPublic() {
				t.Fatalf("keys of ID %q: %+v", header.KeyID, found)
			}
			if got, err := signed.Verify(found[0]); err != nil || !bytes.Equal(got, payload) {
				t.Errorf("go-jose: %s, %v", got, err)
			}
			if sum, err := found[0].Thumbprint(crypto.SHA256); err != nil || base64.RawURLEncoding.EncodeToString(sum) != key.ID {
				t.Errorf("thumbprint %x, %v, key ID %s", sum, err, key.ID)
			}
			if typ := header.ExtraHeaders["typ"]; typ != "ssobridge+jwt" {
				t.Errorf("typ %v", typ)
			}

			jwks, err := jwxjwk.Parse(set)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := jwxjws.Verify([]byte(compact), jwxjws.WithKeySet(jwks)); err != nil || !bytes.Equal(got, payload) {
				t.Errorf("jwx: %s, %v", got, err)
			}
			if bytes.Contains(set, []byte(`"d"`)) {
				t.Error("the set has a private key")
			}
		})
	}
}

func TestOthersVerifySecret(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	key, err := FromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewSigner(key, "JWT")
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(nil, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jwxjws.Verify(token, jwxjws.WithKey(jwa.HS256, []byte(secret))); err != nil {
		t.Error(err)
	}
	set, err := JWKS([]*Key{key})
	if err != nil || string(set) != `{"keys":[]}` {
		t.Errorf("the secret is published: %s, %v", set, err)
	}
	if _, err := FromSecret(secret[1:]); err == nil {
		t.Error("31 bytes are a secret")
	}
}

// TestSignaturesAreFixedLength: a number that begins with a zero byte keeps it.
func TestSignaturesAreFixedLength(t *testing.T) {
	key, err := ParsePEM(pkcs8(t, ecKey(t, elliptic.P256())))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("data"))
	for range 1000 { // one in 128 has such a number
		signature, err := key.sign([]byte("data"))
		if err != nil || len(signature) != 64 {
			t.Fatalf("%d bytes, %v", len(signature), err)
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		if !ecdsa.Verify(key.Public.(*ecdsa.PublicKey), digest[:], r, s) {
			t.Fatalf("%x is no signature", signature)
		}
	}
}

// TestThumbprintRFC8037 is the example of RFC 8037, appendix A.3.
func TestThumbprintRFC8037(t *testing.T) {
	x, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	key, err := newKey(ed25519.PublicKey(x))
	if err != nil || key.ID != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("%+v, %v", key, err)
	}
}

func TestParsePEM(t *testing.T) {
	ec, rs, ed := ecKey(t, elliptic.P256()), rsaKey(t), edKey(t)
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parameters := block("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7})
	encrypted := pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("x"),
	})
	for _, tt := range []struct {
		name      string
		data      []byte
		algorithm string
		signs     bool
		problem   string
	}{
		{"EC, PKCS#8", pkcs8(t, ec), "ES256", true, ""},
		{"EC, SEC 1, as openssl ecparam writes it", append(parameters, block("EC PRIVATE KEY", sec1)...), "ES256", true, ""},
		{"RSA, PKCS#8", pkcs8(t, rs), "RS256", true, ""},
		{"RSA, PKCS#1", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs)), "RS256", true, ""},
		{"Ed25519", pkcs8(t, ed), "EdDSA", true, ""},
		{"a public key", public(t, ec), "ES256", false, ""},
		{"P-384", pkcs8(t, ecKey(t, elliptic.P384())), "", false, "on P-384; use P-256"},
		{"RSA-1024", block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)), "", false, "of 1024 bits"},
		{"X25519, which cannot sign", pkcs8(t, x25519), "", false, "neither an EC key"},
		{"two keys", append(pkcs8(t, ec), pkcs8(t, ed)...), "", false, "more than one PEM block"},
		{"encrypted", block("ENCRYPTED PRIVATE KEY", []byte("x")), "", false, "without a passphrase"},
		{"encrypted as of old", encrypted, "", false, "without a passphrase"},
		{"a certificate", block("CERTIFICATE", []byte("x")), "", false, `"CERTIFICATE" is no key`},
		{"broken", block("PRIVATE KEY", []byte("hush")), "", false, "cannot be read"},
		{"nothing", nil, "", false, "no key in PEM found"},
		{"a secret", []byte("hush"), "", false, "no key in PEM found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key, err := ParsePEM(tt.data)
			if tt.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tt.problem) || strings.Contains(err.Error(), "hush") {
					t.Errorf("error %v, want %q", err, tt.problem)
				}
				return
			}
			if err != nil || key.Algorithm != tt.algorithm || key.Signs() != tt.signs {
				t.Fatalf("%+v, %v", key, err)
			}
			if _, err := NewSigner(key, "JWT"); (err == nil) != tt.signs {
				t.Errorf("NewSigner: %v", err)
			}
		})
	}
}
