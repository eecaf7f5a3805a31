package mapping

import (
	"slices"
	"testing"
	"time"
)

// TestShadows has one pair of rules a case. covered: the second can never
// decide. What is not covered must not be reported: it is somebody's access.
func TestShadows(t *testing.T) {
	lists := map[string][]string{"sre": {"a", "b"}, "all": {"@sre", "c"}, "stars": {"a*", "b*"}}
	groups := func(names ...string) Rule { return Rule{Groups: names} }
	all := func(names ...string) Rule { return Rule{AllGroups: names} }
	not := func(names ...string) Rule { return Rule{Groups: []string{"a"}, NotGroups: names} }
	emails := func(names ...string) Rule { return Rule{Emails: names} }
	domains := func(names ...string) Rule { return Rule{Domains: names} }
	claims := func(claim string, values ...string) Rule { return Rule{Claims: map[string][]string{claim: values}} }
	when := func(text string) Rule { return Rule{When: text} }
	both := func(a, b Rule) Rule {
		a.Emails, a.When = b.Emails, b.When
		return a
	}
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
		{"more groups, the covered one last", groups("b"), groups("a", "b"), false},
		{"another group", groups("a"), groups("b"), false},
		{"another case", groups("a"), groups("A"), false},
		{"a list's group", groups("@all"), groups("b"), true},
		{"a list's groups", groups("@all"), groups("b", "c"), true},
		{"a list of a list", groups("@all"), groups("@sre"), true},
		{"a longer list", groups("@sre"), groups("@all"), false},
		{"a list by patterns", groups("@stars"), groups("@sre"), true},
		{"patterns by a list", groups("@sre"), groups("@stars"), false},
		{"a list by what is in it", groups("a", "b"), groups("@sre"), false}, // takes two names: not found
		{"a list by a pattern", groups("*"), groups("@all"), true},
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

		{"the same exclusion", not("x"), not("x", "y"), true},
		{"less exclusion", not("x", "y"), not("x"), false},
		{"no exclusion", not("x"), groups("a"), false},
		{"an exclusion by pattern", Rule{NotGroups: []string{"xy"}}, not("x*"), true},
		{"a narrower exclusion", Rule{NotGroups: []string{"x*"}}, not("xy"), false},
		{"excluded emails", Rule{NotEmails: []string{"a@x"}}, Rule{NotEmails: []string{"*@x", "*@y"}}, true},
		{"fewer excluded emails", Rule{NotEmails: []string{"*@x"}}, Rule{NotEmails: []string{"a@x"}}, false},

		{"the same email", emails("a@x"), emails("a@x"), true},
		{"an email in other letters", emails("a@x"), emails("a@X"), true},
		{"another local part", emails("a@x"), emails("A@x"), false},
		{"the domain's email", emails("*@x"), emails("a@x", "b@x"), true},
		{"the domain's pattern", emails("*@x"), emails("a*@x"), true},
		{"another domain", emails("*@x"), emails("a@y"), false},
		{"a subdomain", emails("*@x"), emails("a@y.x"), false},
		{"a domain by pattern", emails("a@*.x"), emails("a@y.x"), true},
		{"every email", emails("*"), emails("*@x"), true},
		{"every email, written out", emails("*@*"), emails("*"), true},
		{"every email, then people without", emails("*"), groups("a"), false},
		{"a pattern across the at sign", emails("a*@x"), emails("a@*.x"), false},
		{"email and group", both(groups("a"), emails("*@x")), emails("a@x"), false},
		{"a group, then group and email", groups("a"), both(groups("a"), emails("*@x")), true},

		{"the email's domain", domains("x"), emails("a@x"), true},
		{"the emails' domain", domains("X"), emails("*@x", "b*@x"), true},
		{"an email of every domain", domains("x"), emails("*"), false},
		{"every domain", domains("*"), emails("*"), true},
		{"a domain's emails", emails("*@x"), domains("x"), true},
		{"some of a domain's emails", emails("a*@x"), domains("x"), false},
		{"every email, then a domain", emails("*"), domains("*.x"), true},
		{"a domain below", domains("*.x"), domains("y.x"), true},
		{"not the domain below", domains("x"), domains("y.x"), false},

		{"the same subject", Rule{Subjects: []string{"s*"}}, Rule{Subjects: []string{"s1", "s2"}}, true},
		{"another subject", Rule{Subjects: []string{"s1"}}, Rule{Subjects: []string{"s2"}}, false},
		{"a group of a subject's name", Rule{Subjects: []string{"a"}}, groups("a"), false},
		{"the same claim", claims("c", "a*", "b"), claims("c", "ab"), true},
		{"another value", claims("c", "a"), claims("c", "b"), false},
		{"another claim", claims("c", "a"), claims("d", "a"), false},
		{"a claim, then two", claims("c", "a"), Rule{Claims: map[string][]string{"c": {"a"}, "d": {"a"}}}, true},
		{"two claims, then one", Rule{Claims: map[string][]string{"c": {"a"}, "d": {"a"}}}, claims("c", "a"), false},

		{"the same expression", when("name == 'x'"), both(groups("a"), when("name == 'x'")), true},
		{"another expression", when("name == 'x'"), when("name == 'y'"), false},
		{"an expression, then everybody like that", when("name == 'x'"), groups("a"), false},
		{"everybody, then by an expression", groups("a"), both(groups("a"), when("name == 'x'")), true},
		{"an expression that is true", when("true"), groups("a"), false}, // not understood

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
			// Rules between and around must not hide it. Under MatchAll a rule hides
			// the other from either side, unless they hide each other.
			other := Rule{Role: "Other", Groups: []string{"other"}}
			between := Rule{Role: "Other", NotGroups: []string{"q"}, Subjects: []string{"t"}}
			tt.first.Role, tt.next.Role = "Same", "Same"
			for _, match := range []Match{MatchFirst, MatchAll} {
				var want []Shadow
				if tt.covered {
					want = []Shadow{{Rule: 4, By: 2}}
				}
				m := mustCompile(t, Policy{Match: match, Rules: []Rule{other, tt.first, between, tt.next}, Lists: lists})
				got := m.Shadows()
				if match == MatchAll { // the other way round is for the next test
					got = slices.DeleteFunc(got, func(s Shadow) bool { return s.Rule == 2 })
				}
				if !slices.Equal(got, want) {
					t.Errorf("match %s: %v, want %v", match, got, want)
				}
			}
		})
	}
}

