package bridge_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// benchApp has one app; its adapter's tables follow.
const benchApp = `
[issuer.pomerium]
public_key_file = "key.pem"

[app.app]
host     = "grafana.example.com"
upstream = "http://%s"
adapter  = "ours"

[[app.app.rule]]
role   = "user"
emails = ["*@example.com"]

[adapter.ours]
`

// BenchmarkSessions measures a request of somebody who has a session already, over
// loopback, by what an app is told: headers, with and without a session of the app's
// own that is theirs, and a session that ssobridge writes, with the browser and in
// memory. Only ratios mean something.
//
//	go test ./bridge -run '^$' -bench Sessions -count 6 | benchstat -col /app -
func BenchmarkSessions(b *testing.B) {
	secret := filepath.Join(b.TempDir(), "app.secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		b.Fatal(err)
	}
	codec := func(name, more string) string {
		return fmt.Sprintf("kind = \"session\"\ncodec = %q\nsecrets = [{ file = %q }]\n%s\n[adapter.ours.fields]\nuser = { from = \"email\", required = true }\nroles = { from = \"roles\" }\n", name, secret, more)
	}
	headers := "kind = \"headers\"\nheader = { X-Remote-User = { from = \"email\", required = true }, X-Remote-Role = { from = \"role\" } }\n"
	for _, app := range []struct{ name, adapter string }{
		{"headers", headers},
		{"headers+cookie", headers + `session_cookies = ["session"]`},
		{"flask", codec("flask", "")},
		{"starlette", codec("starlette", "")},
		{"django", codec("django", "")},
		{"cookie-session", codec("cookie-session", "")},
		{"gorilla", codec("gorilla", `cookie = "session"`)},
		{"authjs", codec("authjs", "")},
		{"rails", codec("rails", `cookie = "_session"`)},
		{"flask,upstream", codec("flask", `deliver = "upstream"`)},
	} {
		b.Run("app="+app.name, func(b *testing.B) { benchSession(b, benchApp+app.adapter) })
	}
}

func benchSession(b *testing.B, config string) {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		b.Fatal(err)
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("session"); err != nil && r.Header.Get("X-Remote-User") != "" {
			w.Header().Set("Set-Cookie", "session=0123456789abcdef")
		}
		_, _ = io.WriteString(w, "ok")
	}))
	defer upstream.Close()
	front := httptest.NewServer(benchBridgeOf(b, issuer, fmt.Sprintf(config, upstream.Listener.Addr())))
	defer front.Close()
	assertions := issuer.Assertions(20_000, verifiertest.Claims{
		Audience: "grafana.example.com", Subject: "ann-id", Email: "ann@example.com", SessionID: "sid", Groups: []string{"dev@example.com"},
	})
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	cookies := ""
	get := func(assertion string) *http.Response {
		q, err := http.NewRequestWithContext(b.Context(), http.MethodGet, front.URL+"/", nil)
		if err != nil {
			b.Fatal(err)
		}
		q.Host = "grafana.example.com"
		q.Header.Set("X-Pomerium-Jwt-Assertion", assertion)
		if cookies != "" {
			q.Header.Set("Cookie", cookies)
		}
		resp, err := transport.RoundTrip(q)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp
	}
	var pairs []string
	for _, c := range get(assertions[0]).Cookies() {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	cookies = strings.Join(pairs, "; ")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		resp := get(assertions[i%len(assertions)])
		if resp.StatusCode != http.StatusOK || resp.Header["Set-Cookie"] != nil {
			b.Fatalf("status %d, cookies set: %t", resp.StatusCode, resp.Header["Set-Cookie"] != nil)
		}
	}
}
