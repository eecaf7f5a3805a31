package policytest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// Whoever reads that a test failed shall see which rules to look at.
func TestWhyATestFailed(t *testing.T) {
	for _, tc := range []struct {
		name, app, test string
		want            []string
	}{
		{"an earlier rule decides, the wanted one would match", "grafana", `email = "ann@example.com"
			groups = ["dev"]
			want = "Editor"`, []string{
			`rule[2] (config.toml:11) grants "Viewer", because it matches: email is "ann@example.com" by the pattern "*@example.com"`,
			`rule[3] (config.toml:14) would grant "Editor", but is not reached: rule[2] has decided; put before that rule, it would match: in "dev"`,
		}},
		{"an earlier rule decides, the wanted one would not match either", "grafana", `email = "ann@example.com"
			want = "Editor"`, []string{
			`rule[2] (config.toml:11) grants "Viewer", because it matches: email is "ann@example.com" by the pattern "*@example.com"`,
			`rule[3] (config.toml:14) would grant "Editor", but is not reached: rule[2] has decided; nor would it match: groups: not in "dev"`,
		}},
		{"an earlier rule decides, the wanted one has no conditions", "grafana", `email = "ann@example.com"
			want = "Admin"`, []string{
			`rule[2] (config.toml:11) grants "Viewer", because it matches: email is "ann@example.com" by the pattern "*@example.com"`,
			`rule[5] (config.toml:20) would grant "Admin", but is not reached: rule[2] has decided`,
		}},
		{"the wanted rule does not match", "grafana", `groups = ["dev"]
			want = "Viewer"`, []string{
			`rule[3] (config.toml:14) grants "Editor", because it matches: in "dev"`,
			`rule[2] (config.toml:11) would grant "Viewer", but does not match: emails: the assertion has no email`,
		}},
		{"a rule denies", "grafana", `groups = ["dev", "suspended"]
			want = "Editor"`, []string{
			`rule[1] (config.toml:8) denies, because it matches: in "suspended"`,
			`rule[3] (config.toml:14) would grant "Editor", but is not reached: rule[1] has decided; put before that rule, it would match: in "dev"`,
		}},
		{"no rule denies", "grafana", `groups = ["dev", "guests"]
			want = "deny"`, []string{
			`rule[3] (config.toml:14) grants "Editor", because it matches: in "dev"`,
			`rule[1] (config.toml:8) would deny, but does not match: groups: not in "suspended"`,
			`rule[4] (config.toml:17) would deny, but is not reached: rule[3] has decided; put before that rule, it would match: in "guests"`,
		}},
		{"a default role instead of a denial", "wiki", `want = "deny"`, []string{
			`rule[4] (config.toml:44) would deny, but does not match: groups: not in "suspended"`,
			`default_role grants "guest", because no rule grants a role or denies`,
		}},
		{"a role instead of the default", "wiki", `groups = ["staff"]
			want = "guest"`, []string{
			`rule[1] (config.toml:33) grants "reader", because it matches: in "staff"`,
			`default_role would grant "guest", but rule[1] has decided`,
		}},
		{"one role of two", "wiki", `groups = ["staff", "writers"]
			at = 2026-06-01T00:00:00Z
			want = ["reader", "writer"]`, []string{
			`rule[2] (config.toml:37) would grant "writer", but does not match: until: the rule ended at 2026-06-01T00:00:00Z`,
		}},
		{"a denial beside roles", "wiki", `groups = ["staff", "suspended"]
			want = "reader"`, []string{
			`rule[1] (config.toml:33) grants "reader", because it matches: in "staff"`,
			`rule[4] (config.toml:44) denies, because it matches: in "suspended"`,
		}},
		{"an attribute of an earlier rule", "wiki", `groups = ["staff", "second"]
			want_attributes = { org_id = "2" }
			want = "reader"`, []string{
			`rule[1] (config.toml:33) grants "reader" and sets org_id = "1", because it matches: in "staff"`,
			`rule[3] (config.toml:41) sets org_id = "2", because it matches: in "second"`,
		}},
		{"an attribute that no rule sets", "wiki", `groups = ["staff"]
			want_attributes = { org_id = "3" }
			want = "reader"`, []string{
			`rule[1] (config.toml:33) grants "reader" and sets org_id = "1", because it matches: in "staff"`,
			`no rule sets org_id = "3"`,
		}},
		{"an attribute whose rule does not match", "wiki", `want_attributes = { org_id = "2" }
			want = "guest"`, []string{
			`rule[3] (config.toml:41) would set org_id = "2", but does not match: groups: not in "second"`,
			`default_role grants "guest", because no rule grants a role or denies`,
		}},
		{"it passed", "wiki", `want = "guest"`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := report(t, fmt.Sprintf("[[app.%s.test]]\n%s\n", tc.app, tc.test), Options{})
			if diff := cmp.Diff(tc.want, r.Tests[0].Why); diff != "" {
				t.Errorf("why (-want +got):\n%s", diff)
			}
			if r.OK() != (tc.want == nil) || (r.Tests[0].Explain == "") != (tc.want == nil) {
				t.Errorf("ok: %v, explain: %q", r.OK(), r.Tests[0].Explain)
			}
		})
	}
}

