package realapps_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// Grafana is no package of Debian's. SSOBRIDGE_GRAFANA names its binary, and
// SSOBRIDGE_GRAFANA_HOME its directory with conf and public. Measured with 12.4.0.

// grafanaConfig has the app "grafana"; the places are for the upstream and the adapter.
const grafanaConfig = `
[server]
listen       = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[issuer.pomerium]
public_key_file = "pomerium.pem"

[adapter.signed]
extends = "grafana-jwt"
keys    = [{ file = "ours.key" }]

[app.grafana]
host     = "` + host + `"
upstream = "http://%s"
adapter  = "%s"

[[app.grafana.rule]]
role   = "Admin"
groups = ["admins"]

[[app.grafana.rule]]
role   = "Editor"
groups = ["editors"]

[[app.grafana.rule]]
role   = "Viewer"
emails = ["*@example.com"]

[[app.grafana.own_credentials]]
authorization = "Bearer glsa_*"
`

// grafana is a Grafana with the settings that its preset prints, behind a bridge.
type grafana struct {
	*bridged
	t *testing.T
}

func startGrafana(t *testing.T, preset string) *grafana {
	t.Helper()
	program, home := os.Getenv("SSOBRIDGE_GRAFANA"), os.Getenv("SSOBRIDGE_GRAFANA_HOME")
	if program == "" || home == "" {
		t.Skip("SSOBRIDGE_GRAFANA does not name a Grafana, or SSOBRIDGE_GRAFANA_HOME its directory with conf and public")
	}
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	g := &grafana{&bridged{issuer: issuer}, t}
	if g.preset, err = config.LookupPreset(preset); err != nil {
		t.Fatal(err)
	}
	addr, port := freeAddr(t)
	dir := t.TempDir()
	adapter := preset
	if preset == "grafana-jwt" {
		adapter = "signed"
	}
	write(t, dir, "ours.key", newKey(t))
	write(t, dir, "pomerium.pem", string(issuer.PublicPEM()))
	write(t, dir, "ssobridge.toml", fmt.Sprintf(grafanaConfig, addr, adapter))
	g.serve(t, filepath.Join(dir, "ssobridge.toml"))

	settings := strings.NewReplacer("grafana.example.com", host, "http_port = 3000", "http_port = "+port,
		"/etc/grafana/ssobridge.jwks.json", filepath.Join(dir, "jwks.json")).Replace(setupOf(t, preset))
	write(t, dir, "jwks.json", newBrowser(t, g.addr).get("/.ssobridge/app/grafana/jwks.json").body)
	write(t, dir, "grafana.ini", settings+"\n[analytics]\nreporting_enabled = false\ncheck_for_updates = false\ncheck_for_plugin_updates = false\n"+
		"[plugins]\npreinstall_disabled = true\n[log]\nlevel = warn\n")
	start(t, dir, nil, program, "server", "--homepath", home, "--config", dir+"/grafana.ini",
		"cfg:default.paths.data="+dir+"/data", "cfg:default.paths.logs="+dir+"/logs", "cfg:default.paths.plugins="+dir+"/plugins").
		answers(t, addr, "/api/health")
	return g
}

func (g *grafana) as(name string, groups ...string) *browser {
	return g.browser(g.t, &verifiertest.Claims{Audience: host, Subject: name + "-id", Email: name + "@example.com", Name: name, Groups: groups})
}

// role returns the person's role in Grafana's first organisation.
func (g *grafana) role(b *browser) string {
	g.t.Helper()
	var orgs []struct{ Role string }
	b.json("/api/user/orgs", &orgs, nil)
	if len(orgs) != 1 {
		return fmt.Sprint(orgs)
	}
	return orgs[0].Role
}

func grafanas(t *testing.T, test func(t *testing.T, g *grafana)) {
	for _, preset := range []string{"grafana", "grafana-jwt"} {
		t.Run(preset, func(t *testing.T) { test(t, startGrafana(t, preset)) })
	}
}

// ownOrigin is what browsers send with writes of Grafana's own pages.
var ownOrigin = http.Header{"Origin": {"https://" + host}, "Content-Type": {"application/json"}}

