package proxy_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

func TestUnixSocket(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Host, " ", r.RequestURI)
	}))
	_ = s.Listener.Close()
	path := socketPath(t)
	s.Listener = listen(t, "unix", path)
	s.Start()
	defer s.Close()
	a := address(t, "http://localhost/base")
	a.Socket = path
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{a}}, func(f *proxied) { f.upstream.PreserveHost = false })
	if _, got := get(t, f.URL+"/x?y=1"); got != "localhost /base/x?y=1" {
		t.Errorf("the app says %q", got)
	}
}

func TestFailsOverWhereNoConnectionCanBeMade(t *testing.T) {
	last := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprint(w, r.Method, " ", len(b), " ", r.Header.Get("X-User"))
	})
	for name, dead := range map[string]proxy.Address{
		"refused":   closedPort(t),
		"no socket": {URL: address(t, "http://localhost").URL, Socket: socketPath(t)},
		"untrusted": address(t, untrusted(t).URL),
		"no TLS":    address(t, strings.Replace(last.URL, "http://", "https://", 1)),
	} {
		f := newFront(t, proxy.Options{Addresses: []proxy.Address{dead, address(t, last.URL)}}, nil)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			status, got := do(t, method, f.URL+"/", strings.NewReader(strings.Repeat("x", 100_000)))
			if want := method + " 100000 ann"; status != http.StatusOK || got != want {
				t.Errorf("%s: %d %q, want %q", name, status, got, want)
			}
		}
	}
}

// untrusted is a server whose certificate nobody vouches for, and that fails the test
// when it is asked anything.
func untrusted(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a server that cannot be trusted was sent a request")
	}))
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// A request that was sent twice may have been done twice.
func TestRequestIsNeverSentToAnotherAddressOnceAnyOfItWasSent(t *testing.T) {
	var second atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { second.Add(1) })
	for name, answer := range map[string]func(net.Conn, *bufio.Reader){
		"closes at once":      func(net.Conn, *bufio.Reader) {},
		"closes after a byte": func(_ net.Conn, br *bufio.Reader) { _, _ = br.ReadByte() },
		// Not before: a connection that is reset as it is made is none.
		"resets":                  func(c net.Conn, br *bufio.Reader) { _, _ = br.ReadByte(); _ = c.(*net.TCPConn).SetLinger(0) },
		"closes after the head":   func(_ net.Conn, br *bufio.Reader) { _, _ = readHead(br) },
		"answers what is no HTTP": func(c net.Conn, br *bufio.Reader) { _, _ = readHead(br); _, _ = io.WriteString(c, "SSH-2.0-x\r\n") },
		"closes amid its header": func(c net.Conn, br *bufio.Reader) {
			_, _ = readHead(br)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nA:")
		},
		"answers after early hints": func(c net.Conn, br *bufio.Reader) {
			_, _ = readHead(br)
			_, _ = io.WriteString(c, "HTTP/1.1 103 E\r\n\r\n")
		},
		"answers a header too large": func(c net.Conn, br *bufio.Reader) {
			_, _ = readHead(br)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("a", 11<<20))
		},
		"is slow (timeout)":           func(_ net.Conn, br *bufio.Reader) { _, _ = readHead(br); _, _ = br.ReadByte() },
		"closes when it has the body": func(_ net.Conn, br *bufio.Reader) { _, _ = readHead(br); _, _ = br.Discard(3) },
	} {
		t.Run(name, func(t *testing.T) {
			first := raw(t, answer)
			f := newFront(t, proxy.Options{Addresses: []proxy.Address{first.address(t), address(t, other.URL)}, Timeout: 300 * time.Millisecond}, nil)
			for i, method := range []string{http.MethodGet, http.MethodPost} {
				status, _ := do(t, method, f.URL+"/", strings.NewReader("abc"))
				if status != http.StatusBadGateway && status != http.StatusGatewayTimeout {
					t.Errorf("%s: status %d", method, status)
				}
				if first.connections() < i+1 {
					t.Error("the first address was not asked")
				}
			}
		})
	}
	if second.Load() != 0 {
		t.Errorf("%d requests were sent twice", second.Load())
	}
}

