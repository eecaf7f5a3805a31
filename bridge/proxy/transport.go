package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where an app listens and how it is talked to.
type Options struct {
	// Addresses are where, one or more; their URLs differ in scheme and host only.
	Addresses []Address
	// RoundRobin gives each request the next address; otherwise, all go to the first
	// that is up.
	RoundRobin bool
	// HTTP2 speaks HTTP/2 without asking: by prior knowledge where there is no TLS
	// (RFC 9113 §3.3). WebSockets still use HTTP/1.1.
	HTTP2 bool
	// TLS is how addresses with https are verified, and what they are shown; nil: by
	// the system's CAs, and nothing.
	TLS *tls.Config
	// Timeout is how long the app may take until its response headers; 0: for ever.
	Timeout time.Duration
	// Health are the checks that Start begins; nil: none.
	Health *Health
	// Log receives what becomes of addresses; nil: none.
	Log *slog.Logger
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Address is one of an app's addresses.
type Address struct {
	// URL has the scheme and host of requests.
	URL *url.URL
	// Socket is the Unix socket to connect to, in place of URL's host; empty: none.
	Socket string
}

func (a Address) String() string {
	if a.Socket != "" {
		return "unix:" + a.Socket
	}
	return a.URL.Scheme + "://" + a.URL.Host
}

// Transport carries requests to an app's addresses. A request goes to a further
// address only if no connection to the one before could be made, which is when
// nobody can have seen any of it. Whether an address is up decides only which is
// asked first: where all seem down, all are asked.
//
// Within one address, net/http sends a request again whose kept connection turned out
// to be closed: if nothing of it was written, or if it has no body and repeating it
// does no harm (RFC 9110 §9.2.2).
type Transport struct {
	addresses  []*address
	roundRobin bool
	next       atomic.Uint32
	health     *Health
	log        *slog.Logger
	now        func() time.Time

	mu   sync.Mutex
	stop context.CancelFunc // nil: not started
	done sync.WaitGroup
}

// address is an Address with its connections and what is known of it.
type address struct {
	Address
	http *http.Transport
	// upgrades carries what HTTP/2 cannot; http itself if that never speaks it.
	upgrades *http.Transport
	state    state
}

// Open returns a Transport. It opens no connection.
func Open(o Options) *Transport {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Transport{roundRobin: o.RoundRobin, health: o.Health, log: o.Log, now: o.Now}
	for _, a := range o.Addresses {
		t.addresses = append(t.addresses, newAddress(a, o))
	}
	return t
}

// How long a connection may take: less where there is another address to try.
const (
	dialTimeout       = 10 * time.Second
	dialTimeoutOfMany = 3 * time.Second
	handshakeTimeout  = 10 * time.Second
	idleConnTimeout   = 90 * time.Second
	// With 256, a thousand requests at a time keep dialing.
	maxIdlePerAddress  = 1024
	tcpKeepAlivePeriod = 30 * time.Second
)

func newAddress(a Address, o Options) *address {
	d := &dialer{Dialer: net.Dialer{Timeout: dialTimeout, KeepAlive: tcpKeepAlivePeriod}, socket: a.Socket}
	if len(o.Addresses) > 1 {
		d.Timeout = dialTimeoutOfMany
	}
	c := connector{d, o}
	if secure := a.URL.Scheme == "https"; secure || o.HTTP2 {
		var protocols http.Protocols
		protocols.SetHTTP1(!o.HTTP2)
		protocols.SetHTTP2(secure)
		protocols.SetUnencryptedHTTP2(o.HTTP2 && !secure)
		return &address{Address: a, http: c.transport(protocols), upgrades: c.transport(onlyHTTP1())}
	}
	only := c.transport(onlyHTTP1())
	return &address{Address: a, http: only, upgrades: only}
}

func onlyHTTP1() (p http.Protocols) {
	p.SetHTTP1(true)
	return p
}

// connector makes the transports of one address.
type connector struct {
	dialer  *dialer
	options Options
}

func (c *connector) transport(protocols http.Protocols) *http.Transport {
	return &http.Transport{
		// No Proxy: an upstream is a neighbour, and HTTP_PROXY in the
		// environment must not see its identity headers.
		DialContext:           c.dialer.clear(protocols),
		DialTLSContext:        c.dialer.tls(c.options.TLS, protocols),
		Protocols:             &protocols,
		MaxIdleConnsPerHost:   maxIdlePerAddress,
		IdleConnTimeout:       idleConnTimeout,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: c.options.Timeout,
		// As much as net/http's servers take, and a tenth of its default.
		MaxResponseHeaderBytes: http.DefaultMaxHeaderBytes,
		// The client negotiates compression with the upstream, not we.
		DisableCompression: true,
	}
}

// dialer connects to one address. Its errors are dialErrors.
type dialer struct {
	net.Dialer
	socket string
}

// dialError: there is no connection, so nothing of a request has been sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.socket != "" {
		network, address = "unix", d.socket
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	return conn, nil
}

