package mapping

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestUnreachable has one pair of rules a case. covered: the second can never
// decide. What is not covered must not be reported: it is somebody's access.
func TestUnreachable(t *testing.T) {
	lists := map[string][]string{"sre": {"a", "b"}, "all": {"@sre", "c"}}
	groups := func(names ...string) Rule { return Rule{Groups: names} }
	all := func(names ...string) Rule { return Rule{AllGroups: names} }
	emails := func(names ...string) Rule { return Rule{Emails: names} }
	between := func(after, until time.Duration) Rule {
		r := Rule{Groups: []string{"a"}}
		if after != 0 {
			r.After = noon.Add(after)
		}
		if until != 0 {
			r.Until = noon.Add(until)
		}
		return r
	}
	tests := []struct {
		name        string
		first, next Rule
		covered     bool
	}{
		{"the same group", groups("a"), groups("a"), true},
		{"one of the groups", groups("a", "b"), groups("b"), true},
		{"more groups", groups("a"), groups("a", "b"), false},
		{"another group", groups("a"), groups("b"), false},
		{"another case", groups("a"), groups("A"), false},
		{"a list's group", groups("@all"), groups("b"), true},
		{"a list of a list", groups("@all"), groups("@sre"), true},
		{"a longer list", groups("@sre"), groups("@all"), false},
		{"one of all groups", groups("a"), all("a", "b"), true},
		{"none of all groups", groups("c"), all("a", "b"), false},
		{"all of one group", all("a"), groups("a"), true},
		{"all of two groups", all("a", "b"), groups("a"), false},
		{"fewer of all groups", all("a"), all("a", "b"), true},
		{"more of all groups", all("a", "b"), all("a"), false},

		{"a pattern's group", groups("a*"), groups("ab"), true},
		{"a pattern's pattern", groups("a*"), groups("ab*"), true},
		{"a wider pattern", groups("ab*"), groups("a*"), false},
		{"a pattern that overlaps", groups("a*"), groups("*b"), false},
		{"a pattern after its one group", groups("ab"), groups("a*"), false},
		{"every group", groups("*"), groups("a", "b*"), true},
		{"every group, then people without any", groups("*"), emails("x@y"), false},
		{"all of a pattern", all("a*"), groups("ab", "ac"), true},
		{"all of a pattern and another", all("a*"), groups("ab", "c"), false},

		{"the same exclusion", Rule{Groups: []string{"a"}, NotGroups: []string{"x"}}, Rule{Groups: []string{"a"}, NotGroups: []string{"x", "y"}}, true},
		{"less exclusion", Rule{Groups: []string{"a"}, NotGroups: []string{"x", "y"}}, Rule{Groups: []string{"a"}, NotGroups: []string{"x"}}, false},
		{"no exclusion", Rule{Groups: []string{"a"}, NotGroups: []string{"x"}}, groups("a"), false},
		{"an exclusion by pattern", Rule{NotGroups: []string{"xy"}}, Rule{Groups: []string{"a"}, NotGroups: []string{"x*"}}, true},
		{"a narrower exclusion", Rule{NotGroups: []string{"x*"}}, Rule{Groups: []string{"a"}, NotGroups: []string{"xy"}}, false},

		{"the same email", emails("a@x"), emails("a@x"), true},
		{"the domain's email", emails("*@x"), emails("a@x", "b@x"), true},
		{"the domain's pattern", emails("*@x"), emails("a*@x"), true},
		{"another domain", emails("*@x"), emails("a@y"), false},
		{"a subdomain", emails("*@x"), emails("a@y.x"), false},
		{"a domain by pattern", emails("a@*x"), emails("a@y.x"), true},
		{"every email", emails("*"), emails("*@x"), true},
		{"every email, written out", emails("*@*"), emails("*"), true},
		{"every email, then people without", emails("*"), groups("a"), false},
		{"a pattern across the at sign", emails("a*@x"), emails("a@*x"), false},
		{"email and group", Rule{Emails: []string{"*@x"}, Groups: []string{"a"}}, emails("a@x"), false},
		{"a group, then group and email", groups("a"), Rule{Emails: []string{"*@x"}, Groups: []string{"a"}}, true},

		{"the same time", between(0, time.Hour), between(0, time.Hour), true},
		{"within the time", between(-time.Hour, time.Hour), between(0, time.Minute), false}, // 0: no bound
		{"inside the time", between(-time.Hour, time.Hour), between(-time.Minute, time.Minute), true},
		{"a nanosecond longer", between(-time.Hour, time.Hour), between(-time.Hour, time.Hour+1), false},
		{"a nanosecond earlier", between(-time.Hour, time.Hour), between(-time.Hour-1, time.Hour), false},
		{"for ever after a while", between(0, time.Hour), between(0, 0), false},
		{"a while of for ever", between(0, 0), between(0, time.Hour), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.first.Role, tt.next.Role = "First", "Next"
			tt.first.Source = "first.toml:7"
			// Rules between and around must not hide it.
			other := Rule{Role: "Other", Groups: []string{"other"}}
			errs := ruleErrors(t, Policy{Rules: []Rule{other, tt.first, {Role: "Other", NotGroups: []string{"q"}}, tt.next}, Lists: lists})
			if !tt.covered {
				if errs != nil {
					t.Errorf("Compile: %v", errs)
				}
				return
			}
			const want = "rule[4].role: unreachable: whoever it matches is already matched by rule[2] (first.toml:7); " +
				"put it before that rule, or remove it"
			if len(errs) != 1 || errs[0].Error() != want {
				t.Errorf("Compile: %v, want %s", errs, want)
			}
		})
	}
}

