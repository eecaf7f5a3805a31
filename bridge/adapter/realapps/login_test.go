package realapps_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// djangoCredentials are of people whom the app knows, and of some whom it does not.
const djangoCredentials = `
[email."ann@example.com"]
username = "ann"
password = "correct horse & battery + staple"
[email."bob@example.com"]
username = "bob"
password = "пароль = öäü %41"
[email."eve@example.com"]
username = "ann"
password = "canary"
[email."gone@example.com"]
username = "gone"
password = "gone"
`

// direct asks an app as the bridge does: for its public host, over TLS as far as the
// app is told, and without following anything.
type direct struct {
	t    *testing.T
	addr string
}

func (d direct) Do(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL = &url.URL{Scheme: "http", Host: d.addr, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	out.Host = host
	out.Header.Set("X-Forwarded-Proto", "https")
	return (&http.Transport{DisableKeepAlives: true}).RoundTrip(out)
}

// ask sends a request with cookies. It returns what the app takes it for, if it says.
func (d direct) ask(method, path, body string, cookies []*http.Cookie) (status int, location, user string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range cookies {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	resp, err := d.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	var said struct{ User string }
	_ = json.Unmarshal(text, &said) // or it is a page
	return resp.StatusCode, resp.Header.Get("Location"), said.User
}

// startDjangoLogin runs a Django app with its own login form, by the preset's setup,
// and opens the preset for it.
func startDjangoLogin(t *testing.T) (adapter.SessionStarter, direct) {
	t.Helper()
	setup := setupOf(t, "django-login")
	dir := t.TempDir()
	write(t, dir, "myapp/__init__.py", "")
	write(t, dir, "myapp/settings.py", testdata(t, "django-login/myapp/settings.py")+section(t, setup, "# settings.py", "# The file"))
	for _, name := range []string{"urls.py", "wsgi.py", "templates/login.html"} {
		write(t, dir, "myapp/"+name, testdata(t, "django-login/myapp/"+name))
	}
	app := startGunicorn(t, dir, setup, "django")
	bridge := t.TempDir()
	write(t, bridge, "django.credentials.toml", djangoCredentials)
	write(t, bridge, "ssobridge.toml", `
[issuer.pomerium]
jwks_url = "https://`+host+`/.well-known/pomerium/jwks.json"
[app.app]
host     = "`+host+`"
upstream = "http://`+app.addr+`"
adapter  = "ours"
rule     = [{ role = "user", emails = ["*@example.com"] }]
[adapter.ours]
extends     = "django-login"
credentials = { file = "django.credentials.toml" }
`)
	c, err := config.Load(filepath.Join(bridge, "ssobridge.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return c.Apps[0].Adapter.(adapter.SessionStarter), direct{t, app.addr}
}

// TestDjangoLogin signs people in to Django by its own form, with the token that it
// asks for.
func TestDjangoLogin(t *testing.T) {
	starter, app := startDjangoLogin(t)
	start := func(email string) ([]*http.Cookie, error) {
		return starter.StartSession(t.Context(), adapter.Input{
			Principal: &verifier.Principal{Subject: email, Email: email}, Decision: mapping.Decision{Roles: []string{"user"}, Rule: 1}, Time: time.Now(),
		}, app)
	}
	// If one of these fails, signing in proves nothing.
	if status, location, _ := app.ask(http.MethodGet, "/", "", nil); status != http.StatusFound || !starter.SessionPlan().Ended(status, location) {
		t.Fatalf("nobody: status %d, Location %q", status, location)
	}
	form := url.Values{"username": {"ann"}, "password": {"correct horse & battery + staple"}}.Encode()
	if status, _, _ := app.ask(http.MethodPost, "/accounts/login/", form, nil); status != http.StatusForbidden {
		t.Fatalf("without a token: status %d", status)
	}
	sessions := map[string][]*http.Cookie{}
	for _, user := range []string{"ann", "bob"} {
		cookies, err := start(user + "@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if len(cookies) != 1 || cookies[0].Name != "sessionid" || !cookies[0].Secure || !cookies[0].HttpOnly || cookies[0].MaxAge != 28800 {
			t.Errorf("%s: %v", user, cookies)
		}
		sessions[user] = cookies
	}
	for user, cookies := range sessions {
		if status, _, got := app.ask(http.MethodGet, "/", "", cookies); status != http.StatusOK || got != user {
			t.Errorf("Django takes %s for %q, status %d", user, got, status)
		}
	}
	for email, want := range map[string]error{
		"eve@example.com": adapter.ErrSignInFailed, "gone@example.com": adapter.ErrSignInFailed, "zoe@example.com": adapter.ErrUnsendable,
	} {
		if cookies, err := start(email); !errors.Is(err, want) || cookies != nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, %v", email, cookies, err)
		}
	}
	if _, err := start("eve@example.com"); err == nil || !strings.HasSuffix(err.Error(), "POST /accounts/login/: answered with status 200, want 302") {
		t.Errorf("the wrong password: %v", err)
	}
	// Django 5 and later sign out by POST alone; this is of 3.2.
	app.ask(http.MethodGet, "/accounts/logout/", "", sessions["ann"])
	if status, location, _ := app.ask(http.MethodGet, "/", "", sessions["ann"]); !starter.SessionPlan().Ended(status, location) {
		t.Errorf("after signing out: status %d, Location %q", status, location)
	}
	if _, _, got := app.ask(http.MethodGet, "/", "", sessions["bob"]); got != "bob" {
		t.Errorf("Bob is %q after Ann has left", got)
	}
}
