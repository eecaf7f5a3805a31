package bridge_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// explainConfig decides by everything that a person may bring; %s is the
// upstream.
const explainConfig = `
[issuer.pomerium]
list_claims = ["clearance", "a.b"]
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
when       = 'claims["email"].startsWith("ann@") && claims["sub"] == subject && claims["department"] == "support"'

[[app.search.rule]]
attributes = { tenant = "all" }
claims     = { iss = ["grafana.example.com"], clearance = ["7"], "a.b" = ["true"] }

[[app.search.rule]]
deny   = true
groups = ["suspended"]

[adapter.search]
kind = "headers"
[adapter.search.header]
X-Proxy-User   = { from = "email", required = true }
X-Proxy-Id     = { from = "subject" }
X-Proxy-Name   = { from = "name", unsendable = "omit" }
X-Proxy-Groups = { from = "groups", repeat = true }
X-Proxy-Roles  = { from = "roles", join = "," }
X-Proxy-Tenant = { attribute = "tenant" }
X-Proxy-Rule   = { from = "rule" }
X-Proxy-Dept   = { claim = "department", unsendable = "omit" }
`

// TestExplainIsWhatHappens: what explain says of a described person is what the
// upstream receives of one who has signed in.
func TestExplainIsWhatHappens(t *testing.T) {
	var c *config.Config
	r := newRig(t, withConfig(explainConfig), withEdit(func(loaded *config.Config) { c = loaded }))
	for _, test := range []struct {
		name   string
		person explain.Person
		claims []string
	}{
		{"nobody in particular", explain.Person{Email: "x@example.com", Subject: "x"}, nil},
		{"one rule", explain.Person{Email: "x@example.com", Subject: "x", Groups: []string{"a", "sre@example.com"}}, nil},
		{"rules that add up", explain.Person{Email: "ann@example.com", Subject: "ann", Groups: []string{"sre@example.com"}}, []string{"department=support"}},
		{"an expression that fails", explain.Person{Email: "ann@example.com", Subject: "ann"}, nil},
		{"claims in JSON", explain.Person{Email: "x@example.com", Subject: "x"}, []string{"clearance=[7, 8]", "a.b=true"}},
		{"claims nested", explain.Person{Email: "x@example.com", Subject: "x"}, []string{`clearance="7"`, `a={"b": [false, true]}`}},
		{"denied", explain.Person{Email: "x@example.com", Subject: "x", Groups: []string{"sre@example.com", "suspended"}}, nil},
		{"refused by the adapter", explain.Person{Subject: "x", Groups: []string{"sre@example.com"}}, nil},
		{"a name that cannot be sent", explain.Person{Email: "x@example.com", Subject: "x", Name: "Änn"}, nil},
		{"a claim that cannot be sent", explain.Person{Email: "x@example.com", Subject: "x"}, []string{"department=Änn"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := test.person
			for _, claim := range test.claims {
				if err := p.AddClaim(claim); err != nil {
					t.Fatal(err)
				}
			}
			e := explain.ReachOf(t.Context(), p, p.Cases(c.Apps, nil), time.Now()).Apps[0]
			assertion := r.issuer.Assertion(verifiertest.Claims{
				Audience: "grafana.example.com", Subject: p.Subject, Email: p.Email, Name: p.Name, Groups: p.Groups, Extra: p.Claims,
			})
			resp := r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + assertion + "\r\n\r\n")
			if !e.Allowed() {
				wantStatus(t, resp, http.StatusForbidden)
				if len(e.Roles) != 0 || len(e.Header) != 0 {
					t.Errorf("denied, with roles %q and headers %q", e.Roles, e.Header)
				}
				return
			}
			wantStatus(t, resp, http.StatusOK)
			var got, want []string
			for _, name := range slices.Sorted(maps.Keys(e.Header)) {
				for _, value := range e.Header[name] {
					want = append(want, name+": "+value)
				}
			}
			for _, name := range e.Strip {
				got = append(got, lines(r.upstream.last(t), name)...)
			}
			if d := cmp.Diff(got, want); d != "" {
				t.Errorf("(-upstream +explain)\n%s", d)
			}
			for name := range e.NotSent {
				if _, sent := e.Header[name]; sent {
					t.Errorf("%s is said to be sent and not to be", name)
				}
			}
			if sent := len(e.Header) + len(e.NotSent); sent != 8 {
				t.Errorf("%d of 8 headers are accounted for: %v, not %v", sent, e.Header, e.NotSent)
			}
		})
	}
}
