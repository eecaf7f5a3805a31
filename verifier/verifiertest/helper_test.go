package verifiertest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// issuedAt is the time of the example assertion, and a clock that stands still.
func issuedAt() time.Time { return time.Unix(1686870680, 0) }

func newIssuer(tb testing.TB, o ...verifiertest.Option) *verifiertest.Issuer {
	tb.Helper()
	issuer, err := verifiertest.NewIssuer(o...)
	if err != nil {
		tb.Fatal(err)
	}
	return issuer
}

// fixedKey is the P-256 key whose private scalar is SHA-256 of a phrase.
func fixedKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	scalar := sha256.Sum256([]byte("ssobridge verifiertest"))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// parts decodes the three parts of an assertion.
func parts(t *testing.T, assertion string) (header, payload, signature []byte) {
	t.Helper()
	p := strings.Split(assertion, ".")
	if len(p) != 3 {
		t.Fatalf("assertion of %d parts", len(p))
	}
	var decoded [3][]byte
	for i := range p {
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(p[i]); err != nil {
			t.Fatal(err)
		}
	}
	return decoded[0], decoded[1], decoded[2]
}

// verifies reports whether the assertion's signature is right under the key, by
// the standard library's own functions.
func verifies(t *testing.T, key crypto.PublicKey, assertion string) bool {
	t.Helper()
	_, _, signature := parts(t, assertion)
	digest := sha256.Sum256([]byte(assertion[:strings.LastIndexByte(assertion, '.')]))
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 64 {
			t.Errorf("ES256 signature of %d bytes, want 64", len(signature))
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest[:], r, s)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	}
	t.Errorf("key of type %T", key)
	return false
}

func serve(t *testing.T, issuer *verifiertest.Issuer) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(issuer.Handler())
	t.Cleanup(server.Close)
	return server
}

func newRequest(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// reply is a response with its body read.
type reply struct {
	code   int
	header http.Header
	body   string
}

// do sends a request and follows no redirects.
func do(t *testing.T, r *http.Request) reply {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(body)}
}

func get(t *testing.T, url string) reply {
	t.Helper()
	return do(t, newRequest(t, http.MethodGet, url))
}

// getWith is get with one header field in the request.
func getWith(t *testing.T, url, name, value string) reply {
	t.Helper()
	r := newRequest(t, http.MethodGet, url)
	r.Header.Set(name, value)
	return do(t, r)
}
