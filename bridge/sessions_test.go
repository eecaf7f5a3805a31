package bridge_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// shopSecret is what the shop signs its cookies with.
const shopSecret = "the shop's own secret, 32 bytes or more"

// sessionsConfig has the shop, whose sessions ssobridge writes; the placeholders are
// for the upstream, the secret's file and where cookies are kept.
const sessionsConfig = `
[issuer.pomerium]
public_key_file = "key.pem"

[app.shop]
host     = "grafana.example.com"
upstream = "http://%%s"
adapter  = "shop"

[[app.shop.rule]]
role   = "clerk"
groups = ["sre@example.com"]

[[app.shop.rule]]
role   = "customer"
emails = ["*@example.com"]

[adapter.shop]
kind    = "session"
codec   = "gorilla"
cookie  = "shop"
secrets = [{ file = %q }]
deliver = %q
logout  = { path = "/leave", method = "POST", everywhere = true }
[adapter.shop.fields]
user = { from = "email", required = true }
role = { from = "role" }
`

// shop is an app on gorilla/sessions that believes its session and nothing else. It
// counts visits in it.
type shop struct {
	store *sessions.CookieStore
	mu    sync.Mutex
	// crossed is told of a session that says somebody else than the request does.
	crossed func(string)
}

func newShop(crossed func(string)) *shop {
	s := &shop{store: sessions.NewCookieStore([]byte(shopSecret)), crossed: crossed}
	s.store.MaxAge(30 * 24 * 3600)
	return s
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	session, err := s.store.Get(r, "shop")
	user, _ := session.Values["user"].(string)
	role, _ := session.Values["role"].(string)
	if err != nil || user == "" {
		http.Error(w, "nobody", http.StatusUnauthorized)
		return
	}
	if want := r.URL.Query().Get("who"); want != "" && want != user+"/"+role {
		s.mu.Lock()
		s.crossed(want + " is " + user + "/" + role)
		s.mu.Unlock()
	}
	switch r.URL.Path {
	case "/leave":
		session.Options.MaxAge = -1
		_ = session.Save(r, w)
		http.Redirect(w, r, "/welcome", http.StatusFound)
		return
	case "/count":
		visits, _ := session.Values["visits"].(float64)
		session.Values["visits"] = visits + 1
		_ = session.Save(r, w)
	case "/become":
		session.Values["user"] = r.URL.Query().Get("user")
		_ = session.Save(r, w)
	}
	_, _ = fmt.Fprintf(w, "%s/%s/%v", user, role, session.Values["visits"])
}

