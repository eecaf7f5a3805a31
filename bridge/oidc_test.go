package bridge_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// A robot with an ID token and a person through Pomerium use one app.
func TestPomeriumAndOpenIDProviderForOneApp(t *testing.T) {
	r := newRig(t)
	signer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	idp := httptest.NewServer(mux)
	defer idp.Close()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"authorization_endpoint":"https://x/","token_endpoint":"https://x/","id_token_signing_alg_values_supported":["ES256"]}`,
			idp.URL, idp.URL+"/keys")
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(signer.JWKS()) })

	dir := t.TempDir()
	text := fmt.Sprintf(`
[issuer.pomerium]
public_key_file = "key.pem"
[issuer.machines]
discovery_url = %q
audience      = "robots"
[app.wiki]
host     = "wiki.example.com"
upstream = "http://%s"
adapter  = "remote-user"
issuers  = ["pomerium", "machines"]
[[app.wiki.rule]]
role   = "reader"
emails = ["*@example.com"]
[app.api]
host     = "api.example.com"
upstream = "http://%[2]s"
adapter  = "remote-user"
issuer   = "machines"
[[app.api.rule]]
role   = "reader"
emails = ["*@example.com"]
`, idp.URL, r.upstream.addr)
	for name, data := range map[string][]byte{"c.toml": []byte(text), "key.pem": r.issuer.PublicPEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(filepath.Join(dir, "c.toml"))
	if err != nil {
		t.Fatal(err)
	}
	client := verifier.NewKeyClient(nil, nil)
	defer client.CloseIdleConnections()
	provider, err := verifier.NewProvider(verifier.ProviderOptions{Issuer: idp.URL, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := r.deps
	d.Keys = func(i *config.Issuer) (verifier.KeySource, error) {
		if i.DiscoveryURL != "" {
			return provider, nil
		}
		return verifier.StaticKeys(i.Static...), nil
	}
	s, err := decision.Build(c, d)
	if err != nil {
		t.Fatal(err)
	}
	r.bridge.Swap(s)

	idToken := func(issuer, audience string, extra map[string]any) string {
		now := time.Now()
		claims := map[string]any{
			"iss": issuer, "aud": audience, "sub": "robot-1", "email": "robot@example.com", "email_verified": true,
			"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}
		maps.Copy(claims, extra)
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		return signer.Sign(fmt.Appendf(nil, `{"alg":"ES256","kid":%q,"x5t":"AAAA"}`, signer.KeyID()), payload)
	}
	robot := idToken(idp.URL, "robots", nil)
	ann := r.issuer.Assertion(verifiertest.Claims{Audience: "wiki.example.com", Subject: "ann-id", Email: "ann@example.com"})
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ann:secret"))
	for credentials, want := range map[string]int{"Bearer " + robot: 200, "bearer  " + robot: 200, "Bearer\t" + robot: 401, robot: 401, "": 401, "Bearer": 401, "Basic " + robot: 401} {
		wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: "+credentials+"\r\n\r\n"), want)
	}
	for name, tc := range map[string]struct {
		lines string
		want  int
		user  string
	}{
		"a person":                         {"X-Pomerium-Jwt-Assertion: " + ann, 200, "ann@example.com"},
		"a robot":                          {"Authorization: Bearer " + robot, 200, "robot@example.com"},
		"bearer in lower case":             {"Authorization: bearer " + robot, 200, "robot@example.com"},
		"a person with a password as well": {"X-Pomerium-Jwt-Assertion: " + ann + "\r\n" + basic, 200, "ann@example.com"},
		"a password alone":                 {basic, 401, ""},
		"no scheme":                        {"Authorization: " + robot, 401, ""},
		"two":                              {"Authorization: Bearer " + robot + "\r\nAuthorization: Bearer " + robot, 401, ""},
		"two schemes":                      {"Authorization: Bearer " + robot + "\r\n" + basic, 401, ""},
		"an ID token as Pomerium's":        {"X-Pomerium-Jwt-Assertion: " + robot, 401, ""},
		"Pomerium's as an ID token":        {"Authorization: Bearer " + ann, 401, ""},
		"for another client":               {"Authorization: Bearer " + idToken(idp.URL, "others", nil), 401, ""},
		"for the app's host":               {"Authorization: Bearer " + idToken(idp.URL, "wiki.example.com", nil), 401, ""},
		"of another issuer":                {"Authorization: Bearer " + idToken("https://evil.test", "robots", nil), 401, ""},
		"with an email that is not hers":   {"Authorization: Bearer " + idToken(idp.URL, "robots", map[string]any{"email_verified": false}), 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp := r.raw("GET / HTTP/1.1\r\nHost: wiki.example.com\r\n" + tc.lines + "\r\n\r\n")
			wantStatus(t, resp, tc.want)
			if tc.user == "" {
				return
			}
			raw := r.upstream.last(t)
			if got := lines(raw, "Remote-User"); len(got) != 1 || got[0] != "Remote-User: "+tc.user {
				t.Errorf("user %q", got)
			}
			if got := lines(raw, "Authorization"); got != nil {
				t.Errorf("the upstream sees %q", got)
			}
		})
	}
}
