package policytest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// ofTests is a configuration of two apps, the first with every kind of rule.
const ofTests = `
[issuer.pomerium]
jwks_url = "https://grafana.example.com/.well-known/pomerium/jwks.json"
[app.grafana]
host     = "grafana.example.com"
upstream = "http://127.0.0.1:3000"
adapter  = "grafana"
[[app.grafana.rule]] # line 8
deny   = true
groups = ["suspended"]
[[app.grafana.rule]] # line 11
role   = "Viewer"
emails = ["*@example.com"]
[[app.grafana.rule]] # line 14
role   = "Editor"
groups = ["dev"]
[[app.grafana.rule]] # line 17
deny   = true
groups = ["guests"]
[[app.grafana.rule]] # line 20
role = "Admin"
[app.wiki]
host         = "wiki.example.com"
upstream     = "http://127.0.0.1:3001"
adapter      = "many"
default_role = "guest"
match        = "all"
[adapter.many]
kind = "headers"
[adapter.many.header]
X-Roles = { from = "roles", join = "," }
X-Org   = { attribute = "org_id" }
[[app.wiki.rule]] # line 33
role       = "reader"
groups     = ["staff"]
attributes = { org_id = "1" }
[[app.wiki.rule]] # line 37
role   = "writer"
groups = ["writers"]
until  = 2026-06-01T00:00:00Z
[[app.wiki.rule]] # line 41
attributes = { org_id = "2" }
groups     = ["second"]
[[app.wiki.rule]] # line 44
deny   = true
groups = ["suspended"]
`

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
claims = { department = ["support"], level = ["3"], remote = ["true"] }
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

// beforeTests is a moment at which every rule of ofTests holds.
var beforeTests = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// report runs the tests of ofTests and more TOML.
func report(t *testing.T, more string, o Options) *Report {
	t.Helper()
	o.Now = beforeTests
	r, err := Run(loadTests(t, more), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func loadTests(t *testing.T, more string) *config.Config {
	t.Helper()
	t.Chdir(filepath.Dir(write(t, "config.toml", ofTests+more)))
	c, err := config.LoadPolicy("config.toml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSelectTests(t *testing.T) {
	const tests = `
[[app.grafana.test]]
name = "guests stay out"
groups = ["guests"]
want = "deny"
[[app.grafana.test]]
want = "Admin"
[[app.wiki.test]]
name = "guests read"
want = "guest"
`
	for _, tc := range []struct {
		apps      []string
		run, want string
	}{
		{want: "app.grafana.test[1] app.grafana.test[2] app.wiki.test[1]"},
		{apps: []string{"wiki"}, want: "app.wiki.test[1]"},
		{apps: []string{"wiki", "grafana", "wiki"}, want: "app.grafana.test[1] app.grafana.test[2] app.wiki.test[1]"},
		{run: "guests", want: "app.grafana.test[1] app.wiki.test[1]"},
		{run: "^guests.*out$", want: "app.grafana.test[1]"},
		{run: `^app\.grafana\.test\[2\]$`, want: "app.grafana.test[2]"},
		{apps: []string{"wiki"}, run: "guests", want: "app.wiki.test[1]"},
		{apps: []string{"wki"}, want: `no app "wki": did you mean "wiki"?`},
		{apps: []string{"wiki", ""}, want: `no app "": there are "grafana" and "wiki"`},
		{run: "gests", want: `none of the 3 policy tests of the configuration has a name or a key, such as "app.grafana.test[1]", that matches "gests"`},
		{apps: []string{"wiki"}, run: "out", want: `none of the 1 policy test of app wiki has a name or a key, such as "app.wiki.test[1]", that matches "out"`},
	} {
		o := Options{Apps: tc.apps, Now: beforeTests}
		if tc.run != "" {
			o.Run = regexp.MustCompile(tc.run)
		}
		var got []string
		r, err := Run(loadTests(t, tests), o)
		if err != nil {
			got = append(got, err.Error())
		} else {
			for _, test := range r.Tests {
				got = append(got, test.Key())
			}
		}
		if got := strings.Join(got, " "); got != tc.want {
			t.Errorf("%q %s:\ngot  %s\nwant %s", tc.apps, tc.run, got, tc.want)
		}
	}
}

// Where there is no test there is nothing to misspell, whatever is asked for.
func TestSelectTestsWhereThereAreNone(t *testing.T) {
	c := loadTests(t, "")
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{}, "no policy tests in 2 apps"},
		{Options{Run: regexp.MustCompile("x")}, "no policy tests in 2 apps"},
		{Options{Apps: []string{"wiki"}}, "no policy tests in app wiki"},
	} {
		tc.o.Now = beforeTests
		if r, err := Run(c, tc.o); err != nil || !r.OK() || r.Summary() != tc.want {
			t.Errorf("%+v, %v, want %s", r, err, tc.want)
		}
	}
}

// The summary says which part of the apps has tests.
func TestReportSummary(t *testing.T) {
	const grafana, wiki = "[[app.grafana.test]]\nwant = \"Admin\"\n", "[[app.wiki.test]]\nwant = \"writer\"\n"
	for _, tc := range []struct {
		tests string
		o     Options
		want  string
	}{
		{grafana, Options{}, "1 policy test in 1 of 2 apps: 1 passed, 0 failed"},
		{grafana + wiki, Options{}, "2 policy tests in 2 apps: 1 passed, 1 failed"},
		{grafana + wiki, Options{Apps: []string{"wiki"}}, "1 policy test in app wiki: 0 passed, 1 failed"},
	} {
		if got := report(t, tc.tests, tc.o).Summary(); got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
}

// Tests that do not say when their person asks do so at the time of the options.
func TestReportAt(t *testing.T) {
	const tests = `
[[app.wiki.test]]
groups = ["writers"]
at = 2026-05-31T23:59:59Z
want = "writer"
[[app.wiki.test]]
want = "guest"
`
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	r := report(t, tests, Options{At: at})
	if !r.OK() || r.Tests[0].At.Equal(at) || !r.Tests[1].At.Equal(at) {
		t.Errorf("%+v", r.Tests)
	}
	if r = report(t, tests, Options{}); !r.Tests[1].At.Equal(beforeTests) {
		t.Errorf("without one: %s", r.Tests[1].At)
	}
}

func TestReportJSON(t *testing.T) {
	r := report(t, hostileTests, Options{Coverage: true})
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(r.JSON()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		OK             bool
		Passed, Failed int
		Tests          []struct {
			Name, Problem string
			Passed        bool
			Want, Got     []string
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.OK || got.Passed != len(hostileNames) || got.Failed != len(hostileNames) {
		t.Errorf("%+v", got)
	}
	for i, test := range got.Tests {
		passed := i%2 == 0
		if test.Name != hostileNames[i/2] || test.Passed != passed || (test.Problem == "") != passed || test.Want == nil || test.Got == nil {
			t.Errorf("test %d: %+v", i, test)
		}
	}
	if bytes.Contains(b.Bytes(), []byte("null")) {
		t.Errorf("a list is null:\n%s", b.Bytes())
	}
}

// write writes a file into a new directory and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