// TestGrafanaTakeover: Mallory, a Viewer, tries to take the email of an Admin who has not
// signed in yet.
func TestGrafanaTakeover(t *testing.T) {
	grafanas(t, func(t *testing.T, g *grafana) {
		mallory, victim := g.as("mallory"), g.as("victim", "admins")
		if role := g.role(mallory); role != "Viewer" {
			t.Fatalf("Mallory is %s", role)
		}
		const change = `{"email":"victim@example.com","login":"mallory@example.com","name":"Mallory"}`
		for _, path := range []string{"/api/user", "/api/user/", "/API/User", "/api//user", "/api/user?x=1", "/api/%75ser", "/api/user;x"} {
			if got := mallory.do(http.MethodPut, path, change, ownOrigin); got.status < 400 {
				t.Errorf("PUT %s: %d %s", path, got.status, got.body)
			}
		}
		if role := g.role(victim); role != "Admin" {
			t.Errorf("the Admin is %s", role)
		}
		for range 10 {
			if got := mallory.get("/api/org/users"); got.status != http.StatusForbidden {
				t.Fatalf("Mallory lists the users: %d", got.status)
			}
			if got := victim.get("/api/org/users"); got.status != http.StatusOK {
				t.Fatalf("the Admin lists the users: %d", got.status)
			}
		}
		var me struct{ Email string }
		if mallory.json("/api/user", &me, nil); me.Email != "mallory@example.com" {
			t.Errorf("Mallory is %s", me.Email)
		}
	})
}

// TestGrafanaRoleChanges: a role holds for the next request, in each of two browsers.
func TestGrafanaRoleChanges(t *testing.T) {
	grafanas(t, func(t *testing.T, g *grafana) {
		_ = g.role(g.as("root", "admins")) // Grafana keeps its last Admin
		first := []*browser{g.as("ann", "admins"), g.as("ann", "editors"), g.as("ann")}
		second := []*browser{g.as("ann", "admins"), g.as("ann", "editors"), g.as("ann")}
		want := []string{"Admin", "Editor", "Viewer"}
		for n := range 24 {
			i := (n*5 + n/3) % 3
			browser := first[i]
			if n%2 == 1 {
				browser = second[i]
			}
			if got := g.role(browser); got != want[i] {
				t.Errorf("change %d: %s, want %s", n, got, want[i])
			}
		}
	})
}

// TestGrafanaCrossSiteWrite: another site's page has a browser write.
func TestGrafanaCrossSiteWrite(t *testing.T) {
	grafanas(t, func(t *testing.T, g *grafana) {
		ann := g.as("ann", "admins")
		evil := http.Header{"Origin": {"https://evil.example"}, "Content-Type": {"application/json"}}
		if got := ann.do(http.MethodPost, "/api/folders", `{"title":"evil"}`, evil); got.status != http.StatusForbidden {
			t.Errorf("another site's: %d %s", got.status, got.body)
		}
		if got := ann.do(http.MethodPost, "/api/folders", `{"title":"own"}`, ownOrigin); got.status != http.StatusOK {
			t.Errorf("its own: %d %s", got.status, got.body)
		}
	})
}

// TestGrafanaTokens: a service account's token works through the bridge, beside a person's
// assertion, and counts for itself. A password does not.
func TestGrafanaTokens(t *testing.T) {
	grafanas(t, func(t *testing.T, g *grafana) {
		ann := g.as("ann", "admins")
		created := ann.do(http.MethodPost, "/api/serviceaccounts", `{"name":"terraform","role":"Editor"}`, ownOrigin)
		var account struct{ ID int }
		if err := json.Unmarshal([]byte(created.body), &account); err != nil || created.status != http.StatusCreated {
			t.Fatalf("%d %s", created.status, created.body)
		}
		made := ann.do(http.MethodPost, fmt.Sprintf("/api/serviceaccounts/%d/tokens", account.ID), `{"name":"ci"}`, ownOrigin)
		var token struct{ Key string }
		if err := json.Unmarshal([]byte(made.body), &token); err != nil || !strings.HasPrefix(token.Key, "glsa_") {
			t.Fatalf("%d %s", made.status, made.body)
		}
		machine := g.as("machine")
		bearer := http.Header{"Authorization": {"Bearer " + token.Key}, "Content-Type": {"application/json"}}
		if got := machine.do(http.MethodPost, "/api/folders", `{"title":"by the token"}`, bearer); got.status != http.StatusOK {
			t.Errorf("the token of an Editor, for a Viewer: %d %s", got.status, got.body)
		}
		if got := ann.do(http.MethodGet, "/api/org/users", "", bearer); got.status != http.StatusForbidden {
			t.Errorf("the token of an Editor, for an Admin: %d", got.status)
		}
		var users []struct{ Login string }
		ann.json("/api/org/users", &users, nil)
		for _, user := range users {
			if strings.HasPrefix(user.Login, "machine") {
				t.Errorf("Grafana has made an account for %s", user.Login)
			}
		}
		basic := http.Header{"Authorization": {"Basic YWRtaW46YWRtaW4="}}
		var me struct{ Login string }
		if machine.json("/api/user", &me, basic); me.Login != "machine@example.com" {
			t.Errorf("with a password for admin, the request is %q's", me.Login)
		}
	})
}
