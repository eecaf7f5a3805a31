package bridge_test

import (
	"net/http"
	"strings"
	"testing"
)

// takeoverSpellings are ways to write a path that some server takes for it.
func takeoverSpellings(path string) []string {
	rest := strings.TrimPrefix(path, "/")
	first, last, _ := strings.Cut(rest, "/")
	return []string{
		path, path + "/", path + "//", "/" + path, path + "?x=1", path + "?_method=GET",
		strings.ToUpper(path), "/grafana" + path, "/a/b" + path,
		"/" + first + "//" + last, "/" + first + "%2F" + last, "/" + first + "%2f" + last, "/" + first + "%5C" + last,
		path + ";x", "/" + first + ";v=1/" + last, path + "%3Bx", path + "%2F",
		strings.Replace(path, "u", "%75", 1), strings.Replace(path, "u", "%2575", 1), strings.Replace(path, "u", "%252575", 1),
		"http://grafana.example.com" + path,
	}
}

// TestGrafanaViewerTakesTheEmailOfAnAdminToBe: Grafana lets people of its auth proxy
// change their own email, and finds the row of a new person by email. So Mallory, a
// Viewer, would share an account with the Admin whose email she took.
func TestGrafanaViewerTakesTheEmailOfAnAdminToBe(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/api/user", "/api/user/password"} {
		for _, target := range takeoverSpellings(path) {
			for _, method := range []string{http.MethodPut, "put", "Put"} {
				status, seen := r.request(method, target, true)
				if status < 400 || seen != "" {
					t.Errorf("%s %s: %d, and Grafana sees %q", method, target, status, seen)
				}
			}
		}
	}
	for _, target := range []string{
		"/api/user/email/start-verify", "/user/email/update?code=x", "/api/user/invite/complete", "/api/user/signup/step2",
		"/api/user/signup", "/api/user/password/reset", "/grafana/api/user/invite/complete",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if status, seen := r.request(method, target, true); status != http.StatusForbidden || seen != "" {
				t.Errorf("%s %s: %d, and Grafana sees %q", method, target, status, seen)
			}
		}
	}
}

// TestMethodOverrideIsNoWayToADeniedRequest: an app that obeys such a header would take a
// POST, which is let through, for the PUT that is not.
func TestMethodOverrideIsNoWayToADeniedRequest(t *testing.T) {
	r := newRig(t)
	for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override"} {
		r.request(http.MethodPost, "/api/user", true, header+": PUT")
		if got := r.upstream.last(t); strings.Contains(got, ": PUT") {
			t.Errorf("%s: Grafana sees\n%s", header, got)
		}
	}
}

// TestGrafanaPagesWorkBesideTheDenials: reading who one is, preferences and stars are no
// takeover, and a path may have %2F, which Grafana's own pages send.
func TestGrafanaPagesWorkBesideTheDenials(t *testing.T) {
	r := newRig(t)
	for _, request := range []string{
		"GET /api/user", "GET /api/user/preferences", "PUT /api/user/preferences", "POST /api/user/using/2", "GET /api/users",
		"PUT /api/user/helpflags/1", "POST /api/user/auth-tokens/rotate", "PUT /api/users/2", "PUT /api/username",
		"GET /api/ruler/grafana/api/v1/rules/team%2Fa", "GET /api/datasources/proxy/1//x", "POST /api/user/stars/dashboard/uid/x",
	} {
		method, target, _ := strings.Cut(request, " ")
		if status, seen := r.request(method, target, true); status != http.StatusOK || seen != target {
			t.Errorf("%s: %d, and Grafana sees %q", request, status, seen)
		}
	}
}
