// Package proxy carries a request to an app's upstream and the answer back.
//
// It decides nothing about identity: the bridge gives it a function that edits
// the outgoing headers, which runs after the hop-by-hop headers and whatever
// Connection nominates are gone. (With httputil.ReverseProxy's older
// hook, Director, a client could have the identity headers deleted again by
// nominating them; see golang.org/issue/50580.)
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Upstream is one app's upstream. It is safe for concurrent use and holds no
// state of any request.
type Upstream struct {
	// URL is where requests go; a path in it goes before the request's.
	URL *url.URL
	// Transport carries the requests.
	Transport http.RoundTripper
	// PreserveHost sends the Host that the client asked for, which apps compare
	// with Origin, rather than the one of URL.
	PreserveHost bool
	// TrustedProxies are the peers whose X-Forwarded-* headers are believed.
	TrustedProxies []netip.Prefix
	// Log receives what happens to answers under way, at debug level.
	Log *slog.Logger

	buffers buffers
}

// NewTransport returns a transport for one upstream. responseHeaderTimeout is
// how long the upstream may take until its response headers are there.
func NewTransport(responseHeaderTimeout time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		// No Proxy: an upstream is a neighbour, and HTTP_PROXY in the
		// environment must not see its identity headers.
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          0, // the limit per host is the one that counts
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: responseHeaderTimeout,
		// The client negotiates compression with the upstream, not we.
		DisableCompression: true,
	}
}

// Serve carries r to the upstream and its answer to w. edit is given the headers
// that go to the upstream when only the X-Forwarded-* ones are still to be set.
// fail is called instead of answering when there is no answer; it must write
// one.
func (u *Upstream) Serve(w http.ResponseWriter, r *http.Request, edit func(http.Header), fail func(error)) {
	if r.ContentLength != 0 {
		// Without it, net/http's HTTP/1 server reads the request to its end
		// before it sends an answer, and whoever streams both ways waits forever.
		_ = http.NewResponseController(w).EnableFullDuplex() // an error: HTTP/2, which is so anyway
	}
	// A ReverseProxy per request: it is a small value, and nothing of one
	// request can be seen by another.
	p := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			u.rewrite(pr)
			edit(pr.Out.Header)
			u.forward(pr)
		},
		Transport:  u.Transport,
		BufferPool: &u.buffers,
		ErrorLog:   slog.NewLogLogger(u.Log.Handler(), slog.LevelDebug),
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			fail(err)
		},
	}
	p.ServeHTTP(w, r)
}

// Reaches reports whether a request's target leads to where URL says. Only paths
// do (RFC 9112 §3.2.1 and, with a host before the path, §3.2.2): net/url takes
// "x:y" for an opaque URL, which net/http would write to the upstream as it
// stands, past path and host. Where URL has a path of its own, dot segments
// would lead out of it.
func (u *Upstream) Reaches(target *url.URL) bool {
	if target.Opaque != "" || !strings.HasPrefix(target.Path, "/") && target.Host == "" {
		return false
	}
	if strings.TrimSuffix(u.URL.Path, "/") == "" {
		return true
	}
	for segment := range strings.FieldsFuncSeq(target.Path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

func (u *Upstream) rewrite(pr *httputil.ProxyRequest) {
	pr.SetURL(u.URL)
	pr.Out.URL.Opaque = ""
	if u.PreserveHost {
		pr.Out.Host = pr.In.Host
	}
	// ReverseProxy drops query parameters that it cannot parse, for hooks that
	// decide on the query. Nothing here does, and the app shall see its own.
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery
	// A trailer is a header that comes late (Traefik CVE-2026-88004).
	pr.Out.Trailer = nil
}

// forward sets X-Forwarded-For, -Host and -Proto. What the client sent has been
// removed by then; it counts only if the peer is a trusted proxy.
func (u *Upstream) forward(pr *httputil.ProxyRequest) {
	trusted := u.Trusts(pr.In.RemoteAddr)
	if trusted {
		pr.Out.Header["X-Forwarded-For"] = pr.In.Header["X-Forwarded-For"]
	}
	pr.SetXForwarded()
	if !trusted {
		return
	}
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values := pr.In.Header[name]; len(values) == 1 && values[0] != "" {
			pr.Out.Header[name] = values
		}
	}
}

// Trusts reports whether a peer is one of TrustedProxies.
func (u *Upstream) Trusts(remoteAddr string) bool {
	if len(u.TrustedProxies) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	for _, p := range u.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// IsTimeout reports whether an error given to fail means that the upstream was
// too slow, rather than not there.
func IsTimeout(err error) bool {
	var netErr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout()
}

// DropForeignUpgrade removes an Upgrade to anything but WebSocket from an
// inbound request. A server may ignore the offer (RFC 9110 §7.8); a tunnel to
// the upstream in another protocol would carry requests that nobody checked.
func DropForeignUpgrade(r *http.Request) {
	upgrade := r.Header["Upgrade"]
	if upgrade == nil || len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") && r.Method == http.MethodGet && r.ProtoMajor == 1 {
		return
	}
	r.Header.Del("Upgrade")
}

// buffers lends copy buffers; its zero value is ready.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buf[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(buf []byte) { b.pool.Put((*[bufferSize]byte)(buf)) }
