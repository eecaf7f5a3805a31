package proxy_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// proxied is a server on loopback that does with requests what the bridge does once it
// has decided.
type proxied struct {
	*httptest.Server
	upstream  *proxy.Upstream
	transport *proxy.Transport
	tunnel    func(*proxy.Tunnel) func()
}

// newFront: the servers' URLs are the addresses, unless o has some.
func newFront(t testing.TB, o proxy.Options, edit func(*proxied), servers ...*httptest.Server) *proxied {
	t.Helper()
	for _, s := range servers {
		o.Addresses = append(o.Addresses, address(t, s.URL))
	}
	f := &proxied{transport: proxy.Open(o)}
	f.upstream = &proxy.Upstream{
		URL: o.Addresses[0].URL, Transport: f.transport, PreserveHost: true, Log: slog.New(slog.DiscardHandler),
	}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.upstream.Serve(w, r, proxy.Exchange{
			Rewrite: rewriteFor(f.upstream, "ann"),
			Fail: func(err error) {
				status := http.StatusBadGateway
				if proxy.IsTimeout(err) {
					status = http.StatusGatewayTimeout
				}
				http.Error(w, "failed", status)
			},
			Tunnel: f.tunnel,
		})
	}))
	f.Config.Protocols = new(http.Protocols)
	f.Config.Protocols.SetHTTP1(true)
	f.Config.Protocols.SetUnencryptedHTTP2(true)
	f.Config.ErrorLog = quiet()
	if edit != nil {
		edit(f)
	}
	f.Start()
	t.Cleanup(func() {
		f.Close()
		f.transport.Close()
	})
	return f
}

func address(t testing.TB, text string) proxy.Address {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return proxy.Address{URL: u}
}

func quiet() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) }

// serve starts a server that ends with the test.
func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = quiet()
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// says answers every request with a text.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, text)
	}
}

// client has connections of its own.
func client(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// get returns the status and body of an answer.
func get(t testing.TB, target string) (int, string) {
	t.Helper()
	return do(t, http.MethodGet, target, nil)
}

func do(t testing.TB, method, target string, body io.Reader) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// closedPort is an address where nobody listens.
func closedPort(t testing.TB) proxy.Address {
	t.Helper()
	l := listen(t, "tcp", "127.0.0.1:0")
	_ = l.Close()
	return address(t, "http://"+l.Addr().String())
}

func listen(t testing.TB, network, at string) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// raw is a server without an HTTP library: handle is given each connection.
func raw(t testing.TB, handle func(net.Conn, *bufio.Reader)) *rawServer {
	t.Helper()
	s := &rawServer{l: listen(t, "tcp", "127.0.0.1:0")}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := s.l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			s.mu.Unlock()
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				handle(conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		_ = s.l.Close()
		wg.Wait()
	})
	return s
}

type rawServer struct {
	l     net.Listener
	mu    sync.Mutex
	conns int
}

func (s *rawServer) address(t testing.TB) proxy.Address {
	return address(t, "http://"+s.l.Addr().String())
}

func (s *rawServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// readHead reads a request up to its body.
func readHead(br *bufio.Reader) (string, error) {
	head := ""
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return head, err
		}
		head += line
		if line == "\r\n" {
			return head, nil
		}
	}
}

// exchange writes raw bytes to a server and returns all that comes until it closes.
func exchange(t testing.TB, addr, request string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("after %q: %v", b, err)
	}
	return string(b)
}

func socketPath(t testing.TB) string { return filepath.Join(t.TempDir(), "s") }

// rewriteFor is the least that a Rewrite must do: it aims at the upstream, and says who
// the person is.
func rewriteFor(u *proxy.Upstream, user string) func(*httputil.ProxyRequest) {
	return func(pr *httputil.ProxyRequest) {
		u.Aim(pr, pr.In.Host)
		pr.Out.URL.RawQuery = pr.In.URL.RawQuery
		pr.Out.Trailer = nil
		if user != "" {
			pr.Out.Header["X-User"] = []string{user}
		}
		u.Forward(pr, pr.In.Host)
	}
}
