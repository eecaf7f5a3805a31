package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

func TestSameSite(t *testing.T) {
	const host = "grafana.example.com"
	for _, c := range []struct {
		host    string // the request's
		origins []string
		allowed []string
		want    bool
	}{
		{host, nil, nil, true}, // no browser
		{host, []string{"https://grafana.example.com"}, nil, true},
		{host, []string{"https://GRAFANA.example.com"}, nil, true},
		{host, []string{"https://grafana.example.com."}, nil, true},
		{host, []string{"https://grafana.example.com:443"}, nil, true},
		{host + ":443", []string{"https://grafana.example.com"}, nil, true},
		{host + ":8443", []string{"https://grafana.example.com:8443"}, nil, true},

		{host, []string{"http://grafana.example.com"}, nil, false},
		{host + ":80", []string{"http://grafana.example.com"}, nil, false},
		{host, []string{"https://grafana.example.com:8443"}, nil, false},
		{host, []string{"https://grafana.example.com:80"}, nil, false},
		{host + ":80", []string{"https://grafana.example.com"}, nil, false},
		{host + ":8443", []string{"https://grafana.example.com"}, nil, false},
		{host + ":8443", []string{"https://grafana.example.com:84430"}, nil, false},
		{host, []string{"http://grafana.example.com"}, []string{"http://grafana.example.com"}, true},
		{host, []string{"https://grafana.example.com:8443"}, []string{"https://grafana.example.com:8443"}, true},

		{host, []string{"https://evil.test"}, nil, false},
		{host, []string{"https://grafana.example.com.evil.test"}, nil, false},
		{host, []string{"https://evil.test/grafana.example.com"}, nil, false},
		{host, []string{"https://grafana.example.com/"}, nil, false},
		{host, []string{"https://grafana.example.com@evil.test"}, nil, false},
		{host, []string{"https://x@grafana.example.com"}, nil, false},
		{host, []string{"https://evil.test#grafana.example.com"}, nil, false},
		{host, []string{"https://evil.test\\.grafana.example.com"}, nil, false},
		{host, []string{"https://xgrafana.example.com"}, nil, false},
		{host, []string{"https://sub.grafana.example.com"}, nil, false},
		{host, []string{"grafana.example.com"}, nil, false},
		{host, []string{"null"}, nil, false},
		{host, []string{""}, nil, false},
		{host, []string{"file://grafana.example.com"}, nil, false},
		{host, []string{"wss://grafana.example.com"}, nil, false},
		{host, []string{"chrome-extension://grafana.example.com"}, nil, false},
		{host, []string{"https://grafana.example.com", "https://evil.test"}, nil, false},
		{host, []string{"https://grafana.example.com", "https://grafana.example.com"}, nil, false},
		{"book.example.com", []string{"https://boo\u212a.example.com"}, nil, false},
		{host, []string{"https://other.example.com"}, []string{"https://other.example.com"}, true},
		{host, []string{"https://Other.example.com"}, []string{"https://other.example.com"}, true},
		{host, []string{"https://other.example.com:444"}, []string{"https://other.example.com"}, false},
		{host, []string{"http://other.example.com"}, []string{"https://other.example.com"}, false},
		{host, []string{"app://obsidian.md"}, []string{"app://obsidian.md"}, true},
		{host, []string{"https://evil.test"}, []string{"*"}, true},
		{host, []string{"null"}, []string{"*"}, true},

		{"localhost:8000", []string{"http://localhost:8000"}, nil, true},
		{"localhost:8000", []string{"http://localhost:8001"}, nil, false},
		{"app.localhost", []string{"http://app.localhost:80"}, nil, true},
		{"app.localhost:8000", []string{"http://app.localhost:8000"}, nil, true},
		{"app.localhost:8000", []string{"http://other.localhost:8000"}, nil, false},
		{"127.0.0.1:8000", []string{"http://127.0.0.1:8000"}, nil, true},
		{"10.0.0.7:8000", []string{"http://10.0.0.7:8000"}, nil, false},
		{"evillocalhost", []string{"http://evillocalhost"}, nil, false},
		{"localhost.evil.test", []string{"http://localhost.evil.test"}, nil, false},
	} {
		r := &http.Request{Method: http.MethodGet, ProtoMajor: 1, ProtoMinor: 1, Host: c.host, Header: http.Header{"Upgrade": {"WebSocket"}}}
		if c.origins != nil {
			r.Header["Origin"] = c.origins
		}
		app, _, _ := strings.Cut(c.host, ":")
		if got := proxy.SameSite(r, app, c.host, c.allowed); got != c.want {
			t.Errorf("%s: Origin %q with %q: %v", c.host, c.origins, c.allowed, got)
		}
		r.Header.Del("Upgrade")
		if !proxy.SameSite(r, app, c.host, c.allowed) {
			t.Errorf("Origin %q: only WebSockets are asked", c.origins)
		}
	}
}
