package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
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

	"github.com/ssobridge/ssobridge/bridge/server"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run is a server on loopback, with its Pomerium and its upstream.
type run struct {
	t      *testing.T
	issuer *verifiertest.Issuer
	iss    string // of its assertions; "": as Pomerium does
	jwks   *httptest.Server
	app    *httptest.Server
	path   string
	reload chan struct{}
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
	r := &run{t: t, issuer: issuer, reload: make(chan struct{}), log: newWatchedLog(), ended: make(chan error, 1)}
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
			ConfigPath: r.path, Version: "test", Reload: r.reload,
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
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addrs.Listen.String()+"/", nil)
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

func TestReadyOnlyOnceKeysAreThere(t *testing.T) {
	release := make(chan struct{})
	r := start(t, echoRole, func(r *run) { r.issuer.SetFault(verifiertest.Hang(release)) })
	if status, text := r.admin("/healthz"); status != http.StatusOK || text != "ok\n" {
		t.Errorf("healthz: %d %q", status, text)
	}
	status, text := r.admin("/readyz")
	var ready struct {
		Ready   bool
		Issuers []struct {
			Issuer string
			Ready  bool
		}
	}
	if err := json.Unmarshal([]byte(text), &ready); err != nil {
		t.Fatal(err)
	}
	if status != http.StatusServiceUnavailable || ready.Ready || len(ready.Issuers) != 1 || ready.Issuers[0].Issuer != "pomerium" || ready.Issuers[0].Ready {
		t.Errorf("readyz: %d %s", status, text)
	}
	// Without keys nobody is anybody, and it is not the client's fault.
	if status, _ := r.get(); status != http.StatusServiceUnavailable {
		t.Errorf("a request without keys: %d", status)
	}
	r.issuer.SetFault(nil)
	close(release)
	r.waitReady()
	if status, text := r.get(); status != http.StatusOK || text != "ann@example.com is Reader" {
		t.Errorf("%d %q", status, text)
	}
	if _, text := r.admin("/readyz"); !strings.Contains(text, r.issuer.KeyID()) {
		t.Errorf("readyz lacks the key ID: %s", text)
	}
}

func TestReadyzSaysWhatIsWrongWithAnIssuer(t *testing.T) {
	r := start(t, echoRole, func(r *run) { r.issuer.SetFault(verifiertest.Status(http.StatusInternalServerError)) })
	r.log.wait(t, "keys could not be fetched")
	if status, text := r.admin("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "status 500") {
		t.Errorf("%d %s", status, text)
	}
}

