package server

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"
)

// connPair returns an accepted connection, and its client.
func connPair(t *testing.T, stall time.Duration) (*conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	all := newConnections(0, stall, slog.New(slog.DiscardHandler))
	l = all.from(l)
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	return accepted.(*conn), client
}

// The end of a tunnel, and of TLS, sets deadlines of its own: the earlier counts, for a
// write under way too.
func TestWriteDeadlinesOfOthersHold(t *testing.T) {
	for name, set := range map[string]func(*conn, time.Time) error{"write": (*conn).SetWriteDeadline, "both": (*conn).SetDeadline} {
		c, _ := connPair(t, time.Hour)
		written := make(chan error)
		go func() {
			_, err := c.Write(make([]byte, 64<<20))
			written <- err
		}()
		if err := set(c, time.Now().Add(50*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-written:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: still writing", name)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: after the deadline: %v", name, err)
		}
		if n := c.connections.stalled.Load(); n != 0 {
			t.Errorf("%s: counted as a stall", name)
		}
	}
}

// net/http takes its deadline back when it hands a connection over (Hijack); what bounds
// a stall stays.
func TestNoDeadlineIsStillAStall(t *testing.T) {
	c, _ := connPair(t, 100*time.Millisecond)
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	began := time.Now()
	if _, err := c.Write([]byte("x")); err == nil || time.Since(began) > 50*time.Millisecond {
		t.Errorf("after a stall: %v after %s", err, time.Since(began))
	}
}