func TestExcludesItself(t *testing.T) {
	tests := []struct {
		rule  Rule
		never bool
	}{
		{Rule{Groups: []string{"a"}, NotGroups: []string{"a"}}, true},
		{Rule{Groups: []string{"a", "b"}, NotGroups: []string{"*"}}, true},
		{Rule{Groups: []string{"a", "b"}, NotGroups: []string{"a"}}, false},
		{Rule{Groups: []string{"a*"}, NotGroups: []string{"ab"}}, false},
		{Rule{Groups: []string{"ab*"}, NotGroups: []string{"a*"}}, true},
		{Rule{AllGroups: []string{"a", "b"}, NotGroups: []string{"b"}}, true},
		{Rule{AllGroups: []string{"a", "b"}, NotGroups: []string{"c"}}, false},
		{Rule{Emails: []string{"a@x"}, NotGroups: []string{"*"}}, false}, // people without groups
	}
	for _, tt := range tests {
		tt.rule.Role = "Admin"
		errs := ruleErrors(t, Policy{Rules: []Rule{tt.rule}})
		const want = "rule[1].not_groups: excludes whomever the rule's groups ask for, so the rule never holds"
		if tt.never != (len(errs) == 1 && errs[0].Error() == want) || !tt.never && errs != nil {
			t.Errorf("%+v: %v, want it reported: %t", tt.rule, errs, tt.never)
		}
	}
}

// TestUnreachableInLongPolicies: the check must neither miss a rule among a
// thousand nor take long.
func TestUnreachableInLongPolicies(t *testing.T) {
	var p Policy
	for i := range 2000 {
		p.Rules = append(p.Rules, Rule{Role: "R", Groups: []string{fmt.Sprint("group-", i), fmt.Sprint("other-", i)}})
	}
	p.Rules = append(p.Rules, Rule{Role: "R", Groups: []string{"other-1234"}, Emails: []string{"*@x"}})
	start := time.Now()
	errs := ruleErrors(t, p)
	if len(errs) != 1 || errs[0].Rule != 2001 || !strings.Contains(errs[0].Problem, "rule[1235]") {
		t.Errorf("Compile: %v", errs)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("Compile took %v", d)
	}
}

// TestListsThatUseListsThatUseLists: each list doubles the one before it, so
// that written out there would be more groups than atoms.
func TestListsThatUseListsThatUseLists(t *testing.T) {
	lists := map[string][]string{"list0": {"a"}}
	for i := range 300 {
		name := fmt.Sprint("@list", i)
		lists[fmt.Sprint("list", i+1)] = []string{name, name}
	}
	m := mustCompile(t, Policy{Rules: []Rule{{Role: "R", Groups: []string{"@list300"}}}, Lists: lists})
	if got := len(m.rules[0].groups.exact); got != 1 {
		t.Errorf("%d groups, want 1", got)
	}
}
