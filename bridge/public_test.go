package bridge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestPublicAndDeniedPaths(t *testing.T) {
	r := newRig(t, withConfig(pathConfig))
	for _, c := range []struct {
		method, target    string
		anonymous, signed int
	}{
		{"GET", "/health", 200, 200},
		{"GET", "/health?x=1", 200, 200},
		{"GET", "/", 200, 200},
		{"GET", "/public/a/b.css", 200, 200},
		{"GET", "/public/", 200, 200},
		{"GET", "/public/%C3%A4%20b.css", 200, 200},
		{"GET", "/%70ublic/x", 401, 200},
		{"POST", "/hook", 200, 200},
		{"GET", "/hook", 401, 200},
		{"POST", "/health", 401, 200},
		{"get", "/health", 400, 400},
		{"GET", "/health/", 401, 200},
		{"GET", "/healthy", 401, 200},
		{"GET", "/Health", 401, 200},
		{"GET", "/public", 401, 200},
		{"GET", "/public-not/x", 401, 200},
		{"GET", "/Public/x", 401, 200},
		{"GET", "/x", 401, 200},
		{"GET", "/admin", 403, 403},
		{"GET", "/admin.", 403, 403}, // as IIS spells it
		{"GET", "/admin%20", 403, 403},
		{"GET", "/admin::$DATA", 403, 403},
		{"GET", "/admin./users", 403, 403},
		{"GET", "/admin/users", 403, 403},
		{"GET", "/ADMIN/users", 403, 403},
		{"GET", "/%61dmin/users", 403, 403},
		{"PROPFIND", "/admin/", 403, 403},
		{"GET", "/administrators", 401, 200},
		{"GET", "/public/private/x", 403, 403},
		{"GET", "/public/PRIVATE", 403, 403},
		{"DELETE", "/api/x", 403, 403},
		{"delete", "/api/x", 400, 400},
		{"GET", "/api/x", 401, 200},
	} {
		for _, identity := range []bool{false, true} {
			want := c.anonymous
			if identity {
				want = c.signed
			}
			if status, seen := r.request(c.method, c.target, identity); status != want || (seen != "") != (want == 200) {
				t.Errorf("%s %s, identity %v: status %d, want %d; the upstream sees %q", c.method, c.target, identity, status, want, seen)
			}
		}
	}
}

// RFC 9110 §9.3.2: HEAD is GET without the body.
func TestHeadIsPublicAndDeniedAsGetIs(t *testing.T) {
	r := newRig(t, withConfig(pathConfig+"[[app.grafana.deny]]\nmethods = [\"GET\"]\npath = \"/export\"\n"))
	for target, want := range map[string]int{"/health": http.StatusOK, "/export": http.StatusForbidden, "/hook": http.StatusUnauthorized} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://"+r.addr+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host, req.Close = "grafana.example.com", true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		wantStatus(t, resp, want)
	}
}

// oauth2-proxy matched whole URLs, its health path by User-Agent, and paths that a
// proxy's headers named; Oathkeeper and heimdall matched before they normalised;
// Traefik cut encoded paths by decoded lengths.
func TestPublicPathIsNotReachedByWhatCVEsDescribe(t *testing.T) {
	r := newRig(t, withConfig("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n"+pathConfig))
	for name, c := range map[string]struct{ target, line string }{
		"CVE-2025-54576 query":              {"/secret?/public/", ""},
		"CVE-2025-54576 query, at the end":  {"/secret?x=/health", ""},
		"CVE-2026-41059 fragment":           {"/secret#/public/x", ""},
		"CVE-2026-41059 encoded fragment":   {"/secret%23/public/x", ""},
		"CVE-2026-41059 public first":       {"/public/x%23/../../secret", ""},
		"CVE-2026-34457 health check agent": {"/secret", "User-Agent: GoogleHC/1.0"},
		"CVE-2026-34457 probe agent":        {"/secret", "User-Agent: kube-probe/1.30"},
		"CVE-2026-40575 X-Forwarded-Uri":    {"/secret", "X-Forwarded-Uri: /public/x"},
		"CVE-2026-40575 X-Original-Url":     {"/secret", "X-Original-Url: /health"},
		"CVE-2026-40575 X-Rewrite-Url":      {"/secret", "X-Rewrite-Url: /health"},
		"CVE-2026-33494 traversal":          {"/public/../secret", ""},
		"CVE-2026-33494 encoded traversal":  {"/public/%2e%2e/secret", ""},
		"CVE-2026-42274 encoded slash":      {"/public/..%2fsecret", ""},
		"CVE-2026-42274 double encoding":    {"/public/%252e%252e/secret", ""},
		"CVE-2026-40912 encoded dot":        {"/public%2e/secret", ""},
		"CVE-2026-40912 dot segment":        {"/./secret", ""},
		"CVE-2026-34908 validate, ..%2f":    {"/public/..%2f..%2fproxy/x", ""},
		"CVE-2021-32779 Envoy, fragment":    {"/public/#/secret", ""},
		"CVE-2021-29492 Envoy, %5c":         {"/public%5c..%5csecret", ""},
		"Tomcat, ..;":                       {"/public/..;/secret", ""},
		"method override":                   {"/hook", "X-Http-Method-Override: POST"},
	} {
		if status, seen := r.request("GET", c.target, false, strings.TrimSpace(c.line+"\r\nX-Harmless: 1")); status == http.StatusOK || seen != "" {
			t.Errorf("%s: status %d, the upstream sees %q", name, status, seen)
		}
	}
}

