package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// start runs f in the background and returns what ends it and waits for it. An
// error of f ends the demo.
func start(ctx context.Context, fail context.CancelCauseFunc, f func(context.Context) error) (stop func()) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(own); err != nil {
			fail(err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

const (
	readHeaderTimeout = 10 * time.Second
	// grace is how long requests under way may go on after Ctrl-C. A browser's
	// spare connections count as such.
	grace = time.Second
)

// serve returns a function that serves handler until its context ends.
func serve(l net.Listener, handler http.Handler, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		// Server.Close does not end upgraded connections; that the context of
		// their requests ends does.
		requests, cut := context.WithCancel(context.WithoutCancel(ctx))
		defer cut()
		s := &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: readHeaderTimeout,
			BaseContext:       func(net.Listener) context.Context { return requests },
			ErrorLog:          proxy.ErrorLog(log),
		}
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		select {
		case err := <-ended:
			return fmt.Errorf("serving on %s: %w", l.Addr(), err)
		case <-ctx.Done():
		}
		last, cancel := context.WithTimeout(requests, grace)
		defer cancel()
		if err := s.Shutdown(last); err != nil {
			_ = s.Close()
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", l.Addr(), err)
		}
		return nil
	}
}

// readyTimeout is how long ssobridge may take to fetch the stand-in's keys,
// which takes milliseconds.
const readyTimeout = 20 * time.Second

// waitReady waits until ssobridge says that it has the keys.
func waitReady(ctx context.Context, readyz *url.URL) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("ssobridge is not ready after %s; see %s", readyTimeout, readyz))
	defer cancel()
	transport := &http.Transport{} // no proxy: HTTP_PROXY is not about this machine
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		if ready(ctx, client, readyz) {
			return nil
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func ready(ctx context.Context, client *http.Client, readyz *url.URL) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, readyz.String(), nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode == http.StatusOK
}
