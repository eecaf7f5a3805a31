// Package server runs the bridge: it loads the configuration, listens, keeps
// keys fresh, reloads, and drains at the end.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

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
	// Started is called once both listeners are open; nil: not.
	Started func(Addrs)
}

// Addrs are where a server listens, for configurations that leave the port to
// the system.
type Addrs struct{ Listen, Admin net.Addr }

// ListenError says which of the two addresses could not be had.
type ListenError struct {
	// Key is the configuration key, "server.listen" or "server.admin_listen".
	Key string
	Err error
}

func (e *ListenError) Error() string { return fmt.Sprintf("%s: %v", e.Key, e.Err) }
func (e *ListenError) Unwrap() error { return e.Err }

// server is one run.
type server struct {
	o       Options
	metrics *telemetry.Metrics
	state   *state
	bridge  *bridge.Bridge
}

// Run serves until ctx ends, then lets requests under way finish for the
// configured drain_timeout. Its error is nil if everything ended in time.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{o: o, metrics: telemetry.New(o.Version)}
	// Keys are fetched until the last request is answered.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s.state = newState(background, o.Log)
	defer s.state.close()
	s.metrics.Register(s.state)

	c, err := s.load(ctx)
	if err != nil {
		return err
	}
	listener, admin, err := listen(ctx, c)
	if err != nil {
		return err
	}
	if o.Started != nil {
		o.Started(Addrs{listener.Addr(), admin.Addr()})
	}
	o.Log.Info("serving", "listen", listener.Addr().String(), "admin_listen", admin.Addr().String(), "apps", len(c.Apps))
	return s.serve(ctx, c, listener, admin)
}

func listen(ctx context.Context, c *config.Config) (listener, admin net.Listener, err error) {
	var lc net.ListenConfig
	listener, err = lc.Listen(ctx, "tcp", c.Server.Listen)
	if err != nil {
		return nil, nil, &ListenError{"server.listen", err}
	}
	admin, err = lc.Listen(ctx, "tcp", c.Server.AdminListen)
	if err != nil {
		_ = listener.Close()
		return nil, nil, &ListenError{"server.admin_listen", err}
	}
	return listener, admin, nil
}

// Time limits of connections. There is none for a whole request or answer:
// uploads, downloads and streams take as long as they take.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	// headerRoom is what a request's header may hold besides the assertion.
	headerRoom = 64 << 10
)

func (s *server) serve(ctx context.Context, c *config.Config, listener, admin net.Listener) error {
	errorLog := slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug)
	main := &http.Server{
		Handler:           s.bridge,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    c.Server.MaxAssertionBytes + headerRoom,
		ErrorLog:          errorLog,
	}
	operator := &http.Server{
		Handler:           s.adminHandler(),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          errorLog,
	}
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return ignoreClosed(main.Serve(listener)) })
	g.Go(func() error { return ignoreClosed(operator.Serve(admin)) })
	g.Go(func() error {
		s.reloadLoop(running, c.Server)
		return nil
	})
	g.Go(func() error {
		<-running.Done()
		return s.drain(context.WithoutCancel(ctx), main, operator, c.Server.DrainTimeout)
	})
	return g.Wait()
}

// drain stops accepting and waits for requests under way. The admin listener
// goes last: it is where one sees that the server is draining.
func (s *server) drain(ctx context.Context, main, operator *http.Server, timeout time.Duration) error {
	s.state.draining.Store(true)
	s.o.Log.Info("draining", "timeout", timeout.String())
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := main.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("draining: requests were still under way after %s: %w", timeout, err)
		_ = main.Close()
	}
	_ = operator.Close()
	s.o.Log.Info("stopped")
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// load builds a snapshot of the configuration file and puts it in force. On any
// error everything stays as it was.
func (s *server) load(ctx context.Context) (*config.Config, error) {
	c, err := config.Load(s.o.ConfigPath)
	if err != nil {
		return nil, err
	}
	if failures := c.FailedTests(time.Now()); len(failures) > 0 {
		return nil, &TestsFailedError{failures}
	}
	p, err := s.state.build(c, s.metrics)
	if err != nil {
		return nil, err
	}
	if s.bridge == nil {
		s.bridge = bridge.New(p.snapshot, bridge.Deps{Log: s.o.Log})
	} else {
		if err := s.state.fetchNew(ctx, p); err != nil {
			return nil, err
		}
		s.bridge.Swap(p.snapshot)
	}
	s.state.commit(p)
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

// reloadLoop loads the configuration again whenever it is told to. started is
// the [server] table that this process began with.
func (s *server) reloadLoop(ctx context.Context, started config.Server) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.o.Reload:
		}
		c, err := s.load(ctx)
		if err != nil {
			s.metrics.Reloaded(false, time.Now())
			s.o.Log.Error("reload refused; the configuration before it stays in force", "error", err)
			continue
		}
		s.o.Log.Info("reloaded", "apps", len(c.Apps))
		for _, key := range needRestart(started, c.Server) {
			s.o.Log.Warn("changed in the file, but only a restart puts it in force", "key", key)
		}
	}
}

// needRestart names the keys whose change a reload cannot put in force.
func needRestart(started, now config.Server) []string {
	var keys []string
	if now.Listen != started.Listen {
		keys = append(keys, "server.listen")
	}
	if now.AdminListen != started.AdminListen {
		keys = append(keys, "server.admin_listen")
	}
	if now.DrainTimeout != started.DrainTimeout {
		keys = append(keys, "server.drain_timeout")
	}
	// The verifiers follow at once; the room for the header does not.
	if now.MaxAssertionBytes > started.MaxAssertionBytes {
		keys = append(keys, "server.max_assertion_bytes")
	}
	return keys
}
