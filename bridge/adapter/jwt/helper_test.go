package jwt

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

const sharedSecret = "hush-0123456789abcdef0123456789abcdef"

var serving = adapter.Env{App: "grafana", Host: "grafana.example.com", ReadSecrets: true}

// ann is a person with something in every field.
func ann() *verifier.Principal {
	return &verifier.Principal{
		Subject: "2f6a", Email: "Ann@example.com", Name: "Ann Exämple", Groups: []string{"sre", "staff"},
		IssuedAt: noon.Add(-time.Minute), ExpiresAt: noon.Add(4 * time.Minute),
		Claims: map[string]any{
			"department": "Engineering", "roles": []any{"reader", "writer"}, "level": 3.0, "share": 0.5, "huge": 1e300,
			"verified": true, "text_level": "12", "text_bool": "false", "mixed": []any{"a", 1.0}, "null": nil,
		},
	}
}

func inputOf(p *verifier.Principal) adapter.Input {
	return adapter.Input{
		Principal: p, Time: noon,
		Decision: mapping.Decision{Roles: []string{"Editor"}, Rule: 2, Attributes: map[string]string{"org_id": "7", "org": "Main"}},
	}
}

func secretOf(value string, err error) adapter.Secret {
	return adapter.NewSecret(func() (string, error) { return value, err })
}

func keyOf(pemData []byte) adapter.PrivateKey {
	return adapter.NewPrivateKey(func() ([]byte, error) { return pemData, nil })
}

// newKey makes a private key as its file has it.
func newKey(tb testing.TB, algorithm string) []byte {
	tb.Helper()
	var (
		key any
		err error
	)
	switch algorithm {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// claims are the options of an adapter with these, and a key.
func claims(tb testing.TB, claims map[string]Claim) Options {
	tb.Helper()
	return Options{Header: "X-JWT-Assertion", Keys: []adapter.PrivateKey{keyOf(newKey(tb, "ES256"))}, Claims: claims}
}

func mustOpen(tb testing.TB, o Options, env adapter.Env) adapter.Adapter {
	tb.Helper()
	a, err := o.Open(env)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// token returns what the app receives.
func token(tb testing.TB, a adapter.Adapter, in adapter.Input) string {
	tb.Helper()
	out, err := a.Adapt(tb.Context(), in)
	if err != nil {
		tb.Fatal(err)
	}
	if len(out.Cookies) == 1 {
		return out.Cookies[0].Value
	}
	for _, values := range out.Header {
		return strings.TrimPrefix(values[0], "Bearer ")
	}
	tb.Fatal("no token")
	return ""
}

// jwks returns the keys that an adapter publishes, as go-jose reads them.
func jwks(tb testing.TB, a adapter.Adapter) *jose.JSONWebKeySet {
	tb.Helper()
	h := a.(adapter.Publisher).Public()["jwks.json"]
	if h == nil {
		return &jose.JSONWebKeySet{}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		tb.Fatal(err)
	}
	return &set
}

var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.EdDSA, jose.HS256}

// read reads a token as an app does that checks everything: by a library that has
// no part in signing.
func read(text string, key any, at time.Time) (map[string]any, error) {
	parsed, err := josejwt.ParseSigned(text, algorithms)
	if err != nil {
		return nil, err
	}
	var (
		standing josejwt.Claims
		all      map[string]any
	)
	if err := parsed.Claims(key, &standing, &all); err != nil {
		return nil, err
	}
	return all, standing.ValidateWithLeeway(josejwt.Expected{Issuer: "ssobridge", AnyAudience: []string{"grafana"}, Time: at}, 0)
}

func mustRead(tb testing.TB, a adapter.Adapter, in adapter.Input) map[string]any {
	tb.Helper()
	all, err := read(token(tb, a, in), jwks(tb, a), in.Time)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// optionErrors returns Open's error as lines, one for each wrong option.
func optionErrors(tb testing.TB, o Options, env adapter.Env) []string {
	tb.Helper()
	a, err := o.Open(env)
	if err == nil {
		return nil
	}
	if a != nil {
		tb.Error("Open returned an adapter with an error")
	}
	if target := (*adapter.OptionError)(nil); !errors.As(err, &target) {
		tb.Errorf("Open: %T, want *adapter.OptionError", err)
	}
	return strings.Split(err.Error(), "\n")
}
