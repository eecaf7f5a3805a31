package demo

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/request"
)

// sessionCookie is the cookie's name on every host. `curl -b _pomerium_demo=ann`
// is Ann.
const sessionCookie = "_pomerium_demo"

// maxForm bounds the sign-in form. As an assertion, even groups of that size
// are below ssobridge's own limit.
const maxForm = 32 << 10

// session returns the session that a request's cookie names.
func (p *pomerium) session(r *http.Request) (cookie string, s session, ok bool) {
	for _, c := range r.CookiesNamed(sessionCookie) {
		if s, ok := p.sessions.find(c.Value); ok {
			return c.Value, s, true
		}
	}
	return "", session{}, false
}

// setCookie names a session to the browser, for this host only. An empty value
// takes the cookie away.
func setCookie(w http.ResponseWriter, value string) {
	c := &http.Cookie{ //nolint:gosec // not Secure: everything is on loopback, without TLS
		Name: sessionCookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// authHandler serves the host where one signs in. Pages of other sites must not
// post to it: they could make a browser somebody whom its user did not pick.
func (p *pomerium) authHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		p.showSignIn(w, r, http.StatusOK, signInPage{Redirect: r.URL.Query().Get("redirect")})
	})
	mux.HandleFunc("POST /{$}", p.signIn)
	mux.HandleFunc("GET "+signInPath, p.signInOnce)
	mux.HandleFunc("GET "+signOutPath, p.signOut)
	mux.HandleFunc("POST "+signOutPath, p.signOut)
	return http.NewCrossOriginProtection().Handler(mux)
}

// demandSignIn answers a request without a session.
func (p *pomerium) demandSignIn(w http.ResponseWriter, r *http.Request, app sampleApp) {
	here := target{app, r.URL.RequestURI()}
	w.Header().Set("Cache-Control", "no-store")
	if wantsHTML(r) {
		http.Redirect(w, r, p.site.signInURL(signInPath, here), http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = fmt.Fprintf(w, `The stand-in for Pomerium does not know who you are.

In a browser, open %[1]s and pick somebody.
With curl, be one of the sample people:

  curl -b %[2]s=ann %[1]s
`, p.site.url(app.Host, "/"), sessionCookie)
}

// signInOnce is where an app's host sends a browser that it has no cookie of.
// Whoever has signed in goes on; the others pick somebody first.
func (p *pomerium) signInOnce(w http.ResponseWriter, r *http.Request) {
	redirect := r.URL.Query().Get("redirect")
	t, err := p.site.target(redirect)
	cookie, _, ok := p.session(r)
	if err != nil || !ok {
		p.showSignIn(w, r, http.StatusOK, signInPage{Redirect: redirect})
		return
	}
	p.goOn(w, r, cookie, t)
}

// goOn sends a browser to t, by way of the callback that gives it its cookie
// there.
func (p *pomerium) goOn(w http.ResponseWriter, r *http.Request, cookie string, t target) {
	code := p.sessions.issueCode(cookie, t)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, p.site.url(t.app.Host, callbackPath+"?code="+code), http.StatusSeeOther)
}

// callback is on an app's host.
func (p *pomerium) callback(w http.ResponseWriter, r *http.Request, app sampleApp) {
	cookie, t, ok := p.sessions.redeemCode(r.URL.Query().Get("code"), app.Host)
	if !ok {
		p.say(w, http.StatusBadRequest, "This sign-in is used up", "A sign-in can be used once, within a minute. Begin again at the address below.")
		return
	}
	setCookie(w, cookie)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, p.site.targetURL(t), http.StatusSeeOther)
}

// signIn takes the form of the sign-in page.
func (p *pomerium) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.say(w, http.StatusBadRequest, "This form cannot be read", "It is broken, or longer than the demo takes.")
		return
	}
	redirect := r.PostForm.Get("redirect")
	t, err := p.site.target(redirect)
	if redirect != "" && err != nil {
		p.refuseTarget(w)
		return
	}
	who, problem := personOf(r.PostForm)
	if problem != "" {
		p.showSignIn(w, r, http.StatusUnprocessableEntity, signInPage{Redirect: redirect, Problem: problem, Typed: who})
		return
	}
	cookie, _, _ := p.session(r)
	cookie = p.sessions.signIn(cookie, who)
	setCookie(w, cookie)
	if redirect != "" {
		p.goOn(w, r, cookie, t)
		return
	}
	http.Redirect(w, r, p.site.url(authHost, "/"), http.StatusSeeOther)
}

// personOf reads who somebody wants to be. If it cannot be, it says why and
// returns what they typed.
func personOf(form url.Values) (who person, problem string) {
	if key := form.Get("person"); key != "" {
		who, ok := samplePerson(key)
		if !ok {
			return person{}, "There is no such sample person."
		}
		return who, ""
	}
	who = person{Email: strings.TrimSpace(form.Get("email")), Name: strings.TrimSpace(form.Get("name"))}
	for line := range strings.Lines(form.Get("groups")) {
		if group := strings.TrimRight(line, "\r\n"); group != "" {
			who.Groups = append(who.Groups, group)
		}
	}
	if who.Email == "" {
		return who, "Give yourself an email address."
	}
	return who, ""
}

// signOut ends the session for all apps, on whichever host it is asked for, and
// ends on the host where one signs in, which has a cookie of its own.
func (p *pomerium) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, _, ok := p.session(r); ok {
		p.sessions.signOut(cookie)
	}
	setCookie(w, "")
	w.Header().Set("Cache-Control", "no-store")
	if request.NormalizeHost(r.Host) != authHost {
		http.Redirect(w, r, p.site.url(authHost, signOutPath), http.StatusSeeOther)
		return
	}
	p.showSignIn(w, r, http.StatusOK, signInPage{Notice: "You are signed out of every app."})
}
