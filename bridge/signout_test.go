package bridge_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// logoutApp is an app that begins a session for whoever its header names, believes
// its cookie afterwards, and ends the session at /logout.
type logoutApp struct {
	mu   sync.Mutex
	seen []*http.Request
	// answers /logout; nil: 302 to /login.
	logout func(http.ResponseWriter)
}

func (a *logoutApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, r)
	switch {
	case r.URL.Path == "/logout" && a.logout != nil:
		a.logout(w)
	case r.URL.Path == "/logout":
		http.SetCookie(w, &http.Cookie{Name: "grafana_session", MaxAge: -1})
		w.Header().Set("Location", "/login")
		w.WriteHeader(http.StatusFound)
	default:
		if c, err := r.Cookie("grafana_session"); err == nil {
			_, _ = fmt.Fprint(w, c.Value)
			return
		}
		user := r.Header.Get("X-Webauth-User")
		http.SetCookie(w, &http.Cookie{Name: "grafana_session", Value: "session-of-" + user})
		_, _ = fmt.Fprint(w, "new session-of-"+user)
	}
}

func (a *logoutApp) last(t *testing.T) *http.Request {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seen) == 0 {
		t.Fatal("the app has received nothing")
	}
	return a.seen[len(a.seen)-1]
}

func (a *logoutApp) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

// tab is a browser at the app.
type tab struct {
	r   *rig
	jar map[string]string
}

func (b *tab) do(method, path string, who verifiertest.Claims, lines ...string) *http.Response {
	who.Audience = "grafana.example.com"
	lines = append([]string{method + " " + path + " HTTP/1.1", "Host: grafana.example.com", "X-Pomerium-Jwt-Assertion: " + b.r.issuer.Assertion(who)}, lines...)
	for name, value := range b.jar {
		lines = append(lines, "Cookie: "+name+"="+value)
	}
	resp := b.r.raw(strings.Join(lines, "\r\n") + "\r\nContent-Length: 0\r\n\r\n")
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
		} else {
			b.jar[c.Name] = c.Value
		}
	}
	return resp
}

var (
	signOutAnn = verifiertest.Claims{Subject: "ann-id", Email: "ann@example.com", SessionID: "1", Groups: []string{"sre@example.com"}}
	signOutBob = verifiertest.Claims{Subject: "bob-id", Email: "bob@example.com", SessionID: "2"}
	stranger   = verifiertest.Claims{Subject: "eve-id", Email: "eve@elsewhere.test"}
)

// TestAppsOwnSessionIsThePersons: the app believes its cookie before the headers, so
// nobody may bring another one's.
func TestAppsOwnSessionIsThePersons(t *testing.T) {
	app := &logoutApp{}
	b := &tab{newRig(t, withUpstream(app)), map[string]string{}}
	for _, step := range []struct {
		who  verifiertest.Claims
		want string
	}{
		{signOutAnn, "new session-of-ann@example.com"},
		{signOutAnn, "session-of-ann@example.com"},
		{signOutBob, "new session-of-bob@example.com"},
		{signOutBob, "session-of-bob@example.com"},
		{signOutAnn, "new session-of-ann@example.com"},
	} {
		resp := b.do("GET", "/", step.who)
		if got := body(t, resp); got != step.want {
			t.Fatalf("%s sees %q, want %q", step.who.Email, got, step.want)
		}
	}
	b.jar = map[string]string{"grafana_session": "session-of-bob@example.com"}
	if got := body(t, b.do("GET", "/", signOutAnn)); got != "new session-of-ann@example.com" {
		t.Errorf("with Bob's cookie, Ann sees %q", got)
	}
}

func TestSignOut(t *testing.T) {
	app := &logoutApp{}
	b := &tab{newRig(t, withUpstream(app)), map[string]string{}}
	b.do("GET", "/", signOutAnn)
	before := app.count()

	page := b.do("GET", "/.ssobridge/sign_out", signOutAnn, "Accept: text/html")
	wantStatus(t, page, http.StatusOK)
	html := body(t, page)
	for _, want := range []string{`<form method="post" action="/.ssobridge/sign_out">`, "ann@example.com"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if app.count() != before || len(b.jar) != 2 {
		t.Fatalf("asking has signed out: %v", b.jar)
	}

	resp := b.do("POST", "/.ssobridge/sign_out", signOutAnn, "Sec-Fetch-Site: same-origin")
	wantStatus(t, resp, http.StatusSeeOther)
	if got := resp.Header.Get("Location"); got != "/.pomerium/sign_out" {
		t.Errorf("on to %q", got)
	}
	if len(b.jar) != 0 {
		t.Errorf("the browser still has %v", b.jar)
	}
	told := app.last(t)
	if told.URL.Path != "/logout" || told.Header.Get("Cookie") != "grafana_session=session-of-ann@example.com" || told.Header.Get("X-Webauth-User") != "" {
		t.Errorf("the app was told %s with %v", told.URL, told.Header)
	}
	if told.Host != "grafana.example.com" || told.Header.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("the app was told by %q, %v", told.Host, told.Header)
	}
}

