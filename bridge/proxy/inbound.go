package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// inbound is the body of a request on its way to the app. Its answer may overtake it,
// and either side may be lost meanwhile; net/http (Go 1.26) is of no help with that:
//
//   - A transport that has lost the app waits for the Read that it is in, for as long as
//     the client sends nothing (persistConn.mapRoundTripError, http2clientStream.doRequest).
//     So the client is read aside, and Close gives up a Read under way. (A deadline on the
//     client's connection would end the request's context too, and with it the answer.)
//   - HTTP/1, full duplex: what the answer has overtaken is left to the end of the request,
//     where nobody looks at how that went (conn.serve, response.finishRequest). If the
//     body's end comes, the connection is read twice at the same time, which is a panic; if
//     an error does, of a Read that was interrupted or of a chunk that is none, what follows
//     is taken for the next request, which whoever wrote the body has written too (CWE-444).
//
// After end, nothing reads the client, and a connection whose body was not read to its
// end carries no other request.
type inbound struct {
	client  io.ReadCloser
	http1   http.ResponseWriter // nil: HTTP/2, where a stream that ends takes its body along
	app     atomic.Pointer[appConn]
	buffers *buffers

	chunks    chan chunk
	closed    chan struct{}
	closeOnce sync.Once

	patience time.Duration // with a client that sends nothing; 0: any
	stalled  atomic.Bool   // it has ended
	broken   atomic.Pointer[BodyError]

	reading sync.Mutex // held by Read
	buf     []byte     // of the chunk before
	filled  bool       // by that
	rest    []byte     // of it
	err     error      // that follows

	mu    sync.Mutex // held while the client is waited for
	over  bool       // nobody reads on
	whole bool       // it was read to its end
}

// chunk is what one Read of the client has brought.
type chunk struct {
	n   int
	err error
}

var errOver = errors.New("no more of the request's body is taken")

// ErrStalled is given to Fail where the client has announced a body and does not send it.
var ErrStalled = errors.New("the request's body does not come")

// BodyError is given to Fail where the client's body broke off, or is none. The app had
// no part in it.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return "reading the request's body: " + e.Err.Error() }

// Unwrap returns what net/http says.
func (e *BodyError) Unwrap() error { return e.Err }

// Incomplete reports whether the body only ended too early. Otherwise it is not written as
// its framing says.
func (e *BodyError) Incomplete() bool {
	var netErr net.Error
	return errors.Is(e.Err, io.ErrUnexpectedEOF) || errors.As(e.Err, &netErr)
}

// failure returns what the client did to make a request fail, or else err.
func (b *inbound) failure(err error) error {
	if b == nil {
		return err
	}
	if b.stalled.Load() {
		return ErrStalled
	}
	if broken := b.broken.Load(); broken != nil {
		return broken
	}
	return err
}

// newInbound returns r with a body to be lent to transports, or nil if it has none, or
// one whose answer cannot overtake it. A body of no announced length may be a stream,
// which is silent for as long as it likes, unless it is anybody's.
func (u *Upstream) newInbound(w http.ResponseWriter, r *http.Request, anybodys bool) (*inbound, *http.Request) {
	if r.ContentLength == 0 || r.Body == nil {
		return nil, r
	}
	b := &inbound{client: r.Body, buffers: &u.buffers, chunks: make(chan chunk), closed: make(chan struct{})}
	if r.ContentLength > 0 || anybodys {
		b.patience = u.StallTimeout
	}
	if r.ProtoMajor == 1 {
		// Without it, net/http reads the request to its end before it sends an
		// answer, and whoever streams both ways waits forever.
		if http.NewResponseController(w).EnableFullDuplex() != nil {
			return nil, r
		}
		b.http1 = w
	}
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { b.follow(info.Conn) }}
	return b, r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
}

