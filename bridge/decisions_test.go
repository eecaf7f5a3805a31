package bridge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// TestDeniedByRule: a rule that denies answers as if there were none for the
// person; who wonders finds it in the log and the metrics.
func TestDeniedByRule(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(rigConfig, "[[app.grafana.rule]]", `[[app.grafana.rule]]
deny   = true
groups = ["suspended"]

[[app.grafana.rule]]`, 1)))
	assertion := r.issuer.Assertion(verifiertest.Claims{
		Audience: "grafana.example.com", Subject: "eve-id", Email: "eve@example.com", Groups: []string{"sre@example.com", "suspended"},
	})
	resp := r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + assertion + "\r\n\r\n")
	wantStatus(t, resp, http.StatusForbidden)
	if text := body(t, resp); !strings.Contains(text, `"no_role"`) || strings.Contains(text, "rule[") {
		t.Errorf("the answer tells of rules: %s", text)
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
	if log := r.log.String(); !strings.Contains(log, "reason=denied_by_rule") || !strings.Contains(log, `rule="rule[1]"`) && !strings.Contains(log, "rule=rule[1]") {
		t.Errorf("log: %s", log)
	}
	wantStatus(t, r.get(), http.StatusOK)
}

// TestRolesThatAddUp: an app that takes several roles gets all of them, and
// what the rules say beside.
func TestRolesThatAddUp(t *testing.T) {
	r := newRig(t, withConfig(`
[issuer.pomerium]
public_key_file = "key.pem"

[app.search]
host         = "grafana.example.com"
upstream     = "http://%s"
adapter      = "search"
match        = "all"
default_role = "guest"

[[app.search.rule]]
roles      = ["reader", "writer"]
groups     = ["sre@example.com"]
attributes = { tenant = "ops" }

[[app.search.rule]]
role       = "auditor"
emails     = ["ann@example.com"]
attributes = { tenant = "audit" }

[adapter.search]
kind = "headers"
[adapter.search.header]
X-Proxy-User   = { from = "email", required = true }
X-Proxy-Roles  = { from = "roles", join = "," }
X-Proxy-Tenant = { attribute = "tenant" }
`))
	ask := func(assertion string) string {
		t.Helper()
		wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Proxy-Tenant: mallory\r\nX-Pomerium-Jwt-Assertion: "+assertion+"\r\n\r\n"), http.StatusOK)
		raw := r.upstream.last(t)
		return strings.Join(append(lines(raw, "X-Proxy-Roles"), lines(raw, "X-Proxy-Tenant")...), "; ")
	}
	if got, want := ask(r.ann()), "X-Proxy-Roles: reader,writer,auditor; X-Proxy-Tenant: ops"; got != want {
		t.Errorf("ann: %s, want %s", got, want)
	}
	if got, want := ask(r.nameless()), "X-Proxy-Roles: auditor; X-Proxy-Tenant: audit"; got != want {
		t.Errorf("ann without groups: %s, want %s", got, want)
	}
	bob := r.issuer.Assertion(verifiertest.Claims{Audience: "grafana.example.com", Subject: "bob-id", Email: "bob@example.com"})
	if got, want := ask(bob), "X-Proxy-Roles: guest"; got != want {
		t.Errorf("bob: %s, want %s", got, want)
	}
}

// TestCaseIsTheIssuersAffair: one issuer's leave to ignore case is not
// another's, though they share the app and its rules.
func TestCaseIsTheIssuersAffair(t *testing.T) {
	r := newRig(t)
	loose, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	c := loadWithKeys(t, fmt.Sprintf(`
[issuer.strict]
public_key_file = "key.pem"
[issuer.loose]
public_key_file = "loose.pem"
ignore_case     = true

[app.wiki]
host     = "wiki.example.com"
upstream = "http://%s"
adapter  = "remote-user"
issuers  = ["strict", "loose"]

[[app.wiki.rule]]
deny   = true
groups = ["Contractors"]

[[app.wiki.rule]]
role   = "writer"
groups = ["Staff"]
`, r.upstream.addr), map[string]*verifiertest.Issuer{"key.pem": r.issuer, "loose.pem": loose})
	s, err := decision.Build(c, r.deps)
	if err != nil {
		t.Fatal(err)
	}
	r.bridge.Swap(s)
	for name, tc := range map[string]struct {
		issuer *verifiertest.Issuer
		groups []string
		want   int
	}{
		"strict, as written":          {r.issuer, []string{"Staff"}, http.StatusOK},
		"strict, otherwise":           {r.issuer, []string{"staff"}, http.StatusForbidden},
		"loose, as written":           {loose, []string{"Staff"}, http.StatusOK},
		"loose, otherwise":            {loose, []string{"sTAFF"}, http.StatusOK},
		"loose, denied in other case": {loose, []string{"Staff", "contractors"}, http.StatusForbidden},
		"loose, a long s for the s":   {loose, []string{"\u017ftaff"}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			assertion := tc.issuer.Assertion(verifiertest.Claims{Audience: "wiki.example.com", Subject: "u", Email: "u@example.com", Groups: tc.groups})
			resp := r.raw("GET / HTTP/1.1\r\nHost: wiki.example.com\r\nX-Pomerium-Jwt-Assertion: " + assertion + "\r\n\r\n")
			wantStatus(t, resp, tc.want)
		})
	}
}
