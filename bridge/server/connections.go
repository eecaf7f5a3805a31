package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// connections are those that a listener has accepted. http.Server neither waits
// for connections that a handler has taken over (hijacked: WebSockets) nor closes
// them, and it accepts without limit.
type connections struct {
	log   *slog.Logger
	slots chan struct{} // one taken for each open connection; nil: no limit
	stall time.Duration // how long a client may take nothing of what is sent

	stalled atomic.Int64 // how many clients ever were

	mu      sync.Mutex
	open    map[*conn]bool // whether it is hijacked
	changed chan struct{}  // closed and replaced when one closes
}

// newConnections: max 0 is no limit.
func newConnections(maxOpen int, stall time.Duration, log *slog.Logger) *connections {
	c := &connections{log: log, stall: stall, open: make(map[*conn]bool), changed: make(chan struct{})}
	if maxOpen > 0 {
		c.slots = make(chan struct{}, maxOpen)
	}
	return c
}

// from returns l with its connections counted. Those beyond the limit are left in
// the system's queue until one closes.
func (c *connections) from(l net.Listener) net.Listener {
	return &listener{Listener: l, connections: c, closed: make(chan struct{})}
}

type listener struct {
	net.Listener
	connections *connections
	complained  time.Time // Accept is called by one goroutine
	closeOnce   sync.Once
	closeErr    error
	closed      chan struct{}
}

// Accept returns errors as they come: of those that pass by, such as EMFILE,
// http.Server makes pauses.
func (l *listener) Accept() (net.Conn, error) {
	if !l.acquire() {
		return nil, net.ErrClosed
	}
	accepted, err := l.Listener.Accept()
	if err != nil {
		l.connections.release()
		if !errors.Is(err, net.ErrClosed) {
			l.complain(slog.LevelError, "connections cannot be accepted; trying again", "error", err)
		}
		return nil, err
	}
	return l.connections.add(accepted), nil
}

func (l *listener) acquire() bool {
	slots := l.connections.slots
	select {
	case slots <- struct{}{}:
		return true
	default:
	}
	if slots == nil {
		return true
	}
	l.complain(slog.LevelWarn, "as many connections are open as may be; further ones wait", "max_connections", cap(slots))
	select {
	case slots <- struct{}{}:
		return true
	case <-l.closed:
		return false
	}
}

// complain logs at most once a minute.
func (l *listener) complain(level slog.Level, message string, args ...any) {
	if now := time.Now(); now.Sub(l.complained) >= time.Minute {
		l.complained = now
		l.connections.log.Log(context.Background(), level, message, args...) //nolint:sloglint // fixed by the callers
	}
}

// Close may be called again: http.Server.Shutdown closes what drain has closed, and
// would call that a failure.
func (l *listener) Close() error {
	l.closeOnce.Do(func() {
		l.closeErr = l.Listener.Close()
		close(l.closed)
	})
	return l.closeErr
}

func (c *connections) release() {
	if c.slots != nil {
		<-c.slots
	}
}

func (c *connections) add(accepted net.Conn) *conn {
	added := &conn{Conn: accepted, connections: c, stall: c.stall}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[added] = false
	return added
}

func (c *connections) remove(closed *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, closed)
	close(c.changed)
	c.changed = make(chan struct{})
}

// onState is http.Server.ConnState.
func (c *connections) onState(nc net.Conn, state http.ConnState) {
	if state != http.StateHijacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if taken := connOf(nc); taken != nil {
		if _, open := c.open[taken]; open {
			c.open[taken] = true
		}
	}
}

// counts returns how many connections are open, and how many of them hijacked.
func (c *connections) counts() (open, hijacked int) {
	open, hijacked, _ = c.now()
	return open, hijacked
}

func (c *connections) now() (open, hijacked int, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, is := range c.open {
		if is {
			hijacked++
		}
	}
	return len(c.open), hijacked, c.changed
}

// waitClosed waits until no connection is open, waitHijacked until no hijacked one
// is.
func (c *connections) waitClosed(ctx context.Context) error {
	return c.wait(ctx, func(open, _ int) bool { return open == 0 })
}

func (c *connections) waitHijacked(ctx context.Context) error {
	return c.wait(ctx, func(_, hijacked int) bool { return hijacked == 0 })
}

func (c *connections) wait(ctx context.Context, enough func(open, hijacked int) bool) error {
	for {
		open, hijacked, changed := c.now()
		if enough(open, hijacked) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// closeHijacked closes the hijacked connections and returns how many there were.
func (c *connections) closeHijacked() int {
	c.mu.Lock()
	var taken []*conn
	for each, is := range c.open {
		if is {
			taken = append(taken, each)
		}
	}
	c.mu.Unlock()
	for _, each := range taken {
		_ = each.Close()
	}
	return len(taken)
}

// connectionDescs are the metrics of connections, in the order of counts.
func connectionDescs() (open, hijacked, stalled *prometheus.Desc) {
	return prometheus.NewDesc("ssobridge_connections", "Open connections to server.listen.", nil, nil),
		prometheus.NewDesc("ssobridge_connections_upgraded", "Those of them that are no longer HTTP, such as WebSockets.", nil, nil),
		prometheus.NewDesc("ssobridge_connections_stalled_total", "Those that were closed because the client took nothing for stall_timeout.", nil, nil)
}

// Describe and Collect make it a prometheus.Collector.
func (c *connections) Describe(ch chan<- *prometheus.Desc) {
	open, hijacked, stalled := connectionDescs()
	ch <- open
	ch <- hijacked
	ch <- stalled
}

// Collect sends how many connections there are.
func (c *connections) Collect(ch chan<- prometheus.Metric) {
	openDesc, hijackedDesc, stalledDesc := connectionDescs()
	open, hijacked := c.counts()
	ch <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, float64(open))
	ch <- prometheus.MustNewConstMetric(hijackedDesc, prometheus.GaugeValue, float64(hijacked))
	ch <- prometheus.MustNewConstMetric(stalledDesc, prometheus.CounterValue, float64(c.stalled.Load()))
}
