package realapps_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExpress: an API on Node that checks tokens with the library jose, under the
// keys that the bridge publishes.
func TestExpress(t *testing.T) {
	b := startBridge(t, "bearer")
	a := startExpress(t, b)
	b.relay.pointAt(a.addr)
	testApp(t, b, a)

	token := b.sentFor(t, a, ann).Get("Authorization")
	t.Run("TokenOfAnotherBridge", func(t *testing.T) {
		other := startBridge(t, "bearer")
		other.relay.pointAt(a.addr)
		other.browser(t, ann).expect(a, nobody)
	})
	t.Run("AssertionIsNoToken", func(t *testing.T) {
		browser := newBrowser(t, a.addr)
		browser.header.Set("Authorization", "Bearer "+b.issuer.Assertion(*ann))
		browser.expect(a, nobody)
	})
	t.Run("TokenIsNoAssertion", func(t *testing.T) {
		before := len(b.relay.requests(t))
		browser := newBrowser(t, b.addr)
		browser.header.Set(assertionHeader, strings.TrimPrefix(token, "Bearer "))
		if got := browser.get("/whoami"); got.status != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", got.status)
		}
		if n := len(b.relay.requests(t)) - before; n != 0 {
			t.Errorf("the app received %d requests", n)
		}
	})
}

var setupLines = regexp.MustCompile(`(?m)^#   (keys|iss|aud) +(\S+)$`)

func startExpress(t *testing.T, b *bridged) realApp {
	t.Helper()
	const install = "apt-get install nodejs npm, copy package.json and package-lock.json from testdata/express elsewhere, " +
		"run npm ci there, and set SSOBRIDGE_EXPRESS to that directory"
	node := requireProgram(t, "node", install)
	packages := filepath.Join(os.Getenv("SSOBRIDGE_EXPRESS"), "node_modules")
	if _, err := os.Stat(filepath.Join(packages, "jose")); os.Getenv("SSOBRIDGE_EXPRESS") == "" || err != nil {
		required(t, "express with jose", install)
	}
	says := make(map[string]string)
	for _, line := range setupLines.FindAllStringSubmatch(b.preset.Setup, -1) {
		says[line[1]] = line[2]
	}
	dir := t.TempDir()
	for _, name := range []string{"app.js", "package.json"} {
		write(t, dir, name, testdata(t, "express/"+name))
	}
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	addr, port := freeAddr(t)
	start(t, dir, []string{
		"PORT=" + port,
		"JWKS_URL=" + edit(t, says["keys"], "127.0.0.1:8080", b.addr, "NAME", "app"),
		"ISSUER=" + says["iss"],
		"AUDIENCE=" + edit(t, says["aud"], "NAME", "app"),
	}, node, "app.js").answers(t, addr, "/healthz")
	return realApp{
		addr:   addr,
		whoami: headerIdentity,
		ann:    identity{User: "ann@example.com", Role: "admin", Name: "Zoë Ann", Groups: "admins|sre"},
		bob:    identity{User: "bob@example.com", Role: "user", Name: "Bob", Groups: "sre"},
		bare:   identity{User: "bob@example.com", Role: "user"},
	}
}
