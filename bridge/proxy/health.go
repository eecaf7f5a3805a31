package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Health is how the addresses of an app are checked.
type Health struct {
	// Path is the target of the checks, below no other path. An address is up if it
	// answers 200 to 399.
	Path string
	// Host is the name that checks ask for; empty: the address's own.
	Host string
	// Interval is the time between checks, Timeout how long one may take.
	Interval, Timeout time.Duration
}

// ejection is how long an address comes last that could not be connected to. What
// an address does with a request that has reached it does not count, or a client
// could decide for all others where they are served.
const ejection = 10 * time.Second

// state is what is known of an address. Its zero value is one that is up.
type state struct {
	unhealthy    atomic.Bool
	ejectedUntil atomic.Int64 // Unix nanoseconds
}

func (s *state) up(now time.Time) bool {
	return !s.unhealthy.Load() && s.ejectedUntil.Load() <= now.UnixNano()
}

// reached notes that a connection could be made.
func (s *state) reached() {
	if s.ejectedUntil.Load() != 0 {
		s.ejectedUntil.Store(0)
	}
}

// eject notes that none could.
func (t *Transport) eject(a *address, err error) {
	now := t.now()
	if before := a.state.ejectedUntil.Swap(now.Add(ejection).UnixNano()); before <= now.UnixNano() {
		t.log.Warn("upstream does not take connections", "upstream", a.String(), "error", err)
	}
}

// Start begins the health checks, if there are any and they have not begun.
func (t *Transport) Start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.health == nil || t.stop != nil {
		return
	}
	var ctx context.Context
	ctx, t.stop = context.WithCancel(context.Background())
	t.done.Go(func() { t.run(ctx) })
}

// Close ends the health checks and closes the connections that no request uses.
// Requests under way go on.
func (t *Transport) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop != nil {
		t.stop()
		t.done.Wait()
	}
	t.CloseIdleConnections()
}

func (t *Transport) run(ctx context.Context) {
	ticks := time.NewTicker(t.health.Interval)
	defer ticks.Stop()
	for {
		t.checkAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// checkAll checks all addresses at the same time, and waits for it.
func (t *Transport) checkAll(ctx context.Context) {
	var g sync.WaitGroup
	for _, a := range t.addresses {
		g.Go(func() {
			err := a.check(ctx, t.health)
			if ctx.Err() != nil {
				return
			}
			if before := a.state.unhealthy.Swap(err != nil); before == (err != nil) {
				return
			}
			if err != nil {
				t.log.LogAttrs(ctx, slog.LevelWarn, "upstream is unhealthy", slog.String("upstream", a.String()), slog.Any("error", err))
			} else {
				t.log.LogAttrs(ctx, slog.LevelInfo, "upstream is healthy again", slog.String("upstream", a.String()))
			}
		})
	}
	g.Wait()
}

// check asks an address how it is. The request is nobody's: it has no identity.
func (a *address) check(ctx context.Context, h *Health) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	target := a.URL.Scheme + "://" + a.URL.Host + h.Path
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	r.Host = h.Host
	r.Header.Set("User-Agent", "ssobridge-health")
	answer, err := a.http.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	_ = answer.Body.Close()
	a.state.reached()
	if answer.StatusCode < http.StatusOK || answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("health check: status %d", answer.StatusCode)
	}
	return nil
}

// AddressState is what is known of an address at a moment.
type AddressState struct {
	Address string
	Up      bool
}

// State returns what is known of the addresses.
func (t *Transport) State() []AddressState {
	states := make([]AddressState, len(t.addresses))
	for i, a := range t.addresses {
		states[i] = AddressState{a.String(), a.state.up(t.now())}
	}
	return states
}
