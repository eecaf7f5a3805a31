package config

import (
	"strings"
	"testing"
	"time"
)

// TestUndeclaredLists: who counted on commas in a claim is told to declare it.
func TestUndeclaredLists(t *testing.T) {
	const app = `
[issuer.pomerium]
jwks_url = "https://a.example.com/jwks.json"
%ISSUER
[adapter.x]
kind = "headers"
[adapter.x.header]
X-User = { from = "subject" }
X-Role = { from = "role" }
[app.wiki]
host = "wiki.example.com"
upstream = "http://127.0.0.1:3000"
adapter = "x"
[[app.wiki.rule]]
role = "%ROLE"
claims = { %CLAIM = ["a"] }
`
	for _, tc := range []struct {
		issuer, claim string
		warns         bool
	}{
		{"", "teams", true}, {"", `"x.tags"`, true}, {"", "role", true},
		{`list_claims = ["teams"]`, "teams", false}, {"", "roles", false}, {"", `"cognito:groups"`, false},
		{"", "department", false}, {"", "preferred_username", false}, {"", "address", false},
	} {
		text := strings.NewReplacer("%ISSUER", tc.issuer, "%CLAIM", tc.claim, "%ROLE", "Admin").Replace(app)
		c, err := ParsePolicy("x.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		warned := false
		for _, w := range c.Warnings(time.Now()) {
			warned = warned || w.Code == LintUndeclaredList && strings.Contains(w.Message, "list_claims = [") && strings.Contains(w.Message, "[issuer.pomerium]")
		}
		if warned != tc.warns {
			t.Errorf("%s %s: warned %t", tc.issuer, tc.claim, warned)
		}
	}
	for _, tc := range []struct{ issuer, role, claim, want string }{
		{`list_claims = ["name"]`, "Admin", "roles", `issuer.pomerium.list_claims[1]: "name" is no list`},
		{`list_claims = ["a", "a"]`, "Admin", "roles", "there twice"},
		{`list_claims = [""]`, "Admin", "roles", "empty: name a claim"},
		{"", "team-$1", "roles", "seems to have a placeholder"},
		{"", "{{ .Role }}", "roles", "seems to have a placeholder"},
	} {
		text := strings.NewReplacer("%ISSUER", tc.issuer, "%CLAIM", tc.claim, "%ROLE", tc.role).Replace(app)
		if _, err := ParsePolicy("x.toml", []byte(text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %s", err, tc.want)
		}
	}
}
