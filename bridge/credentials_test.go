package bridge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// tokensConfig lets service account tokens of Grafana pass beside an assertion, and API
// keys of webhooks below /hooks/ without one.
const tokensConfig = rigConfig + `
[[app.grafana.own_credentials]]
authorization = "Bearer glsa_*"

[[app.grafana.own_credentials]]
header   = "X-Hook-Key"
prefix   = "/hooks/"
methods  = ["POST"]
identity = "none"

[[app.grafana.deny]]
prefix = "/hooks/admin/"
`

// TestServiceAccountTokenReachesGrafana: Terraform's token arrives together with the
// identity of the proxy in front. The token counts, and the machine is no Viewer.
func TestServiceAccountTokenReachesGrafana(t *testing.T) {
	r := newRig(t, withConfig(tokensConfig))
	for _, token := range []string{"Bearer glsa_abc", "bearer glsa_a.b-c~d+e/f_g=="} {
		wantStatus(t, r.get("Authorization: "+token, "Cookie: grafana_session=x; theme=dark", "X-Webauth-User: mallory"), http.StatusOK)
		raw := r.upstream.last(t)
		if got := lines(raw, "Authorization"); len(got) != 1 || got[0] != "Authorization: "+token {
			t.Errorf("%s: Grafana sees\n%s", token, raw)
		}
		if strings.Contains(raw, "X-Webauth") || strings.Contains(raw, "Cookie") || strings.Contains(strings.ToLower(raw), "pomerium") || strings.Contains(raw, "mallory") {
			t.Errorf("%s: Grafana learns of a person:\n%s", token, raw)
		}
	}
}

// TestTokenNeedsTheAssertion: an app's token opens the app, and not ssobridge.
func TestTokenNeedsTheAssertion(t *testing.T) {
	r := newRig(t, withConfig(tokensConfig))
	for name, assertion := range map[string]string{
		"no assertion": "", "of nobody": r.nobody(),
		"without a role":  r.issuer.Assertion(verifiertest.Claims{Audience: "grafana.example.com", Subject: "x", Email: "x@elsewhere.example"}),
		"for another app": r.issuer.Assertion(verifiertest.Claims{Audience: "wiki.example.com", Subject: "x", Email: "ann@example.com"}),
	} {
		header := ""
		if assertion != "" {
			header = "X-Pomerium-Jwt-Assertion: " + assertion + "\r\n"
		}
		before := r.upstream.connections()
		resp := r.raw("GET /api/x HTTP/1.1\r\nHost: grafana.example.com\r\n" + header + "Authorization: Bearer glsa_abc\r\n\r\n")
		if resp.StatusCode < 400 || r.upstream.connections() != before {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
}

// TestWhatIsNoTokenIsRemoved: a credential that only looks like the one that is let
// through could sign somebody in as somebody else.
func TestWhatIsNoTokenIsRemoved(t *testing.T) {
	r := newRig(t, withConfig(tokensConfig))
	for name, sent := range map[string][]string{
		"a password":           {"Authorization: Basic YWRtaW46YWRtaW4="},
		"another token":        {"Authorization: Bearer eyJhbGciOi.x.y"},
		"nothing behind it":    {"Authorization: Bearer glsa_"},
		"a list":               {"Authorization: Bearer glsa_a, Basic YWRtaW46YWRtaW4="},
		"a parameter":          {"Authorization: Bearer glsa_a Basic x"},
		"two blanks":           {"Authorization: Bearer  glsa_a"},
		"two headers":          {"Authorization: Bearer glsa_a", "Authorization: Basic YWRtaW46YWRtaW4="},
		"the scheme's letters": {"Authorization: Bearerglsa_a x"},
		"an alias":             {"Authorization_: Bearer glsa_a"},
		"capitals":             {"Authorization: Bearer GLSA_a"},
		"a key for elsewhere":  {"X-Hook-Key: x"},
	} {
		t.Run(name, func(t *testing.T) {
			wantStatus(t, r.get(sent...), http.StatusOK)
			raw := r.upstream.last(t)
			if got := lines(raw, "Authorization"); len(got) > 0 || !strings.Contains(raw, "X-Webauth-User: ann@example.com") {
				t.Errorf("Grafana sees\n%s", raw)
			}
		})
	}
}

// TestKeyWithoutIdentity: the app checks the key by itself, at the paths named.
func TestKeyWithoutIdentity(t *testing.T) {
	r := newRig(t, withConfig(tokensConfig))
	status, seen := r.request(http.MethodPost, "/hooks/x", false, "X-Hook-Key: k", "Cookie: a=1", "Authorization: Basic eDp5")
	raw := r.upstream.last(t)
	if status != http.StatusOK || seen != "/hooks/x" || strings.Contains(raw, "Cookie") || strings.Contains(raw, "Basic") || !strings.Contains(raw, "X-Hook-Key: k") {
		t.Errorf("%d, Grafana sees\n%s", status, raw)
	}
	for _, attack := range []string{
		"GET /hooks/x", "POST /api/x", "POST /hooks/../api/x", "POST /hooks/%2e%2e/api/x", "POST //hooks/x", "POST /Hooks/x", "POST /hooks/a%2Fb", "POST /hooks/admin/x",
	} {
		method, target, _ := strings.Cut(attack, " ")
		if status, seen := r.request(method, target, false, "X-Hook-Key: k"); status < 400 || seen != "" {
			t.Errorf("%s: %d, Grafana sees %q", attack, status, seen)
		}
	}
	for _, lines := range [][]string{nil, {"X-Hook-Key:"}, {"X-Hook-Key: a", "X-Hook-Key: b"}, {"X_Hook_Key: a"}} {
		if status, seen := r.request(http.MethodPost, "/hooks/x", false, lines...); status < 400 || seen != "" {
			t.Errorf("%q: %d, Grafana sees %q", lines, status, seen)
		}
	}
}

// TestTokensTakeNoSession: an answer to a token begins no session in a browser.
func TestTokensTakeNoSession(t *testing.T) {
	r := newRig(t, withConfig(tokensConfig), withUpstream(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "grafana_session=of-the-machine")
	})))
	resp := r.get("Authorization: Bearer glsa_abc")
	wantStatus(t, resp, http.StatusOK)
	if got := resp.Header["Set-Cookie"]; got != nil {
		t.Errorf("%q", got)
	}
}
