package decision

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/request"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/strip"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
)

// App is one configured app, ready to be decided about and served.
type App struct {
	Name string
	// Host is the app's normalised host name.
	Host string
	// Names are what only the bridge may say to the app.
	Names *strip.Names
	// Paths are the app's rules about paths.
	Paths PathRules
	// Limits bound what is asked of the app.
	Limits config.RequestLimits
	// Streams say how long streams last, and which pages may open WebSockets.
	Streams config.Streams
	// Logout is how people sign out of the app. Its Path is empty if that is not known.
	Logout adapter.Logout
	// Upstream is where the app's requests go.
	Upstream *proxy.Upstream
	// Sessions carries the app's sessions. It is nil if the bridge carries none.
	Sessions *session.App
	// Metrics count the app's requests.
	Metrics *telemetry.App

	keeper      *session.Keeper // knows who has signed out; nil if nobody can
	adapter     adapter.Adapter
	sources     []source
	addresses   []string // of the upstream
	credentials []config.OwnCredential
	signInPath  string // below request.OwnPath; empty if the app never asks there
	loadKey     any    // its name, for Loads
}

// guardLifetime is how long a session may last that an app has begun by itself. Then the
// app begins another one.
const guardLifetime = 24 * time.Hour

// Describe returns the App of a configuration that nobody has opened. It has no keys, no
// upstream and no sessions: it serves [Decider.DecidePerson] for described people alone.
func Describe(a *config.App) *App {
	app := &App{Name: a.Name, Host: request.NormalizeHost(a.Host), adapter: a.Adapter, Paths: NewPathRules(a), Streams: a.Streams}
	app.Names = strip.New(a.Adapter.Owns(), AssertionHeaders(a), nil)
	for _, i := range a.Issuers {
		app.sources = append(app.sources, source{issuer: i.Name, mapper: a.MapperOf(i)})
	}
	return app
}

// open returns the App that serves.
func open(c *config.Config, a *config.App, d Deps) (*App, error) {
	host := request.NormalizeHost(a.Host)
	if host == "" {
		return nil, fmt.Errorf("host %q is no host name", a.Host)
	}
	sources, err := openSources(c, a, d)
	if err != nil {
		return nil, err
	}
	app := &App{
		Name: a.Name,
		Host: host,
		Upstream: &proxy.Upstream{
			URL:            a.Upstreams.Base(),
			Transport:      d.Transport(a),
			PreserveHost:   a.PreserveHost,
			TrustedProxies: c.Server.TrustedProxies,
			TrustUnix:      c.Server.TrustUnix,
			Hide:           a.Hide,
			StallTimeout:   c.Server.Limits.StallTimeout,
			Log:            d.Log,
		},
		Streams: a.Streams,
		Paths:   NewPathRules(a),
		Limits:  a.Limits,
		Metrics: d.Metrics.App(a.Name),
		keeper:  d.Sessions,
		adapter: a.Adapter,
		sources: sources,
		loadKey: a.Name,

		credentials: a.OwnCredentials,
		addresses:   addressesOf(a),
	}
	if s, ok := a.Adapter.(adapter.SignIn); ok {
		app.signInPath = s.SignInPath()
	}
	app.openSessions(d.Sessions, a.SessionCookies)
	var carried func(name string) bool
	if app.Sessions != nil {
		carried = app.Sessions.OwnsCookie
	}
	app.Names = strip.New(a.Adapter.Owns(), AssertionHeaders(a), carried)
	return app, nil
}

// addressesOf are the addresses of an app's upstream as texts.
func addressesOf(a *config.App) []string {
	var texts []string
	for i := range a.Upstreams.Addresses {
		address := &a.Upstreams.Addresses[i]
		texts = append(texts, address.Socket+" "+address.URL.String())
	}
	return texts
}

// under returns the app as it is under another of its hosts. It shares everything with the
// app but the host, and whose assertions it accepts: those for that host.
func (a *App) under(host string, c *config.Config, of *config.App, d Deps) (*App, error) {
	alias := *a
	if alias.Host = request.NormalizeHost(host); alias.Host == "" {
		return nil, fmt.Errorf("host %q is no host name", host)
	}
	var err error
	alias.sources, err = openSources(c, of.At(host), d)
	return &alias, err
}

// openSessions prepares what carries the app's sessions, if there are any.
func (a *App) openSessions(keeper *session.Keeper, guarded []string) {
	if s, ok := a.adapter.(adapter.SignsOut); ok {
		a.Logout = s.Logout()
	}
	switch s, ok := a.adapter.(adapter.SessionStarter); {
	case ok:
		a.Sessions = keeper.Open(a.Name, s, a.Caller)
	case len(guarded) > 0:
		a.Sessions = keeper.Guard(a.Name, guarded, guardLifetime)
	}
}

// Caller sends the app requests because of r.
func (a *App) Caller(r *http.Request) adapter.Caller {
	return proxy.Caller{Upstream: a.Upstream, Host: a.Host, In: r}
}

// SignsInAt reports whether the app sends browsers to a path below request.OwnPath to
// ask who somebody is.
func (a *App) SignsInAt(path string) bool { return a.signInPath != "" && path == a.signInPath }

// AssertionHeaders returns the headers in which an app's issuers send their assertions.
func AssertionHeaders(a *config.App) []string {
	var headers []string
	for _, i := range a.Issuers {
		if !slices.Contains(headers, i.Header) {
			headers = append(headers, i.Header)
		}
	}
	return headers
}