// TestCookieFromBeforeSignOut: the cookies are good for the sign-in that they are
// from and for no later one, although nothing remembers them.
func TestCookieFromBeforeSignOut(t *testing.T) {
	b := &tab{newRig(t, withUpstream(&logoutApp{})), map[string]string{}}
	b.do("GET", "/", signOutAnn)
	old := map[string]string{"grafana_session": b.jar["grafana_session"], session.SealName: b.jar[session.SealName]}
	b.do("POST", "/.ssobridge/sign_out", signOutAnn)
	b.jar = old
	again := signOutAnn
	again.SessionID = "3"
	if got := body(t, b.do("GET", "/", again)); got != "new session-of-ann@example.com" {
		t.Errorf("signed in again with the old cookies, she sees %q", got)
	}
}

func TestSignOutForcedByAnotherSite(t *testing.T) {
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://evil.example.com"} {
		t.Run(header, func(t *testing.T) {
			app := &logoutApp{}
			b := &tab{newRig(t, withUpstream(app)), map[string]string{}}
			b.do("GET", "/", signOutAnn)
			wantStatus(t, b.do("POST", "/.ssobridge/sign_out", signOutAnn, header), http.StatusForbidden)
			if app.count() != 1 || len(b.jar) != 2 {
				t.Errorf("it has signed out: %v", b.jar)
			}
		})
	}
}

func TestSignOutNeedsAnAssertion(t *testing.T) {
	r := newRig(t)
	for _, method := range []string{"GET", "POST"} {
		wantStatus(t, r.raw(method+" /.ssobridge/sign_out HTTP/1.1\r\nHost: grafana.example.com\r\nContent-Length: 0\r\n\r\n"), http.StatusUnauthorized)
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
	wantStatus(t, (&tab{r, nil}).do("PUT", "/.ssobridge/sign_out", signOutAnn), http.StatusMethodNotAllowed)
}

// TestSignOutWithoutRole: who has lost their role can leave, and the app is not told
// of somebody whom it does not know.
func TestSignOutWithoutRole(t *testing.T) {
	app := &logoutApp{}
	b := &tab{newRig(t, withUpstream(app)), map[string]string{}}
	wantStatus(t, b.do("POST", "/.ssobridge/sign_out", stranger), http.StatusSeeOther)
	if app.count() != 0 {
		t.Error("the app was asked")
	}
}

func TestAppThatFailsToSignOut(t *testing.T) {
	app := &logoutApp{logout: func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }}
	b := &tab{newRig(t, withUpstream(app)), map[string]string{}}
	b.do("GET", "/", signOutAnn)
	wantStatus(t, b.do("POST", "/.ssobridge/sign_out", signOutAnn), http.StatusSeeOther)
	if len(b.jar) != 0 {
		t.Errorf("the browser still has %v", b.jar)
	}
	if log := b.r.log.String(); !strings.Contains(log, "perhaps not in the app") || strings.Contains(log, "session-of-ann") {
		t.Errorf("the log says:\n%s", log)
	}
}

// TestAppsOwnLogout goes on to Pomerium's only where the configuration says so.
func TestAppsOwnLogout(t *testing.T) {
	const everywhere = `
[adapter.everywhere]
extends = "grafana"
logout  = { path = "/logout", everywhere = true }
`
	for _, test := range []struct{ name, config, want string }{
		{"here", rigConfig, "/login"},
		{"everywhere", strings.Replace(rigConfig, `"grafana"`, `"everywhere"`, 1) + everywhere, "/.pomerium/sign_out"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &tab{newRig(t, withUpstream(&logoutApp{}), withConfig(test.config)), map[string]string{}}
			b.do("GET", "/", signOutAnn)
			resp := b.do("GET", "/logout", signOutAnn)
			wantStatus(t, resp, http.StatusFound)
			if got := resp.Header.Get("Location"); got != test.want {
				t.Errorf("on to %q, want %q", got, test.want)
			}
			if len(b.jar) != 0 {
				t.Errorf("the browser still has %v", b.jar)
			}
		})
	}
}