// Read is io.Reader's. What the client sends after Close has given one up is lost.
func (b *inbound) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	select {
	case <-b.closed:
		return 0, errOver
	default:
	}
	if len(b.rest) == 0 && b.err == nil {
		buf := b.take()
		go b.next(buf)
		var patience <-chan time.Time
		if b.patience > 0 {
			t := time.NewTimer(b.patience)
			defer t.Stop()
			patience = t.C
		}
		select {
		case <-patience:
			b.stalled.Store(true)
			_ = b.Close()
			return 0, ErrStalled
		case c := <-b.chunks:
			b.buf, b.filled, b.rest, b.err = buf, c.n == len(buf), buf[:c.n], c.err
		case <-b.closed:
			return 0, errOver
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	if len(b.rest) > 0 || b.err == nil {
		return n, nil
	}
	b.giveBack()
	return n, b.err
}

// take returns the buffer of the Read before, or a larger one if that was filled.
func (b *inbound) take() []byte {
	buf := b.buf
	b.buf = nil
	switch {
	case buf == nil:
		return b.buffers.Get()
	case b.filled && len(buf) == bufferSize:
		b.buffers.Put(buf)
		return b.buffers.getLarge()
	}
	return buf
}

func (b *inbound) giveBack() {
	if b.buf != nil {
		b.buffers.Put(b.buf)
		b.buf, b.rest = nil, nil
	}
}

// next waits for the client.
func (b *inbound) next(buf []byte) {
	b.mu.Lock()
	n, err := 0, errOver
	if !b.over {
		n, err = b.client.Read(buf)
		b.whole = err == io.EOF
		if err != nil && !b.whole {
			b.broken.Store(&BodyError{err})
		}
	}
	b.mu.Unlock()
	select {
	case b.chunks <- chunk{n, err}:
	case <-b.closed:
		b.buffers.Put(buf)
	}
}

// Close is called by transports that take no more: they have all, or got an answer that
// says so, or have lost the app.
func (b *inbound) Close() error {
	b.closeOnce.Do(func() { close(b.closed) })
	return nil
}

// announceEnd has an answer of our own say that the connection ends, if it does.
func (b *inbound) announceEnd() {
	if b == nil || b.http1 == nil {
		return
	}
	if b.mu.TryLock() { // or the client is waited for
		defer b.mu.Unlock()
		if b.whole {
			return
		}
	}
	b.http1.Header().Set("Connection", "close")
}

// end is called when the request is over.
func (b *inbound) end() {
	_ = b.Close()
	b.reading.Lock()
	b.giveBack()
	b.reading.Unlock()
	if app := b.app.Load(); app != nil {
		app.carries.CompareAndSwap(b, nil)
	}
	if b.http1 == nil {
		_ = b.client.Close() // interrupts
		b.mu.Lock()
		defer b.mu.Unlock()
		b.over = true
		return
	}
	c := http.NewResponseController(b.http1)
	interrupted := !b.mu.TryLock()
	if interrupted {
		_ = c.SetReadDeadline(time.Unix(1, 0))
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	b.over = true
	if b.whole && !interrupted {
		return
	}
	// What is left may come for a while, so that the client gets to read the answer
	// (RFC 9112 §9.6).
	_ = c.SetReadDeadline(time.Now().Add(farewell))
	closeAfter(b.http1)
}

// BoundUnreadBody bounds how long the client may send a body that nobody reads, for answers
// that do not wait for it. net/http reads on
// before it answers, to keep the connection: whoever announces a body and never sends it
// would hold it for ever.
func BoundUnreadBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadBodyTimeout)) // an error: nothing to read from
	}
}

// unreadBodyTimeout is how long a body may take that nobody reads.
const unreadBodyTimeout = time.Second

// closeAfter closes w's connection after the answer, even if the header is sent: of what
// net/http offers, only the limit of a body does that, and only if it is given the
// innermost w.
func closeAfter(w http.ResponseWriter) {
	for {
		outer, wraps := w.(interface{ Unwrap() http.ResponseWriter })
		if !wraps {
			break
		}
		w = outer.Unwrap()
	}
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

// appConn is a connection to an app by HTTP/1. Its end closes the body that it carries:
// http.Transport does that only when it has read the body. (With HTTP/2, it does it
// itself, and a connection carries many.)
type appConn struct {
	net.Conn
	gone    chan struct{} // closed by Close
	once    sync.Once
	carries atomic.Pointer[inbound]
}

func newAppConn(conn net.Conn) *appConn {
	return &appConn{Conn: conn, gone: make(chan struct{})}
}

// Write is net.Conn's. An app that refuses a body amid it may answer and close at once;
// http.Transport takes the failure of the write for the request's, whatever is there to
// be read (golang.org/issue/11745). So whoever reads gets to say first how it ended.
func (c *appConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if (errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)) && c.carries.Load() != nil {
		<-c.gone // comes: reads of a broken connection end, and nothing else keeps it
	}
	return n, err
}

// follow makes the end of a connection, even one that has come, the body's.
func (b *inbound) follow(conn net.Conn) {
	app, ok := conn.(*appConn)
	if !ok {
		return
	}
	b.app.Store(app)
	app.carries.Store(b)
	select {
	case <-app.gone:
		_ = b.Close()
	default:
	}
}

// Close is net.Conn's.
func (c *appConn) Close() error {
	c.once.Do(func() { close(c.gone) })
	err := c.Conn.Close()
	if b := c.carries.Load(); b != nil {
		_ = b.Close()
	}
	return err
}

// CloseWrite is for tunnels.
func (c *appConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
