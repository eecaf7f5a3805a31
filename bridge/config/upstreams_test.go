package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// loadApp loads an app with some keys besides those that every one has.
func loadApp(t *testing.T, keys string, files map[string]string) (*App, error) {
	t.Helper()
	all := map[string]string{"config.toml": fmt.Sprintf(`
[issuer.pomerium]
jwks_url = "https://grafana.example.com/.well-known/pomerium/jwks.json"
[app.grafana]
host    = "grafana.example.com"
adapter = "grafana"
rule    = [{ role = "Viewer" }]
%s
`, keys)}
	maps.Copy(all, files)
	c, err := Load(write(t, all))
	if err != nil {
		return nil, err
	}
	return c.Apps[0], nil
}

func mustLoadApp(t *testing.T, keys string, files map[string]string) *App {
	t.Helper()
	a, err := loadApp(t, keys, files)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestUpstreamForms(t *testing.T) {
	type address struct{ URL, Socket string }
	for keys, want := range map[string]struct {
		display   string
		addresses []address
	}{
		`upstream = "http://127.0.0.1:3000"`:               {"http://127.0.0.1:3000", []address{{"http://127.0.0.1:3000", ""}}},
		`upstream = "https://[::1]:8443/wiki%2Fa"`:         {"https://[::1]:8443/wiki%2Fa", []address{{"https://[::1]:8443/wiki%2Fa", ""}}},
		`upstream = "unix:/run/app.sock"`:                  {"unix:/run/app.sock", []address{{"http://localhost", "/run/app.sock"}}},
		`upstream = "unix:/run/app.sock:/base"`:            {"unix:/run/app.sock:/base", []address{{"http://localhost/base", "/run/app.sock"}}},
		`upstreams = ["http://a:1/x", "unix:/run/a:/x"]`:   {"http://a:1/x", []address{{"http://a:1/x", ""}, {"http://localhost/x", "/run/a"}}},
		`upstreams = ["http://a:1", "https://a:1"]`:        {"http://a:1", []address{{"http://a:1", ""}, {"https://a:1", ""}}},
		`upstreams = ["unix:/run/a.sock", "unix:/run/b"]`:  {"unix:/run/a.sock", []address{{"http://localhost", "/run/a.sock"}, {"http://localhost", "/run/b"}}},
		"upstreams = [\n\"http://only.example.com:3000\"]": {"http://only.example.com:3000", []address{{"http://only.example.com:3000", ""}}},
	} {
		a := mustLoadApp(t, keys, nil)
		var got []address
		for _, each := range a.Upstreams.Addresses {
			got = append(got, address{each.URL.String(), each.Socket})
		}
		if diff := cmp.Diff(want.addresses, got); diff != "" || a.Upstream.String() != want.display {
			t.Errorf("%s: %s; addresses (-want +got):\n%s", keys, a.Upstream, diff)
		}
	}
}

func TestUpstreamDefaults(t *testing.T) {
	a := mustLoadApp(t, `upstreams = ["http://a:1", "http://b:1"]
health = { path = "/healthz", timeout = "5s" }`, nil)
	if diff := cmp.Diff(&Health{"/healthz", 10 * time.Second, 5 * time.Second}, a.Upstreams.Health); diff != "" {
		t.Error(diff)
	}
	if a.Upstreams.RoundRobin || a.Upstreams.HTTP2 || a.Upstreams.TLS != nil {
		t.Errorf("got %+v", a.Upstreams)
	}
	if diff := cmp.Diff(Streams{Grace: time.Hour, Max: 12 * time.Hour}, a.Streams); diff != "" {
		t.Error(diff)
	}
	a = mustLoadApp(t, `upstream = "http://a:1"
stream_grace = "0s"
origins = ["HTTPS://Other.example.com:8443", "*"]
hide = ["server", "X-POWERED-BY"]`, nil)
	if diff := cmp.Diff(Streams{Max: 12 * time.Hour, Origins: []string{"https://other.example.com:8443", "*"}}, a.Streams); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(a.Hide, []string{"Server", "X-Powered-By"}) {
		t.Errorf("hide %q", a.Hide)
	}
}

// Connections are kept over a reload if, and only if, nothing that they depend on
// has changed.
func TestUpstreamIDTellsApart(t *testing.T) {
	cert, key := pair(t)
	files := map[string]string{"ca.pem": cert, "client.pem": cert, "client.key": key}
	otherCert, otherKey := pair(t)
	id := func(keys string, files map[string]string) [32]byte { return mustLoadApp(t, keys, files).Upstreams.ID }
	base := `upstreams = ["https://a:1", "https://b:1"]` + "\n"
	tls := base + `upstream_tls = { ca_file = "ca.pem", cert_file = "client.pem", key_file = "client.key" }`
	if id(tls, files) != id(tls+"\nhide = [\"Server\"]", files) {
		t.Error("equal upstreams have different IDs")
	}
	seen := map[[32]byte]string{}
	for name, got := range map[string][32]byte{
		"base":             id(base, nil),
		"order":            id(`upstreams = ["https://b:1", "https://a:1"]`, nil),
		"one":              id(`upstream = "https://a:1"`, nil),
		"timeout":          id(base+`timeout = "3s"`, nil),
		"balance":          id(base+`balance = "round-robin"`, nil),
		"http2":            id(base+`upstream_http2 = true`, nil),
		"health":           id(base+`health = { path = "/a" }`, nil),
		"health path":      id(base+`health = { path = "/b" }`, nil),
		"health host":      id(base+"preserve_host = false\nhealth = { path = \"/a\" }", nil),
		"server name":      id(base+`upstream_tls = { server_name = "a" }`, nil),
		"files":            id(tls, files),
		"other CA content": id(tls, map[string]string{"ca.pem": otherCert, "client.pem": cert, "client.key": key}),
		"other pair":       id(tls, map[string]string{"ca.pem": cert, "client.pem": otherCert, "client.key": otherKey}),
	} {
		if other, taken := seen[got]; taken {
			t.Errorf("%s and %s have one ID", name, other)
		}
		seen[got] = name
	}
}

func TestUpstreamTLSFiles(t *testing.T) {
	cert, key := pair(t)
	keys := `upstream = "https://a:1"
upstream_tls = { ca_file = "ca.pem", server_name = "nifi.internal", cert_file = "client.pem", key_file = "client.key" }`
	a := mustLoadApp(t, keys, map[string]string{"ca.pem": cert, "client.pem": cert, "client.key": key})
	c := a.Upstreams.TLS
	if c == nil || c.ServerName != "nifi.internal" || c.RootCAs == nil || len(c.Certificates) != 1 || c.InsecureSkipVerify {
		t.Errorf("got %+v", c)
	}
	for name, files := range map[string]map[string]string{
		"no CA":       {"ca.pem": "nothing", "client.pem": cert, "client.key": key},
		"foreign key": {"ca.pem": cert, "client.pem": cert, "client.key": func() string { _, k := pair(t); return k }()},
	} {
		if _, err := loadApp(t, keys, files); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// A key that everybody can read is everybody's.
	path := write(t, map[string]string{"ca.pem": cert, "client.pem": cert, "client.key": key, "config.toml": `
[issuer.pomerium]
jwks_url = "https://grafana.example.com/.well-known/pomerium/jwks.json"
[app.grafana]
host    = "grafana.example.com"
adapter = "grafana"
rule    = [{ role = "Viewer" }]
` + keys})
	if err := os.Chmod(filepath.Join(filepath.Dir(path), "client.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil {
		t.Error("a key that everybody can read is accepted")
	}
}

// pair returns a certificate and its key, PEM.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", pkcs8)
}
