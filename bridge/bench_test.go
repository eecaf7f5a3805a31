package bridge_test

import (
	"crypto/ecdsa"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ssobridge/ssobridge/bridge"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/internal/baseline"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// BenchmarkServeHTTP measures the whole path over loopback, next to two
// baselines in the same run: httputil.ReverseProxy that checks nothing, and the
// same with one ecdsa.Verify, which is the least that checking an assertion can
// cost. Every request has an assertion of its own, as Pomerium's have, so no
// cache can help. Only ratios mean something; client and upstream are in the
// same process.
//
//	go test ./bridge -run '^$' -bench ServeHTTP -count 6 | benchstat -col /front -
func BenchmarkServeHTTP(b *testing.B) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1024))
	}))
	defer upstream.Close()
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		b.Fatal(err)
	}
	assertions := issuer.Assertions(20_000, verifiertest.Claims{
		Audience: "grafana.example.com", Subject: "ann-id", Email: "ann@example.com", Name: "Ann",
		Groups: []string{"dev@example.com", "ops@example.com", "sre@example.com"},
	})
	for _, front := range []struct {
		name    string
		handler http.Handler
	}{
		{"ReverseProxy", bareProxy(b, upstream.URL)},
		{"ReverseProxy+ecdsa", baseline.Verifying(issuer.PublicKey().(*ecdsa.PublicKey), bareProxy(b, upstream.URL))},
		{"ssobridge", benchBridge(b, issuer, upstream.Listener.Addr().String())},
	} {
		b.Run("front="+front.name, func(b *testing.B) { load(b, front.handler, assertions) })
	}
}

// load sends b.N requests from 32 connections.
func load(b *testing.B, front http.Handler, assertions []string) {
	server := httptest.NewServer(front)
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	var next atomic.Uint64
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			q, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+"/api/dashboards/home", nil)
			if err != nil {
				b.Error(err)
				return
			}
			q.Host = "grafana.example.com"
			q.Header.Set("X-Pomerium-Jwt-Assertion", assertions[next.Add(1)%uint64(len(assertions))])
			q.Header.Set("Accept", "application/json")
			q.Header.Set("Cookie", "theme=dark; lang=en")
			q.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
			resp, err := transport.RoundTrip(q)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b.Errorf("status %d", resp.StatusCode)
				return
			}
		}
	})
}

func bareProxy(b *testing.B, upstream string) http.Handler {
	u, err := url.Parse(upstream)
	if err != nil {
		b.Fatal(err)
	}
	transport := proxy.Open(proxy.Options{Addresses: []proxy.Address{{URL: u}}})
	b.Cleanup(transport.CloseIdleConnections)
	return baseline.ReverseProxy(u, transport)
}

func benchBridge(b *testing.B, issuer *verifiertest.Issuer, upstream string) http.Handler {
	return benchBridgeOf(b, issuer, strings.Replace(rigConfig, "%s", upstream, 1))
}

func benchBridgeOf(b *testing.B, issuer *verifiertest.Issuer, toml string) http.Handler {
	c := loadConfig(b, issuer, toml)
	transport := proxy.Open(decision.TransportOptions(c.Apps[0], slog.New(slog.DiscardHandler)))
	b.Cleanup(transport.CloseIdleConnections)
	d := decision.Deps{
		Keys:      func(i *config.Issuer) (verifier.KeySource, error) { return verifier.StaticKeys(i.Static...), nil },
		Transport: func(*config.App) http.RoundTripper { return transport },
	}
	s, err := decision.Build(c, d)
	if err != nil {
		b.Fatal(err)
	}
	return bridge.New(s, bridge.Options{})
}
