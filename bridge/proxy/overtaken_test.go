package proxy_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
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

// lines is what a server logs.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// hasty is an app that answers as soon as it has a request's head, and the targets that
// it was asked for.
func hasty(t testing.TB, answer string) (*rawServer, func() string) {
	t.Helper()
	var seen lines
	return raw(t, func(c net.Conn, br *bufio.Reader) {
		head, err := readHead(br)
		if err != nil {
			return
		}
		_, _ = fmt.Fprintln(&seen, strings.Fields(head)[1])
		_, _ = io.WriteString(c, answer)
		_, _ = io.Copy(io.Discard, br)
	}), seen.String
}

const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

// What is left of a body that its answer has overtaken is never a request, and its end
// is no panic: net/http would go on reading beside itself (golang.org/issue/15527 is
// why it reads on at all).
func TestBodyThatItsAnswerOvertookIsNoRequest(t *testing.T) {
	const (
		fixed  = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
		stream = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
	)
	large := strings.Repeat("x", 300<<10) // more than net/http reads of what nobody wants
	bodies := map[string]struct{ head, first, rest string }{
		"its end comes late":        {"Content-Length: 10", "hello", "world" + smuggled},
		"nothing more comes":        {"Content-Length: 10", "hello", ""},
		"one chunk comes late":      {"Transfer-Encoding: chunked", "5\r\nhello\r\n", "5\r\nworld\r\n0\r\n\r\n" + smuggled},
		"it waits amid a chunk":     {"Transfer-Encoding: chunked", "ff\r\nhello", smuggled},
		"it waits before a chunk":   {"Transfer-Encoding: chunked", "5\r\nhello\r\n", smuggled},
		"a chunk has no size":       {"Transfer-Encoding: chunked", "5\r\nhello\r\nzz\r\n", smuggled},
		"a trailer is no field":     {"Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nno field\r\n\r\n", smuggled},
		"none of it comes":          {"Content-Length: 36", "", smuggled + smuggled},
		"nobody asked for it":       {"Expect: 100-continue\r\nContent-Length: 5", "", "hello" + smuggled},
		"it comes unasked":          {"Expect: 100-continue\r\nContent-Length: 36", "hello", smuggled + smuggled},
		"it is larger than is read": {fmt.Sprintf("Content-Length: %d", len(large)+1+len(smuggled)), "x", large + smuggled + smuggled},
	}
	requests := map[string]func(*proxied){
		"POST /first HTTP/1.1":                 nil,
		"POST /first HTTP/1.1\r\nX-Limited: 1": func(f *proxied) { f.Config.Handler = limitBodies(f.Config.Handler) },
		"POST /first HTTP/1.1\r\nX-TLS: 1":     func(f *proxied) { f.Listener = tls.NewListener(f.Listener, certified(t)) },
		"GET /first HTTP/1.1":                  nil,
		"HEAD /first HTTP/1.1":                 nil,
	}
	var all sync.WaitGroup // most take a while to end
	for name, body := range bodies {
		for request, edit := range requests {
			for _, answer := range []string{fixed, stream} {
				name := fmt.Sprintf("%s, %q, %.40q", name, request, answer[27:])
				app, seen := hasty(t, answer)
				var logged lines
				f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, func(f *proxied) {
					f.Config.ErrorLog = log.New(&logged, "", 0)
					if edit != nil {
						edit(f)
					}
				})
				all.Go(func() {
					head := request + "\r\nHost: a\r\n" + body.head + "\r\n\r\n"
					if err := overtake(f.Listener.Addr().String(), head+body.first, body.rest); err != nil {
						t.Errorf("%s: %v", name, err)
					}
					f.Close() // waits for the connection
					if strings.Contains(logged.String(), "panic") {
						t.Errorf("%s: a panic: %s", name, logged.String())
					}
					if got := seen(); got != "/first\n" {
						t.Errorf("%s: the app is asked for %q", name, got)
					}
				})
			}
		}
	}
	all.Wait()
}

// certified is a TLS server's with a certificate of nobody's.
func certified(t testing.TB) *tls.Config {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
}

// Bodies that were read cost no connection, nor do those read while the answer was
// under way.
func TestConnectionIsKeptAfterABodyThatWasRead(t *testing.T) {
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.Copy(w, r.Body)
	}))
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	br := bufio.NewReader(conn)
	for _, path := range []string{"/", "/stream", "/", "/stream", "/"} {
		for head, body := range map[string]string{
			"Content-Length: 5": "hello", "Transfer-Encoding: chunked": "5\r\nhello\r\n0\r\n\r\n",
			"Trailer: X-Sum\r\nTransfer-Encoding: chunked": "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
		} {
			_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", path, head)
			var answer *http.Response
			if path == "/stream" { // whose answer has begun
				if answer, err = http.ReadResponse(br, nil); err != nil {
					t.Fatal(path, head, err)
				}
			}
			_, _ = io.WriteString(conn, body)
			if answer == nil {
				if answer, err = http.ReadResponse(br, nil); err != nil {
					t.Fatal(path, head, err)
				}
			}
			if b, err := io.ReadAll(answer.Body); err != nil || string(b) != "hello" || answer.Close {
				t.Fatalf("%s %s: %q %v, close %v", path, head, b, err, answer.Close)
			}
		}
	}
}