func TestMetrics(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	if status, _ := r.get(); status != http.StatusOK {
		t.Fatal(status)
	}
	_, text := r.admin("/metrics")
	for _, want := range []string{
		`ssobridge_requests_total{app="wiki",outcome="allowed"} 1`,
		`ssobridge_decision_duration_seconds_count{app="wiki"} 1`,
		`ssobridge_request_duration_seconds_count{app="wiki"} `,
		`ssobridge_key_age_seconds{issuer="pomerium"} `,
		`ssobridge_keys_usable{issuer="pomerium"} 1`,
		`ssobridge_config_last_reload_successful 1`,
		`ssobridge_build_info{version="test"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestAdminIsNotReachableThroughTheAppListener(t *testing.T) {
	r := start(t, echoRole, nil)
	for _, host := range []string{"wiki.example.com", "127.0.0.1", "localhost", r.addrs.Admin.String()} {
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/"} {
			q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.addrs.Listen.String()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			q.Host = host
			resp, err := r.client.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			if status, text := read(t, resp); status < 400 {
				t.Errorf("%s%s: %d %s", host, path, status, text)
			}
		}
	}
	if status, _ := r.admin("/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("pprof on the admin listener: %d", status)
	}
}

func TestReload(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	fetches := r.issuer.Fetches()

	// A bad file changes nothing and says why, with file and line.
	for name, bad := range map[string]func(){
		"syntax":       func() { r.overwrite("[app.wiki\n") },
		"unknown role": func() { r.overwrite("[[app.wiki.rule]]\nroel = \"x\"\n") },
		"empty":        func() { r.overwrite("") },
		"failing test": func() { r.write("Writer", "Reader") },
		"missing":      func() { _ = os.Remove(r.path) },
	} {
		bad()
		r.log.reset()
		r.reload <- struct{}{}
		r.log.wait(t, "reload refused")
		if status, text := r.get(); status != http.StatusOK || text != "ann@example.com is Reader" {
			t.Fatalf("%s: %d %q", name, status, text)
		}
		if log := r.log.String(); !strings.Contains(log, "ssobridge.toml") && !strings.Contains(log, "ROLE") {
			t.Errorf("%s: the log does not say what is wrong: %s", name, log)
		}
		if _, text := r.admin("/metrics"); !strings.Contains(text, "ssobridge_config_last_reload_successful 0") {
			t.Errorf("%s: metrics do not show it", name)
		}
	}

	// A good one swaps at once, without asking for the keys again.
	r.write("Writer", "Writer")
	r.log.reset()
	r.reload <- struct{}{}
	r.log.wait(t, "reloaded")
	if status, text := r.get(); status != http.StatusOK || text != "ann@example.com is Writer" {
		t.Errorf("%d %q", status, text)
	}
	if _, text := r.admin("/metrics"); !strings.Contains(text, "ssobridge_config_last_reload_successful 1") {
		t.Error("metrics do not show the good reload")
	}
	if n := r.issuer.Fetches(); n != fetches {
		t.Errorf("%d fetches of the keys by reloads", n-fetches)
	}
}

// A typing error in an address, or an issuer that is down just now, must not
// replace keys that work by keys that are not there.
func TestReloadNeverTradesKeysForNone(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(text string) string{
		"a wrong address": func(text string) string { return strings.Replace(text, "jwks.json", "jwsk.json", 1) },
		"max_stale while the issuer is down": func(text string) string {
			r.issuer.SetFault(verifiertest.Status(http.StatusBadGateway))
			return strings.Replace(text, "jwks_url", "max_stale = \"48h\"\njwks_url", 1)
		},
	} {
		r.overwrite(change(string(b)))
		r.log.reset()
		r.reload <- struct{}{}
		r.log.wait(t, "reload refused")
		if log := r.log.String(); !strings.Contains(log, "issuer.pomerium: keys are new") {
			t.Errorf("%s: the log does not say why: %s", name, log)
		}
		if status, _ := r.get(); status != http.StatusOK {
			t.Errorf("%s: status %d", name, status)
		}
		r.issuer.SetFault(nil)
	}
	// With an issuer that answers, it is in force without a gap.
	r.overwrite(strings.Replace(string(b), "jwks_url", "max_stale = \"48h\"\njwks_url", 1))
	r.log.reset()
	r.reload <- struct{}{}
	r.log.wait(t, "reloaded")
	if status, _ := r.get(); status != http.StatusOK {
		t.Errorf("right after a good reload: status %d", status)
	}
}

func TestReloadSaysWhatNeedsARestart(t *testing.T) {
	r := start(t, echoRole, nil)
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	r.overwrite(strings.Replace(string(b), `listen        = "127.0.0.1:0"`, `listen        = "127.0.0.2:0"`, 1))
	r.reload <- struct{}{}
	r.log.wait(t, "key=server.listen")
	if log := r.log.String(); strings.Contains(log, "key=server.drain_timeout") {
		t.Errorf("it names what has not changed: %s", log)
	}
}

func (r *run) overwrite(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func TestStopLetsRequestsFinish(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := start(t, func(w http.ResponseWriter, q *http.Request) {
		close(arrived)
		<-release
		echoRole(w, q)
	}, nil)
	r.waitReady()
	type answer struct {
		resp *http.Response
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		resp, err := r.request(context.Background())
		answered <- answer{resp, err}
	}()
	<-arrived
	r.stop()
	r.log.wait(t, "draining")
	// A new connection is refused while the old one is still being served.
	for {
		conn, err := net.Dial("tcp", r.addrs.Listen.String())
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(release)
	a := <-answered
	if a.err != nil {
		t.Fatalf("a request under way was cut off: %v", a.err)
	}
	if status, text := read(t, a.resp); status != http.StatusOK || text != "ann@example.com is Reader" {
		t.Errorf("%d %q", status, text)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	r.ended <- nil
}

func TestBusyPortNamesTheKey(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for key, text := range map[string]string{
		"server.listen":       "listen = \"" + l.Addr().String() + "\"\nadmin_listen = \"127.0.0.1:0\"",
		"server.admin_listen": "listen = \"127.0.0.1:0\"\nadmin_listen = \"" + l.Addr().String() + "\"",
	} {
		r := &run{t: t, path: filepath.Join(t.TempDir(), "c.toml"), jwks: &httptest.Server{URL: "http://127.0.0.1:1"}, app: &httptest.Server{URL: "http://127.0.0.1:1"}}
		r.write("Reader", "Reader")
		b, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		r.overwrite(strings.Replace(string(b), "listen        = \"127.0.0.1:0\"\nadmin_listen  = \"127.0.0.1:0\"", text, 1))
		var listen *server.ListenError
		if err := server.Run(t.Context(), server.Options{ConfigPath: r.path}); !errors.As(err, &listen) || listen.Key != key {
			t.Errorf("got %v, want a ListenError of %s", err, key)
		}
	}
}

// Pomerium often has a certificate of a private CA.
func TestKeysThroughAPrivateCA(t *testing.T) {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	jwks := httptest.NewTLSServer(issuer.Handler())
	defer jwks.Close()
	for _, trusted := range []bool{true, false} {
		t.Run(fmt.Sprintf("trusted=%v", trusted), func(t *testing.T) {
			r := start(t, echoRole, func(r *run) {
				r.issuer = issuer
				ca := filepath.Join(filepath.Dir(r.path), "ca.pem")
				block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: jwks.Certificate().Raw})
				if err := os.WriteFile(ca, block, 0o600); err != nil {
					t.Fatal(err)
				}
				source := "jwks_url = \"" + jwks.URL + verifiertest.JWKSPath + "\""
				if trusted {
					source += "\nca_file = \"ca.pem\""
				}
				b, err := os.ReadFile(r.path)
				if err != nil {
					t.Fatal(err)
				}
				r.overwrite(strings.Replace(string(b), `jwks_url = "`+r.jwks.URL+verifiertest.JWKSPath+`"`, source, 1))
			})
			if !trusted {
				r.log.wait(t, "keys could not be fetched")
				if status, _ := r.get(); status != http.StatusServiceUnavailable {
					t.Errorf("status %d", status)
				}
				return
			}
			r.waitReady()
			if status, _ := r.get(); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		})
	}
}

// watchedLog lets a test wait for a line.
type watchedLog struct {
	mu     sync.Mutex
	cond   *sync.Cond
	b      bytes.Buffer
	closed bool
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
	return l.b.Write(p)
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
