package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// apps are ways to reach an app that reads five bytes of a body, answers, which may be
// nothing, and then is lost.
func apps(t *testing.T, answer string) map[string]proxy.Options {
	t.Helper()
	closed := raw(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		_, _ = io.ReadFull(br, make([]byte, 5))
		_, _ = io.WriteString(c, answer)
	})
	reset := raw(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		_, _ = io.ReadFull(br, make([]byte, 5))
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	leave := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 5))
		if r.ProtoMajor == 1 {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = io.WriteString(c, answer)
				_ = c.Close()
			}
			return
		}
		if answer == "" {
			panic(http.ErrAbortHandler)
		}
		a, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
		if err != nil {
			t.Error(err)
			return
		}
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(a.StatusCode)
		_, _ = io.Copy(w, a.Body)
	}
	clear := httptest.NewUnstartedServer(http.HandlerFunc(leave))
	clear.Config.Protocols = new(http.Protocols)
	clear.Config.Protocols.SetUnencryptedHTTP2(true)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(leave))
	secureHTTP2 := httptest.NewUnstartedServer(http.HandlerFunc(leave))
	secureHTTP2.EnableHTTP2 = true
	var gone *httptest.Server
	gone = httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 5))
		gone.CloseClientConnections()
	}))
	gone.Config.Protocols = clear.Config.Protocols
	roots := x509.NewCertPool()
	for i, s := range []*httptest.Server{clear, gone, secure, secureHTTP2} {
		s.Config.ErrorLog = quiet()
		if i < 2 {
			s.Start()
		} else {
			s.StartTLS()
			roots.AddCert(s.Certificate())
		}
		t.Cleanup(s.Close)
	}
	unreached := closedPort(t)
	ways := map[string]proxy.Options{
		"HTTP/1":                 {Addresses: []proxy.Address{closed.address(t)}},
		"HTTP/1, second address": {Addresses: []proxy.Address{unreached, closed.address(t)}},
		"HTTP/1 by TLS":          {Addresses: []proxy.Address{address(t, secure.URL)}, TLS: &tls.Config{RootCAs: roots}},
		"HTTP/2":                 {Addresses: []proxy.Address{address(t, clear.URL)}, HTTP2: true},
		"HTTP/2, second address": {Addresses: []proxy.Address{unreached, address(t, clear.URL)}, HTTP2: true},
		"HTTP/2 by TLS":          {Addresses: []proxy.Address{address(t, secureHTTP2.URL)}, TLS: &tls.Config{RootCAs: roots}},
	}
	if answer == "" {
		ways["HTTP/1, reset"] = proxy.Options{Addresses: []proxy.Address{reset.address(t)}}
		ways["HTTP/2, the connection"] = proxy.Options{Addresses: []proxy.Address{address(t, gone.URL)}, HTTP2: true}
		ways["not there"] = proxy.Options{Addresses: []proxy.Address{unreached}}
		ways["neither there"] = proxy.Options{Addresses: []proxy.Address{unreached, unreached}}
	}
	return ways
}

// An app that is lost while its client is still sending, and pauses, is a 502 at once.
func TestAppThatIsLostAmidTheBody(t *testing.T) {
	const want = `502 "failed\n"`
	var all sync.WaitGroup // most take a while to end
	for name, o := range apps(t, "") {
		for _, limited := range []bool{false, true} {
			f := newFront(t, o, func(f *proxied) {
				if limited {
					f.Config.Handler = limitBodies(f.Config.Handler)
				}
			})
			name := fmt.Sprintf("%s, limited %v", name, limited)
			for _, body := range []string{"Content-Length: 99\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"} {
				all.Go(func() {
					got, closes, err := pause(f.Listener.Addr().String(), "POST / HTTP/1.1\r\nHost: a\r\n"+body, "0\r\n\r\n"+smuggled)
					if err != nil || got != want || !closes {
						t.Errorf("%s: %s, close %v, %v", name, got, closes, err)
					}
				})
			}
			c := clientOf(t, "HTTP/2")
			all.Go(func() {
				if got, err := pauseHTTP2(t.Context(), c, f.URL); err != nil || got != want {
					t.Errorf("%s, by HTTP/2: %s, %v", name, got, err)
				}
			})
		}
	}
	all.Wait()
}

