package realapps_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/server"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

const assertionHeader = "X-Pomerium-Jwt-Assertion"

// bridgeConfig has the one app "app"; the places are for the upstream, the
// adapter, and further tables.
const bridgeConfig = `
[server]
listen       = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[issuer.pomerium]
public_key_file = "pomerium.pem"

[app.app]
host     = "` + host + `"
upstream = "http://%s"
adapter  = "%s"

[[app.app.rule]]
role   = "admin"
groups = ["admins"]

[[app.app.rule]]
role   = "user"
emails = ["*@example.com"]
%s`

// bridged is a bridge that runs in front of an app.
type bridged struct {
	addr   string
	issuer *verifiertest.Issuer
	preset config.Preset
	relay  *relay
	// owned are the headers that only the bridge may set.
	owned []string
}

// startBridge runs a bridge with a preset. Its relay must be pointed at the app
// before the first request.
func startBridge(t *testing.T, preset string) *bridged {
	t.Helper()
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	b := &bridged{issuer: issuer, relay: newRelay(t)}
	if b.preset, err = config.LookupPreset(preset); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	adapter, tables := preset, ""
	if b.preset.Kind == "jwt" {
		adapter = "ours"
		tables = fmt.Sprintf("\n[adapter.ours]\nextends = %q\nkeys = [{ file = \"ours.key\" }]\n", preset)
		write(t, dir, "ours.key", newKey(t))
	}
	write(t, dir, "pomerium.pem", string(issuer.PublicPEM()))
	write(t, dir, "ssobridge.toml", fmt.Sprintf(bridgeConfig, b.relay.addr, adapter, tables))
	path := filepath.Join(dir, "ssobridge.toml")
	c, err := config.Load(path)
	if err != nil {
		t.Fatalf("loading the configuration:\n%v", err)
	}
	for _, name := range c.Apps[0].Adapter.Owns().Headers {
		b.owned = append(b.owned, http.CanonicalHeaderKey(name))
	}
	b.serve(t, path)
	return b
}

// serve runs the bridge until the test ends.
func (b *bridged) serve(t *testing.T, path string) {
	t.Helper()
	log := &logBuffer{}
	started := make(chan string, 1)
	done := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		done <- server.Run(ctx, server.Options{
			ConfigPath: path,
			Log:        slog.New(slog.NewTextHandler(log, nil)),
			Started:    func(a server.Addrs) { started <- a.Listen.String() },
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the bridge ended with: %v", err)
		}
		log.show(t, "ssobridge")
	})
	select {
	case b.addr = <-started:
	case err := <-done:
		done <- nil
		t.Fatalf("the bridge does not start: %v", err)
	}
}

// sentFor returns what the bridge tells the app of somebody, in the headers that
// nobody else may set.
func (b *bridged) sentFor(t *testing.T, a realApp, claims *verifiertest.Claims) http.Header {
	t.Helper()
	before := len(b.relay.requests(t))
	a.whoami(b.browser(t, claims))
	sent := b.relay.requests(t)[before:]
	if len(sent) == 0 {
		t.Fatal("the app received nothing")
	}
	h := make(http.Header)
	for _, name := range b.owned {
		if values := sent[0].Values(name); values != nil {
			h[name] = values
		}
	}
	if len(h) == 0 {
		t.Fatalf("none of %q in what the app received: %v", b.owned, sent[0])
	}
	return h
}

// relay hands connections on to the app, byte by byte, and keeps what went there.
type relay struct {
	addr string

	mu    sync.Mutex
	to    string
	conns []*bytes.Buffer
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.carry(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return r
}

// pointAt sets where the app listens.
func (r *relay) pointAt(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = addr
}

func (r *relay) carry(client net.Conn) {
	defer func() { _ = client.Close() }()
	r.mu.Lock()
	seen, to := &bytes.Buffer{}, r.to
	r.conns = append(r.conns, seen)
	r.mu.Unlock()
	app, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = app.Close() }()
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(client, app)
		_ = client.Close()
	})
	_, _ = io.Copy(io.MultiWriter(writerFunc(func(p []byte) (int, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return seen.Write(p)
	}), app), client)
	_ = app.Close()
	wg.Wait()
}

// requests returns the headers of all requests so far, those of one connection
// in their order.
func (r *relay) requests(t *testing.T) []http.Header {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []http.Header
	for _, conn := range r.conns {
		br := bufio.NewReader(bytes.NewReader(conn.Bytes()))
		for {
			req, err := http.ReadRequest(br)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("what the app received is no request: %v", err)
			}
			_, _ = io.Copy(io.Discard, req.Body)
			all = append(all, req.Header)
		}
	}
	return all
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// browser returns a browser of somebody, on the bridge.
func (b *bridged) browser(t *testing.T, claims *verifiertest.Claims) *browser {
	t.Helper()
	browser := newBrowser(t, b.addr)
	browser.issuer, browser.claims = b.issuer, claims
	return browser
}

func newKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// deadline is for everything that should take far less.
const deadline = time.Minute
