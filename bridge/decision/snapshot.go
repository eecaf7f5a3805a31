package decision

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/request"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/session/store"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
	"github.com/ssobridge/ssobridge/verifier"
)

// Deps are what outlives a snapshot, so that a reload neither forgets keys nor
// drops connections.
type Deps struct {
	// Keys returns the keys of an issuer. It is required.
	Keys func(*config.Issuer) (verifier.KeySource, error)
	// Transport returns the transport for an app's upstream. The default opens a new one
	// for each app.
	Transport func(*config.App) http.RoundTripper
	// Sessions carries the sessions of apps. The default keeps them in memory, for this
	// snapshot alone.
	Sessions *session.Keeper
	// Metrics counts. The default counts for nobody.
	Metrics *telemetry.Metrics
	// Log receives what happens to requests. A nil Log discards it.
	Log *slog.Logger
	// Now is the clock of verification, mapping and adapters. The default is time.Now.
	Now func() time.Time
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
	return d
}

// Snapshot is everything that requests are decided and answered by: all apps with their
// rules and adapters. It is immutable.
type Snapshot struct {
	apps      map[string]*App                    // by normalised host
	unknown   *App                               // counts requests for no app
	published map[string]map[string]http.Handler // by name of an app and path
}

// Build makes a snapshot of a configuration. It opens no connection.
func Build(c *config.Config, d Deps) (*Snapshot, error) {
	d = d.withDefaults()
	s := &Snapshot{
		apps:      make(map[string]*App, len(c.Apps)),
		unknown:   &App{Metrics: d.Metrics.App("")},
		published: make(map[string]map[string]http.Handler),
	}
	var errs []error
	for _, a := range c.Apps {
		app, err := open(c, a, d)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: app.%s: %w", a.Source, a.Name, err))
			continue
		}
		s.apps[app.Host] = app
		for _, host := range a.Aliases {
			alias, err := app.under(host, c, a, d)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: app.%s: %w", a.Source, a.Name, err))
				continue
			}
			s.apps[alias.Host] = alias
		}
		if p, ok := a.Adapter.(adapter.Publisher); ok {
			s.published[app.Name] = p.Public()
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return s, nil
}

// App returns the app for a request's Host, or nil. asked is the Host that the app is
// told: its own, with the port that the client asked for. What the client sent goes no
// further, because only its name was decided about.
func (s *Snapshot) App(host string) (app *App, asked string) {
	if a, ok := s.apps[host]; ok {
		return a, host
	}
	name, port := request.SplitHost(host)
	switch a := s.apps[name]; {
	case a == nil:
		return nil, host
	case port != "":
		return a, a.Host + ":" + port
	default:
		return a, a.Host
	}
}

// Unknown stands for the app of requests to a host that has none: it has metrics, and
// nothing else.
func (s *Snapshot) Unknown() *App { return s.unknown }

// Published returns what an app's adapter has published at a path below
// request.OwnPath, or nil.
func (s *Snapshot) Published(app, path string) http.Handler { return s.published[app][path] }

// Names returns the names of all apps.
func (s *Snapshot) Names() map[string]bool {
	names := make(map[string]bool, len(s.apps))
	for _, a := range s.apps {
		names[a.Name] = true
	}
	return names
}
