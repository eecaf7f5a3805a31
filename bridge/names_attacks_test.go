package bridge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
)

const trustingLoopback = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n"

// sent sends a GET for target with each of the names, some at a time, and returns those
// of which the upstream sees anything.
func (r *rig) sent(target string, identity bool, names []string) (seen []string) {
	r.t.Helper()
	for len(names) > 0 {
		n := min(len(names), 60)
		var lines []string
		for i, name := range names[:n] {
			lines = append(lines, fmt.Sprintf("%s: mallory-%d-", name, i))
		}
		if status, _ := r.request("GET", target, identity, lines...); status != http.StatusOK {
			r.t.Fatalf("%s with %q: status %d", target, names[:n], status)
		}
		raw := r.upstream.last(r.t)
		for i, name := range names[:n] {
			if strings.Contains(raw, fmt.Sprintf("mallory-%d-", i)) {
				seen = append(seen, name)
			}
		}
		names = names[n:]
	}
	return seen
}

// gunicorn takes SCRIPT_NAME and PATH_INFO of those whom it trusts, by default of
// loopback; calibre-web, pgAdmin and Radicale cut X-Script-Name off the path. With it,
// "/public/admin/users" was public to the bridge and "/admin/users" to the app.
func TestPrefixThatAppsCutOffThePathNeverReachesUpstream(t *testing.T) {
	for _, text := range []string{rigConfig, pathConfig, trustingLoopback + pathConfig} {
		r := newRig(t, withConfig(text))
		for _, name := range []string{"SCRIPT_NAME", "Script-Name", "PATH_INFO", "X-Script-Name"} {
			for _, spelling := range spellings(name) {
				status, _ := r.request("GET", "/public/admin/users", text == rigConfig, spelling+": /public")
				if raw := r.upstream.last(t); status != http.StatusOK || strings.Contains(raw, ": /public\r\n") {
					t.Errorf("%s: status %d, the upstream sees\n%s", spelling, status, raw)
				}
			}
		}
	}
}

// What names another path, method, host, address or identity than the request's own is
// for whoever stands right before the app, which is the bridge.
func TestNamesOfOtherTargetsAndPeersNeverReachUpstream(t *testing.T) {
	names := []string{
		"X-Original-Url", "X-Original-Uri", "X-Original-Path", "X-Original-Method", "X-Original-Host", "X-Original-Forwarded-For", "X-Rewrite-Url",
		"X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Forwarded-Context", "X-Forwarded-Method", "X-Forwarded-Port", "X-Forwarded-Server",
		"X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Protocol", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups",
		"X-Forwarded-Access-Token", "X-Forwarded-Client-Cert", "X-Forwarded", "Request-Uri", "X-Request-Uri", "X-Envoy-Original-Path", "X-Envoy-Original-Host",
		"X-Waws-Unencoded-Url", "X-Ms-Original-Url", "X-Replaced-Path", "X-Http-Path-Override", "X-Matched-Path", "X-Invoke-Path", "X-Middleware-Subrequest",
		"X-Sendfile-Type", "X-Accel-Mapping", "X-Host", "X-Http-Host-Override",
		"X-Proxyscheme", "X-Proxyhost", "X-Proxyport", "X-Proxycontextpath", "X-Scheme", "X-Url-Scheme", "Front-End-Https", "X-Arr-Ssl", "Wl-Proxy-Ssl",
		"X-Real-Ip", "X-Client-Ip", "Client-Ip", "True-Client-Ip", "X-Cluster-Client-Ip", "X-Remote-Addr", "X-Remote-Ip", "Cf-Connecting-Ip", "Cf-Connecting-Ipv6",
		"Cf-Pseudo-Ipv4", "Fastly-Client-Ip", "Fly-Client-Ip", "Do-Connecting-Ip", "X-Envoy-External-Address", "X-Appengine-User-Ip", "X-Appengine-Remote-Addr",
		"X-Azure-Clientip", "X-Azure-Socketip", "Forwarded-For", "X-Originating-Ip", "X-Proxyuser-Ip", "X-Vercel-Forwarded-For", "X-Sucuri-Clientip", "Incap-Client-Ip", "Remote-Addr",
		"Proxy-Client-Ip", "Wl-Proxy-Client-Ip", "X-Nf-Client-Connection-Ip", "Forwarded",
		"Cf-Access-Authenticated-User-Email", "Cf-Access-Jwt-Assertion", "X-Goog-Authenticated-User-Email", "X-Goog-Iap-Jwt-Assertion",
		"X-Amzn-Oidc-Identity", "X-Ms-Client-Principal-Name", "Tailscale-User-Login", "Client-Cert", "Ssl-Client-Cert", "X-Ssl-Client-Verify", "X-Arr-Clientcert",
	}
	var spelt []string
	for _, name := range names {
		spelt = append(spelt, name, strings.ReplaceAll(name, "-", "_"), strings.Replace(name, "-", ".", 1))
	}
	for what, text := range map[string]string{"untrusted": rigConfig, "trusted": trustingLoopback + rigConfig, "with rules": trustingLoopback + pathConfig} {
		r := newRig(t, withConfig(text))
		if seen := r.sent("/x", true, spelt); seen != nil {
			t.Errorf("%s: the upstream sees %q", what, seen)
		}
		if what == "with rules" {
			if seen := r.sent("/public/x", false, spelt); seen != nil {
				t.Errorf("%s: without identity, the upstream sees %q", what, seen)
			}
		}
	}
}

