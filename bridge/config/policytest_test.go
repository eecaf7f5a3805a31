package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRunTests(t *testing.T) {
	path := write(t, map[string]string{"config.toml": minimal[1:] + `groups = ["staff"]
until = 2020-01-01T00:00:00Z

[[app.grafana.test]]
email  = "ann@example.com"
groups = ["staff"]
want   = "Viewer"

[[app.grafana.test]]
name   = "bob has left"
email  = "bob@example.com"
groups = ["staff"]
want   = "deny"

[[app.grafana.test]]
email = "eve@example.com"
want  = "Viewer"

[[app.grafana.test]]
email = "eve@example.com"
want  = "deny"

[[app.grafana.test]]
email  = "ann@example.com"
groups = ["staff"]
at     = 2020-01-01T00:00:00Z
want   = "deny"

[[app.grafana.test]]
groups = ["staff"]
want   = "Admin"
`})
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	run := func(now time.Time) []string {
		var got []string
		for _, f := range c.FailedTests(now) {
			got = append(got, strings.ReplaceAll(f.String(), path, "config.toml"))
		}
		return got
	}
	want := []string{
		`config.toml:17: app.grafana.test[2] (bob has left): want "deny", got "Viewer" by rule[1] (config.toml:7)`,
		`config.toml:23: app.grafana.test[3]: want "Viewer", got "deny" because no rule matches`,
		`config.toml:37: app.grafana.test[6]: want "Admin", got "Viewer" by rule[1] (config.toml:7)`,
	}
	if diff := cmp.Diff(want, run(time.Date(2019, 12, 31, 23, 59, 59, 0, time.UTC))); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	want = []string{
		`config.toml:12: app.grafana.test[1]: want "Viewer", got "deny" because no rule matches`,
		`config.toml:23: app.grafana.test[3]: want "Viewer", got "deny" because no rule matches`,
		`config.toml:37: app.grafana.test[6]: want "Admin", got "deny" because no rule matches`,
	}
	if diff := cmp.Diff(want, run(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))); diff != "" {
		t.Errorf("failures after the grant has ended (-want +got):\n%s", diff)
	}
}

// twoIssuers is an app whose people come from either of two issuers.
const twoIssuers = `
[issuer.pomerium]
jwks_url = "https://wiki.example.com/.well-known/pomerium/jwks.json"
[issuer.loose]
jwks_url      = "https://loose.example.com/.well-known/pomerium/jwks.json"
ignore_case   = true
issuer_format = "uri"
[app.wiki]
host     = "wiki.example.com"
upstream = "http://127.0.0.1:3001"
adapter  = "many"
issuers  = ["pomerium", "loose"]
match    = "all"
[adapter.many]
kind = "headers"
[adapter.many.header]
X-Roles = { from = "roles", join = "," }
X-Org   = { attribute = "org_id" }
[[app.wiki.rule]]
role   = "reader"
groups = ["staff"]
[[app.wiki.rule]]
roles      = ["writer", "owner"]
groups     = ["writers"]
attributes = { org_id = "7" }
[[app.wiki.rule]]
role   = "iss"
claims = { iss = ["https://wiki.example.com/"] }
[[app.wiki.rule]]
role   = "claims"
claims = { roles = ["support"], level = ["3"], remote = ["true"] }
[[app.wiki.rule]]
role = "when"
when = 'claims.aud == "wiki.example.com" && claims.sub == subject && "staff" in claims.groups && name == "Ann" && claims.email == email'
[[app.wiki.rule]]
role     = "subject"
subjects = ["ann@example.com"]
[[app.wiki.rule]]
deny   = true
groups = ["suspended"]
`