// TestShadowsByWhatRulesDo: one rule covers the other, or each the other; what
// they do decides which is useless.
func TestShadowsByWhatRulesDo(t *testing.T) {
	const fails = `claims.x == "y"`
	rule := func(does string, when string, groups ...string) Rule {
		r := Rule{Groups: groups, When: when}
		switch does {
		case "deny":
			r.Deny = true
		case "attributes":
			r.Attributes = map[string]string{"org": "1"}
		case "A B":
			r.Roles = []string{"A", "B"}
		case "A+":
			r.Role, r.Attributes = "A", map[string]string{"org": "1"}
		default:
			r.Role = does
		}
		return r
	}
	var (
		first = []Shadow{{Rule: 1, By: 2}}
		later = []Shadow{{Rule: 2, By: 1}}
		spelt = []Shadow{{Rule: 2, By: 1, Spelling: true}}
	)
	tests := []struct {
		one, two          Rule
		underFirst, under []Shadow // MatchFirst and MatchAll
	}{
		{rule("A", "", "a", "b"), rule("A", "", "a"), later, later},
		{rule("A", "", "a"), rule("A", "", "a", "b"), nil, first},
		{rule("A", "", "a"), rule("A", "", "a"), later, later},
		{rule("A", "", "a", "b"), rule("B", "", "a"), later, nil},
		{rule("A", "", "a"), rule("B", "", "a", "b"), nil, nil},
		{rule("A B", "", "a", "b"), rule("B", "", "a"), later, later},
		{rule("A", "", "a"), rule("A B", "", "a"), later, first},
		{rule("A B", "", "a"), rule("A", "", "a"), later, later},
		{rule("A", "", "a", "b"), rule("A+", "", "a"), later, nil},
		{rule("A+", "", "a"), rule("A", "", "a"), later, later},
		{rule("A", "", "a", "b"), rule("deny", "", "a"), spelt, nil},
		{rule("deny", "", "a", "b"), rule("A", "", "a"), later, later},
		{rule("A", "", "a"), rule("deny", "", "a", "b"), nil, first},
		{rule("A+", "", "a"), rule("deny", "", "a"), spelt, first},
		{rule("A", "", "A"), rule("deny", "", "a"), nil, first},
		{rule("deny", "", "a"), rule("A", "", "A"), later, later},
		{rule("deny", "", "A*"), rule("A", "", "ab", "Ac"), later, later},
		{rule("deny", "", "a"), rule("deny", "", "a"), later, later},
		{rule("deny", "", "a"), rule("deny", "", "a", "b"), nil, first},
		// A rule that denies matches where its expression fails, another does not.
		{rule("A", fails, "a"), rule("A", fails, "a"), later, later},
		{rule("deny", fails, "a"), rule("A", fails, "a"), later, later},
		{rule("A", fails, "a"), rule("deny", fails, "a"), nil, first},
		{rule("deny", fails, "a"), rule("deny", fails, "a"), later, later},
	}
	for _, tt := range tests {
		for match, want := range map[Match][]Shadow{MatchFirst: tt.underFirst, MatchAll: tt.under} {
			m := mustCompile(t, Policy{Match: match, Rules: []Rule{tt.one, tt.two}, DefaultRole: "Guest"})
			if got := m.Shadows(); !slices.Equal(got, want) {
				t.Errorf("match %s, %+v and %+v: %v, want %v", match, tt.one, tt.two, got, want)
			}
		}
	}
}