// Browsers and CDNs say much that is no business of the bridge's.
func TestHarmlessNamesReachUpstream(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(trustingLoopback+rigConfig, `"grafana"`+"\n", `"remote-user"`+"\n", 1)))
	names := []string{
		"Cf-Ipcountry", "Cf-Ray", "X-Request-Id", "X-Csrf-Token", "X-Requested-With", "X-Method-Override", "X-Http-Method-Override", "X-Envoy-Attempt-Count",
		"X-Middleware-Prefetch", "X-Api_key", "Destination", "Via", "Traceparent", "Forwarding",
	}
	if seen := r.sent("/x", true, names); len(seen) != len(names) {
		t.Errorf("the upstream sees only %q", seen)
	}
}

// CGI and WSGI know "X_A" and "X-A" by one name, so that what looks like neither of two
// headers can be both.
func TestAliasedNamesNeverReachAppsWithPathRules(t *testing.T) {
	r := newRig(t, withConfig(trustingLoopback+pathConfig))
	aliased := []string{"Content_Md5", "X_Anything", "X-Any_thing", "_", "X.Y", "Http_X"}
	if seen := r.sent("/public/x", false, aliased); seen != nil {
		t.Errorf("without identity, the upstream sees %q", seen)
	}
	if seen := r.sent("/x", true, aliased); seen != nil {
		t.Errorf("the upstream sees %q", seen)
	}
}

// An adapter's own names are set after everybody else's have been removed.
func TestAdapterMaySetNamesThatNobodyElseMay(t *testing.T) {
	r := newRig(t)
	c := loadConfig(t, r.issuer, fmt.Sprintf(pathConfig, r.upstreamAddr))
	names := []string{"X-Forwarded-User", "X-Forwarded-Prefix", "X-Script-Name", "X-Real-Ip", "X-Scheme", "Cf-Access-Authenticated-User-Email", "X_Api_Key"}
	c.Apps[0].Adapter, c.Apps[0].SessionCookies = owning{adapter.Owned{Headers: names}}, nil
	s, err := decision.Build(c, r.deps)
	if err != nil {
		t.Fatal(err)
	}
	r.bridge.Swap(s)
	var mallorys []string
	for _, name := range names {
		mallorys = append(mallorys, name+": mallory", strings.ReplaceAll(name, "-", "_")+": mallory")
	}
	if status, _ := r.request("GET", "/x", true, mallorys...); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	raw := r.upstream.last(t)
	for _, name := range names {
		if got := lines(raw, name); len(got) != 1 || !strings.HasSuffix(got[0], ": ours") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Pomerium passes on what browsers send under most of these names; what it says itself
// is X-Forwarded-For and -Proto.
func TestTrustedProxyIsBelievedAboutAddressAndSchemeOnly(t *testing.T) {
	r := newRig(t, withConfig(trustingLoopback+rigConfig))
	for _, c := range []struct{ sent, name, want string }{
		{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-For", "203.0.113.7, 127.0.0.1"},
		{"X-Forwarded-For: unknown, 203.0.113.7", "X-Forwarded-For", "unknown, 203.0.113.7, 127.0.0.1"},
		{"X-Forwarded-Proto: https", "X-Forwarded-Proto", "https"},
		{"X-Forwarded-Proto: http", "X-Forwarded-Proto", "http"},
		{"X-Forwarded-Proto: HTTPS", "X-Forwarded-Proto", "http"},
		{"X-Forwarded-Proto: https, http", "X-Forwarded-Proto", "http"},
		{"X-Forwarded-Proto: javascript", "X-Forwarded-Proto", "http"},
		{"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https", "X-Forwarded-Proto", "http"},
		{"X_Forwarded_Proto: https", "X-Forwarded-Proto", "http"},
		{"X-Forwarded-Host: evil.test", "X-Forwarded-Host", "grafana.example.com"},
		{"X-Forwarded-Host: ", "X-Forwarded-Host", "grafana.example.com"},
	} {
		wantStatus(t, r.get(c.sent), http.StatusOK)
		if got := lines(r.upstream.last(t), c.name); len(got) != 1 || got[0] != c.name+": "+c.want {
			t.Errorf("%q: got %q, want %q", c.sent, got, c.want)
		}
	}
}

// The assertion is in the cookie as well, and the app could replay it elsewhere.
func TestSenderOfAssertionsIsSpokenForByNobody(t *testing.T) {
	r := newRig(t, withEdit(func(c *config.Config) { c.Apps[0].Issuers[0].Header = "Cf-Access-Jwt-Assertion" }))
	cookies := "Cookie: theme=dark; CF_Authorization=mallory; CF_AppSession=mallory; cf_authorization=mallory"
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nCf-Access-Jwt-Assertion: "+r.ann()+"\r\n"+
		"Cf-Access-Authenticated-User-Email: mallory\r\nCf_Access_Client_Id: mallory\r\n"+cookies+"\r\n\r\n"), http.StatusOK)
	if raw := r.upstream.last(t); strings.Contains(raw, "mallory") || strings.Contains(raw, r.ann()) || !strings.Contains(raw, "theme=dark") {
		t.Errorf("the upstream sees\n%s", raw)
	}

	r = newRig(t, withEdit(func(c *config.Config) { c.Apps[0].Issuers[0].Header = "X-Goog-Iap-Jwt-Assertion" }))
	cookies = "Cookie: GCP_IAAP_AUTH_TOKEN_0123=mallory; __Host-GCP_IAP_AUTH_TOKEN_0123=mallory; theme=dark"
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Goog-Iap-Jwt-Assertion: "+r.ann()+"\r\n"+
		"X-Goog-Authenticated-User-Email: mallory\r\nX_Goog_Authenticated_User_Id: mallory\r\n"+cookies+"\r\n\r\n"), http.StatusOK)
	if raw := r.upstream.last(t); strings.Contains(raw, "mallory") || !strings.Contains(raw, "theme=dark") {
		t.Errorf("the upstream sees\n%s", raw)
	}
}