// clear returns a dial function for what is not encrypted.
func (d *dialer) clear(protocols http.Protocols) func(ctx context.Context, network, address string) (net.Conn, error) {
	if protocols.UnencryptedHTTP2() {
		return d.dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return newAppConn(conn), nil
	}
}

// tls returns a dial function for TLS. The handshake is part of it, or a server that
// cannot be trusted would count as one that may have seen the request.
func (d *dialer) tls(base *tls.Config, protocols http.Protocols) func(ctx context.Context, network, address string) (net.Conn, error) {
	if base == nil {
		base = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	base = base.Clone()
	base.NextProtos = nil
	if protocols.HTTP2() {
		base.NextProtos = append(base.NextProtos, "h2")
	}
	if protocols.HTTP1() {
		base.NextProtos = append(base.NextProtos, "http/1.1")
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := base
		if config.ServerName == "" {
			config = base.Clone()
			if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
				config.ServerName = address
			}
		}
		ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, &dialError{err}
		}
		if secured.ConnectionState().NegotiatedProtocol == "h2" {
			return secured, nil
		}
		return newAppConn(secured), nil
	}
}

// RoundTrip is http.RoundTripper's.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(t.addresses) == 1 {
		return t.addresses[0].transport(r).RoundTrip(r)
	}
	order := t.order(t.now())
	for i, a := range order {
		attempt, body := a.request(r)
		answer, err := a.transport(r).RoundTrip(attempt)
		failed, noConnection := errors.AsType[*dialError](err)
		if !noConnection || r.Context().Err() != nil {
			body.release()
			if err == nil {
				a.state.reached()
			}
			return answer, err
		}
		t.eject(a, failed)
		if i == len(order)-1 {
			body.release()
			return nil, err
		}
	}
	return nil, errors.New("the app has no address")
}

// transport returns what carries r.
func (a *address) transport(r *http.Request) *http.Transport {
	if r.Header["Upgrade"] != nil {
		return a.upgrades
	}
	return a.http
}

// request returns r for this address. Its body stays open until release, for
// net/http closes the body of a request that it has no connection for.
func (a *address) request(r *http.Request) (*http.Request, *body) {
	out := new(http.Request)
	*out = *r
	target := *r.URL
	target.Scheme, target.Host = a.URL.Scheme, a.URL.Host
	out.URL = &target
	if r.Body == nil || r.Body == http.NoBody {
		return out, nil
	}
	b := &body{ReadCloser: r.Body}
	out.Body = b
	return out, b
}

// body is a request's body, lent to one attempt.
type body struct {
	io.ReadCloser
	mu                      sync.Mutex
	begun, closed, released bool
}

// Read is io.Reader's.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	closed := b.closed
	b.begun = true
	b.mu.Unlock()
	if closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.ReadCloser.Read(p)
}

// Close closes the body once it is released, or if the attempt is the last as it has
// begun to read.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if !b.begun && !b.released {
		return nil
	}
	return b.ReadCloser.Close()
}

// release says that the attempt is the last.
func (b *body) release() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released = true
	if b.closed {
		_ = b.ReadCloser.Close()
	}
}

// order returns the addresses in the order in which they are to be asked: first
// those that are up.
func (t *Transport) order(now time.Time) []*address {
	start := 0
	if t.roundRobin {
		start = int((t.next.Add(1) - 1) % uint32(len(t.addresses))) //nolint:gosec // a few
	}
	order := slices.Concat(t.addresses[start:], t.addresses[:start])
	up := 0
	for i, a := range order {
		if a.state.up(now) {
			copy(order[up+1:i+1], order[up:i])
			order[up] = a
			up++
		}
	}
	return order
}

// CloseIdleConnections closes the connections that no request uses, and those that
// one does when it is done.
func (t *Transport) CloseIdleConnections() {
	for _, a := range t.addresses {
		a.http.CloseIdleConnections()
		a.upgrades.CloseIdleConnections()
	}
}
