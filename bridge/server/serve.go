package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/proxy"
)

func (s *server) serve(ctx context.Context, c config.Server, l Listeners) error {
	main, operator := s.mainServer(c), s.adminServer(c)
	listener := s.connections.from(l.Listen)
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error {
		if c.TLS != nil {
			return s.ignoreClosed(main.ServeTLS(listener, "", ""))
		}
		return s.ignoreClosed(main.Serve(listener))
	})
	g.Go(func() error { return s.ignoreClosed(operator.Serve(l.Admin)) })
	g.Go(func() error {
		s.reloadLoop(running, c)
		return nil
	})
	g.Go(func() error {
		<-running.Done()
		s.shutdown.begin()
		if ctx.Err() != nil && c.ShutdownDelay > 0 { // a listener that has failed serves nobody
			s.o.Log.Info("stopping; connections are still accepted", "shutdown_delay", c.ShutdownDelay.String())
			s.shutdown.wait(s.o.Hurry)
		}
		return s.drain(context.WithoutCancel(ctx), listener, main, operator, c.DrainTimeout)
	})
	return g.Wait()
}

// mainServer has no time limit for a whole request or answer: uploads, downloads
// and streams take as long as they take.
func (s *server) mainServer(c config.Server) *http.Server {
	srv := &http.Server{
		Handler:           s.front(c.Limits.MaxURIBytes, s.bridge),
		ReadHeaderTimeout: c.Limits.ReadHeaderTimeout,
		IdleTimeout:       c.Limits.IdleTimeout,
		MaxHeaderBytes:    c.MaxAssertionBytes + c.Limits.MaxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: c.Limits.MaxConcurrentStreams},
		ConnState:         s.connections.onState,
		ConnContext:       withConn,
		ErrorLog:          proxy.ErrorLog(s.o.Log),
		// net/http would answer "OPTIONS *" itself, for any host, uncounted, and wait for
		// its body without end.
		DisableGeneralOptionsHandler: true,
	}
	if c.TLS != nil {
		srv.TLSConfig = s.certificate.tlsConfig()
	}
	if c.H2C {
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetHTTP1(true)
		srv.Protocols.SetUnencryptedHTTP2(true)
	}
	return srv
}

func (s *server) adminServer(c config.Server) *http.Server {
	return &http.Server{
		Handler:           withoutBodies(s.adminHandler(c)),
		ReadHeaderTimeout: c.Limits.ReadHeaderTimeout,
		IdleTimeout:       c.Limits.IdleTimeout,
		ErrorLog:          proxy.ErrorLog(s.o.Log),

		DisableGeneralOptionsHandler: true,
	}
}

// lastRequests is how long clients have to learn, by the answer to a request, that
// a connection ends. A request that crosses with the closing of an idle connection
// is lost.
const lastRequests = time.Second

// closeFrames is how long clients of WebSockets may take for being told that it is the
// end, and for answering.
const closeFrames = 2 * time.Second

// drain stops accepting and waits for requests under way, then for connections that
// are no longer HTTP. The admin listener goes last: it is where one sees that the
// server is draining.
func (s *server) drain(ctx context.Context, listener net.Listener, main, operator *http.Server, timeout time.Duration) error {
	s.o.Log.Info("draining", "timeout", timeout.String())
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s.shutdown.over.Store(true)
	_ = listener.Close()
	last, cancelLast := context.WithTimeout(ctx, min(lastRequests, timeout/4))
	defer cancelLast()
	_ = s.connections.waitClosed(last) // or until then

	err := main.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("draining: requests were still under way after %s: %w", timeout, err)
		_ = main.Close()
	}
	if s.connections.waitHijacked(ctx) != nil {
		_, n := s.connections.counts()
		s.o.Log.Warn("upgraded connections were still open and are closed", "connections", n, "timeout", timeout.String())
		s.bridge.CloseTunnels()
		told, cancelTold := context.WithTimeout(context.WithoutCancel(ctx), closeFrames)
		defer cancelTold()
		_ = s.connections.waitHijacked(told)
		s.connections.closeHijacked()
	}
	_ = operator.Close()
	s.o.Log.Info("stopped")
	return err
}

// ignoreClosed: a server whose listener was closed by drain has not failed.
func (s *server) ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) && s.shutdown.hasBegun() {
		return nil
	}
	return err
}
