package bridge_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/session/store"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// smuggled are ways to write a cookie so that some server reads it by another name
// than others do; %s is "name=value". All of them were read so by the server named.
var smuggled = map[string]string{
	"white space of Unicode, Werkzeug 3": "\u00a0%s",
	"a space of Unicode, Werkzeug 3":     "\u2003%s",
	"next line as Latin-1, Starlette":    "\x85%s",
	"after a space, http.cookies":        "theme=dark %s",
	"after a tab, http.cookies":          "theme=dark\t%s",
	"after a quoted text, http.cookies":  `theme="a b" %s`,
	"after a comma, RFC 2965":            "theme=dark,%s",
	"after a version, RFC 2965":          `$Version=1; theme="dark", %s`,
	"in quotes":                          `theme="dark; %s"`,
	"a quoted name":                      `"%s`,
	"no name, Werkzeug 2.2.2":            "=%s",
	"no name twice, Werkzeug 2.2.2":      "==%s",
	"an encoded blank, PHP 7.4.10":       "%20%s",
	"a plus, PHP 7.4.10":                 "+%s",
}

// spelt are names that some server takes for shop_sid.
var spelt = []string{"SHOP_SID", "shop-sid", "shop.sid", "shop sid", "shop[sid", "shop%5Fsid", "%73hop_sid", "shop_sid%00x", `"\163hop_sid"`, "shop_sid ", "shop_sid\u00a0", `"shop_sid"`}

func smuggledCookies(name, value string) map[string]string {
	lines := map[string]string{"with spaces": "theme=dark " + name + " = " + value}
	for what, form := range smuggled {
		lines[what] = strings.Replace(form, "%s", name+"="+value, 1)
	}
	for _, spelling := range spelt {
		lines[spelling] = strings.Replace(spelling, "shop_sid", name, 1) + "=" + value
	}
	return lines
}

// TestSessionCookieSmuggledByHowServersReadIt: Ann still has the session that she had
// as another role, or somebody else's, and knows how the app reads cookies.
func TestSessionCookieSmuggledByHowServersReadIt(t *testing.T) {
	guarded := strings.Replace(rigConfig, `"grafana"`, `"guarded"`, 1) + `
[adapter.guarded]
kind            = "headers"
session_cookies = ["shop_sid"]
header          = { X-Webauth-User = { from = "email", required = true }, X-Webauth-Role = { from = "role" } }
`
	stripped := strings.Replace(rigConfig, `"grafana"`, `"stripped"`, 1) + `
[adapter.stripped]
kind          = "headers"
strip_cookies = ["shop_sid"]
header        = { X-Webauth-User = { from = "email", required = true }, X-Webauth-Role = { from = "role" } }
`
	for kind, config := range map[string]string{"guarded": guarded, "stripped": stripped} {
		for what, line := range smuggledCookies("shop_sid", "evil") {
			t.Run(kind+"/"+what, func(t *testing.T) {
				r := newRig(t, withConfig(config))
				wantStatus(t, r.get("Cookie: kept=1; "+line+"; also=2"), http.StatusOK)
				for _, got := range lines(r.upstream.last(t), "Cookie") {
					if strings.Contains(got, "evil") || !strings.Contains(got, "kept=1") || !strings.Contains(got, "also=2") {
						t.Errorf("of %q, the app receives %q", line, got)
					}
				}
			})
		}
	}
}

// TestCookiesOfTheAppAreLeftAlone: what no server takes for another cookie is passed
// on to the byte.
func TestCookiesOfTheAppAreLeftAlone(t *testing.T) {
	r := newRig(t)
	const line = `Cookie: a=grafana_session; b="grafana_session"; c=x=grafana_session=y; d={"grafana_session":1}; e=1,2, 3; f=Zo` + "\u00eb" + ` ok; my_grafana_session=1`
	wantStatus(t, r.get(line), http.StatusOK)
	if got := lines(r.upstream.last(t), "Cookie"); len(got) != 1 || got[0] != line {
		t.Errorf("the app receives %q, want %q", got, line)
	}
}

// loginConfig has an app that is signed in to, by a header for the role too; the
// placeholders are for the upstream.
const loginConfig = `
[issuer.pomerium]
public_key_file = "key.pem"

[app.shop]
host     = "grafana.example.com"
upstream = "http://%%s"
adapter  = "shop"

[[app.shop.rule]]
role   = "clerk"
groups = ["sre@example.com"]

[adapter.shop]
kind    = "login"
cookies = ["sid"]
request = { path = "/login" }
success = { status = [302] }
deliver = %q
logout  = { path = "/leave", method = "POST", everywhere = true }
[adapter.shop.header]
X-User = { from = "email", required = true }
X-Role = { from = "role" }
`

// accountsApp gives a session to whom X-User names at /login.
type accountsApp struct {
	mu    sync.Mutex
	asked []string
}