// Somebody in "@sre" is in no group of the list, and explain refuses to say so.
func TestWhyAListIsNoGroup(t *testing.T) {
	const more = `
[groups]
sre = ["team-*", "sre@example.com"]
teams = ["team-*"]
[[app.grafana.test]]
groups = ["@sre", "@teams", "@nobody's"]
want = "Editor"
`
	r := report(t, more, Options{}).Tests[0]
	want := []string{
		`"@sre" is a list, and people are in groups: name one of its groups in the test, such as "sre@example.com"`,
		`"@teams" is a list, and people are in groups: name one of its groups in the test`,
	}
	if d := cmp.Diff(want, r.Why[:min(2, len(r.Why))]); d != "" || r.Explain != "" {
		t.Errorf("explain %q, why (-want +got):\n%s", r.Explain, d)
	}
}

// A vocabulary may have a role that no rule grants.
func TestWhyNobodyGetsARole(t *testing.T) {
	text := strings.Replace(ofTests, "role   = \"Editor\"\n", "role   = \"Viewer\"\n", 1)
	c, err := config.LoadPolicy(write(t, "config.toml", text+"[[app.grafana.test]]\nwant = \"Editor\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(c, Options{Now: beforeTests})
	if err != nil {
		t.Fatal(err)
	}
	if why := strings.Join(r.Tests[0].Why, "\n"); !strings.HasSuffix(why, "\nno rule grants \"Editor\"") {
		t.Error(why)
	}
}

// What a rule that is not reached would say is asked for each test anew, and as
// for people of its issuer.
func TestWhyIsAboutTheTestsOwnPerson(t *testing.T) {
	text := strings.Replace(twoIssuers, "match    = \"all\"\n", "", 1)
	rules := strings.Index(text, "[[app.wiki.rule]]")
	text = text[:rules] + `
[[app.wiki.rule]]
role   = "reader"
emails = ["*@example.com"]
[[app.wiki.rule]]
role   = "writer"
groups = ["writers"]
attributes = { org_id = "1" }
`
	const person = "[[app.wiki.test]]\nemail = \"ann@example.com\"\nwant = \"writer\"\n"
	for _, more := range []string{`groups = ["writers"]`, `groups = ["Writers"]`, "issuer = \"loose\"\ngroups = [\"Writers\"]", ""} {
		text += person + more + "\n"
	}
	c, err := config.LoadPolicy(write(t, "config.toml", text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(c, Options{Now: beforeTests})
	if err != nil {
		t.Fatal(err)
	}
	for i, would := range []bool{true, false, true, false} {
		if why := strings.Join(r.Tests[i].Why, "\n"); strings.Contains(why, "it would match: in ") != would || strings.Contains(why, "nor would it match: groups: ") == would {
			t.Errorf("test %d: %s", i+1, why)
		}
	}
}

// A role may be granted by a thousand rules.
func TestWhyIsBounded(t *testing.T) {
	var more strings.Builder
	for n := range 50 {
		fmt.Fprintf(&more, "[[app.wiki.rule]]\nrole = \"owner\"\ngroups = [\"g%d\"]\n", n)
	}
	r := report(t, more.String()+"[[app.wiki.test]]\nwant = \"owner\"\n", Options{})
	if got := r.Tests[0].Why; len(got) > maxReasons+2 || got[maxReasons] != "and more such rules" {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

func TestExplainCommand(t *testing.T) {
	for _, tc := range []struct {
		test, want string
		at         time.Time
	}{
		{test: `email = "ann@example.com"
			groups = ["a b", "dev"]`, want: ` --email ann@example.com --group 'a b' --group dev`},
		{test: ``, want: ` --subject subject-not-given`},
		{test: `subject = "x"
			issuer = "pomerium"`, want: ` --subject x`},
		{test: `claims = { name = "Ann O'Hara", level = 3, remote = true, list = ["a", "b"], text = "3", object = { a = "b" }, plain = "support" }`,
			want: ` --claim 'level=3' --claim 'list=["a","b"]' --name 'Ann O'\''Hara' --claim 'object={"a":"b"}' --claim plain=support --claim remote=true --claim 'text="3"'`},
		{test: `subject = "x"
			at = 2026-01-02T03:04:05+01:00`, want: ` --subject x --at 2026-01-02T02:04:05Z`},
		{test: `subject = "x"`, at: beforeTests, want: ` --subject x --at 2026-01-01T00:00:00Z`},
		{test: `groups = ["a\u0000"]`},
		{test: `groups = [""]`},
		{test: `claims = { "a=b" = "c" }`},
		{test: `claims = { name = 7 }`},
	} {
		t.Run(tc.test, func(t *testing.T) {
			r := report(t, "[[app.wiki.test]]\nwant = \"writer\"\n"+tc.test+"\n", Options{At: tc.at})
			want := ""
			if tc.want != "" {
				want = "ssobridge explain --config config.toml --app wiki" + strings.ReplaceAll(tc.want, "'level=3'", "level=3")
			}
			if got := r.Tests[0].Explain; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// Who comes from another issuer than the first may get another role.
func TestExplainCommandNamesTheIssuer(t *testing.T) {
	c, err := config.LoadPolicy(write(t, "config.toml", twoIssuers+"[[app.wiki.test]]\nissuer = \"loose\"\nwant = \"deny\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(c, Options{Now: beforeTests})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Tests[0].Explain; !strings.HasSuffix(got, " --app wiki --issuer loose --subject subject-not-given") {
		t.Error(got)
	}
}

// What a group is called must not run when somebody pastes a command line.
func TestShellWordsRunNothing(t *testing.T) {
	words := []string{
		"plain", "=", "=ls", "a=b", "", "-x", "~", "a b", "it's", `"$HOME"`, "$(id)", "`id`", "a;b", "a&b|c>d<e", "{a,b}", "*?[a]", "!x", "#x",
		`\n`, `\'`, "é", "it's ''quoted''", `x\'; echo PWNED #`, `$'x'`,
	}
	if got, _ := shellWord("=ls"); got != "'=ls'" {
		t.Errorf("%s is a path to some shells", got)
	}
	for _, name := range []string{"sh", "dash", "bash", "zsh"} {
		t.Run(name, func(t *testing.T) {
			shell, err := exec.LookPath(name)
			if err != nil {
				t.Skip("no such shell to ask")
			}
			var line strings.Builder
			for _, w := range words {
				quoted, ok := shellWord(w)
				if !ok || wording.Visible(quoted) != quoted {
					t.Errorf("%q is not one printable line: %q", w, quoted)
				}
				line.WriteString(" " + quoted)
			}
			out, err := exec.Command(shell, "-c", `printf '%s\0'`+line.String()).Output()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Join(words, "\x00")+"\x00", string(out)); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}

// What cannot be seen can only be written with $'...', in which dash ends the
// quotes where bash does not: for "x\t'; echo PWNED #" it ran what follows.
func TestNoCommandThatShellsReadDifferently(t *testing.T) {
	for _, w := range []string{"a\nb", "x\t'; echo PWNED #", "\x1b[31m\\'$(id)", "\u202eé", "a\x00b"} {
		if quoted, ok := shellWord(w); ok || quoted != "" {
			t.Errorf("%q is written %s", w, quoted)
		}
	}
	const policy = `
[issuer.pomerium]
jwks_url = "https://x.example.com/jwks.json"
[app.wiki]
host = "wiki.example.com"
upstream = "http://127.0.0.1:3001"
adapter = "remote-user"
[[app.wiki.rule]]
role = "Admin"
groups = ["a"]
[[app.wiki.test]]
groups = ["x\t'; echo PWNED #"]
want = "Admin"
[[app.wiki.test]]
groups = ["x"]
want = "Admin"
`
	c, err := config.ParsePolicy("ssobridge.toml", []byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	for i, app := 0, c.Apps[0]; i < 2; i++ {
		r := Result{TestResult: app.RunTest(i, time.Now())}
		if got := r.command("ssobridge.toml", false); (got == "") != (i == 0) {
			t.Errorf("test %d: %q", i+1, got)
		}
	}
}