// An app that has seen enough is not heard any less for it.
func TestAppThatAnswersAmidTheBodyAndIsLost(t *testing.T) {
	large := strings.Repeat("x", 300_000)
	var all sync.WaitGroup
	for answer, want := range map[string]string{
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n":                       `403 ""`,
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 300000\r\n\r\n" + large:          `403 "` + large + `"`,
		"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n" + large:               `403 "` + large + `"`,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n": `200 "xx"`,
	} {
		for name, o := range apps(t, answer) {
			f := newFront(t, o, func(f *proxied) {
				f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					f.upstream.Serve(w, r, proxy.Exchange{
						Rewrite: rewriteFor(f.upstream, ""),
						Answer:  func(*http.Response) error { return r.Context().Err() }, // a session's store would say so
						Fail:    func(err error) { http.Error(w, err.Error(), http.StatusBadGateway) },
					})
				})
			})
			name := fmt.Sprintf("%s, %.40q", name, answer)
			all.Go(func() {
				got, _, err := pause(f.Listener.Addr().String(), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nhello", smuggled)
				if err != nil || got != want {
					t.Errorf("%s: %.60s, %v", name, got, err)
				}
			})
			c := clientOf(t, "HTTP/2")
			all.Go(func() {
				if got, err := pauseHTTP2(t.Context(), c, f.URL); err != nil || got != want {
					t.Errorf("%s, by HTTP/2: %.60s, %v", name, got, err)
				}
			})
		}
	}
	all.Wait()
}

// pause sends the beginning of a request, waits for its answer, and sends the rest. It
// fails if there is another answer, or the connection is kept.
func pause(addr, beginning, rest string) (got string, closes bool, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	if _, err := io.WriteString(conn, beginning); err != nil {
		return "", false, err
	}
	br := bufio.NewReader(conn)
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		return "", false, err
	}
	got, err = said(answer)
	if err != nil {
		return got, answer.Close, err
	}
	_, _ = io.WriteString(conn, rest) // an error: the connection has ended
	b, err := io.ReadAll(br)
	if len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		return got, answer.Close, fmt.Errorf("the connection is kept, %q: %w", b, err)
	}
	return got, answer.Close, nil
}

// pauseHTTP2 does so in a stream.
func pauseHTTP2(ctx context.Context, c *http.Client, target string) (string, error) {
	pr, pw := io.Pipe()
	defer func() { _ = pw.Close() }()
	go func() { _, _ = io.WriteString(pw, "hello") }()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, pr)
	if err != nil {
		return "", err
	}
	answer, err := c.Do(r)
	if err != nil {
		return "", err
	}
	return said(answer)
}

func said(answer *http.Response) (string, error) {
	b, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	return fmt.Sprintf("%d %q", answer.StatusCode, b), err
}

// The answer of an app that refuses a body amid it and closes, as many do with 413, gets
// to the client, whose body is being written when the connection breaks.
func TestAppThatRefusesTheBodyAndCloses(t *testing.T) {
	const answer = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, answer)
		if secured, ok := c.(*tls.Conn); ok {
			c = secured.NetConn()
		}
		_ = c.Close() // resets it, as something has come that is not read
	})
	clear, secure, local := httptest.NewUnstartedServer(refuse), httptest.NewUnstartedServer(refuse), httptest.NewUnstartedServer(refuse)
	socket := t.TempDir() + "/app.sock"
	_ = local.Listener.Close()
	local.Listener = listen(t, "unix", socket)
	clear.Start()
	secure.StartTLS()
	local.Start()
	for _, s := range []*httptest.Server{clear, secure, local} {
		t.Cleanup(s.Close)
	}
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	for name, o := range map[string]proxy.Options{
		"clear":       {Addresses: []proxy.Address{address(t, clear.URL)}},
		"TLS":         {Addresses: []proxy.Address{address(t, secure.URL)}, TLS: &tls.Config{RootCAs: roots}},
		"Unix socket": {Addresses: []proxy.Address{{URL: address(t, clear.URL).URL, Socket: socket}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, o, nil)
			for range 300 {
				// Little enough for the connections' buffers: the client is not to be the one who fails.
				resp, err := http.Post(f.URL, "text/plain", strings.NewReader(strings.Repeat("x", 200_000)))
				if err != nil {
					t.Fatal(err)
				}
				if got, err := said(resp); err != nil || got != `413 "no"` {
					t.Fatalf("%s, %v", got, err)
				}
			}
		})
	}
}