// What an app takes for another path or method is not passed on by somebody trusted,
// who may only have it from the client.
func TestOverridesOfPathAndMethodNeverReachUpstream(t *testing.T) {
	r := newRig(t, withConfig("[server]\ntrusted_proxies = [\"127.0.0.1\"]\n"+pathConfig))
	overrides := []string{
		"X-Original-Url: /canary", "X_Rewrite_Url: /canary", "X-Forwarded-Uri: /canary", "x-original-uri: /canary",
		"X-Http-Method-Override: canary", "X-HTTP-Method: canary", "Method-Override: canary", "HTTP-Method-Override: canary", "X-HTTP-Verb-Override: canary",
		"X-Method: canary", "X-Tunneled-Method: canary", "X_Method_Override: canary",
	}
	for _, identity := range []bool{false, true} {
		if status, _ := r.request("GET", "/health", identity, overrides...); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		if raw := r.upstream.last(t); strings.Contains(raw, "canary") {
			t.Errorf("the upstream sees\n%s", raw)
		}
	}
	if status, _ := r.request("POST", "/x", true, overrides...); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if raw := r.upstream.last(t); strings.Contains(raw, "canary") {
		t.Errorf("the upstream sees\n%s", raw)
	}
}

// CVE-2026-30851: where nobody's identity is set, the client's own claim to one must
// not be left.
func TestPublicRequestTellsTheAppOfNobody(t *testing.T) {
	r := newRig(t, withConfig(pathConfig))
	claims := []string{
		"X-Webauth-User: mallory", "X_Webauth_Role: Admin", "Authorization: Basic bWFsbG9yeQ==", "X-Pomerium-Claim-Email: mallory",
		"Cookie: grafana_session=stolen; theme=dark; __Host-ssobridge-session=mallory", "Connection: Upgrade", "Upgrade: websocket",
	}
	for _, identity := range []bool{false, true} {
		if status, _ := r.request("GET", "/health", identity, claims...); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		raw := r.upstream.last(t)
		for _, name := range []string{"X-Webauth-User", "X-Webauth-Email", "X-Webauth-Name", "X-Webauth-Role", "X-Webauth-Groups", "Authorization", "X-Pomerium-Jwt-Assertion", "Upgrade"} {
			if got := lines(raw, name); len(got) != 0 {
				t.Errorf("identity %v: the upstream sees %s:\n%s", identity, name, raw)
			}
		}
		if strings.Contains(raw, "mallory") || strings.Contains(raw, "stolen") || strings.Contains(raw, "Cookie") {
			t.Errorf("identity %v: the upstream sees\n%s", identity, raw)
		}
	}
	want := `
# HELP ssobridge_requests_total Requests by app and outcome: allowed, public, own_credential, refused or failed.
# TYPE ssobridge_requests_total counter
ssobridge_requests_total{app="",outcome="allowed"} 0
ssobridge_requests_total{app="grafana",outcome="allowed"} 0
ssobridge_requests_total{app="grafana",outcome="public"} 2
`
	if err := testutil.GatherAndCompare(r.metrics.Gatherer(), strings.NewReader(want), "ssobridge_requests_total"); err != nil {
		t.Error(err)
	}
}

// A session that begins at a public path would be nobody's, in place of the browser's.
func TestPublicAnswerBeginsNoSession(t *testing.T) {
	r := newRig(t, withConfig(pathConfig), withUpstream(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "grafana_session=fixed; Path=/")
		w.Header().Add("Set-Cookie", " grafana_session =fixed; Path=/")
		w.Header().Add("Set-Cookie", "another_session=fixed")
	})))
	resp := r.raw("GET /health HTTP/1.1\r\nHost: grafana.example.com\r\n\r\n")
	wantStatus(t, resp, http.StatusOK)
	if got := resp.Header["Set-Cookie"]; got != nil {
		t.Errorf("Set-Cookie: %q", got)
	}
}

func TestContentTypeTwiceIsRefused(t *testing.T) {
	r := newRig(t)
	wantStatus(t, r.get("Content-Type: application/json", "Content-Type: text/html"), http.StatusBadRequest)
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
}

// CGI and WSGI have one name for both spellings.
func TestAliasOfFramingHeaderIsRefused(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"Content-Length", "Content-Type", "Transfer-Encoding"} {
		for _, spelling := range spellings(name) {
			if strings.Count(spelling, "-") < strings.Count(name, "-") {
				wantStatus(t, r.get(spelling+": 0", "X-Harmless_Name: 1"), http.StatusBadRequest)
			}
		}
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
	wantStatus(t, r.get("X-Harmless_Name: 1", "Content-Type: text/plain"), http.StatusOK)
}

func TestMethodsPassAsTheyAre(t *testing.T) {
	r := newRig(t)
	for method, want := range map[string]int{
		"PROPFIND": 200, "REPORT": 200, "MKCALENDAR": 200, "VERSION-CONTROL": 200, "M-SEARCH": 200, "X9": 200, "x9": 200, "-blargh": 200,
		"G_T": 405, "GET!": 405, "$": 405, "CONNECT": 405, "TRACE": 405, strings.Repeat("A", 33): 405,
	} {
		if status, _ := r.request(method, "/", true); status != want {
			t.Errorf("%s: status %d, want %d", method, status, want)
		}
	}
}