// What a test may say of its person and of the decision.
func TestPolicyTestKeys(t *testing.T) {
	for _, tc := range []struct{ name, test, problem string }{
		{"one role", `groups = ["staff"]
			want = "reader"`, ""},
		{"names match exactly", `groups = ["Staff"]
			want = "deny"`, ""},
		{"names of an issuer that ignores case do not", `issuer = "loose"
			groups = ["Staff"]
			want = ["reader", "iss"]`, ""},
		{"an issuer that is not the first", `issuer = "loose"
			want = "iss"`, ""},
		{"the first issuer", `issuer = "pomerium"
			want = "iss"`, `want "iss", got "deny" because no rule matches`},
		{"roles in the order of the rules", `groups = ["staff", "writers"]
			want = ["reader", "writer", "owner"]`, ""},
		{"roles in another order", `groups = ["staff", "writers"]
			want = ["owner", "reader", "writer"]`, ""},
		{"a role too few", `groups = ["staff", "writers"]
			want = ["reader", "writer"]`, `want "reader" and "writer", got "reader", "writer" and "owner" by rule[1]+rule[2] (config.toml:18)`},
		{"a role too many", `groups = ["staff"]
			want = ["reader", "writer"]`, `want "reader" and "writer", got "reader" by rule[1] (config.toml:18)`},
		{"a list of one", `groups = ["staff"]
			want = ["reader"]`, ""},
		{"a denial in a list", `want = ["deny"]`, ""},
		{"a rule that denies", `groups = ["staff", "suspended"]
			want = "deny"`, ""},
		{"a rule that denies unexpectedly", `groups = ["staff", "suspended"]
			want = "reader"`, `want "reader", got "deny" by rule[7] (config.toml:37)`},
		{"attributes", `groups = ["writers"]
			want_attributes = { org_id = "7" }
			want = ["owner", "writer"]`, ""},
		{"attributes that the test does not name", `groups = ["writers"]
			want = ["owner", "writer"]`, ""},
		{"another attribute", `groups = ["writers"]
			want_attributes = { org_id = "8" }
			want = ["owner", "writer"]`, `want attribute org_id = "8", got "7" by rule[2] (config.toml:21)`},
		{"no attribute", `groups = ["staff"]
			want_attributes = { org_id = "7" }
			want = "reader"`, `want attribute org_id = "7", got none by rule[1] (config.toml:18)`},
		{"an attribute that must not be there", `groups = ["writers"]
			want_attributes = { org_id = "" }
			want = ["owner", "writer"]`, `want no attribute org_id, got "7" by rule[2] (config.toml:21)`},
		{"an attribute that is rightly not there", `groups = ["staff"]
			want_attributes = { org_id = "" }
			want = "reader"`, ""},
		{"claims", `claims = { roles = "sales,support", level = 3, remote = true }
			want = "claims"`, ""},
		{"claims in lists", `claims = { roles = ["sales", "support"], level = 3.0, remote = true }
			want = "claims"`, ""},
		{"other claims", `claims = { roles = "sales", level = 3, remote = true }
			want = "deny"`, ""},
		{"the claims that every assertion has", `email = "ann@example.com"
			groups = ["staff"]
			claims = { name = "Ann" }
			want = ["reader", "when"]`, ""},
		{"the email is not the subject", `email = "ann@example.com"
			want = "deny"`, ""},
		{"a subject", `subject = "ann@example.com"
			want = "subject"`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := write(t, map[string]string{"config.toml": twoIssuers[1:] + "[[app.wiki.test]]\n" + tc.test + "\n"})
			c, err := LoadPolicy(path)
			if err != nil {
				t.Fatal(err)
			}
			r := c.RunTests(time.Now())[0]
			if got := strings.ReplaceAll(r.Problem, path, "config.toml"); got != tc.problem {
				t.Errorf("got  %s\nwant %s", got, tc.problem)
			}
			if r.Passed() != (tc.problem == "") || len(c.FailedTests(time.Now())) == 0 != r.Passed() {
				t.Errorf("passed: %v", r.Passed())
			}
		})
	}
}

// A result is one line that does nothing to a terminal, whatever the test is
// called.
func TestPolicyTestWithHostileName(t *testing.T) {
	path := write(t, map[string]string{"config.toml": twoIssuers[1:] + `
[[app.wiki.test]]
name = "a\nb\u001b[31m\u202e\u0000 é\"\\"
want = "reader"
`})
	c, err := LoadPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = `config.toml:41: app.wiki.test[1] (a\nb\x1b[31m\u202e\x00 é"\): want "reader", got "deny" because no rule matches`
	if got := strings.ReplaceAll(c.FailedTests(time.Now())[0].String(), path, "config.toml"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A rule that is wrong for the people of one issuer only is a problem, with
// which nothing can be tested, and no panic.
func TestPolicyTestOfAnIssuerForWhomTheRulesAreWrong(t *testing.T) {
	text := twoIssuers[1:] + `
[[app.wiki.rule]]
role       = "never"
groups     = ["Ops"]
not_groups = ["ops"]
until      = 2999-01-01T00:00:00Z
[[app.wiki.test]]
issuer = "loose"
want   = "iss"
`
	if _, err := LoadPolicy(write(t, map[string]string{"config.toml": text})); err == nil || !strings.Contains(err.Error(), "rule[8].not_groups") {
		t.Errorf("got %v", err)
	}
}

// Whoever can write these files can sign in as anyone.
func TestFilesThatEverybodyCanWriteAreRefused(t *testing.T) {
	for _, name := range []string{"config.toml", "key.json", "more.toml"} {
		text := "include = [\"more.toml\"]\n" + strings.Replace(minimal[1:], "jwks_url", "jwks_file = \"key.json\" #", 1)
		key, err := os.ReadFile("testdata/invalid/keys/es256.json")
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, map[string]string{"config.toml": text, "key.json": string(key), "more.toml": "[groups]\nx = [\"y\"]\n"})
		if _, err := Load(path); err != nil {
			t.Fatalf("before: %v", err)
		}
		if err := os.Chmod(filepath.Join(filepath.Dir(path), name), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), name+" can be written by everybody") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file whose test passes today must not keep the bridge from starting on the
// day after a grant has ended.
func TestPolicyTestThatWouldFailByItselfIsAProblem(t *testing.T) {
	text := minimal[1:] + `groups = ["staff"]
until = 2999-01-01T00:00:00Z

[[app.grafana.test]]
email  = "ann@example.com"
groups = ["staff"]
want   = "Viewer"
`
	_, err := Load(write(t, map[string]string{"config.toml": text}))
	if err == nil || !strings.Contains(err.Error(), "config.toml:12: app.grafana.test[1]: the decision changes at 2999-01-01T00:00:00Z") {
		t.Errorf("got %v", err)
	}
	for name, good := range map[string]string{
		"it says when": strings.TrimSuffix(text, "\n") + "\nat = 2998-01-01T00:00:00Z\n",
		"the decision never changes": strings.Replace(text, `groups = ["staff"]
want   = "Viewer"`, `want = "deny"`, 1),
	} {
		if _, err := Load(write(t, map[string]string{"config.toml": good})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
