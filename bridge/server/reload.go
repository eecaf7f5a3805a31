package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// reloadRequest is somebody who waits for what comes of their reload.
type reloadRequest struct{ done chan<- reloaded }

// reloaded is what came of a reload: an error, or how many apps there are now and
// which changed keys only a restart puts in force.
type reloaded struct {
	err         error
	apps        int
	needRestart []string
}

// errStopping answers who asks for a reload too late.
var errStopping = errors.New("stopping")

// requestReload loads the configuration again, after reloads that are under way,
// and returns what came of it.
func (s *server) requestReload(ctx context.Context) (reloaded, error) {
	done := make(chan reloaded, 1)
	select {
	case s.requests <- reloadRequest{done}:
		return <-done, nil
	case <-s.stopping:
		return reloaded{}, errStopping
	case <-ctx.Done():
		return reloaded{}, ctx.Err()
	}
}

// reloadLoop is the only one that reloads: when it is told to, when it is asked to,
// and when files have changed. started is the [server] table that this process
// began with.
func (s *server) reloadLoop(ctx context.Context, started config.Server) {
	defer close(s.stopping)
	for {
		s.watcher.watch()
		select {
		case <-ctx.Done():
			return
		case <-s.o.Reload:
			s.reload(ctx, started)
		case r := <-s.requests:
			r.done <- s.reload(ctx, started)
		case <-s.watcher.stirred:
			if !s.watcher.changed() {
				continue
			}
			if s.server.Watch {
				s.o.Log.Info("files have changed")
				s.reload(ctx, started)
			} else {
				s.certificate.reread()
			}
		}
	}
}

// read reads the configuration, and has the watcher follow the files that it names.
// If there are new ones, it reads again, so that no change between reading and
// following is missed.
func (s *server) read() (c *config.Config, err error) {
	const attempts = 3 // somebody is writing all the time
	for range attempts {
		var files config.Files
		c, files, err = config.LoadFiles(s.o.ConfigPath)
		if s.watcher.follow(s.watched(c, files)) {
			break
		}
	}
	return c, err
}

// watched are the files whose change is followed by something: all of them, or the
// certificate's, which is renewed by programs that know nothing of ssobridge. c is
// nil if the files are no configuration.
func (s *server) watched(c *config.Config, all config.Files) config.Files {
	server := s.server
	if c != nil {
		server = c.Server
		// It may be refused yet, and its correction must not be missed.
		server.Watch = server.Watch || s.server.Watch
	}
	switch {
	case server.Watch:
		return all
	case server.TLS != nil:
		return config.Files{Named: []string{server.TLS.CertFile, server.TLS.KeyFile, server.TLS.ClientCAFile}}
	}
	return config.Files{}
}

// reload loads the configuration again, and says what came of it in the log and in
// the metrics.
func (s *server) reload(ctx context.Context, started config.Server) reloaded {
	s.watcher.changed() // what changes from here on is another reload's
	c, err := s.load(ctx)
	if err != nil {
		s.metrics.Reloaded(false, time.Now())
		s.o.Log.Error("reload refused; the configuration before it stays in force", "error", err)
		return reloaded{err: err}
	}
	s.o.Log.Info("reloaded", "apps", len(c.Apps))
	r := reloaded{apps: len(c.Apps), needRestart: needRestart(started, c.Server)}
	for _, key := range r.needRestart {
		s.o.Log.Warn("changed in the file, but only a restart puts it in force", "key", key)
	}
	return r
}

// needRestart names the keys whose change a reload cannot put in force.
func needRestart(started, now config.Server) []string {
	was, is := started.Limits, now.Limits
	var keys []string
	for _, k := range []struct {
		key     string
		changed bool
	}{
		{"listen", now.Listen != started.Listen},
		{"admin_listen", now.AdminListen != started.AdminListen},
		{"admin_hosts", !slices.Equal(now.AdminHosts, started.AdminHosts)},
		{"socket_mode", now.SocketMode != started.SocketMode},
		{"reuse_port", now.ReusePort != started.ReusePort},
		// Other files than before are taken at once.
		{"tls_cert_file", (now.TLS != nil) != (started.TLS != nil)},
		{"h2c", now.H2C != started.H2C},
		{"shutdown_delay", now.ShutdownDelay != started.ShutdownDelay},
		{"drain_timeout", now.DrainTimeout != started.DrainTimeout},
		// The verifiers follow at once; the room for the header does not.
		{"max_assertion_bytes", now.MaxAssertionBytes > started.MaxAssertionBytes},
		{"read_header_timeout", is.ReadHeaderTimeout != was.ReadHeaderTimeout},
		{"idle_timeout", is.IdleTimeout != was.IdleTimeout},
		{"stall_timeout", is.StallTimeout != was.StallTimeout},
		{"max_header_bytes", is.MaxHeaderBytes != was.MaxHeaderBytes},
		{"max_uri_bytes", is.MaxURIBytes != was.MaxURIBytes},
		{"max_connections", is.MaxConnections != was.MaxConnections},
		{"max_concurrent_streams", is.MaxConcurrentStreams != was.MaxConcurrentStreams},
	} {
		if k.changed {
			keys = append(keys, "server."+k.key)
		}
	}
	return keys
}
