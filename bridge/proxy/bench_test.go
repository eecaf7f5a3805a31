package proxy_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// canned is an upstream without a network.
type canned struct{}

func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: 2, Body: io.NopCloser(bytes.NewReader([]byte("ok"))),
		Header: http.Header{"Content-Type": {"text/plain"}, "Content-Length": {"2"}, "Date": {"Thu, 01 Jan 2026 00:00:00 GMT"}},
	}, nil
}

// nowhere is a client without a network.
type nowhere struct{ h http.Header }

func (w nowhere) Header() http.Header         { return w.h }
func (w nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w nowhere) WriteHeader(int)             {}

// BenchmarkServe is what carrying a request costs without either network, beside
// httputil.ReverseProxy by itself.
func BenchmarkServe(b *testing.B) {
	u := &url.URL{Scheme: "http", Host: "127.0.0.1:3000"}
	upstream := &proxy.Upstream{URL: u, Transport: canned{}, PreserveHost: true, Log: slog.New(slog.DiscardHandler)}
	bare := &httputil.ReverseProxy{
		Rewrite:    func(pr *httputil.ProxyRequest) { pr.SetURL(u); pr.SetXForwarded() },
		Transport:  canned{},
		BufferPool: pool{},
	}
	for name, serve := range map[string]func(http.ResponseWriter, *http.Request){
		"ReverseProxy": bare.ServeHTTP,
		"Upstream": func(w http.ResponseWriter, r *http.Request) {
			upstream.Serve(w, r, proxy.Exchange{Rewrite: rewriteFor(upstream, "ann"), Fail: func(err error) { b.Error(err) }})
		},
	} {
		b.Run("by="+name, func(b *testing.B) {
			r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://app.example.com/d/1?x=1", nil)
			if err != nil {
				b.Fatal(err)
			}
			r.RemoteAddr = "192.0.2.1:1234"
			r.Header = http.Header{"Accept": {"application/json"}, "Cookie": {"a=b"}, "User-Agent": {"Mozilla/5.0"}, "Accept-Encoding": {"gzip"}}
			w := nowhere{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.h)
				serve(w, r)
			}
		})
	}
}

type pool struct{}

func (pool) Get() []byte { return shared }
func (pool) Put([]byte)  {}

var shared = make([]byte, 32<<10)