func newShopTab(t *testing.T, deliver string) *tab {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "shop.secret")
	if err := os.WriteFile(secret, []byte(shopSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	app := newShop(func(what string) { t.Error(what) })
	return &tab{newRig(t, withUpstream(app), withConfig(fmt.Sprintf(sessionsConfig, secret, deliver))), map[string]string{}}
}

func (b *tab) sees(t *testing.T, who verifiertest.Claims, path, want string) {
	t.Helper()
	if got := strings.TrimSpace(body(t, b.do("GET", path, who))); got != want {
		t.Errorf("%s at %s sees %q, want %q", who.Email, path, got, want)
	}
}

func TestShopBelievesTheSession(t *testing.T) {
	for _, deliver := range []string{"browser", "upstream"} {
		t.Run(deliver, func(t *testing.T) {
			b := newShopTab(t, deliver)
			b.sees(t, signOutAnn, "/", "ann@example.com/clerk/<nil>")
			b.sees(t, signOutAnn, "/count", "ann@example.com/clerk/1")
			b.sees(t, signOutAnn, "/count", "ann@example.com/clerk/2")
			if deliver == "upstream" && len(b.jar) != 0 {
				t.Errorf("the browser has %v", b.jar)
			}
			if deliver == "browser" && (len(b.jar) != 1 || b.jar["__Host-shop"] == "") {
				t.Errorf("the browser has %v", b.jar)
			}

			// Another person in the same browser, and Ann with another role.
			b.sees(t, signOutBob, "/count", "bob@example.com/customer/1")
			demoted := signOutAnn
			demoted.Groups = nil
			b.sees(t, demoted, "/count", "ann@example.com/customer/1")

			// The app cannot make somebody of a session who they are not.
			b.sees(t, demoted, "/become?user=root@example.com", "ann@example.com/customer/1")
			b.sees(t, demoted, "/", "ann@example.com/customer/<nil>")
		})
	}
}

// TestShopWithoutAssertion: the cookie alone lets nobody in.
func TestShopWithoutAssertion(t *testing.T) {
	b := newShopTab(t, "browser")
	b.sees(t, signOutAnn, "/", "ann@example.com/clerk/<nil>")
	request := "GET / HTTP/1.1\r\nHost: grafana.example.com\r\nCookie: __Host-shop=" + b.jar["__Host-shop"] + "\r\n\r\n"
	wantStatus(t, b.r.raw(request), http.StatusUnauthorized)
}

// TestShopsCookieByItsOwnName: only what the bridge calls it is looked at.
func TestShopsCookieByItsOwnName(t *testing.T) {
	b := newShopTab(t, "browser")
	b.sees(t, signOutAnn, "/count", "ann@example.com/clerk/1")
	for _, name := range []string{"shop", "Shop", "SHOP"} {
		b.jar[name] = b.jar["__Host-shop"]
	}
	b.sees(t, signOutBob, "/", "bob@example.com/customer/<nil>")
}

func TestShopSignOut(t *testing.T) {
	for _, deliver := range []string{"browser", "upstream"} {
		t.Run(deliver, func(t *testing.T) {
			b := newShopTab(t, deliver)
			b.sees(t, signOutAnn, "/count", "ann@example.com/clerk/1")
			resp := b.do("POST", "/leave", signOutAnn)
			if got := resp.Header.Get("Location"); got != "/.pomerium/sign_out" || len(b.jar) != 0 {
				t.Errorf("on to %q with %v", got, b.jar)
			}
			b.sees(t, signOutAnn, "/count", "ann@example.com/clerk/1")
			wantStatus(t, b.do("POST", "/.ssobridge/sign_out", signOutAnn), http.StatusSeeOther)
			if len(b.jar) != 0 {
				t.Errorf("the browser still has %v", b.jar)
			}
			wantStatus(t, b.do("GET", "/", signOutAnn), http.StatusUnauthorized)
			b.sees(t, signedInAgain(signOutAnn), "/", "ann@example.com/clerk/<nil>")
		})
	}
}

// TestTwoPeopleInOneBrowserNeverMix interleaves requests of two people, and of one of
// them in two roles, that share one browser's cookies.
func TestTwoPeopleInOneBrowserNeverMix(t *testing.T) {
	for _, deliver := range []string{"browser", "upstream"} {
		t.Run(deliver, func(t *testing.T) {
			b := newShopTab(t, deliver)
			demoted := signOutAnn
			demoted.Groups = nil
			people := []struct {
				claims verifiertest.Claims
				who    string
			}{
				{signOutAnn, "ann@example.com/clerk"}, {demoted, "ann@example.com/customer"}, {signOutBob, "bob@example.com/customer"},
			}
			var (
				mu  sync.Mutex
				jar = map[string]string{}
				g   sync.WaitGroup
			)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
			defer client.CloseIdleConnections()
			for worker := range 8 {
				g.Go(func() {
					for i := range 40 {
						p := people[(worker+i)%len(people)]
						claims := p.claims
						claims.Audience = "grafana.example.com"
						req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.r.addr+"/count?who="+p.who, nil)
						if err != nil {
							t.Error(err)
							return
						}
						req.Host = "grafana.example.com"
						req.Header.Set("X-Pomerium-Jwt-Assertion", b.r.issuer.Assertion(claims))
						mu.Lock()
						for name, value := range jar {
							req.AddCookie(&http.Cookie{Name: name, Value: value})
						}
						mu.Unlock()
						resp, err := client.Do(req)
						if err != nil {
							t.Error(err)
							return
						}
						text, _ := io.ReadAll(resp.Body)
						_ = resp.Body.Close()
						if resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), p.who+"/") {
							t.Errorf("%s sees %d %q", p.who, resp.StatusCode, text)
						}
						mu.Lock()
						for _, c := range resp.Cookies() {
							if c.MaxAge < 0 {
								delete(jar, c.Name)
							} else {
								jar[c.Name] = c.Value
							}
						}
						mu.Unlock()
					}
				})
			}
			g.Wait()
		})
	}
}
