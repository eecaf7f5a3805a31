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
		r.overwrite(strings.Replace(r.text(), "admin_listen  = \"127.0.0.1:0\"", "admin_listen  = \"localhost:0\"\nadmin_hosts = [\"ssobridge.monitoring.svc\"]", 1))
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
	// What changes nothing is also asked for by names that no web page has.
	for _, path := range []string{"/metrics", "/readyz", "/keys"} {
		for host, want := range map[string]int{
			"ssobridge:9090": 200, "127.0.0.1:9090": 200, "[::1]": 200, "localhost": 200, "ssobridge.monitoring.svc:9090": 200, "SSOBRIDGE.monitoring.SVC": 200,
			"evil.example:19090": 403, "ssobridge.evil.example": 403, "monitoring.svc": 403,
		} {
			if status, text := ask(http.MethodGet, path, host); status != want || (want == http.StatusForbidden) != strings.Contains(text, "admin_hosts") {
				t.Errorf("%s of %s: %d %q, want %d", path, host, status, text, want)
			}
		}
	}
	if status, _ := ask(http.MethodGet, "/healthz", "evil.example"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	if status, _ := ask(http.MethodPost, "/-/reload", "ssobridge"); status != http.StatusForbidden {
		t.Errorf("a reload by a name without a dot: %d", status)
	}
}
