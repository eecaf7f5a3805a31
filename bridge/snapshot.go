package bridge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/session/store"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
	"github.com/ssobridge/ssobridge/verifier"
)

// Deps are what outlives a snapshot, so that a reload neither forgets keys nor
// drops connections.
type Deps struct {
	// Keys returns the keys of an issuer; required.
	Keys func(*config.Issuer) (verifier.KeySource, error)
	// Transport returns the transport for an app's upstream; nil: a new one
	// for each app.
	Transport func(*config.App) http.RoundTripper
	// Sessions carries the sessions of apps; nil: one of its own, whose sessions end
	// with it.
	Sessions *session.Keeper
	// Metrics counts; nil: into nowhere.
	Metrics *telemetry.Metrics
	// Log receives refusals; nil: none.
	Log *slog.Logger
	// Now is the clock of verification, mapping and adapters; nil: time.Now.
	Now func() time.Time
	// After calls a function after some time, unless it is stopped; nil:
	// time.AfterFunc.
	After func(time.Duration, func()) (stop func() bool)
}

func (d Deps) withDefaults() Deps {
	if d.Transport == nil {
		d.Transport = func(a *config.App) http.RoundTripper { return proxy.Open(TransportOptions(a, d.Log)) }
	}
	if d.Metrics == nil {
		d.Metrics = telemetry.New("")
	}
	if d.Sessions == nil {
		d.Sessions = session.NewKeeper(session.Options{
			Store: store.NewMemory(store.MemoryOptions{Now: d.Now}), Now: d.Now,
			Observe: func(app string, e session.Event) { d.Metrics.Session(app, string(e)) },
		})
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.After == nil {
		d.After = func(after time.Duration, f func()) func() bool { return time.AfterFunc(after, f).Stop }
	}
	return d
}

// Snapshot is everything that a request is answered by: all apps with their
// rules and adapters. It is immutable.
type Snapshot struct {
	apps   map[string]*App                    // by normalised host
	noApp  *App                               // counts requests for none of them
	public map[string]map[string]http.Handler // by name of an app and path
}

// App is one configured app, ready to serve.
type App struct {
	name     string
	host     string
	sources  []source
	adapter  adapter.Adapter
	owned    names
	upstream *proxy.Upstream
	streams  config.Streams
	paths    pathRules
	limits   config.RequestLimits
	loadKey  any // its name, for loads
	metrics  *telemetry.App
	// signInPath is adapter.SignIn's; empty: none.
	signInPath string
	// sessions carries the app's sessions; nil: it has none that matter here.
	sessions *session.App
	logout   adapter.Logout
}

// Build makes a snapshot of a configuration. It opens no connection.
func Build(c *config.Config, d Deps) (*Snapshot, error) {
	d = d.withDefaults()
	s := &Snapshot{
		apps:   make(map[string]*App, len(c.Apps)),
		noApp:  &App{metrics: d.Metrics.App("")},
		public: make(map[string]map[string]http.Handler),
	}
	var errs []error
	for _, a := range c.Apps {
		app, err := buildApp(c, a, d)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: app.%s: %w", a.Source, a.Name, err))
			continue
		}
		s.apps[app.host] = app
		if p, ok := a.Adapter.(adapter.Publisher); ok {
			s.public[app.name] = p.Public()
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return s, nil
}

func buildApp(c *config.Config, a *config.App, d Deps) (*App, error) {
	host := NormalizeHost(a.Host)
	if host == "" {
		return nil, fmt.Errorf("host %q is no host name", a.Host)
	}
	sources, err := openSources(c, a, d)
	if err != nil {
		return nil, err
	}
	app := &App{
		name:    a.Name,
		host:    host,
		sources: sources,
		adapter: a.Adapter,
		owned:   ownedNames(a),
		upstream: &proxy.Upstream{
			URL:            a.Upstreams.Base(),
			Transport:      d.Transport(a),
			PreserveHost:   a.PreserveHost,
			TrustedProxies: c.Server.TrustedProxies,
			TrustUnix:      c.Server.TrustUnix,
			Hide:           a.Hide,
			StallTimeout:   c.Server.Limits.StallTimeout,
			Log:            d.Log,
		},
		streams: a.Streams,
		paths:   newPathRules(&a.Paths),
		limits:  a.Limits,
		loadKey: a.Name,
		metrics: d.Metrics.App(a.Name),
	}
	if s, ok := a.Adapter.(adapter.SignIn); ok {
		app.signInPath = s.SignInPath()
	}
	app.openSessions(d.Sessions, a.SessionCookies)
	return app, nil
}
