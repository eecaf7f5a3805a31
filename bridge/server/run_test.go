package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/bridge/server"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(processConfig); path != "" {
		os.Exit(runProcess(path))
	}
	goleak.VerifyTestMain(m)
}

// run is a server on loopback, with its Pomerium and its upstream.
type run struct {
	t      *testing.T
	issuer *verifiertest.Issuer
	iss    string // of its assertions; "": as Pomerium does
	jwks   *httptest.Server
	app    *httptest.Server
	path   string
	passed server.Listeners
	reload chan struct{}
	hurry  chan struct{}
	addrs  server.Addrs
	log    *watchedLog
	stop   context.CancelFunc
	ended  chan error
	client *http.Client
}

const config = `
[server]
listen        = "127.0.0.1:0"
admin_listen  = "127.0.0.1:0"
drain_timeout = "5s"

[issuer.pomerium]
jwks_url = "JWKS"

[adapter.plain]
kind = "headers"
[adapter.plain.header]
X-User = { from = "email", required = true }
X-Role = { from = "role" }

[app.wiki]
host     = "wiki.example.com"
upstream = "UPSTREAM"
adapter  = "plain"

[[app.wiki.rule]]
role   = "ROLE"
emails = ["*@example.com"]

[[app.wiki.test]]
email = "ann@example.com"
want  = "WANT"
`

func start(t *testing.T, app http.HandlerFunc, before func(*run)) *run {
	t.Helper()
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	r := &run{t: t, issuer: issuer, reload: make(chan struct{}), hurry: make(chan struct{}), log: newWatchedLog(), ended: make(chan error, 1)}
	r.jwks = httptest.NewServer(issuer.Handler())
	t.Cleanup(r.jwks.Close)
	r.app = httptest.NewServer(app)
	t.Cleanup(r.app.Close)
	r.path = filepath.Join(t.TempDir(), "ssobridge.toml")
	r.write("Reader", "Reader")
	if before != nil {
		before(r)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r.client = &http.Client{Transport: transport}
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	started := make(chan struct{})
	go func() {
		r.ended <- server.Run(ctx, server.Options{
			ConfigPath: r.path, Version: "test", Reload: r.reload, Hurry: r.hurry, Passed: r.passed,
			Log:     slog.New(slog.NewTextHandler(r.log, nil)),
			Started: func(a server.Addrs) { r.addrs = a; close(started) },
		})
	}()
	select {
	case <-started:
	case err := <-r.ended:
		t.Fatalf("ended before it started: %v", err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections() // or draining waits for them
		stop()
		// Tests that stop it themselves put Run's outcome back.
		select {
		case err := <-r.ended:
			if err != nil {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server did not end")
		}
	})
	return r
}

func (r *run) write(role, want string) {
	r.t.Helper()
	text := strings.NewReplacer("JWKS", r.jwks.URL+verifiertest.JWKSPath, "UPSTREAM", r.app.URL, "ROLE", role, "WANT", want).Replace(config)
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *run) request(ctx context.Context) (*http.Response, error) {
	return r.send(ctx, http.MethodGet, nil)
}

func (r *run) send(ctx context.Context, method string, body io.Reader) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, "http://"+r.addrs.Listen.String()+"/", body)
	if err != nil {
		return nil, err
	}
	q.Host = "wiki.example.com"
	q.Header.Set("X-Pomerium-Jwt-Assertion", r.issuer.Assertion(verifiertest.Claims{
		Issuer: r.iss, Audience: "wiki.example.com", Subject: "ann-id", Email: "ann@example.com",
	}))
	return r.client.Do(q)
}

// get sends a request and returns status and body.
func (r *run) get() (int, string) {
	r.t.Helper()
	resp, err := r.request(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return read(r.t, resp)
}

func read(t *testing.T, resp *http.Response) (int, string) {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (r *run) admin(path string) (int, string) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.addrs.Admin.String()+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	return read(r.t, resp)
}

// waitReady waits for the keys: for the log line that says they have come.
func (r *run) waitReady() {
	r.t.Helper()
	r.log.wait(r.t, "keys changed")
	// The line is written just before the keys are in force.
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if status, _ := r.admin("/readyz"); status == http.StatusOK {
			return
		}
	}
	r.t.Fatal("never ready")
}

func echoRole(w http.ResponseWriter, q *http.Request) {
	_, _ = io.WriteString(w, q.Header.Get("X-User")+" is "+q.Header.Get("X-Role"))
}

// text is the configuration.
func (r *run) text() string {
	r.t.Helper()
	b, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func (r *run) overwrite(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// watchedLog lets a test wait for a line.
type watchedLog struct {
	mu     sync.Mutex
	cond   *sync.Cond
	b      bytes.Buffer
	closed bool
	panics string
}

func newWatchedLog() *watchedLog {
	l := &watchedLog{}
	l.cond = sync.NewCond(&l.mu)
	return l
}

func (l *watchedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.cond.Broadcast()
	if l.panics != "" && bytes.Contains(p, []byte(l.panics)) {
		panic("a fault of the test's")
	}
	return l.b.Write(p)
}

// panicOn makes whoever writes a text panic.
func (l *watchedLog) panicOn(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.panics = text
}

func (l *watchedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *watchedLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *watchedLog) wait(t *testing.T, text string) {
	t.Helper()
	stop := time.AfterFunc(10*time.Second, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.closed = true
		l.cond.Broadcast()
	})
	defer stop.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.b.String(), text) {
		if l.closed {
			t.Fatalf("the log never said %q:\n%s", text, l.b.String())
		}
		l.cond.Wait()
	}
}
