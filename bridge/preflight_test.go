package bridge_test

import (
	"net/http"
	"strings"
	"testing"
)

// preflightConfig lets preflights pass. /admin/ is denied, and so is DELETE.
var preflightConfig = strings.Replace(rigConfig, "timeout  =", "cors_preflight = true\ntimeout  =", 1) + `
[[app.grafana.deny]]
prefix = "/admin/"
`

var preflightLines = []string{"Origin: https://web.example.com", "Access-Control-Request-Method: GET"}

// TestPreflightNeedsNoIdentity: browsers send preflights without credentials.
func TestPreflightNeedsNoIdentity(t *testing.T) {
	r := newRig(t, withConfig(preflightConfig))
	for _, target := range []string{"/", "/v1/x", "/v1/x?y=z"} {
		if status, seen := r.request(http.MethodOptions, target, false, preflightLines...); status != http.StatusOK || seen != target {
			t.Errorf("%s: %d, and the app sees %q", target, status, seen)
		}
		if raw := r.upstream.last(t); strings.Contains(raw, "X-Webauth") || !strings.Contains(raw, "Access-Control-Request-Method: GET") {
			t.Errorf("%s: the app sees\n%s", target, raw)
		}
	}
	// Pomerium signs an assertion of nobody for requests without identity.
	status, seen := r.request(http.MethodOptions, "/v1/x", false, append(preflightLines, "X-Pomerium-Jwt-Assertion: "+r.nobody())...)
	if raw := r.upstream.last(t); status != http.StatusOK || seen != "/v1/x" || strings.Contains(strings.ToLower(raw), "pomerium") {
		t.Errorf("with an assertion of nobody: %d, and the app sees\n%s", status, raw)
	}
	// Where the app is not strict, it stays so.
	if status, seen := r.request(http.MethodGet, "/v1/x", false); status != http.StatusUnauthorized || seen != "" {
		t.Errorf("GET: %d, and the app sees %q", status, seen)
	}
}

// TestPreflightIsNoWayPastTheDecision: what is almost a preflight needs an identity like
// any other request.
func TestPreflightIsNoWayPastTheDecision(t *testing.T) {
	r := newRig(t, withConfig(preflightConfig))
	for name, attack := range map[string]struct {
		method, target string
		lines          []string
	}{
		"no origin":         {"OPTIONS", "/v1/x", preflightLines[1:]},
		"no method":         {"OPTIONS", "/v1/x", preflightLines[:1]},
		"empty origin":      {"OPTIONS", "/v1/x", []string{"Origin:", preflightLines[1]}},
		"two origins":       {"OPTIONS", "/v1/x", append(preflightLines, "Origin: https://b.example.com")},
		"two methods":       {"OPTIONS", "/v1/x", append(preflightLines, "Access-Control-Request-Method: PUT")},
		"no method's name":  {"OPTIONS", "/v1/x", []string{preflightLines[0], "Access-Control-Request-Method: GET /"}},
		"a cookie":          {"OPTIONS", "/v1/x", append(preflightLines, "Cookie: grafana_session=x")},
		"a password":        {"OPTIONS", "/v1/x", append(preflightLines, "Authorization: Basic YTpi")},
		"a WebSocket":       {"OPTIONS", "/v1/x", append(preflightLines, "Connection: Upgrade", "Upgrade: websocket")},
		"GET":               {"GET", "/v1/x", preflightLines},
		"POST by override":  {"POST", "/v1/x", append(preflightLines, "X-HTTP-Method-Override: OPTIONS")},
		"lower case":        {"options", "/v1/x", preflightLines},
		"a denied path":     {"OPTIONS", "/admin/x", preflightLines},
		"the sign-out page": {"OPTIONS", "/.ssobridge/sign_out", preflightLines},
	} {
		t.Run(name, func(t *testing.T) {
			if status, seen := r.request(attack.method, attack.target, false, attack.lines...); status < 400 || seen != "" {
				t.Errorf("%d, and the app sees %q", status, seen)
			}
		})
	}
	resp := r.raw("OPTIONS /v1/x HTTP/1.1\r\nHost: grafana.example.com\r\n" + strings.Join(preflightLines, "\r\n") +
		"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	wantStatus(t, resp, http.StatusUnauthorized)
	// An override of the method goes no further: the app might obey it.
	r.request(http.MethodOptions, "/v1/x", false, append(preflightLines, "X-HTTP-Method-Override: DELETE")...)
	if raw := r.upstream.last(t); strings.Contains(raw, "DELETE") {
		t.Errorf("the app sees\n%s", raw)
	}
}
