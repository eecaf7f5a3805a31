package bridge_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/bridge"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a bridge on loopback between a raw client and a raw upstream.
type rig struct {
	t        testing.TB
	issuer   *verifiertest.Issuer
	upstream *spy
	metrics  *telemetry.Metrics
	bridge   *bridge.Bridge
	deps     decision.Deps
	config   *config.Config
	addr     string
	// upstreamAddr is where the upstream listens.
	upstreamAddr string
	log          *lockedBuffer
}

// rigConfig has the app "grafana" at grafana.example.com with the preset
// grafana; %s is the upstream.
const rigConfig = `
[issuer.pomerium]
public_key_file = "key.pem"

[groups]
sre = ["sre@example.com"]

[app.grafana]
host     = "grafana.example.com"
upstream = "http://%s"
adapter  = "grafana"
timeout  = "2s"

[[app.grafana.rule]]
role   = "Admin"
groups = ["@sre"]

[[app.grafana.rule]]
role   = "Viewer"
emails = ["*@example.com"]
`

type rigOption func(*rigOptions)

type rigOptions struct {
	config   string
	upstream http.Handler
	edit     func(*config.Config)
	now      func() time.Time
	after    func(time.Duration, func()) (stop func() bool)
	sessions *session.Keeper
}

func withSessions(k *session.Keeper) rigOption  { return func(o *rigOptions) { o.sessions = k } }
func withConfig(toml string) rigOption          { return func(o *rigOptions) { o.config = toml } }
func withUpstream(h http.Handler) rigOption     { return func(o *rigOptions) { o.upstream = h } }
func withTimers(ts *timers) rigOption           { return func(o *rigOptions) { o.after = ts.After } }
func withNow(now func() time.Time) rigOption    { return func(o *rigOptions) { o.now = now } }
func withEdit(f func(*config.Config)) rigOption { return func(o *rigOptions) { o.edit = f } }

func newRig(t testing.TB, options ...rigOption) *rig {
	t.Helper()
	o := rigOptions{config: rigConfig}
	for _, option := range options {
		option(&o)
	}
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, issuer: issuer, metrics: telemetry.New("test"), log: &lockedBuffer{}}
	upstreamAddr := ""
	if o.upstream != nil {
		server := httptest.NewServer(o.upstream)
		t.Cleanup(server.Close)
		upstreamAddr = server.Listener.Addr().String()
	} else {
		r.upstream = newSpy(t)
		upstreamAddr = r.upstream.addr
	}
	r.upstreamAddr = upstreamAddr
	c := loadConfig(t, issuer, fmt.Sprintf(o.config, upstreamAddr))
	if o.edit != nil {
		o.edit(c)
	}
	r.config = c
	transports := &transports{}
	t.Cleanup(transports.close)
	r.deps = decision.Deps{
		Keys:      func(i *config.Issuer) (verifier.KeySource, error) { return verifier.StaticKeys(i.Static...), nil },
		Transport: transports.transport,
		Metrics:   r.metrics,
		Sessions:  o.sessions,
		Now:       o.now,
		Log:       slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	snapshot, err := decision.Build(c, r.deps)
	if err != nil {
		t.Fatal(err)
	}
	r.bridge = bridge.New(snapshot, bridge.Options{Log: r.deps.Log, Now: o.now, After: o.after})
	server := httptest.NewServer(r.bridge)
	t.Cleanup(server.Close)
	r.addr = server.Listener.Addr().String()
	return r
}

func loadConfig(t testing.TB, issuer *verifiertest.Issuer, toml string) *config.Config {
	t.Helper()
	return loadWithKeys(t, toml, map[string]*verifiertest.Issuer{"key.pem": issuer})
}

// loadWithKeys loads a configuration beside files with issuers' keys.
func loadWithKeys(t testing.TB, toml string, keys map[string]*verifiertest.Issuer) *config.Config {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "ssobridge.toml")
	files := map[string][]byte{"ssobridge.toml": []byte(toml)}
	for name, issuer := range keys {
		files[name] = issuer.PublicPEM()
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatalf("loading config:\n%v", err)
	}
	return c
}

// ann is in the group that makes an Admin.
func (r *rig) ann() string {
	return r.issuer.Assertion(verifiertest.Claims{
		Audience: "grafana.example.com", Subject: "ann-id", Email: "ann@example.com", Name: "Ann", Groups: []string{"sre@example.com"},
	})
}

// raw sends bytes on a connection of their own and reads the one answer.
func (r *rig) raw(request string) *http.Response {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatalf("reading answer to %q: %v", request, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatalf("reading body: %v", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// get sends a GET with Ann's assertion and extra raw header lines.
func (r *rig) get(lines ...string) *http.Response {
	r.t.Helper()
	lines = append([]string{"GET /d/1?x=1 HTTP/1.1", "Host: grafana.example.com", "X-Pomerium-Jwt-Assertion: " + r.ann()}, lines...)
	return r.raw(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

func body(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wantStatus(t testing.TB, resp *http.Response, want int) {
	t.Helper()
	if resp.StatusCode != want {
		t.Fatalf("status %d, want %d; body: %s", resp.StatusCode, want, body(t, resp))
	}
}

// transports closes what it handed out, for goleak.
type transports struct {
	mu  sync.Mutex
	all []*proxy.Transport
}

func (ts *transports) transport(a *config.App) http.RoundTripper {
	t := proxy.Open(decision.TransportOptions(a, slog.New(slog.DiscardHandler)))
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.all = append(ts.all, t)
	return t
}

func (ts *transports) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.all {
		t.Close()
	}
}

// spy is an upstream that knows no HTTP library: it keeps the exact bytes of
// each request and answers 200.
type spy struct {
	addr string
	mu   sync.Mutex
	seen []string
	conn int
}

func newSpy(t testing.TB) *spy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &spy{addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conn++
			s.mu.Unlock()
			wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return s
}

func (s *spy) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	br := bufio.NewReader(conn)
	var raw strings.Builder
	chunked := false
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return
		}
		raw.WriteString(line)
		chunked = chunked || strings.EqualFold(strings.TrimSpace(line), "transfer-encoding: chunked")
		if line == "\r\n" {
			break
		}
	}
	for chunked { // to the end of the trailers
		line, err := br.ReadString('\n')
		if err != nil {
			return
		}
		raw.WriteString(line)
		if strings.HasPrefix(line, "0") {
			for line != "\r\n" {
				if line, err = br.ReadString('\n'); err != nil {
					return
				}
				raw.WriteString(line)
			}
			break
		}
	}
	s.mu.Lock()
	s.seen = append(s.seen, raw.String())
	s.mu.Unlock()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

// last returns the raw bytes of the newest request.
func (s *spy) last(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		t.Fatal("the upstream saw no request")
	}
	return s.seen[len(s.seen)-1]
}

func (s *spy) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

// lines returns the header lines of a raw request whose name folds to the same
// as name: every spelling that some server would take for it.
func lines(raw, name string) []string {
	fold := func(s string) string {
		return strings.Map(func(r rune) rune {
			switch {
			case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
				return r
			case 'A' <= r && r <= 'Z':
				return r + 'a' - 'A'
			}
			return '-'
		}, s)
	}
	var found []string
	for line := range strings.SplitSeq(raw, "\r\n") {
		if n, _, ok := strings.Cut(line, ":"); ok && fold(n) == fold(name) {
			found = append(found, line)
		}
	}
	return found
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// canary is a value that must never be seen again.
func canary() string { return "canary-" + rand.Text() }
