package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// newTestPomerium returns a stand-in on port 8000 before a bridge of the test's
// own.
func newTestPomerium(t *testing.T, bridge http.Handler) *pomerium {
	t.Helper()
	server := httptest.NewServer(bridge)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPomerium(site{port: 8000, apps: sampleApps()}, u, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

func ask(t *testing.T, p *pomerium, method, address string, form url.Values, edit func(*http.Request)) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if edit != nil {
		edit(r)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result()
}

// as makes requests with a ready-made session.
func as(key string) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: sessionCookie, Value: key}) }
}

// TestForeignForms posts to the sign-in page from another site's page.
func TestForeignForms(t *testing.T) {
	p := newTestPomerium(t, http.NotFoundHandler())
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"} {
		for _, address := range []string{"http://localhost:8000/", "http://localhost:8000/.pomerium/sign_out"} {
			resp := ask(t, p, http.MethodPost, address, url.Values{"person": {"bob"}}, func(r *http.Request) { r.Header.Set(name, value) })
			if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 {
				t.Errorf("%s with %s: %s is answered by %d", address, name, value, resp.StatusCode)
			}
		}
	}
}

func TestBadForms(t *testing.T) {
	p := newTestPomerium(t, http.NotFoundHandler())
	tests := []struct {
		name   string
		form   url.Values
		status int
	}{
		{"no such person", url.Values{"person": {"eve"}}, http.StatusUnprocessableEntity},
		{"empty", url.Values{}, http.StatusUnprocessableEntity},
		{"too long", url.Values{"email": {"a@example.com"}, "groups": {strings.Repeat("x\n", maxForm)}}, http.StatusBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := ask(t, p, http.MethodPost, "http://localhost:8000/", tt.form, nil)
			if resp.StatusCode != tt.status || len(resp.Cookies()) > 0 {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
}

// TestHosts: only the demo's own names are served, but the keys are on any, as
// Pomerium has them on every route.
func TestHosts(t *testing.T) {
	p := newTestPomerium(t, http.NotFoundHandler())
	for _, host := range []string{"localhost:8000", "grafana.localhost:8000", "127.0.0.1:8000", "evil.example"} {
		resp := ask(t, p, http.MethodGet, "http://"+host+verifiertest.JWKSPath, nil, nil)
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != string(p.issuer.JWKS()) {
			t.Errorf("keys at %s: %s (%v)", host, body, err)
		}
	}
	for _, host := range []string{"evil.example", "127.0.0.1:8000", "other.localhost:8000", "grafana.localhost.evil.example", "xgrafana.localhost:8000"} {
		resp := ask(t, p, http.MethodGet, "http://"+host+"/", nil, as("ann"))
		if resp.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s is answered by %d", host, resp.StatusCode)
		}
	}
	resp := ask(t, p, http.MethodGet, "http://grafana.localhost:8000/.pomerium/jwt/", nil, as("ann"))
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown path of Pomerium's is answered by %d", resp.StatusCode)
	}
}

// TestAssertionToLookInto: whoever has signed in gets one of their own, for this
// host, and nobody else gets any.
func TestAssertionToLookInto(t *testing.T) {
	p := newTestPomerium(t, http.NotFoundHandler())
	const address = "http://grafana.localhost:8000/.pomerium/jwt"
	resp := ask(t, p, http.MethodGet, address, nil, as("ann"))
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v, header %v", err, resp.Header)
	}
	keys, err := verifier.ParseJWKS(p.issuer.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.StaticKeys(keys...), verifier.Options{Issuer: "grafana.localhost", Audience: []string{"grafana.localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	if who, err := v.Verify(t.Context(), strings.TrimSpace(string(text))); err != nil || who.Email != "ann@example.com" {
		t.Errorf("%v, %v", who, err)
	}
	if resp := ask(t, p, http.MethodGet, address, nil, nil); resp.StatusCode != http.StatusFound {
		t.Errorf("without a session: %d", resp.StatusCode)
	}
}

// TestWhatTheBridgeReceives: an assertion for this host, a new one each time,
// instead of whatever the client sent.
func TestWhatTheBridgeReceives(t *testing.T) {
	var got *http.Request
	p := newTestPomerium(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	seen := map[string]bool{}
	for range 2 {
		ask(t, p, http.MethodGet, "http://Grafana.localhost:8000/a%2fb?c=d;e", nil, func(r *http.Request) {
			r.Header.Set("Cookie", "a=1; "+sessionCookie+"=unknown; "+sessionCookie+"=zoe;b=2")
			r.Header["X-Pomerium-Jwt-Assertion"] = []string{"one", "two"}
		})
		if got.Host != "Grafana.localhost:8000" || got.RequestURI != "/a%2fb?c=d;e" || got.Header.Get("Cookie") != "a=1; b=2" {
			t.Errorf("host %q, path %q, cookies %q", got.Host, got.RequestURI, got.Header.Get("Cookie"))
		}
		assertions := got.Header["X-Pomerium-Jwt-Assertion"]
		if len(assertions) != 1 {
			t.Fatalf("assertions %q", assertions)
		}
		claims := decode(t, assertions[0])
		id := fmt.Sprint(claims["jti"])
		if seen[id] {
			t.Error("the same assertion twice")
		}
		seen[id] = true
		zoe, _ := samplePerson("zoe")
		want := map[string]any{
			"aud": "grafana.localhost", "iss": "grafana.localhost", "sub": "demo|zoe@example.com", "user": "demo|zoe@example.com",
			"email": zoe.Email, "name": zoe.Name, "groups": []any{zoe.Groups[0], zoe.Groups[1], zoe.Groups[2]},
		}
		for _, varies := range []string{"jti", "iat", "exp", "sid"} {
			if claims[varies] == nil || claims[varies] == "zoe" {
				t.Errorf("%s is %v", varies, claims[varies])
			}
			delete(claims, varies)
		}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
	}
}

func decode(t *testing.T, assertion string) map[string]any {
	t.Helper()
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		t.Fatalf("assertion %q", assertion)
	}
	var claims map[string]any
	if err := json.NewDecoder(base64Reader(parts[1])).Decode(&claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
