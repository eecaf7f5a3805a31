package bridge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// spellings are ways to write a header's name that some server behind takes for
// the name itself.
func spellings(name string) []string {
	flip := func(s string) string {
		b := []byte(s)
		for i := range b {
			if i%2 == 0 {
				b[i] = strings.ToLower(s[i : i+1])[0]
			} else {
				b[i] = strings.ToUpper(s[i : i+1])[0]
			}
		}
		return string(b)
	}
	all := []string{name, strings.ToLower(name), strings.ToUpper(name), flip(name)}
	for _, sep := range []string{"_", ".", "~", "!", "'", "*", "+", "^", "`", "|", "$", "%", "&", "#"} {
		all = append(all, strings.ReplaceAll(name, "-", sep), strings.Replace(name, "-", sep, 1))
	}
	return all
}

func TestSpoofedIdentityHeaderNeverReachesUpstream(t *testing.T) {
	r := newRig(t)
	owned := []string{
		"X-Webauth-User", "X-Webauth-Email", "X-Webauth-Name", "X-Webauth-Role", "X-Webauth-Groups",
		"Authorization", "X-Jwt-Assertion",
		"X-Pomerium-Jwt-Assertion-For", "X-Pomerium-Claim-Email", "X-Pomerium-Claim-Groups",
	}
	for _, name := range owned {
		for _, spelling := range spellings(name) {
			// Both orders of a duplicate, and the alias alone.
			wantStatus(t, r.get(spelling+": mallory", spelling+": admin"), http.StatusOK)
			raw := r.upstream.last(t)
			if strings.Contains(raw, "mallory") || strings.Contains(raw, ": admin") {
				t.Fatalf("%s sent as %q reached the upstream:\n%s", name, spelling, raw)
			}
			for _, set := range []string{"X-Webauth-User", "X-Webauth-Role"} {
				if got := lines(raw, set); len(got) != 1 {
					t.Fatalf("with %q the upstream sees %d values of %s: %q", spelling, len(got), set, got)
				}
			}
		}
	}
	if got := lines(r.upstream.last(t), "X-Webauth-User"); got[0] != "X-Webauth-User: ann@example.com" {
		t.Errorf("got %q", got)
	}
	if got := lines(r.upstream.last(t), "X-Webauth-Role"); got[0] != "X-Webauth-Role: Admin" {
		t.Errorf("got %q", got)
	}
}

func TestConnectionCannotNominateIdentityAway(t *testing.T) {
	r := newRig(t)
	for _, nominated := range []string{
		"X-Webauth-User", "x-webauth-role", "close, X-Webauth-User", "X-Webauth-User, X-Webauth-Role, X-Webauth-Groups",
		"keep-alive, X-WEBAUTH-USER, Host, X-Forwarded-For", "X-Pomerium-Jwt-Assertion",
	} {
		wantStatus(t, r.get("Connection: "+nominated, "Connection: X-Webauth-Email"), http.StatusOK)
		raw := r.upstream.last(t)
		for _, name := range []string{"X-Webauth-User", "X-Webauth-Email", "X-Webauth-Role", "X-Webauth-Groups", "X-Forwarded-For", "Host"} {
			if got := lines(raw, name); len(got) != 1 {
				t.Errorf("Connection: %s: the upstream sees %d values of %s", nominated, len(got), name)
			}
		}
	}
}

func TestIdentityInTrailersNeverReachesUpstream(t *testing.T) {
	r := newRig(t)
	request := strings.Join([]string{
		"POST /api HTTP/1.1", "Host: grafana.example.com", "X-Pomerium-Jwt-Assertion: " + r.ann(),
		"Transfer-Encoding: chunked", "Trailer: X-Webauth-User, X-Harmless", "",
		"2", "hi", "0", "X-Webauth-User: mallory", "X-Harmless: mallory", "", "",
	}, "\r\n")
	wantStatus(t, r.raw(request), http.StatusOK)
	raw := r.upstream.last(t)
	if strings.Contains(raw, "mallory") || len(lines(raw, "Trailer")) != 0 || len(lines(raw, "X-Harmless")) != 0 {
		t.Errorf("a trailer reached the upstream:\n%s", raw)
	}
	if got := lines(raw, "X-Webauth-User"); len(got) != 1 || got[0] != "X-Webauth-User: ann@example.com" {
		t.Errorf("got %q", got)
	}
}

func TestAssertionNeverReachesUpstream(t *testing.T) {
	r := newRig(t)
	assertion := r.ann()
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+assertion+
		"\r\nX_Pomerium_Jwt_Assertion: "+assertion+"\r\n\r\n"), http.StatusOK)
	if raw := r.upstream.last(t); strings.Contains(raw, assertion) {
		t.Errorf("the upstream could replay the assertion:\n%s", raw)
	}
}