func TestRoundRobin(t *testing.T) {
	f := newFront(t, proxy.Options{RoundRobin: true}, nil, serve(t, says("a")), serve(t, says("b")), serve(t, says("c")))
	got := ""
	for range 7 {
		_, text := get(t, f.URL)
		got += text
	}
	if got != "abcabca" {
		t.Errorf("got %s", got)
	}
}

// clock is one that tests set.
type clock struct{ now atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.now.Store(time.Now().UnixNano())
	return c
}
func (c *clock) Now() time.Time          { return time.Unix(0, c.now.Load()) }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

func TestAddressThatTakesNoConnectionComesLastForAWhile(t *testing.T) {
	at := newClock()
	first := serve(t, says("first"))
	addr := first.Listener.Addr().String()
	f := newFront(t, proxy.Options{Now: at.Now}, nil, first, serve(t, says("second")))
	expect := func(want string) {
		t.Helper()
		if _, got := get(t, f.URL); got != want {
			t.Errorf("%s answered, want %s", got, want)
		}
	}
	expect("first")
	first.Close()
	f.transport.CloseIdleConnections()
	expect("second")
	if s := f.transport.State(); s[0].Up || !s[1].Up {
		t.Errorf("state %v", s)
	}
	again := httptest.NewUnstartedServer(says("first again"))
	_ = again.Listener.Close()
	again.Listener = listen(t, "tcp", addr)
	again.Start()
	defer again.Close()
	expect("second")
	at.advance(10 * time.Second)
	expect("first again")
	if s := f.transport.State(); !s[0].Up {
		t.Errorf("state %v", s)
	}
}

// Health decides who is asked first, and never that nobody is.
func TestWhereNoneSeemsUpAllAreAsked(t *testing.T) {
	at := newClock()
	dead := closedPort(t)
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{dead, dead}, Now: at.Now}, nil)
	for range 2 {
		if status, _ := get(t, f.URL); status != http.StatusBadGateway {
			t.Errorf("status %d", status)
		}
	}
	again := httptest.NewUnstartedServer(says("back"))
	_ = again.Listener.Close()
	again.Listener = listen(t, "tcp", dead.URL.Host)
	again.Start()
	defer again.Close()
	if status, got := get(t, f.URL); got != "back" {
		t.Errorf("%d %s", status, got)
	}
}

func TestHealthChecks(t *testing.T) {
	var sick atomic.Bool
	checks := make(chan string)
	sick.Store(true)
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			_, _ = io.WriteString(w, "first")
			return
		}
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
		select {
		case checks <- r.Host + " " + r.Header.Get("X-User"):
		case <-r.Context().Done():
		}
	})
	f := newFront(t, proxy.Options{
		Health: &proxy.Health{Path: "/healthz", Host: "app.example.com", Interval: time.Millisecond, Timeout: 10 * time.Second},
	}, nil, first, serve(t, says("second")))
	f.transport.Start()
	f.transport.Start() // is one start
	// A check is over when the next one begins.
	if got := <-checks; got != "app.example.com " {
		t.Errorf("the check was %q", got)
	}
	<-checks
	if _, got := get(t, f.URL); got != "second" {
		t.Errorf("%s answered", got)
	}
	sick.Store(false)
	<-checks
	<-checks
	<-checks
	if _, got := get(t, f.URL); got != "first" {
		t.Errorf("%s answered", got)
	}
}

func TestHealthChecksTimeOut(t *testing.T) {
	hang := make(chan struct{})
	asked := make(chan struct{}, 100)
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			asked <- struct{}{}
			<-hang
			return
		}
		_, _ = io.WriteString(w, "first")
	})
	t.Cleanup(func() { close(hang) })
	f := newFront(t, proxy.Options{
		Health: &proxy.Health{Path: "/healthz", Interval: time.Millisecond, Timeout: 10 * time.Millisecond},
	}, nil, first, serve(t, says("second")))
	f.transport.Start()
	<-asked
	<-asked
	if _, got := get(t, f.URL); got != "second" {
		t.Errorf("%s answered", got)
	}
}

