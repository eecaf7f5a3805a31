package bridge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// TestAppThatIsOnlyGated: people without a role do not get in, and the app is told nothing
// of those who do. Its own credentials and cookies pass.
func TestAppThatIsOnlyGated(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(rigConfig, `"grafana"`+"\n", `"none"`+"\n", 1)))
	wantStatus(t, r.get(`Authorization: MediaBrowser Token="abc"`, "Cookie: a=b", "X-Emby-Token: z", "X-Pomerium-Claim-Email: eve@example.com"), http.StatusOK)
	raw := r.upstream.last(t)
	for _, kept := range []string{`Authorization: MediaBrowser Token="abc"`, "Cookie: a=b", "X-Emby-Token: z"} {
		if !strings.Contains(raw, kept) {
			t.Errorf("the app does not see %s", kept)
		}
	}
	if lower := strings.ToLower(raw); strings.Contains(lower, "pomerium") || strings.Contains(lower, "ann@") || strings.Contains(lower, "eve@") || strings.Contains(lower, "admin") {
		t.Errorf("the app is told of somebody:\n%s", raw)
	}
	stranger := r.issuer.Assertion(verifiertest.Claims{Audience: "grafana.example.com", Subject: "x", Email: "x@elsewhere.example"})
	resp := r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + stranger + "\r\n\r\n")
	wantStatus(t, resp, http.StatusForbidden)
}
