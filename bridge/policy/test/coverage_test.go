package policytest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/config"
)

func TestCoverage(t *testing.T) {
	const tests = `
[[app.grafana.test]]
groups = ["suspended"]
want = "deny"
[[app.grafana.test]]
groups = ["dev"]
want = "Viewer" # fails, and exercises what decided
[[app.wiki.test]]
groups = ["staff", "second"]
want = "reader"
`
	all := []string{
		"grafana: 2 of 5 rules exercised",
		`  config.toml:11: not exercised: rule[2], which grants "Viewer"`,
		`  config.toml:17: not exercised: rule[4], which denies`,
		`  config.toml:20: not exercised: rule[5], which grants "Admin"`,
		`  no test wants "Admin"`,
		`  no test wants "Editor"`,
		"wiki: 2 of 4 rules exercised",
		`  config.toml:37: not exercised: rule[2], which grants "writer"`,
		`  config.toml:44: not exercised: rule[4], which denies`,
		`  not exercised: default, somebody whom no rule matches and who is granted default_role "guest"`,
		`  no test wants "guest"`,
		`  no test wants "writer"`,
		`  no test wants "deny"`,
		"coverage: 4 of 9 rules, 44 %",
	}
	for _, tc := range []struct {
		name, more string
		o          Options
		want       []string
	}{
		{"all apps", "", Options{}, all},
		{"one app", "", Options{Apps: []string{"wiki"}}, append(append([]string{}, all[6:13]...), "coverage: 2 of 4 rules, 50 %")},
		{"tests of one app", "", Options{Run: regexp.MustCompile("wiki")},
			append(append([]string{"grafana: 0 of 5 rules exercised", "  none of its 2 policy tests was run"}, all[6:13]...), "coverage: 2 of 9 rules, 22 %")},
		{"just enough", "", Options{MinCoverage: 44}, all},
		{"too little", "", Options{MinCoverage: 45}, append(append([]string{}, all[:13]...), "coverage: 4 of 9 rules, 44 %; 45 % are wanted")},
		{"a default and a denial", `
[[app.wiki.test]]
want = "guest"
[[app.wiki.test]]
groups = ["suspended"]
want = "deny"
`, Options{Apps: []string{"wiki"}}, []string{
			"wiki: 3 of 4 rules exercised",
			`  config.toml:37: not exercised: rule[2], which grants "writer"`,
			`  no test wants "writer"`,
			"coverage: 3 of 4 rules, 75 %",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.o.Coverage = true
			r := report(t, tests+tc.more, tc.o)
			var got []string
			for _, a := range r.Coverage.Apps {
				got = append(got, a.Summary())
				for _, gap := range a.Gaps() {
					got = append(got, "  "+gap)
				}
			}
			if diff := cmp.Diff(tc.want, append(got, r.Coverage.Summary())); diff != "" {
				t.Errorf("coverage (-want +got):\n%s", diff)
			}
			if r.Coverage.OK() != (tc.o.MinCoverage <= 44) {
				t.Errorf("ok: %v", r.Coverage.OK())
			}
		})
	}
}

// 100 percent is every rule, not nearly.
func TestCoverageIsRoundedDown(t *testing.T) {
	var more strings.Builder
	for n := range 300 {
		fmt.Fprintf(&more, "[[app.wiki.rule]]\nrole = \"owner\"\ngroups = [\"g%d\"]\n[[app.wiki.test]]\ngroups = [\"g%d\"]\nwant = \"owner\"\n", n, n)
	}
	r := report(t, more.String(), Options{Apps: []string{"wiki"}, Coverage: true, MinCoverage: 99})
	if p := r.Coverage.Percent(); p != 98 || r.OK() {
		t.Errorf("300 of 304 rules are %d %%, ok: %v", p, r.OK())
	}
}

// What can happen to nobody is not missed.
func TestCoverageOfWhatCannotHappen(t *testing.T) {
	const (
		some     = "[[app.wiki.rule]]\nrole = \"reader\"\ngroups = [\"staff\"]\nattributes = { org_id = \"2\" }\n"
		everyone = "[[app.wiki.rule]]\nrole = \"reader\"\n"
		adds     = "[[app.wiki.rule]]\nattributes = { org_id = \"1\" }\n"
		denies   = "[[app.wiki.rule]]\ndeny = true\ngroups = [\"suspended\"]\n"
		all      = "match = \"all\"\n"
		guest    = "default_role = \"guest\"\n"
	)
	for _, tc := range []struct {
		name, rules     string
		byDefault, deny bool
	}{
		{"somebody is denied", some, true, true},
		{"everybody else gets a role", some + everyone, false, false},
		{"some are denied, everybody else gets a role", denies + some + everyone, false, true},
		{"everybody else is denied", some + "[[app.wiki.rule]]\ndeny = true\n", false, true},
		{"there is a default role", guest + some, true, false},
		{"there is a default role, and some are denied", guest + denies + some, true, true},
		{"everybody gets one role of several", all + some + everyone, false, false},
		{"everybody gets an attribute, which is no role", all + some + adds, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			head := twoIssuers[:strings.Index(twoIssuers, "match ")] + tc.rules
			adapter := twoIssuers[strings.Index(twoIssuers, "[adapter.many]"):strings.Index(twoIssuers, "[[app.wiki.rule]]")]
			c, err := config.LoadPolicy(write(t, "config.toml", head+adapter))
			if err != nil {
				t.Fatal(err)
			}
			r, err := Run(c, Options{Now: beforeTests, Coverage: true})
			if err != nil {
				t.Fatal(err)
			}
			a := r.Coverage.Apps[0]
			if a.DefaultUntested != tc.byDefault || a.DenyNotWanted != tc.deny {
				t.Errorf("got %+v", a)
			}
		})
	}
}
