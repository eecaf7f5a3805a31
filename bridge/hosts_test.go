package bridge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

var hostsConfig = strings.Replace(rigConfig, `host     = "grafana.example.com"`,
	`hosts    = ["grafana.example.com", "Metrics.example.com"]`, 1)

// TestAppUnderTwoHosts: one app, one set of rules, two names.
func TestAppUnderTwoHosts(t *testing.T) {
	r := newRig(t, withConfig(hostsConfig))
	for _, host := range []string{"grafana.example.com", "metrics.example.com", "METRICS.example.com:443"} {
		name, _, _ := strings.Cut(strings.ToLower(host), ":")
		assertion := r.issuer.Assertion(verifiertest.Claims{Audience: name, Subject: "ann-id", Email: "ann@example.com"})
		resp := r.raw("GET /d/1 HTTP/1.1\r\nHost: " + host + "\r\nX-Pomerium-Jwt-Assertion: " + assertion + "\r\n\r\n")
		wantStatus(t, resp, http.StatusOK)
		if raw := r.upstream.last(t); !strings.Contains(raw, "\r\nHost: "+strings.ToLower(host)+"\r\n") || !strings.Contains(raw, "X-Webauth-Role: Viewer") {
			t.Errorf("%s: Grafana sees\n%s", host, raw)
		}
	}
}

// TestAssertionOfOneHostAtAnother: the audience binds an assertion to the host that it is
// for, also where two hosts are one app.
func TestAssertionOfOneHostAtAnother(t *testing.T) {
	r := newRig(t, withConfig(hostsConfig))
	for host, audience := range map[string]string{
		"grafana.example.com": "metrics.example.com", "metrics.example.com": "grafana.example.com",
	} {
		assertion := r.issuer.Assertion(verifiertest.Claims{Audience: audience, Subject: "ann-id", Email: "ann@example.com"})
		resp := r.raw("GET / HTTP/1.1\r\nHost: " + host + "\r\nX-Pomerium-Jwt-Assertion: " + assertion + "\r\n\r\n")
		wantStatus(t, resp, http.StatusUnauthorized)
	}
}

// TestRateIsOneForAllHosts: another name of the app is no second helping.
func TestRateIsOneForAllHosts(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(hostsConfig, "timeout  =", "rate = \"1/h\"\nburst = 2\ntimeout  =", 1)))
	var got []int
	for _, host := range []string{"grafana.example.com", "metrics.example.com", "metrics.example.com", "grafana.example.com"} {
		assertion := r.issuer.Assertion(verifiertest.Claims{Audience: host, Subject: "ann-id", Email: "ann@example.com"})
		got = append(got, r.raw("GET / HTTP/1.1\r\nHost: "+host+"\r\nX-Pomerium-Jwt-Assertion: "+assertion+"\r\n\r\n").StatusCode)
	}
	for i, want := range []int{200, 200, 429, 429} {
		if got[i] != want {
			t.Fatalf("%v", got)
		}
	}
}