// A body beside a tunnel would be read from what the tunnel carries.
func TestRequestWithABodyBecomesNoTunnel(t *testing.T) {
	received := make(chan http.Header, 1)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { received <- r.Header.Clone() }))
	t.Cleanup(app.Close)
	f := newFront(t, proxy.Options{}, func(*proxied) {}, app)
	for _, body := range []string{"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		conn, br := dial(t, f)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+body); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if h := <-received; h["Upgrade"] != nil || h["Connection"] != nil {
			t.Errorf("%.20s: the upgrade goes on: %q", body, h)
		}
	}
}

// limitBodies replaces bodies, which hides from net/http that one was closed early.
func limitBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<30)
		next.ServeHTTP(w, r)
	})
}

// overtake sends what comes before an answer, waits for all of that, sends the rest and
// waits for the end of the connection. The answer may be another if the request is bad.
func overtake(addr, first, rest string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	if strings.Contains(first, "X-TLS") {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	if _, err := io.WriteString(conn, first); err != nil {
		return err
	}
	br := bufio.NewReader(conn)
	method, _, _ := strings.Cut(first, " ")
	answer, err := http.ReadResponse(br, &http.Request{Method: method})
	for err == nil && answer.StatusCode == http.StatusContinue {
		answer, err = http.ReadResponse(br, &http.Request{Method: method})
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	_, _ = io.WriteString(conn, rest) // an error: the connection is closed by then
	if _, err = io.Copy(io.Discard, br); errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the connection is kept")
	}
	return nil
}

// The end of a body and its answer meet anywhere.
func TestBodyAndAnswerRace(t *testing.T) {
	app, _ := hasty(t, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
	var logged lines
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, func(f *proxied) { f.Config.ErrorLog = log.New(&logged, "", 0) })
	addr := f.Listener.Addr().String()
	end := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				race(t, addr, n)
			}
		})
	}
	wg.Wait()
	f.Close()
	if strings.Contains(logged.String(), "panic") {
		t.Errorf("a panic: %s", logged.String())
	}
}

// race sends a request in two writes, the second ever later in the first's way, with
// another request behind it.
func race(t testing.TB, addr string, n int) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	head, first, rest := "Content-Length: 10", "hello", "world"
	if n%2 == 1 {
		head, first, rest = "Transfer-Encoding: chunked", "5\r\nhello\r\n", "5\r\nworld\r\n0\r\n\r\n"
	}
	_, _ = io.WriteString(conn, "POST /1 HTTP/1.1\r\nHost: a\r\n"+head+"\r\n\r\n"+first)
	late := time.Now().Add(time.Duration(n%40) * 20 * time.Microsecond)
	for time.Now().Before(late) { // sleeping takes longer
	}
	_, _ = io.WriteString(conn, rest+"GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	br := bufio.NewReader(conn)
	for i := range 2 {
		answer, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Errorf("answer %d: %v", i, err)
			return
		}
		if b, err := io.ReadAll(answer.Body); err != nil || string(b) != "ok" || answer.StatusCode != http.StatusOK {
			t.Errorf("answer %d: %d %q %v", i, answer.StatusCode, b, err)
		}
		if answer.Close {
			return
		}
	}
}

// A client that asks first is told once to go on, amid whatever else it is told: the
// server says so when the body is read, beside what it is given to say.
func TestContinueAndHintsDoNotMix(t *testing.T) {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
	for first, times := range map[string]int{"": 1 /* takes a second */, "HTTP/1.1 100 Continue\r\n\r\n": 20} {
		app := raw(t, func(c net.Conn, br *bufio.Reader) {
			for {
				if _, err := readHead(br); err != nil {
					return
				}
				_, _ = io.WriteString(c, first)
				came := make(chan struct{})
				go func() {
					_, _ = io.ReadFull(br, make([]byte, 5))
					close(came)
				}()
				for waiting := true; waiting; {
					select {
					case <-came:
						waiting = false
					default:
						_, _ = io.WriteString(c, hint)
					}
				}
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		})
		f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, nil)
		conn, br := dial(t, f)
		for range times {
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
			if head, err := readHead(br); err != nil || head != "HTTP/1.1 100 Continue\r\n\r\n" {
				t.Fatalf("%q %v", head, err)
			}
			_, _ = io.WriteString(conn, "hello")
			answer, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := said(answer); err != nil || got != `200 "ok"` {
				t.Fatal(got, err)
			}
		}
	}
}

// dial connects to a front.
func dial(t *testing.T, f *proxied) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn, bufio.NewReader(conn)
}