// COPY and MOVE name a second path (RFC 4918 §10.3), which deny has to hold for as well.
func TestDestinationIsNotADeniedPath(t *testing.T) {
	r := newRig(t, withConfig(pathConfig+"[[app.grafana.public]]\nmethods = [\"COPY\"]\nprefix = \"/dav/\"\n"))
	for destination, want := range map[string]int{
		"https://grafana.example.com/x": 200, "/x/y": 200, "https://grafana.example.com/dav/a%20b": 200,
		"https://grafana.example.com/admin/x": 403, "/ADMIN": 403, "https://other.example.com/admin/": 403, "/%61dmin/x": 403,
		"/api/x":   403, // where DELETE is denied, nothing may be overwritten either
		"/x//y":    400,
		"/x/../y":  400,
		"/x%2fy":   400,
		"http://[": 400,
		"mailto:x": 400,
		"x/y":      400,
	} {
		for _, method := range []string{"MOVE", "COPY"} {
			if status, seen := r.request(method, "/x", true, "Destination: "+destination); status != want || (seen != "") != (want == 200) {
				t.Errorf("%s to %s: status %d, want %d; the upstream sees %q", method, destination, status, want, seen)
			}
		}
	}
	if status, _ := r.request("MOVE", "/x", true, "Destination: /y", "Destination: /admin/y"); status != http.StatusForbidden {
		t.Errorf("two destinations: status %d", status)
	}
	if status, _ := r.request("COPY", "/dav/x", false, "Destination: /secret"); status != http.StatusOK || strings.Contains(r.upstream.last(t), "secret") {
		t.Errorf("status %d, without identity the upstream sees\n%s", status, r.upstream.last(t))
	}
}

// Servers that compare methods without case would do what a rule about GET or DELETE
// does not expect.
func TestMethodsThatDifferFromKnownOnesByCaseAreRefused(t *testing.T) {
	r := newRig(t, withConfig(pathConfig))
	for method, want := range map[string]int{
		"get": 400, "Get": 400, "delete": 400, "post": 400, "patch": 400, "pROPFIND": 400, "Version-Control": 400,
		"trace": 405, "Trace": 405, "TRACE": 405, "track": 405, "Track": 405, "TRACK": 405, "connect": 405, "Connect": 405,
	} {
		for _, target := range []string{"/public/x", "/api/x", "/x"} {
			if status, seen := r.request(method, target, true); status != want || seen != "" {
				t.Errorf("%s %s: status %d, want %d; the upstream sees %q", method, target, status, want, seen)
			}
		}
	}
}

// Each field costs more than its bytes: maps, folding, copies.
func TestRequestsWithManyHeaderFieldsAreRefused(t *testing.T) {
	r := newRig(t)
	for _, same := range []bool{false, true} {
		many := make([]string, 197) // with Host, which net/http takes out, Content-Length and the assertion
		for i := range many {
			if many[i] = fmt.Sprintf("X-%d: 1", i); same {
				many[i] = "X-Same: 1"
			}
		}
		if status, _ := r.request("GET", "/", true, append(many, "X-A: 1")...); status != http.StatusOK {
			t.Errorf("200 fields: status %d", status)
		}
		if status, seen := r.request("GET", "/", true, append(many, "X-A: 1", "X-B: 1")...); status != http.StatusRequestHeaderFieldsTooLarge || seen != "" {
			t.Errorf("201 fields: status %d", status)
		}
	}
	if log := r.log.String(); !strings.Contains(log, "reason=too_many_headers") {
		t.Errorf("the log lacks the reason:\n%s", log)
	}
}
