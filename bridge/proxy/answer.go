package proxy

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// answerWriter is where ReverseProxy writes an answer. It keeps back what is not for
// clients, adds nothing to what the app has said, and makes tunnels of connections.
type answerWriter struct {
	http.ResponseWriter
	upstream *Upstream
	// uninformed clients get no informational answers.
	uninformed bool
	// before is what was in the header before the app said anything: ReverseProxy
	// empties it with every informational answer.
	before    http.Header
	wasSilent bool // only informational answers so far
	// patience is with a client of HTTP/2 that takes nothing; 0: any.
	patience time.Duration
	tunnel   func(*Tunnel) func()
	cancel   context.CancelFunc
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader passes on a status with its header.
func (w *answerWriter) WriteHeader(status int) {
	h := w.Header()
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.inform(status, h)
		return
	}
	if w.wasSilent {
		for name, values := range w.before {
			if _, said := h[name]; !said {
				h[name] = values
			}
		}
	}
	if _, said := h["Content-Type"]; !said {
		h["Content-Type"] = nil // or net/http would guess one
	}
	w.ResponseWriter.WriteHeader(status)
}

// A connection of HTTP/2 goes on while the client holds one stream of it by a window that
// it does not open, so that the server's own patience with it never ends. Here it does,
// where something is written: the silence of the app is none of the client's.

// Write is http.ResponseWriter's.
func (w *answerWriter) Write(p []byte) (n int, err error) {
	if w.patience == 0 {
		return w.ResponseWriter.Write(p)
	}
	const piece = 16 << 10 // whoever takes as much each time may be slow
	for len(p) > 0 && err == nil {
		stop := w.watch()
		var m int
		m, err = w.ResponseWriter.Write(p[:min(piece, len(p))])
		stop()
		n, p = n+m, p[m:]
	}
	return n, err
}

// FlushError is for http.ResponseController.
func (w *answerWriter) FlushError() error {
	if w.patience > 0 {
		stop := w.watch()
		defer stop()
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// watch ends the stream if stop is not called in time.
func (w *answerWriter) watch() (stop func() bool) {
	return time.AfterFunc(w.patience, func() {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Unix(1, 0))
	}).Stop
}

// end is called when nothing more is written, and net/http has yet to send what it has.
func (w *answerWriter) end() {
	if w.patience > 0 {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.patience))
	}
}

// inform passes on an informational answer, such as 103 (RFC 8297), but no more than
// hints: what it says is not yet the app's answer, which the bridge has not seen. A
// client of HTTP/1.0 takes it for the answer itself (RFC 9110 §15.2); to one that asked
// whether to go on, net/http says so when the body is read, into the same buffer at the
// same time (expectContinueReader, Go 1.26).
func (w *answerWriter) inform(status int, h http.Header) {
	w.wasSilent = true
	if w.uninformed {
		return
	}
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		_, ours := w.before[name]
		return ours || name == "Set-Cookie" || name == "Connection" || w.upstream.hides(name)
	})
	w.ResponseWriter.WriteHeader(status)
}

// Hijack makes a tunnel of the connection.
func (w *answerWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.cancel == nil { // http.Transport does not let it come so far; ReverseProxy alone would
		return nil, nil, errors.New("the app switched protocols without being asked to")
	}
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.Header().Del("Connection") // of the bridge's own; the app's is still to come
	t := &Tunnel{Conn: conn, cancel: w.cancel, release: func() {}}
	if w.tunnel != nil {
		t.release = w.tunnel(t)
	}
	return t, rw, nil
}

// hides reports whether a response header or trailer is kept from clients: those
// that only Pomerium may say, and those of Hide. Other names that requests may not
// bring are the app's to use: sign-in endpoints answer with an Authorization, and a
// response tells people nothing that the app does not want to tell them.
func (u *Upstream) hides(name string) bool {
	const pomerium = "X-Pomerium-"
	if len(name) > len(pomerium) && strings.EqualFold(name[:len(pomerium)], pomerium) {
		return true
	}
	return slices.Contains(u.Hide, name)
}

// clean removes from an answer what clients do not get.
func (u *Upstream) clean(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool { return u.hides(name) })
}

// cleanTrailers removes it from trailers: those that the app announced, and those that
// it did not.
func (u *Upstream) cleanTrailers(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		return u.hides(http.CanonicalHeaderKey(strings.TrimPrefix(name, http.TrailerPrefix)))
	})
}