func TestClientCertificateAndServerName(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.TLS.ServerName, " ", len(r.TLS.PeerCertificates), " ", r.Proto)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	for _, c := range []struct {
		name string
		tls  *tls.Config
		want string
	}{
		{"both", &tls.Config{RootCAs: roots, ServerName: "example.com", Certificates: s.TLS.Certificates}, "200 example.com 1 HTTP/2.0"},
		{"no certificate", &tls.Config{RootCAs: roots, ServerName: "example.com"}, "502 failed\n"},
		{"a name that is not in its certificate", &tls.Config{RootCAs: roots, ServerName: "other.example.org", Certificates: s.TLS.Certificates}, "502 failed\n"},
		{"the name of the URL", &tls.Config{RootCAs: roots, Certificates: s.TLS.Certificates}, "200  1 HTTP/2.0"}, // an address has no SNI
		{"the system's CAs", &tls.Config{Certificates: s.TLS.Certificates}, "502 failed\n"},
		{"nothing", nil, "502 failed\n"},
	} {
		f := newFront(t, proxy.Options{TLS: c.tls}, nil, s)
		status, text := get(t, f.URL)
		if got := fmt.Sprint(status, " ", text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Where requests go by HTTP/2, WebSockets still go by HTTP/1.1: there is nothing else
// that an app is sure to know.
func TestHTTP2AndWebSockets(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			_, _ = io.WriteString(w, r.Proto)
			return
		}
		if c, err := websocket.Accept(w, r, nil); err == nil {
			_ = c.Close(websocket.StatusNormalClosure, r.Proto)
		}
	}
	clear := httptest.NewUnstartedServer(http.HandlerFunc(handler))
	clear.Config.Protocols = new(http.Protocols)
	clear.Config.Protocols.SetHTTP1(true)
	clear.Config.Protocols.SetUnencryptedHTTP2(true)
	clear.Config.ErrorLog = quiet()
	clear.Start()
	defer clear.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(handler))
	secure.EnableHTTP2, secure.Config.ErrorLog = true, quiet()
	secure.StartTLS()
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	for _, c := range []struct {
		server *httptest.Server
		http2  bool
		want   string
	}{
		{clear, false, "HTTP/1.1"}, {clear, true, "HTTP/2.0"}, {secure, false, "HTTP/2.0"}, {secure, true, "HTTP/2.0"},
	} {
		f := newFront(t, proxy.Options{HTTP2: c.http2, TLS: &tls.Config{RootCAs: roots}}, nil, c.server)
		if _, got := get(t, f.URL); got != c.want {
			t.Errorf("%s, upstream_http2 = %v: %s", c.server.URL, c.http2, got)
		}
		ws, answer, err := websocket.Dial(t.Context(), f.URL, &websocket.DialOptions{HTTPClient: client(t)})
		if err != nil {
			t.Fatalf("%s, upstream_http2 = %v: %v %v", c.server.URL, c.http2, err, answer)
		}
		if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure || !strings.Contains(err.Error(), "HTTP/1.1") {
			t.Errorf("got %v", err)
		}
		_ = ws.CloseNow()
	}
}

// An app that takes the request and says nothing is a timeout, which is not retried.
func TestHungAppIsATimeout(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	defer close(release)
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("another address was asked") })
	for _, http2 := range []bool{false, true} {
		f := newFront(t, proxy.Options{HTTP2: http2, Timeout: 50 * time.Millisecond}, nil, s, other)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if status, _ := do(t, method, f.URL, strings.NewReader("body")); status != http.StatusGatewayTimeout {
				t.Errorf("%s, upstream_http2 = %v: status %d", method, http2, status)
			}
		}
	}
}