func TestContradictions(t *testing.T) {
	tests := []struct {
		rule Rule
		not  string // the condition that is blamed, if one is
	}{
		{Rule{Groups: []string{"a"}, NotGroups: []string{"a"}}, "not_groups"},
		{Rule{Groups: []string{"a", "b"}, NotGroups: []string{"*"}}, "not_groups"},
		{Rule{Groups: []string{"a", "b"}, NotGroups: []string{"a"}}, ""},
		{Rule{Groups: []string{"a*"}, NotGroups: []string{"ab"}}, ""},
		{Rule{Groups: []string{"ab*"}, NotGroups: []string{"a*"}}, "not_groups"},
		{Rule{Groups: []string{"@l"}, NotGroups: []string{"*"}}, "not_groups"},
		{Rule{Groups: []string{"b"}, NotGroups: []string{"@l"}}, "not_groups"},
		{Rule{Groups: []string{"@l"}, NotGroups: []string{"a"}}, ""},
		{Rule{AllGroups: []string{"a", "b"}, NotGroups: []string{"b"}}, "not_groups"},
		{Rule{AllGroups: []string{"a", "b"}, NotGroups: []string{"c"}}, ""},
		{Rule{Emails: []string{"a@x"}, NotGroups: []string{"*"}}, ""}, // people without groups
		{Rule{Emails: []string{"a@x", "b@X"}, NotEmails: []string{"*@x"}}, "not_emails"},
		{Rule{Emails: []string{"a@x", "b@y"}, NotEmails: []string{"*@x"}}, ""},
		{Rule{Domains: []string{"x"}, NotEmails: []string{"*@x"}}, "not_emails"},
		{Rule{Domains: []string{"x"}, NotEmails: []string{"a*@x"}}, ""},
		{Rule{Groups: []string{"a@x"}, NotEmails: []string{"a@x"}}, ""},
		{Rule{Subjects: []string{"a@x"}, NotEmails: []string{"*"}}, ""},
	}
	for _, tt := range tests {
		tt.rule.Role = "Admin"
		_, errs := ruleErrors(t, Policy{Rules: []Rule{tt.rule}, Lists: map[string][]string{"l": {"a", "b"}}})
		if tt.not == "" != (errs == nil) || errs != nil && (len(errs) != 1 || errs[0].Path[0] != tt.not) {
			t.Errorf("%+v: %v, want %q", tt.rule, errs, tt.not)
		}
	}
}