func (a *accountsApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Cookie"))
	switch {
	case r.URL.Path == "/login" && r.Header.Get("X-User") != "":
		w.Header().Set("Set-Cookie", fmt.Sprintf("sid=%s-%s-%d", r.Header.Get("X-User"), r.Header.Get("X-Role"), len(a.asked)))
		w.Header().Set("Location", "/")
		w.WriteHeader(http.StatusFound)
	case r.URL.Path == "/leave":
		w.Header().Set("Location", "/left")
		w.WriteHeader(http.StatusFound)
	default:
		_, _ = io.WriteString(w, r.Header.Get("Cookie"))
	}
}

func (a *accountsApp) count(what string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, asked := range a.asked {
		if strings.HasPrefix(asked, what) {
			n++
		}
	}
	return n
}

func newAccountsTab(t *testing.T, deliver string) (*tab, *accountsApp) {
	t.Helper()
	app := &accountsApp{}
	return &tab{newRig(t, withUpstream(app), withConfig(fmt.Sprintf(loginConfig, deliver))), map[string]string{}}, app
}

// TestSignOutOfTheDemoted: no rule gives Ann a role any more. Nothing of her session
// may be left for who is next at that browser.
func TestSignOutOfTheDemoted(t *testing.T) {
	for _, deliver := range []string{"browser", "upstream"} {
		t.Run(deliver, func(t *testing.T) {
			b, app := newAccountsTab(t, deliver)
			first := body(t, b.do("GET", "/", signOutAnn))
			demoted := signOutAnn
			demoted.Groups = nil
			wantStatus(t, b.do("GET", "/", demoted), http.StatusForbidden)
			wantStatus(t, b.do("POST", "/.ssobridge/sign_out", demoted), http.StatusSeeOther)
			if len(b.jar) != 0 {
				t.Errorf("the browser still has %v", b.jar)
			}
			if again := body(t, b.do("GET", "/", signedInAgain(signOutAnn))); deliver == "upstream" && again == first {
				t.Errorf("the session from before has been kept: %q", again)
			}
			if app.count("POST /leave") != 0 {
				t.Errorf("the app was asked %q", app.asked)
			}
		})
	}
}

// TestSignOutWithoutASession asks nothing of the app.
func TestSignOutWithoutASession(t *testing.T) {
	for _, deliver := range []string{"browser", "upstream"} {
		b, app := newAccountsTab(t, deliver)
		wantStatus(t, b.do("POST", "/.ssobridge/sign_out", signOutAnn), http.StatusSeeOther)
		if len(app.asked) != 0 {
			t.Errorf("the app was asked %q", app.asked)
		}
		b.do("GET", "/", signedInAgain(signOutAnn))
		wantStatus(t, b.do("POST", "/.ssobridge/sign_out", signedInAgain(signOutAnn)), http.StatusSeeOther)
		if app.count("POST /leave sid=ann@example.com-clerk-") != 1 {
			t.Errorf("the app was asked %q", app.asked)
		}
	}
}

// TestLogoutPathByAnotherMethod does not sign anybody out of Pomerium: an image of
// another site would be enough.
func TestLogoutPathByAnotherMethod(t *testing.T) {
	b, _ := newAccountsTab(t, "browser")
	for method, want := range map[string]string{"GET": "/left", "POST": "/.pomerium/sign_out"} {
		if got := b.do(method, "/leave", signOutAnn).Header.Get("Location"); got != want {
			t.Errorf("%s leads on to %q, want %q", method, got, want)
		}
	}
}

// TestSessionsAreNeitherLoggedNorCounted by what stands in them: that they are foreign,
// or begun, is all.
func TestSessionsAreNeitherLoggedNorCounted(t *testing.T) {
	for _, deliver := range []string{"browser", "upstream"} {
		b, _ := newAccountsTab(t, deliver)
		brought := canary()
		b.jar = map[string]string{"__Host-sid": brought, session.SealName: brought, "sid": brought}
		issued := strings.TrimPrefix(body(t, b.do("GET", "/", signOutAnn)), "sid=")
		b.do("GET", "/", signOutAnn, "Cookie: __Host-sid="+brought)
		b.do("POST", "/.ssobridge/sign_out", signOutAnn)
		b.do("POST", "/.ssobridge/sign_out", stranger)
		metrics := httptest.NewRecorder()
		b.r.metrics.Handler().ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for what, text := range map[string]string{"log": b.r.log.String(), "metrics": metrics.Body.String()} {
			if strings.Contains(text, brought) || strings.Contains(text, issued) {
				t.Errorf("%s, %s:\n%s", deliver, what, text)
			}
		}
	}
}

// TestSignOutPageCannotBeFramedKeptOrSteered elsewhere.
func TestSignOutPageCannotBeFramedKeptOrSteered(t *testing.T) {
	b, app := newAccountsTab(t, "browser")
	page := b.do("GET", "/.ssobridge/sign_out?to=https://evil.example.com&next=//evil.example.com", signOutAnn, "X-Forwarded-Host: evil.example.com")
	wantStatus(t, page, http.StatusOK)
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the policy is %q", policy)
	}
	if page.Header.Get("Cache-Control") != "no-store" || strings.Contains(body(t, page), "evil") {
		t.Errorf("%v", page.Header)
	}
	done := b.do("POST", "/.ssobridge/sign_out?to=https://evil.example.com", signOutAnn)
	if got := done.Header.Get("Location"); got != "/.pomerium/sign_out" || done.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("on to %q with %v", got, done.Header)
	}
	if len(app.asked) != 0 {
		t.Errorf("the app was asked %q", app.asked)
	}
}

