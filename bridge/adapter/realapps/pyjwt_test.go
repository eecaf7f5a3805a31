package realapps_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

const pyjwtConfig = `
[issuer.pomerium]
jwks_url = "https://redash.example.com/jwks.json"
[app.redash]
host = "redash.example.com"
upstream = "http://127.0.0.1:1"
adapter = "ours"
rule = [{ role = "user", groups = ["g"] }]
[app.chat]
host = "chat.example.com"
upstream = "http://127.0.0.1:1"
adapter = "our-chat"
rule = [{ role = "user", groups = ["g"] }]
[app.stats]
host = "stats.example.com"
upstream = "http://127.0.0.1:1"
adapter = "our-stats"
rule = [{ role = "user", groups = ["g"] }]
[adapter.ours]
extends = "redash-jwt"
keys = [{ file = "redash.key" }]
[adapter.our-chat]
extends = "zulip"
secret = { file = "chat.secret" }
[adapter.our-stats]
extends = "metabase"
secret = { file = "stats.secret" }
`

// TestPyJWT: the library that Redash and Zulip read tokens by, with what they give
// it, takes theirs by a clock that is behind, and not each other's.
func TestPyJWT(t *testing.T) {
	const install = "apt-get install python3-jwt python3-cryptography"
	python := requireProgram(t, "/usr/bin/python3", install)
	if err := exec.CommandContext(t.Context(), python, "-c", "import jwt, cryptography").Run(); err != nil {
		required(t, "PyJWT", install)
	}
	const secret = "0123456789abcdef0123456789abcdef"
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "redash.key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	write(t, dir, "chat.secret", secret)
	write(t, dir, "stats.secret", secret[1:]+"x")
	write(t, dir, "ssobridge.toml", pyjwtConfig)
	c, err := config.Load(filepath.Join(dir, "ssobridge.toml"))
	if err != nil {
		t.Fatal(err)
	}
	apps := map[string]adapter.Adapter{}
	for _, a := range c.Apps {
		apps[a.Name] = a.Adapter
	}
	send := func(app string, at time.Time) adapter.Output {
		out, err := apps[app].Adapt(t.Context(), adapter.Input{
			Principal: &verifier.Principal{Subject: "2f6a", Email: "zoe@example.com", Groups: []string{"g"}, ExpiresAt: at.Add(5 * time.Minute)},
			Decision:  mapping.Decision{Roles: []string{"user"}, Rule: 1}, Time: at, SignIn: app != "redash",
			Request: &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/.ssobridge/sso"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	now := time.Now()
	// Never later than before, or a token would be sent again.
	inOrder := []time.Time{now.Add(8 * time.Second), now, now.Add(-2 * time.Minute)}
	var asked struct {
		Keys   []any    `json:"keys"`
		Secret string   `json:"secret"`
		Redash []string `json:"redash"`
		Zulip  []string `json:"zulip"`
	}
	asked.Secret = secret
	published := httptest.NewRecorder()
	apps["redash"].(adapter.Publisher).Public()["jwks.json"].ServeHTTP(published, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if err := json.Unmarshal(published.Body.Bytes(), &asked); err != nil {
		t.Fatal(err)
	}
	for _, at := range inOrder {
		asked.Redash = append(asked.Redash, send("redash", at).Header.Get("X-Jwt-Assertion"))
		asked.Zulip = append(asked.Zulip, send("chat", at).Form.Fields["token"])
	}
	_, metabase, _ := strings.Cut(send("stats", now).Redirect, "?jwt=")
	asked.Redash = append(asked.Redash, asked.Zulip[0])
	asked.Zulip = append(asked.Zulip, metabase)

	question, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "pyjwt", "check.py"))
	cmd.Stdin = bytes.NewReader(question)
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []struct {
		Claims  map[string]any
		Refused string
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	names := []string{
		"Redash, whose clock is behind", "Redash", "Redash, too late", "Redash, with a token of Zulip",
		"Zulip, whose clock is behind", "Zulip", "Zulip, too late", "Zulip, with a token of Metabase",
	}
	for i, name := range names {
		taken := i%4 < 2
		if (got[i].Claims["email"] == "zoe@example.com") != taken || (got[i].Refused == "") != taken {
			t.Errorf("%s: %+v", name, got[i])
		}
	}
}
