package bridge_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// tokenConfig has an app that is told by tokens, beside one by headers.
func tokenConfig(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.key")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return rigConfig + fmt.Sprintf(`
[app.reports]
host     = "reports.example.com"
upstream = "http://%%[1]s"
adapter  = "signed"
rule     = [{ role = "user" }]

[adapter.signed]
extends = "bearer"
keys    = [{ file = %q }]
`, file)
}

// TestOwnPath: whoever asks below it is answered by the bridge, without an
// identity, and the app hears nothing of it.
func TestOwnPath(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(tokenConfig(t), "http://%s", "http://%[1]s", 1)))
	for _, tt := range []struct {
		name, host, target string
		status             int
	}{
		{"the app's host", "reports.example.com", "/.ssobridge/jwks.json", 200},
		{"with a query", "reports.example.com", "/.ssobridge/jwks.json?x=1", 200},
		{"the app itself", "ssobridge:8080", "/.ssobridge/app/reports/jwks.json", 200},
		{"another app's host", "grafana.example.com", "/.ssobridge/app/reports/jwks.json", 200},
		{"an app without keys", "grafana.example.com", "/.ssobridge/jwks.json", 404},
		{"the same by name", "ssobridge:8080", "/.ssobridge/app/grafana/jwks.json", 404},
		{"no such app", "ssobridge:8080", "/.ssobridge/app/other/jwks.json", 404},
		{"no app", "ssobridge:8080", "/.ssobridge/app/", 404},
		{"nothing there", "reports.example.com", "/.ssobridge/x", 404},
		{"the path alone", "reports.example.com", "/.ssobridge/", 404},
		{"escaped", "reports.example.com", "/%2essobridge/jwks.json", 200},
		{"no such host", "ssobridge:8080", "/.ssobridge/jwks.json", 421},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := r.raw("GET " + tt.target + " HTTP/1.1\r\nHost: " + tt.host + "\r\n\r\n")
			wantStatus(t, resp, tt.status)
			text := body(t, resp)
			if got := strings.Contains(text, `"kty":"EC"`); got != (tt.status == 200) || strings.Contains(text, `"d"`) {
				t.Errorf("body %s", text)
			}
		})
	}
	post := r.raw("POST /.ssobridge/jwks.json HTTP/1.1\r\nHost: reports.example.com\r\nContent-Length: 100\r\n\r\n") // and never a body
	wantStatus(t, post, http.StatusMethodNotAllowed)
	if n := r.upstream.connections(); n > 0 {
		t.Errorf("the app was asked %d times", n)
	}
}

// TestTokenReachesTheApp: through the whole bridge, and nothing that the client
// sent in its place does.
func TestTokenReachesTheApp(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(tokenConfig(t), "http://%s", "http://%[1]s", 1)))
	assertion := r.issuer.Assertion(verifiertest.Claims{
		Issuer: "reports.example.com", Audience: "reports.example.com", Subject: "ann-id", Email: "ann@example.com",
	})
	resp := r.raw("GET / HTTP/1.1\r\nHost: reports.example.com\r\nX-Pomerium-Jwt-Assertion: " + assertion +
		"\r\nAuthorization: Bearer mallory\r\nauthorization: Basic mallory\r\n\r\n")
	wantStatus(t, resp, 200)
	sent := lines(r.upstream.last(t), "Authorization")
	if len(sent) != 1 {
		t.Fatalf("the app receives %q", sent)
	}
	token, err := josejwt.ParseSigned(strings.TrimPrefix(sent[0], "Authorization: Bearer "), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatalf("the app receives %q: %v", sent, err)
	}
	keys := body(t, r.raw("GET /.ssobridge/jwks.json HTTP/1.1\r\nHost: reports.example.com\r\n\r\n"))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(keys), &set); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := token.Claims(&set, &got); err != nil || got["email"] != "ann@example.com" || got["aud"] != "reports" {
		t.Errorf("the app reads %v, %v", got, err)
	}
	if log := r.log.String(); strings.Contains(log, "eyJ") {
		t.Errorf("a token is in the log:\n%s", log)
	}
	// The token, brought back as an assertion.
	resp = r.raw("GET / HTTP/1.1\r\nHost: reports.example.com\r\nX-Pomerium-Jwt-Assertion: " +
		strings.TrimPrefix(sent[0], "Authorization: Bearer ") + "\r\n\r\n")
	wantStatus(t, resp, http.StatusUnauthorized)
}