// TestSubjectThatIsMarkup stands on the page as it is written.
func TestSubjectThatIsMarkup(t *testing.T) {
	b, _ := newAccountsTab(t, "browser")
	who := signOutAnn
	who.Subject, who.Email = "<script>alert(1)</script>", ""
	if html := body(t, b.do("GET", "/.ssobridge/sign_out", who)); strings.Contains(html, "<script>") || !strings.Contains(html, "&lt;script&gt;") {
		t.Errorf("%s", html)
	}
}

// signedInAgain is somebody after their next sign-in at Pomerium.
func signedInAgain(who verifiertest.Claims) verifiertest.Claims {
	who.SessionID += "-again"
	return who
}

// TestSignOutEndsWebSockets of the person's session at Pomerium, and of no other.
func TestSignOutEndsWebSockets(t *testing.T) {
	w := newWebSockets(t, rigConfig)
	b := &tab{w.rig, map[string]string{}}
	elsewhere := signOutAnn
	elsewhere.SessionID = "another browser's"
	mine, others, bobs := w.dial(t, signOutAnn), w.dial(t, elsewhere), w.dial(t, signOutBob)
	wantStatus(t, b.do("POST", "/.ssobridge/sign_out", signOutAnn, "Sec-Fetch-Site: cross-site"), http.StatusForbidden)
	wantStatus(t, b.do("POST", "/.ssobridge/sign_out", signOutAnn), http.StatusSeeOther)
	w.wantGoingAway(t, mine, "signed out")
	for _, c := range []*websocket.Conn{others, bobs} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte("still there")); err != nil {
			t.Fatal(err)
		}
		if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "still there" {
			t.Errorf("somebody else's WebSocket: %q, %v", msg, err)
		}
	}
}

// TestWebSocketThatReconnectsAfterSignOut brings an assertion of the session that was
// signed out, which Pomerium signed before or after that. Neither lets it in, to any app.
func TestWebSocketThatReconnectsAfterSignOut(t *testing.T) {
	w := newWebSockets(t, rigConfig)
	b := &tab{w.rig, map[string]string{}}
	w.dial(t, signOutAnn)
	wantStatus(t, b.do("POST", "/.ssobridge/sign_out", signOutAnn), http.StatusSeeOther)
	asked := w.asked.Load()
	claims := signOutAnn
	claims.Audience = "grafana.example.com"
	_, resp, err := websocket.Dial(t.Context(), "ws://"+w.addr+"/api/live/ws", &websocket.DialOptions{
		Host: "grafana.example.com", HTTPClient: newClient(t),
		HTTPHeader: http.Header{"X-Pomerium-Jwt-Assertion": {w.issuer.Assertion(claims)}},
	})
	if err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("a WebSocket of the session that has ended: %v", err)
	}
	resp = b.do("GET", "/", signOutAnn)
	wantStatus(t, resp, http.StatusUnauthorized)
	if text := body(t, resp); !strings.Contains(text, `"signed_out"`) {
		t.Errorf("the answer is %s", text)
	}
	if w.asked.Load() != asked {
		t.Error("the app was asked for somebody who has signed out")
	}
	wantStatus(t, b.do("POST", "/.ssobridge/sign_out", signOutAnn), http.StatusSeeOther) // once more does no harm
	w.dial(t, signedInAgain(signOutAnn))
	w.dial(t, signOutBob)
}

// TestSignOutEndsWebSocketsAtOtherReplicas that share the store of sessions.
func TestSignOutEndsWebSocketsAtOtherReplicas(t *testing.T) {
	shared := store.NewMemory(store.MemoryOptions{})
	at := &clock{now: time.Now()}
	replica := func() *webSockets {
		keeper := session.NewKeeper(session.Options{Store: shared, Now: at.Now})
		return newWebSockets(t, rigConfig, withNow(at.Now), withSessions(keeper))
	}
	one, other := replica(), replica()
	other.issuer = one.issuer
	other.swap(rigConfig)
	mine, bobs := other.dial(t, signOutAnn), other.dial(t, signOutBob)
	wantStatus(t, (&tab{one.rig, map[string]string{}}).do("POST", "/.ssobridge/sign_out", signOutAnn), http.StatusSeeOther)
	at.add(2 * time.Second) // an answer of the store counts for one
	if !other.timers.fireReview() {
		t.Fatal("nobody reviews open streams")
	}
	other.wantGoingAway(t, mine, "signed out")
	other.wantAlive(t, bobs)
	claims := signOutAnn
	claims.Audience = "grafana.example.com"
	resp := other.ask("grafana.example.com", "/", "X-Pomerium-Jwt-Assertion: "+other.issuer.Assertion(claims))
	wantStatus(t, resp, http.StatusUnauthorized)
}