// What is not a valid assertion in its one place is no assertion; nothing of it
// may cause a connection to the upstream.
func TestRequestsWithoutOneValidAssertionNeverReachUpstream(t *testing.T) {
	r := newRig(t)
	valid := r.ann()
	other, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	claims := verifiertest.Claims{Audience: "grafana.example.com", Subject: "ann-id", Email: "ann@example.com"}
	header := func(v string) string { return "X-Pomerium-Jwt-Assertion: " + v + "\r\n" }
	for name, lines := range map[string]string{
		"none":                 "",
		"empty":                header(""),
		"blank":                header("   "),
		"two equal":            header(valid) + header(valid),
		"two, second empty":    header(valid) + header(""),
		"two, first empty":     header("") + header(valid),
		"two in one line":      header(valid + "," + valid),
		"two with space":       header(valid + " " + valid),
		"bearer":               header("Bearer " + valid),
		"quoted":               header(`"` + valid + `"`),
		"in Authorization":     "Authorization: Bearer " + valid + "\r\n",
		"in a cookie":          "Cookie: _pomerium=" + valid + "; X-Pomerium-Jwt-Assertion=" + valid + "\r\n",
		"in -For":              "X-Pomerium-Jwt-Assertion-For: " + valid + "\r\n",
		"underscore alias":     "X_Pomerium_Jwt_Assertion: " + valid + "\r\n",
		"dot alias":            "X.Pomerium.Jwt.Assertion: " + valid + "\r\n",
		"truncated":            header(valid[:len(valid)-1]),
		"no signature":         header(valid[:strings.LastIndexByte(valid, '.')+1]),
		"another issuer's key": header(other.Assertion(claims)),
		"another app's":        header(r.issuer.Assertion(verifiertest.Claims{Audience: "wiki.example.com", Subject: "ann-id"})),
		"anonymous":            header(r.issuer.Assertion(verifiertest.Claims{Audience: "grafana.example.com"})),
		"over-long":            header(strings.Repeat("a", 129<<10)),
	} {
		t.Run(name, func(t *testing.T) {
			resp := r.raw("GET /?jwt=" + valid + " HTTP/1.1\r\nHost: grafana.example.com\r\n" + lines + "\r\n")
			wantStatus(t, resp, http.StatusUnauthorized)
			if resp.Header.Get("WWW-Authenticate") == "" {
				t.Error("a 401 without a challenge")
			}
		})
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
}

func TestUnknownHostIsMisdirected(t *testing.T) {
	r := newRig(t)
	for _, host := range []string{
		"example.com", "grafana.example.com.evil.test", "xgrafana.example.com", "evil.test", "127.0.0.1", "grafana.example.com..", "grafana.example.com:80:80",
		"grafana%2eexample.com", "grafana.example.co", "[::1]",
	} {
		resp := r.raw("GET / HTTP/1.1\r\nHost: " + host + "\r\nX-Forwarded-Host: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + r.ann() + "\r\n\r\n")
		if resp.StatusCode != http.StatusMisdirectedRequest && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("Host %q: status %d", host, resp.StatusCode)
		}
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
}

func TestHostSpellingsFindTheApp(t *testing.T) {
	r := newRig(t)
	for _, host := range []string{"grafana.example.com", "GRAFANA.example.COM", "grafana.example.com:443", "grafana.example.com.", "Grafana.Example.Com.:8443"} {
		wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: "+host+"\r\nX-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"), http.StatusOK)
	}
}

func TestConnectAndTraceAreRefused(t *testing.T) {
	r := newRig(t)
	for _, request := range []string{
		"TRACE / HTTP/1.1\r\nHost: grafana.example.com\r\n",
		"CONNECT grafana.example.com:443 HTTP/1.1\r\nHost: grafana.example.com\r\n",
	} {
		wantStatus(t, r.raw(request+"X-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"), http.StatusMethodNotAllowed)
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
}

func TestUpgradeToAnythingButWebSocketIsDropped(t *testing.T) {
	r := newRig(t)
	for _, upgrade := range []string{"h2c", "TLS/1.0", "websocket, h2c", "h2c, websocket", "HTTP/2.0"} {
		wantStatus(t, r.get("Connection: Upgrade, HTTP2-Settings", "Upgrade: "+upgrade, "HTTP2-Settings: AAMAAABkAAQAAP__"), http.StatusOK)
		if raw := r.upstream.last(t); len(lines(raw, "Upgrade")) != 0 || len(lines(raw, "HTTP2-Settings")) != 0 {
			t.Errorf("Upgrade: %s reached the upstream:\n%s", upgrade, raw)
		}
	}
	// A WebSocket upgrade that is no GET is none.
	wantStatus(t, r.raw("POST / HTTP/1.1\r\nHost: grafana.example.com\r\nContent-Length: 0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Pomerium-Jwt-Assertion: "+
		r.ann()+"\r\n\r\n"), http.StatusOK)
	if raw := r.upstream.last(t); len(lines(raw, "Upgrade")) != 0 {
		t.Errorf("reached the upstream:\n%s", raw)
	}
}

func TestForwardedHeadersFromAnUntrustedPeerAreReplaced(t *testing.T) {
	r := newRig(t)
	wantStatus(t, r.get("X-Forwarded-For: 10.9.9.9", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https", "Forwarded: for=10.9.9.9;host=evil.test",
		"X_Forwarded_For: 10.9.9.9", "X.Forwarded.Host: evil.test"), http.StatusOK)
	raw := r.upstream.last(t)
	if strings.Contains(raw, "10.9.9.9") || strings.Contains(raw, "evil.test") {
		t.Errorf("forged forwarding headers reached the upstream:\n%s", raw)
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "grafana.example.com", "X-Forwarded-Proto": "http",
	} {
		if got := lines(raw, name); len(got) != 1 || got[0] != name+": "+want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A display name with CR and LF in it would be two headers.
func TestHeaderInjectionThroughClaims(t *testing.T) {
	r := newRig(t)
	for _, bad := range []string{"Ann\r\nX-Webauth-Role: Admin", "Ann\nX: y", "Ann\x00", "Ann\x7f"} {
		for field, claims := range map[string]verifiertest.Claims{
			"name":   {Name: bad},
			"groups": {Groups: []string{bad}},
		} {
			claims.Audience, claims.Subject, claims.Email = "grafana.example.com", "ann-id", "ann@example.com"
			resp := r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + r.issuer.Assertion(claims) + "\r\n\r\n")
			wantStatus(t, resp, http.StatusOK)
			raw := r.upstream.last(t)
			if got := lines(raw, "X-Webauth-Role"); len(got) != 1 || got[0] != "X-Webauth-Role: Viewer" {
				t.Errorf("%s %q: role %q", field, bad, got)
			}
			if strings.Contains(raw, "X: y") || strings.ContainsAny(raw, "\x00\x7f") {
				t.Errorf("%s %q reached the upstream:\n%q", field, bad, raw)
			}
		}
	}
}

func TestGroupWithSeparatorStaysOneGroup(t *testing.T) {
	r := newRig(t)
	assertion := r.issuer.Assertion(verifiertest.Claims{
		Audience: "grafana.example.com", Subject: "eve-id", Email: "eve@example.com",
		Groups: []string{"a,sre@example.com", "b sre@example.com", `c"sre`, "plain"},
	})
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+assertion+"\r\n\r\n"), http.StatusOK)
	raw := r.upstream.last(t)
	if got := lines(raw, "X-Webauth-Role"); len(got) != 1 || got[0] != "X-Webauth-Role: Viewer" {
		t.Errorf("role %q", got)
	}
	got := lines(raw, "X-Webauth-Groups")
	if len(got) != 1 || !strings.HasPrefix(got[0], `X-Webauth-Groups: "a,sre@example.com","b sre@example.com",plain,ssobridge-sync-`) {
		t.Errorf("groups %q", got)
	}
}

func TestRefusalsNeverShowOrLogWhatTheRequestHeld(t *testing.T) {
	r := newRig(t)
	secret := canary()
	claims := verifiertest.Claims{Audience: secret, Subject: "s", Email: secret + "@example.com"}
	assertion := r.issuer.Assertion(claims)
	requests := []string{
		"X-Pomerium-Jwt-Assertion: " + assertion,
		"X-Pomerium-Jwt-Assertion: " + secret,
		"X-Pomerium-Jwt-Assertion: " + r.ann() + "\r\nX-Pomerium-Jwt-Assertion: " + secret,
		"Cookie: " + secret + "\r\nAuthorization: " + secret,
	}
	for _, lines := range requests {
		for _, accept := range []string{"text/html", "*/*"} {
			resp := r.raw(fmt.Sprintf("GET /?q=%s HTTP/1.1\r\nHost: grafana.example.com\r\nAccept: %s\r\n%s\r\n\r\n", secret, accept, lines))
			wantStatus(t, resp, http.StatusUnauthorized)
			if text := body(t, resp); strings.Contains(text, secret) || strings.Contains(text, "mismatch") {
				t.Errorf("the answer holds what it should not:\n%s", text)
			}
		}
	}
	log := r.log.String()
	for _, held := range []string{secret, assertion} {
		if strings.Contains(log, held) {
			t.Errorf("the log holds what the request held:\n%s", log)
		}
	}
	for _, reason := range []string{"reason=issuer_mismatch", "reason=assertion_malformed", "reason=assertion_duplicate", "reason=assertion_missing"} {
		if !strings.Contains(log, reason) {
			t.Errorf("the log lacks %s:\n%s", reason, log)
		}
	}
}

// The alias matrix of this test must fold as the bridge does.
func TestSpellingsFold(t *testing.T) {
	for _, s := range spellings("X-Webauth-User") {
		if adapter.FoldName(s) != "x-webauth-user" {
			t.Errorf("%q is no alias", s)
		}
	}
}
