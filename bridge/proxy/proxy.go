// Package proxy carries a request to an app's upstream and the answer back.
//
// It decides nothing about identity: the bridge gives it a function that makes the
// outgoing request. That runs after the hop-by-hop headers, and whatever Connection
// nominates, are gone. (With httputil.ReverseProxy's older hook, Director, a client could
// have the identity headers deleted again by nominating them; see
// golang.org/issue/50580.)
//
// What comes back is the app's, byte for byte and as soon as it comes, but for what
// only Pomerium may say. An answer that breaks off ends the client's connection; it
// never looks whole. A WebSocket is a [Tunnel], which can be ended from here.
//
// All of it is net/http's and httputil.ReverseProxy's. valyala/fasthttp's HostClient
// as the transport took 0.85 times the CPU for small GETs (29.3 µs for 34.3 µs, half of
// both in the kernel), verification not counted; but it can neither be cancelled when
// the client goes, nor pass on 1xx, trailers, upgrades or HTTP/2, and would have been a
// second reader of answers to be wrong in. Carrying a request costs 2.5 µs of our own
// and ReverseProxy's, the two networks the rest. A build guided by a profile (PGO) was
// 0.94 to 1.07 times as fast: most is spent in the kernel, and in P-256's assembly.
package proxy

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/bridge/request"
)

// Upstream is one app's upstream. It is safe for concurrent use and holds no
// state of any request.
type Upstream struct {
	// URL is where requests go; a path in it goes before the request's.
	URL *url.URL
	// Transport carries the requests.
	Transport http.RoundTripper
	// PreserveHost sends the request's Host, which apps compare with Origin, rather than
	// the one of URL.
	PreserveHost bool
	// TrustedProxies are the peers whose X-Forwarded-For and -Proto are believed.
	TrustedProxies []netip.Prefix
	// TrustUnix believes all peers on Unix sockets too.
	TrustUnix bool
	// Hide are the response headers that clients do not get, in canonical form.
	Hide []string
	// StallTimeout is how long a client may take to send the next of a body that it has
	// announced, and one of HTTP/2 to take the next of an answer; 0: for ever.
	StallTimeout time.Duration
	// Log receives what happens to answers under way, at debug level.
	Log *slog.Logger

	buffers buffers
	logOnce sync.Once
	errLog  *log.Logger
}

// errorLog is what ReverseProxy writes to.
func (u *Upstream) errorLog() *log.Logger {
	u.logOnce.Do(func() { u.errLog = ErrorLog(u.Log) })
	return u.errLog
}

// Exchange is what the bridge does to one request and its answer.
type Exchange struct {
	// Anybodys says that anybody can send such requests, without an identity. They do not
	// become WebSockets.
	Anybodys bool
	// Rewrite makes the request that goes to the upstream. It must not modify In. The
	// hop-by-hop headers, and whatever Connection nominates, are gone from Out by then;
	// so are the X-Forwarded-* headers. Upstream.Aim and Upstream.Forward are for it.
	Rewrite func(*httputil.ProxyRequest)
	// Answer is given the upstream's answer, one that switches protocols included,
	// before anything of it is passed on; nil: as it is. Its error goes to Fail.
	Answer func(*http.Response) error
	// Fail is called instead of answering when there is no answer; it must write
	// one.
	Fail func(error)
	// Tunnel is given a connection that becomes a WebSocket, and returns what is
	// called when it is closed; nil: nobody is told.
	Tunnel func(*Tunnel) (closed func())
}

// Serve carries r to the upstream and its answer to w.
func (u *Upstream) Serve(w http.ResponseWriter, r *http.Request, x Exchange) {
	body, r := u.newInbound(w, r, x.Anybodys)
	if body != nil {
		defer body.end()
	}
	answers := &answerWriter{ResponseWriter: w, upstream: u, tunnel: x.Tunnel}
	answers.uninformed = !r.ProtoAtLeast(1, 1) || r.ProtoMajor == 1 && r.Header["Expect"] != nil
	if r.ProtoMajor == 2 {
		answers.patience = u.StallTimeout
		defer answers.end()
	}
	if len(w.Header()) > 0 {
		answers.before = w.Header().Clone()
	}
	upgrades := !x.Anybodys && request.AsksForWebSocket(r)
	if upgrades {
		var ctx context.Context
		ctx, answers.cancel = context.WithCancel(r.Context())
		defer answers.cancel()
		r = r.WithContext(ctx)
	}
	var trailer *http.Header
	copying := &answerBuffers{buffers: &u.buffers}
	// A ReverseProxy per request: it is a small value, and nothing of one
	// request can be seen by another.
	p := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			if body != nil {
				pr.Out.Body = body
			}
			if !upgrades {
				// A server may ignore the offer of an upgrade (RFC 9110 §7.8). A tunnel
				// to the upstream in another protocol would carry requests that nobody
				// checked, and one of anybody's what nobody decided about.
				delete(pr.Out.Header, "Upgrade")
				delete(pr.Out.Header, "Connection")
			}
			x.Rewrite(pr)
		},
		Transport:  u.Transport,
		BufferPool: copying,
		ErrorLog:   u.errorLog(),
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			body.announceEnd()
			x.Fail(body.failure(err))
		},
		ModifyResponse: func(answer *http.Response) error {
			trailer = &answer.Trailer
			copying.length = answer.ContentLength
			u.clean(answer.Header)
			if x.Answer == nil {
				return nil
			}
			return x.Answer(answer)
		},
	}
	p.ServeHTTP(answers, r)
	if trailer != nil && len(*trailer) > 0 {
		u.cleanTrailers(w.Header())
	}
}

// Caller sends requests of the bridge's own to an upstream, as if they had come for
// the app's public host, by https. It is an adapter.Caller.
type Caller struct {
	Upstream *Upstream
	Host     string
	// In is the request that they are sent because of: apps are told where it is from,
	// as some bind sessions to that.
	In *http.Request
}

// Do sends a request whose target is a path, with a query, below the upstream's URL.
// Redirects are answers.
func (c Caller) Do(r *http.Request) (*http.Response, error) {
	u := c.Upstream
	if r.URL.Host != "" || !u.Reaches(r.URL) {
		return nil, errors.New("calling the app: the target is no path below its address")
	}
	out := r.Clone(r.Context())
	pr := &httputil.ProxyRequest{In: c.In, Out: out}
	pr.SetURL(u.URL)
	u.Forward(pr, c.Host)
	if u.PreserveHost {
		out.Host = c.Host
	}
	out.Header.Set("X-Forwarded-Proto", "https")
	return u.Transport.RoundTrip(out)
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

// Aim points the outgoing request at the upstream. host is the Host that the app sees,
// if it is to see its own.
func (u *Upstream) Aim(pr *httputil.ProxyRequest, host string) {
	pr.SetURL(u.URL)
	pr.Out.URL.Opaque = ""
	if u.PreserveHost {
		pr.Out.Host = host
	}
}

// IsTimeout reports whether an error given to fail means that the upstream was
// too slow, rather than not there.
func IsTimeout(err error) bool {
	var netErr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout()
}

// Unquoted returns an error given to fail without what it quotes: net/http quotes the
// answer that it cannot read, which may be a cookie.
func Unquoted(err error) error {
	if _, ours := errors.AsType[*dialError](err); ours || !strings.Contains(err.Error(), `"`) {
		return err
	}
	return &unquoted{err}
}

type unquoted struct{ err error }

func (e *unquoted) Error() string {
	text, _, _ := strings.Cut(e.err.Error(), `"`)
	return text + "…"
}

func (e *unquoted) Unwrap() error { return e.err }
