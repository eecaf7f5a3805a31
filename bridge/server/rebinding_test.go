package server_test

import (
	"net/http"
	"strings"
	"testing"
)

// A page of evil.example, whose name leads to this listener once the page is there, is of
// the same origin to browsers: nothing but the Host tells it.
func TestReloadByDNSRebindingIsRefused(t *testing.T) {
	r := start(t, echoRole, func(r *run) {
		r.overwrite(strings.Replace(r.text(), "admin_listen  = \"127.0.0.1:0\"", "admin_listen  = \"localhost:0\"", 1))
	})
	r.waitReady()
	ask := func(method, path, host string) (int, string) {
		q, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.addrs.Admin.String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = host
		q.Header.Set("Origin", "http://"+host)
		q.Header.Set("Sec-Fetch-Site", "same-origin")
		resp, err := r.client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		return read(t, resp)
	}
	for host, want := range map[string]int{
		"evil.example:19090": 403, "evil.example": 403, "localhost.evil.example:9090": 403, "127.0.0.1.evil.example": 403,
		"127.1:9090": 403, "2130706433:9090": 403, "wiki.example.com": 403,
		"127.0.0.1:9090": 200, "127.0.0.1": 200, "10.0.0.7:9090": 200, "[::1]:9090": 200, "localhost:9090": 200, "LOCALHOST": 200,
	} {
		status, text := ask(http.MethodPost, "/-/reload", host)
		if status != want || (want == http.StatusForbidden) != strings.Contains(text, "admin_listen") {
			t.Errorf("%s: %d %q, want %d", host, status, text, want)
		}
	}
	// What changes nothing is asked for by names that others give.
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/keys"} {
		if status, _ := ask(http.MethodGet, path, "ssobridge.sso.svc.cluster.local:9090"); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
}
