package demo

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/request"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// Pomerium's own paths on every host that it serves.
const (
	pomeriumPath = "/.pomerium/"
	signInPath   = "/.pomerium/sign_in"
	callbackPath = "/.pomerium/callback"
	signOutPath  = "/.pomerium/sign_out"
	// jwtPath is off in a Pomerium that is not told otherwise.
	jwtPath = "/.pomerium/jwt"
)

// assertionHeader is where Pomerium puts the assertion.
const assertionHeader = "X-Pomerium-Jwt-Assertion"

// pomerium stands in for Pomerium and the identity provider behind it: it lets
// one pick who to be, and sends every request for an app to ssobridge with an
// assertion of who that is. It knows nothing of roles.
type pomerium struct {
	site      site
	bridge    *url.URL
	issuer    *verifiertest.Issuer
	published http.Handler // the keys
	auth      http.Handler // the host where one signs in
	sessions  *sessions
	transport *http.Transport
	log       *slog.Logger
}

func newPomerium(s site, bridge *url.URL, log *slog.Logger) (*pomerium, error) {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		return nil, fmt.Errorf("starting the stand-in for Pomerium: %w", err)
	}
	p := &pomerium{
		site:      s,
		bridge:    bridge,
		issuer:    issuer,
		published: issuer.Handler(),
		sessions:  newSessions(time.Now),
		transport: &http.Transport{DisableCompression: true}, // no proxy
		log:       log,
	}
	p.auth = p.authHandler()
	return p, nil
}

func (p *pomerium) close() { p.transport.CloseIdleConnections() }

// ServeHTTP is by host, as everything in Pomerium. Hosts are compared whole, so
// that a name which somebody points to this machine (DNS rebinding) is no one's.
func (p *pomerium) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := request.NormalizeHost(r.Host)
	app, isApp := p.site.app(host)
	switch {
	case r.URL.Path == verifiertest.JWKSPath || r.URL.Path == "/.well-known/pomerium":
		p.published.ServeHTTP(w, r)
	case host == authHost:
		p.auth.ServeHTTP(w, r)
	case isApp:
		p.serveApp(w, r, app)
	default:
		p.say(w, http.StatusMisdirectedRequest, "Nothing is served here", "The demo begins at the address below.")
	}
}

func (p *pomerium) serveApp(w http.ResponseWriter, r *http.Request, app sampleApp) {
	switch {
	case r.URL.Path == callbackPath:
		p.callback(w, r, app)
	case r.URL.Path == signOutPath:
		p.signOut(w, r)
	case r.URL.Path == jwtPath:
		p.showAssertion(w, r, app)
	case strings.HasPrefix(r.URL.Path, pomeriumPath):
		http.NotFound(w, r)
	default:
		_, s, ok := p.session(r)
		if !ok {
			p.demandSignIn(w, r, app)
			return
		}
		p.forward(w, r, app, s)
	}
}

// showAssertion gives people an assertion to look into, which otherwise ssobridge
// alone receives.
func (p *pomerium) showAssertion(w http.ResponseWriter, r *http.Request, app sampleApp) {
	_, s, ok := p.session(r)
	if !ok {
		p.demandSignIn(w, r, app)
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, p.assertion(app, s)+"\n") // the client may have gone
}

// forward sends a request to ssobridge.
func (p *pomerium) forward(w http.ResponseWriter, r *http.Request, app sampleApp, s session) {
	carrier := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(p.bridge)
			pr.Out.URL.RawQuery = pr.In.URL.RawQuery
			// Pomerium's preserve_host_header: ssobridge selects the app by it.
			pr.Out.Host = pr.In.Host
			pr.SetXForwarded()
			dropCookie(pr.Out.Header, sessionCookie)
			pr.Out.Header.Set(assertionHeader, p.assertion(app, s))
		},
		Transport: p.transport,
		ErrorLog:  proxy.ErrorLog(p.log),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			p.log.Debug("ssobridge did not answer", "error", err)
			http.Error(w, "The stand-in for Pomerium got no answer from ssobridge.", http.StatusBadGateway)
		},
	}
	// Without this, Go reads a request to its end before it answers, which never
	// comes where app and client talk in turns. HTTP/2 needs no such wish.
	_ = http.NewResponseController(w).EnableFullDuplex()
	carrier.ServeHTTP(w, r)
}

// assertion is a new one for every request. Issuer and audience are the route's
// host without the port.
func (p *pomerium) assertion(app sampleApp, s session) string {
	return p.issuer.Assertion(verifiertest.Claims{
		Audience:  app.Host,
		Subject:   s.person.subject(),
		Email:     s.person.Email,
		Name:      s.person.Name,
		Groups:    s.person.Groups,
		SessionID: s.id,
	})
}

// dropCookie removes a cookie from a request's header and leaves the bytes of
// the others as they were.
func dropCookie(h http.Header, name string) {
	var kept []string
	for _, line := range h["Cookie"] {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t")
			if n, _, _ := strings.Cut(pair, "="); n != name && pair != "" {
				pairs = append(pairs, pair)
			}
		}
		if pairs != nil {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	if kept == nil {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}
