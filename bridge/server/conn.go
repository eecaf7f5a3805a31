package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is an accepted connection.
//
// A client that takes nothing of what is sent to it would hold its connection, what is
// buffered for it and its connection to the app for as long as it likes: Write gives it
// up after stall. What bounds it is that nothing is taken, not how long it takes: slow
// clients are served, and an app may be silent.
type conn struct {
	net.Conn
	connections *connections
	stall       time.Duration
	once        sync.Once

	// clientCAs are those in force when the client was last looked at; nil: none.
	clientCAs atomic.Pointer[x509.CertPool]

	mu     sync.Mutex // of setting write deadlines, not of writing
	given  time.Time  // what others have set, such as the end of a tunnel
	own    time.Time  // by when what is being written must have been taken
	isDead bool       // the client has stalled
}

type connKey struct{}

// withConn is http.Server.ConnContext.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, connOf(c))
}

// connOf returns the accepted connection that c is, by TLS or not; nil: it is another.
func connOf(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	accepted, _ := c.(*conn)
	return accepted
}

// errStalled is a timeout to whoever asks.
var errStalled = &net.OpError{Op: "write", Err: os.ErrDeadlineExceeded}

const (
	// pieceBytes are written under one deadline: on a system that says only whether all
	// was taken, they are what must be taken in time.
	pieceBytes = 64 << 10
	// stallLooks is how often, in the time of a stall, it is looked at what the client
	// has taken. Kernels wake up a writer only when much of the buffer is free (Linux: a
	// third, which may be a megabyte), but take some as soon as there is room.
	stallLooks = 4
)

// Write is io.Writer's.
func (c *conn) Write(p []byte) (written int, err error) {
	var since time.Time // when the client has last taken something, or the first look
	for {
		piece := p[written:min(len(p), written+pieceBytes)]
		now, err := c.arm()
		if err != nil {
			return written, err
		}
		if since.IsZero() {
			since = now
		}
		n, err := c.Conn.Write(piece)
		written += n
		switch {
		case err == nil && written == len(p):
			return written, nil
		case err != nil && !c.mayGoOn(err):
			return written, err
		case n > 0:
			since = time.Now()
		case time.Since(since) >= c.stall:
			c.giveUp()
			return written, errStalled
		}
	}
}

// arm sets the deadline of a look. Setting one takes longer than writing a few bytes:
// one that has most of its time left is kept.
func (c *conn) arm() (now time.Time, err error) {
	look := c.stall / stallLooks
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isDead {
		return time.Time{}, errStalled
	}
	now = time.Now()
	if c.own.Sub(now) >= look*3/4 {
		return now, nil
	}
	c.own = now.Add(look)
	return now, c.Conn.SetWriteDeadline(c.deadline())
}

// deadline is the earlier one.
func (c *conn) deadline() time.Time {
	if c.own.IsZero() || !c.given.IsZero() && c.given.Before(c.own) {
		return c.given
	}
	return c.own
}

// mayGoOn reports whether it was only a look that has ended.
func (c *conn) mayGoOn(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.given.IsZero() || time.Now().Before(c.given)
}

// giveUp fails all writes from now on: TLS would say goodbye, and wait for that anew.
// It closes the connection itself, as net/http would not for an HTTP/2 one that still
// can be read from.
func (c *conn) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isDead {
		return
	}
	c.isDead = true
	if t, ok := c.Conn.(interface{ SetLinger(sec int) error }); ok {
		_ = t.SetLinger(0) // or the system goes on trying to deliver what it has
	}
	_ = c.Conn.Close()
	c.connections.stalled.Add(1)
	c.connections.log.LogAttrs(context.Background(), slog.LevelDebug, "a client takes nothing of what is sent to it; its connection is closed",
		slog.String("client", c.RemoteAddr().String()), slog.Duration("stall_timeout", c.stall))
}

// SetWriteDeadline is net.Conn's.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = t
	return c.Conn.SetWriteDeadline(c.deadline())
}

// SetDeadline is net.Conn's.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.connections.remove(c)
		c.connections.release()
	})
	return err
}

// CloseWrite lets net/http end an answer, such as a 431, before it closes: a reset
// could overtake it.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
