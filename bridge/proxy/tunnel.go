package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Tunnel is a client's connection that has become a WebSocket. What goes through it
// is the client's and the app's; only its end may be ours.
type Tunnel struct {
	net.Conn // the client's
	// cancel ends the connection to the upstream.
	cancel context.CancelFunc
	// release is called when the connection is closed.
	release   func()
	closeOnce sync.Once
	beginOnce sync.Once

	mu     sync.Mutex // of writing to Conn
	begun  bool       // the answer that makes it a WebSocket has been sent
	frames frames
	ended  bool
	last   []byte // the close frame of the end
	said   bool   // it was sent
}

// farewell is how long a client may take for what it is told at the end.
const farewell = time.Second

// CloseGoingAway is the status of a WebSocket that ends for a reason that lies not in
// what it carried (RFC 6455 §7.4.1). Clients answer it with a new connection, whose
// request is decided upon anew. (Some take 1008, which says "policy", for a reason
// never to come back.)
const CloseGoingAway = 1001

// End closes the tunnel. The client is told by a close frame, if what the app has
// sent comes to the end of a frame in time: within one, a frame of ours would be
// taken for the app's data, and before the answer for its status line. The app learns
// it by the end of its connection.
func (t *Tunnel) End(status uint16, reason string) {
	// Whoever does not read what is sent holds the lock for no longer than that.
	_ = t.SetWriteDeadline(time.Now().Add(farewell))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.ended = true
	t.last = closeFrame(status, reason)
	if t.begun && t.frames.boundary() {
		t.sayClose()
		return
	}
	time.AfterFunc(farewell, t.cancel)
}

// sayClose is called at the end of a frame.
func (t *Tunnel) sayClose() {
	defer t.cancel()
	if _, err := t.Conn.Write(t.last); err != nil {
		return
	}
	t.said = true
	_ = t.CloseWrite()
}

// begin is called once the answer has been sent: ReverseProxy writes that past the
// Tunnel, to the connection's own buffer, and then reads from and writes to this.
func (t *Tunnel) begin() {
	t.beginOnce.Do(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.begun = true
		if t.ended {
			t.sayClose()
		}
	})
}

// Read is io.Reader's.
func (t *Tunnel) Read(p []byte) (int, error) {
	t.begin()
	return t.Conn.Read(p)
}

var errEnded = errors.New("the tunnel has ended")

// Write passes on what the app sends; once the tunnel has ended, only the rest of a
// frame.
func (t *Tunnel) Write(p []byte) (int, error) {
	t.begin()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		n, err := t.Conn.Write(p)
		t.frames.skip(p[:n])
		return n, err
	}
	if t.frames.boundary() {
		return 0, errEnded
	}
	n, err := t.Conn.Write(p[:t.frames.next(p)])
	if err == nil && t.frames.boundary() {
		t.sayClose()
		err = errEnded
	}
	return n, err
}

// CloseWrite says that nothing more is sent, if the connection can.
func (t *Tunnel) CloseWrite() error {
	if half, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close closes the connection. If a close frame was sent, the client may first take
// leave: a connection that is closed while something lies unread in it is reset,
// and what was sent last is lost.
func (t *Tunnel) Close() error {
	var err error
	t.closeOnce.Do(func() {
		defer t.release()
		t.mu.Lock()
		said := t.said
		t.mu.Unlock()
		if said && t.SetReadDeadline(time.Now().Add(farewell)) == nil {
			_, _ = io.Copy(io.Discard, t.Conn)
		}
		err = t.Conn.Close()
	})
	return err
}

// frames follows WebSocket frames through a stream (RFC 6455 §5.2).
type frames struct {
	head    [14]byte // of the frame that begins, as far as it is there
	have    int
	payload uint64 // what the frame still lacks
}

// boundary reports whether the stream is between two frames.
func (f *frames) boundary() bool { return f.have == 0 && f.payload == 0 }

// skip follows p.
func (f *frames) skip(p []byte) {
	for len(p) > 0 {
		p = p[f.next(p):]
	}
}

// next follows p to the end of a frame, or of p, and returns how far that is.
func (f *frames) next(p []byte) int {
	n := 0
	for n < len(p) && f.payload == 0 {
		f.head[f.have] = p[n]
		f.have++
		n++
		if f.have < headLen(f.head[:f.have]) {
			continue
		}
		f.payload = payloadLen(f.head[:f.have])
		f.have = 0
		if f.payload == 0 {
			return n
		}
	}
	some := min(uint64(len(p)-n), f.payload) //nolint:gosec // n is at most len(p)
	f.payload -= some
	return n + int(some) //nolint:gosec // at most len(p)
}

// headLen is how long the head of a frame is that begins so.
func headLen(head []byte) int {
	if len(head) < 2 {
		return 2
	}
	n := 2
	switch head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if head[1]&0x80 != 0 { // masked; a server's are not
		n += 4
	}
	return n
}

func payloadLen(head []byte) uint64 {
	switch n := head[1] & 0x7f; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		return binary.BigEndian.Uint64(head[2:])
	default:
		return uint64(n)
	}
}

// closeFrame is a server's; reason has at most 123 bytes (RFC 6455 §5.5.1).
func closeFrame(status uint16, reason string) []byte {
	reason = reason[:min(len(reason), 123)]
	frame := []byte{0x88, byte(2 + len(reason))} //nolint:gosec // at most 125
	return append(binary.BigEndian.AppendUint16(frame, status), reason...)
}
