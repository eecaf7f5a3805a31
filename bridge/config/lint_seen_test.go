package config

import (
	"strings"
	"testing"
	"time"
)

// warningsOf returns the warnings of a code about a configuration, each with its place.
func warningsOf(t *testing.T, text, code string) []string {
	t.Helper()
	c, err := ParsePolicy("x.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, w := range c.Warnings(time.Now()) {
		if w.Code == code {
			found = append(found, w.String())
		}
	}
	return found
}

const seenApps = `
[issuer.main]
jwks_url = "https://a.example.com/jwks.json"
%ISSUER
[groups]
%LISTS
[adapter.x]
kind = "headers"
[adapter.x.header]
X-User = { from = "subject" }
X-Role = { from = "role" }
[app.one]
host = "one.example.com"
upstream = "http://127.0.0.1:3000"
adapter = "x"
[[app.one.rule]]
role = "Admin"
%RULE
[app.two]
host = "two.example.com"
upstream = "http://127.0.0.1:3001"
adapter = "x"
%TWO
[[app.two.rule]]
role = "Admin"
emails = ["*@example.com"]
`

func TestWhatOnlySeemsRight(t *testing.T) {
	const rule, list = `emails = ["ann@example.com"]`, "a = [\"b\"]"
	for _, tc := range []struct{ code, issuer, lists, rule, two, want string }{
		{LintLooseExpression, "", list, `when = 'email.endsWith("example.com")'`, "", "app.one.rule[1].when: column 1: email.endsWith(\"example.com\") also holds for evilexample.com"},
		{LintLooseExpression, "", list, `when = 'email.matches("ann@example.com")'`, "", "also holds for longer texts"},
		{LintLooseExpression, "", list, `when = 'email.endsWith("@example.com")'`, "", ""},
		{LintConfusableLetters, "", list, "emails = [\"\u0430nn@example.com\"]", "", `app.one.rule[1].emails[1]: "\u0430nn@example.com" has letters`},
		{LintConfusableLetters, "", "\"st\u0430ff\" = [\"b\"]", rule, "", `"st\u0430ff" has letters`},
		{LintConfusableLetters, "", list, rule, "", ""},
		{LintSharedAudience, `audience = "all"` + "\niss = \"https://sso.example.com\"", list, rule, "", `app.two: accepts the same assertions as app "one"`},
		{LintSharedAudience, `audience = "all"`, list, rule, `audience = "two"`, ""},
		{LintSharedAudience, "", list, rule, `audience = "one.example.com"`, "app.two.audience: accepts the same assertions"},
		{LintSharedAudience, "", list, rule, "", ""},
	} {
		text := strings.NewReplacer("%ISSUER", tc.issuer, "%LISTS", tc.lists, "%RULE", tc.rule, "%TWO", tc.two).Replace(seenApps)
		got := warningsOf(t, text, tc.code)
		if len(got) > 1 || (len(got) == 1) != (tc.want != "") || tc.want != "" && !strings.Contains(got[0], tc.want) {
			t.Errorf("%s: %q, want %q", tc.code, got, tc.want)
		}
	}
}
