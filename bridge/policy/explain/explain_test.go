package explain_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
)

func loadPolicy(t testing.TB, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reasonsConfig has an app for each way to decide.
const reasonsConfig = `
[issuer.corp]
public_key_file = "none.pem"
[issuer.partners]
public_key_file = "none.pem"
ignore_case     = true

[adapter.several]
kind = "headers"
[adapter.several.header]
X-User  = { from = "email", required = true }
X-Roles = { from = "roles", join = "," }
X-Org   = { attribute = "org" }

[app.first]
host     = "first.example.com"
upstream = "http://127.0.0.1:1"
adapter  = "several"
issuer   = "corp"
[[app.first.rule]]
deny   = true
groups = ["suspended"]
[[app.first.rule]]
role   = "editor"
groups = ["staff"]
[[app.first.rule]]
role   = "admin"
groups = ["boss"]
[[app.first.rule]]
role       = "admin"
emails     = ["*@example.com"]
not_groups = ["staff"]
until      = 2026-01-01T00:00:00Z
[[app.first.rule]]
roles      = ["admin", "owner"]
attributes = { org = "2" }
subjects   = ["root"]

[app.all]
host         = "all.example.com"
upstream     = "http://127.0.0.1:1"
adapter      = "several"
issuers      = ["partners", "corp"]
match        = "all"
default_role = "guest"
[[app.all.rule]]
role   = "editor"
groups = ["staff"]
[[app.all.rule]]
role   = "admin"
groups = ["boss"]
[[app.all.rule]]
attributes = { org = "3" }
emails     = ["*"]
[[app.all.rule]]
deny   = true
groups = ["suspended"]

[app.closed]
host     = "closed.example.com"
upstream = "http://127.0.0.1:1"
adapter  = "several"
issuer   = "corp"
match    = "all"
[[app.closed.rule]]
role   = "editor"
groups = ["staff"]
[[app.closed.rule]]
attributes = { org = "3" }
emails     = ["*"]
`

var explainedAt = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestExplainSummary(t *testing.T) {
	c := loadPolicy(t, reasonsConfig)
	in := func(groups ...string) explain.Person {
		return explain.Person{Email: "ann@example.com", Groups: groups}
	}
	for _, test := range []struct {
		app    string
		person explain.Person
		issuer int // of c.Issuers
		want   string
	}{
		{"first", in("staff"), -1, `allowed as editor, because rule[2] matches: in "staff"`},
		{"first", in("staff", "suspended"), -1, `denied by rule[1]: in "suspended"`},
		{"first", in(), -1, `denied, because no rule matches`},
		{"first", in("STAFF"), -1, `denied, because no rule matches`},
		{"first", explain.Person{Groups: []string{"staff"}}, -1,
			`denied: rule[2] grants editor, but the person would be refused: header X-User: identity cannot be sent to this app: required, and empty for this person`},
		{"first", in("staff"), 1, `denied, because the app does not accept assertions from issuer "partners"`},
		{"all", in("staff", "boss"), -1, `allowed as editor, admin, because 3 rules match and add up: rule[1] (editor), rule[2] (admin), rule[3] (attributes only)`},
		{"all", in("staff", "suspended"), -1, `denied by rule[4]: in "suspended"; a denial outweighs rule[1] (editor), rule[3] (attributes only)`},
		{"all", in(), -1, `allowed as guest, because no rule that grants a role matches, and the default_role is guest`},
		{"all", explain.Person{}, -1,
			`denied: default_role grants guest, but the person would be refused: header X-User: identity cannot be sent to this app: required, and empty for this person`},
		// The first issuer ignores case, the other does not.
		{"all", in("STAFF"), -1, `allowed as editor, because 2 rules match and add up: rule[1] (editor), rule[3] (attributes only)`},
		{"all", in("STAFF"), 0, `allowed as guest, because no rule that grants a role matches, and the default_role is guest`},
		{"closed", in(), -1, `denied, because no rule that grants a role matches`},
	} {
		var from *config.Issuer
		if test.issuer >= 0 {
			from = c.Issuers[test.issuer]
		}
		for _, e := range explain.ReachOf(t.Context(), test.person, test.person.Cases(c.Apps, from), explainedAt).Apps {
			if e.App == test.app && e.Summary != test.want {
				t.Errorf("%s, %q:\n got %s\nwant %s", test.app, test.person.Groups, e.Summary, test.want)
			}
			if e.App == test.app && e.Allowed() != strings.HasPrefix(test.want, "allowed") {
				t.Errorf("%s, %q: decision %s", test.app, test.person.Groups, e.Decision)
			}
		}
	}
}

func TestReachSummary(t *testing.T) {
	c := loadPolicy(t, reasonsConfig)
	for _, test := range []struct {
		person explain.Person
		want   string
	}{
		{explain.Person{Email: "ann@example.com", Groups: []string{"staff"}}, "ann@example.com can enter all 3 apps."},
		{explain.Person{Email: "ann@example.com"}, "ann@example.com can enter 1 of 3 apps."},
		{explain.Person{Subject: "ann\n"}, `subject "ann\n" can enter none of 3 apps.`},
		{explain.Person{Name: "Ann"}, `"Ann" can enter none of 3 apps.`},
		{explain.Person{Groups: []string{"suspended"}}, `somebody in "suspended" can enter none of 3 apps.`},
		{explain.Person{Claims: map[string]any{"a": true}}, `this person can enter none of 3 apps.`},
	} {
		r := explain.ReachOf(t.Context(), test.person, test.person.Cases(c.Apps, nil), explainedAt)
		if got := r.Summary(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// A rule for one subject must not be met by an email that is put in place of a
// subject that nobody has given.
func TestExplainMakesUpNoSubject(t *testing.T) {
	c := loadPolicy(t, strings.Replace(reasonsConfig, `subjects   = ["root"]`, `subjects   = ["ann@example.com", "subject"]`, 1))
	p := explain.Person{Email: "ann@example.com"}
	if e := explain.ReachOf(t.Context(), p, p.Cases(c.Apps[:1], nil), explainedAt).Apps[0]; e.Allowed() {
		t.Errorf("allowed: %s", e.Summary)
	}
	p.Subject = "ann@example.com"
	if e := explain.ReachOf(t.Context(), p, p.Cases(c.Apps[:1], nil), explainedAt).Apps[0]; !e.Allowed() {
		t.Errorf("denied: %s", e.Summary)
	}
}

func TestAddClaim(t *testing.T) {
	for written, want := range map[string]any{
		"a=b":            "b",
		"a=":             "",
		"a=b=c":          "b=c",
		"a=true":         true,
		"a=7":            float64(7),
		"a=007":          "007",
		"a=null":         "null",
		`a=["x", 1]`:     []any{"x", float64(1)},
		`a=["x"`:         `["x"`,
		`a={"b": "c"}`:   map[string]any{"b": "c"},
		`a="true"`:       "true",
		`a=true false`:   "true false",
		"a=\u00e4\x00":   "\u00e4\x00",
		"a=support, ops": "support, ops",
	} {
		var p explain.Person
		if err := p.AddClaim(written); err != nil {
			t.Errorf("%q: %v", written, err)
		}
		if d := cmp.Diff(map[string]any{"a": want}, p.Claims); d != "" {
			t.Errorf("%q: (-want +got)\n%s", written, d)
		}
	}
	for _, test := range []struct {
		written []string
		want    string
	}{
		{[]string{"a"}, `the claim "a" is not of the form NAME=VALUE`},
		{[]string{"=b"}, `the claim "=b" is not of the form NAME=VALUE`},
		{[]string{"email=x@y.z"}, `the claim "email" has a flag of its own; write --email`},
		{[]string{"Groups=x"}, `the claim "Groups" has a flag of its own; write --group`},
		{[]string{"iss=https://idp.example.com"}, `the claim "iss" has a flag of its own; write --issuer`},
		{[]string{"user=u2"}, `the claim "user" has a flag of its own; write --subject`},
		{[]string{"sub=x"}, `write --subject`},
		{[]string{"a=b", "a=c"}, `the claim "a" is there twice`},
	} {
		var (
			p   explain.Person
			err error
		)
		for _, claim := range test.written {
			err = p.AddClaim(claim)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %s", test.written, err, test.want)
		}
	}
}

// Nobody can have signed in as these, so an answer about them would mislead.
func TestPersonThatCannotBe(t *testing.T) {
	for _, p := range []explain.Person{
		{Email: "ann"}, {Email: "ann@a.example@b.example"}, {Email: "ann@example.com,eve@example.com"}, {Email: "ann\u200b@example.com"},
		{Subject: "a\nb"}, {Groups: []string{"a", ""}},
	} {
		if err := p.Check(); err == nil {
			t.Errorf("%+v passes", p)
		}
	}
	if err := (&explain.Person{Email: "ann@example.com", Subject: "a b", Groups: []string{"x y"}}).Check(); err != nil {
		t.Error(err)
	}
}

// Nobody is in "@sre", so an answer about somebody who is would mislead.
func TestPersonInAList(t *testing.T) {
	c := loadPolicy(t, strings.Replace(reasonsConfig, "[adapter.several]", "[groups]\nsre = [\"team-*\", \"sre@example.com\"]\nteams = [\"team-*\"]\n[adapter.several]", 1))
	for group, want := range map[string]string{
		"@sre":            `"@sre" is a list, and people are in groups: name one of its groups, such as "sre@example.com"`,
		"@teams":          `"@teams" is a list, and people are in groups: name one of its groups`,
		"@another":        "",
		"sre":             "",
		"sre@example.com": "",
	} {
		got := ""
		if err := (&explain.Person{Groups: []string{"staff", group}}).CheckLists(c.Apps); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", group, got, want)
		}
	}
}

// JSON for programs has lists where there is nothing, never null.
func TestExplainJSONHasNoNull(t *testing.T) {
	c := loadPolicy(t, reasonsConfig)
	p := explain.Person{Email: "ann@example.com"}
	cases := p.Cases(c.Apps, c.Issuers[1])
	holders, err := explain.HoldersOf(c.Apps, "guest", explainedAt)
	if err != nil {
		t.Fatal(err)
	}
	of, err := explain.RoleOf(t.Context(), p, cases, "guest", explainedAt)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{explain.ReachOf(t.Context(), p, cases, explainedAt), holders, of} {
		text, err := json.Marshal(v)
		if err != nil || strings.Contains(string(text), "null") {
			t.Errorf("%v: %s", err, text)
		}
	}
}
