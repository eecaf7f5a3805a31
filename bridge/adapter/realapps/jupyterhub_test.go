package realapps_test

import (
	"fmt"
	"net/http"
	"testing"
)

// TestJupyterHub: here, the role is the hub's own admin_users, from the setup.
func TestJupyterHub(t *testing.T) {
	a := startJupyterHub(t)
	b := startBridge(t, "jupyterhub")
	b.relay.pointAt(a.addr)
	testApp(t, b, a)

	t.Run("AdminPage", func(t *testing.T) {
		if got := b.browser(t, ann).get("/hub/admin"); got.status != http.StatusOK {
			t.Errorf("Ann: status %d, want 200", got.status)
		}
		if got := b.browser(t, bob).get("/hub/admin"); got.status != http.StatusForbidden {
			t.Errorf("Bob: status %d, want 403", got.status)
		}
	})
	// While Ann works, her session in Bob's browser must not be hers for even a
	// moment: the hub looks again only after auth_refresh_age.
	t.Run("CookieOfSomebodyActive", func(t *testing.T) {
		browser := b.browser(t, ann)
		for range 3 {
			browser.claims = ann
			browser.expect(a, a.ann)
			browser.claims = bob
			var got struct{ Name string }
			browser.hubUser(&got)
			if got.Name == ann.Email {
				t.Fatal("Bob with Ann's cookie is Ann")
			}
		}
	})
}

const jupyterHubPlaces = `
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.hub_port = %s
c.ConfigurableHTTPProxy.api_url = "http://%s"
`

func startJupyterHub(t *testing.T) realApp {
	t.Helper()
	const install = "apt-get install jupyterhub"
	program := requireProgram(t, "jupyterhub", install)
	requireProgram(t, "configurable-http-proxy", install)
	addr, _ := freeAddr(t)
	_, hubPort := freeAddr(t)
	api, _ := freeAddr(t)
	dir := t.TempDir()
	write(t, dir, "jupyterhub_config.py", edit(t, setupOf(t, "jupyterhub"), "127.0.0.1:8000", addr)+
		fmt.Sprintf(jupyterHubPlaces, hubPort, api))
	// Debian's proxy, under a node that need not be Debian's.
	hub := start(t, dir, []string{"NODE_PATH=/usr/share/nodejs"}, program, "--config", "jupyterhub_config.py")
	hub.answers(t, addr, "/hub/login")
	return realApp{
		addr:   addr,
		whoami: hubIdentity,
		ann:    identity{User: "ann@example.com", Role: "admin"},
		bob:    identity{User: "bob@example.com", Role: "user"},
	}
}

// hubIdentity opens the hub, which signs people in, and asks its API.
func hubIdentity(b *browser) identity {
	b.t.Helper()
	b.get("/hub/home")
	var got struct {
		Name  string
		Admin bool
	}
	b.hubUser(&got)
	switch {
	case got.Name == "":
		return nobody
	case got.Admin:
		return identity{User: got.Name, Role: "admin"}
	}
	return identity{User: got.Name, Role: "user"}
}

// hubUser asks the hub's API, which takes cookies from the hub's pages only.
func (b *browser) hubUser(v any) {
	b.t.Helper()
	b.json("/hub/api/user", v, http.Header{"Referer": {"http://" + host + "/hub/home"}})
}
