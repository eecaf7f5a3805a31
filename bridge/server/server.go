// Package server runs the bridge: it loads the configuration, listens, keeps
// keys fresh, reloads, and drains at the end.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/ssobridge/ssobridge/bridge"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
)

// Options say what to run.
type Options struct {
	// ConfigPath is the configuration file; required.
	ConfigPath string
	// Version is reported in metrics.
	Version string
	// Log receives what happens; nil: none.
	Log *slog.Logger
	// Reload makes the server load its configuration again with every value
	// received; nil: never.
	Reload <-chan struct{}
	// Hurry ends the configured shutdown_delay with a value received; nil: nothing
	// does.
	Hurry <-chan struct{}
	// Passed are sockets to serve in place of those of the configuration. Run closes
	// them.
	Passed Listeners
	// Started is called once both listeners are open; nil: not.
	Started func(Addrs)
}

// Addrs are where a server listens, for configurations that leave the port to
// the system.
type Addrs struct{ Listen, Admin net.Addr }

// ListenError says which of the two addresses could not be had.
type ListenError struct {
	// Key is the configuration key, "server.listen" or "server.admin_listen". Source is
	// where it stands, as "file:line"; empty: it is left out, and this is its default.
	Key, Source string
	Err         error
}

// Error says what to do about the usual reasons.
func (e *ListenError) Error() string {
	at := e.Key
	if e.Source != "" {
		at = e.Source + ": " + e.Key
	}
	remedy := ""
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE):
		remedy = ": another process listens there; stop it, or write another address"
	case errors.Is(e.Err, syscall.EACCES):
		remedy = ": this user may not listen there; write a port from 1024 on, or give the process CAP_NET_BIND_SERVICE"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		remedy = ": this machine has no such address; write one that it has, or the port alone, as in \":8080\""
	}
	return fmt.Sprintf("%s: %v%s", at, e.Err, remedy)
}

func (e *ListenError) Unwrap() error { return e.Err }

// server is one run.
type server struct {
	o       Options
	metrics *telemetry.Metrics
	state   *state
	bridge  *bridge.Bridge

	certificate *certificate
	connections *connections
	shutdown    shutdown

	// For reloadLoop: who asks for a reload, and when it is too late to.
	requests chan reloadRequest
	stopping chan struct{}
	// server is the [server] table in force. Only load writes it.
	server  config.Server
	watcher *watcher
}

// Run serves until ctx ends and the configured shutdown_delay is over, then lets
// requests under way finish for drain_timeout. Its error is nil if everything ended
// in time.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{
		o: o, metrics: telemetry.New(o.Version), certificate: &certificate{log: o.Log},
		requests: make(chan reloadRequest), stopping: make(chan struct{}),
	}
	defer o.Passed.close()
	s.watcher = newWatcher(o.Log)
	defer s.watcher.close()
	// Keys are fetched until the last request is answered.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.state = newState(background, o.Log)
	defer s.state.close()
	s.metrics.Register(s.state)
	s.metrics.Register(s.state.storeMetrics)
	s.metrics.Register(s.certificate)

	c, err := s.load(ctx)
	if err != nil {
		return err
	}
	s.shutdown.delay = c.Server.ShutdownDelay
	s.connections = newConnections(roomFor(c.Server.Limits, o.Log), c.Server.Limits.StallTimeout, o.Log)
	s.metrics.Register(s.connections)
	l, err := listen(ctx, c, o.Passed)
	if err != nil {
		return err
	}
	if o.Started != nil {
		o.Started(Addrs{l.Listen.Addr(), l.Admin.Addr()})
	}
	o.Log.Info("serving", "listen", l.Listen.Addr().String(), "admin_listen", l.Admin.Addr().String(), "apps", len(c.Apps))
	return s.serve(ctx, c.Server, l)
}

// load builds a snapshot of the configuration file and puts it in force. On any
// error everything stays as it was.
func (s *server) load(ctx context.Context) (*config.Config, error) {
	c, err := s.read()
	if err != nil {
		return nil, err
	}
	if failures := c.FailedTests(time.Now()); len(failures) > 0 {
		return nil, &TestsFailedError{failures}
	}
	p, err := s.state.build(c, s.metrics)
	if err != nil {
		s.state.discard(p)
		return nil, err
	}
	first := s.bridge == nil
	if first {
		s.bridge = bridge.New(p.snapshot, bridge.Options{Log: s.o.Log})
	} else {
		if err := s.state.fetchNew(ctx, p); err != nil {
			s.state.discard(p)
			return nil, err
		}
		s.bridge.Swap(p.snapshot)
	}
	s.state.commit(p)
	// Between TLS and plain HTTP, only a restart leads.
	if c.Server.TLS != nil && (first || s.certificate.inForce.Load() != nil) {
		s.certificate.use(c.Server.TLS)
	}
	s.server = c.Server
	s.metrics.Reloaded(true, time.Now())
	s.logWarnings(c)
	return c, nil
}

// logWarnings says what in the configuration is probably not meant. It is in
// force all the same: a reload must not fail because a grant has ended.
func (s *server) logWarnings(c *config.Config) {
	for _, w := range c.Warnings(time.Now()) {
		s.o.Log.Warn("strange in the configuration", "code", w.Code, "source", fmt.Sprintf("%s:%d", w.File, w.Line),
			"key", w.Key, "problem", w.Message)
	}
}

// TestsFailedError is why a configuration with failing policy tests is not
// put in force.
type TestsFailedError struct{ Failures []config.TestResult }

func (e *TestsFailedError) Error() string {
	lines := []string{fmt.Sprintf("%d of the configuration's policy tests failed", len(e.Failures))}
	for _, f := range e.Failures {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}
