package mapping

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/verifier"
)

func TestDescribe(t *testing.T) {
	for _, test := range []struct {
		name string
		rule Rule
		want []Condition
	}{
		{"everybody", Rule{Role: "x"}, nil},
		{"one group", Rule{Groups: []string{"sre"}}, []Condition{{"groups", `in "sre"`, []string{"sre"}}}},
		{"a list", Rule{Groups: []string{"@sre"}}, []Condition{{"groups", "in @sre", []string{"@sre"}}}},
		{"a pattern", Rule{Groups: []string{"team-*"}}, []Condition{{"groups", `in a group like "team-*"`, []string{"team-*"}}}},
		{"several", Rule{Groups: []string{"@sre", "team-*", "a b"}},
			[]Condition{{"groups", `in one of @sre, "team-*", "a b"`, []string{"@sre", "team-*", "a b"}}}},
		{"many", Rule{NotGroups: []string{"a", "b", "c", "d", "e", "f", "g"}},
			[]Condition{{"not_groups", `in none of "a", "b", "c", "d", "e", and 2 more`, []string{"a", "b", "c", "d", "e", "f", "g"}}}},
		{"all groups", Rule{AllGroups: []string{"a", "b"}}, []Condition{{"all_groups", `in each of "a", "b"`, []string{"a", "b"}}}},
		{"one of all groups", Rule{AllGroups: []string{"a"}}, []Condition{{"all_groups", `in "a"`, []string{"a"}}}},
		{"not a group", Rule{NotGroups: []string{"a"}}, []Condition{{"not_groups", `not in "a"`, []string{"a"}}}},
		{"not a pattern", Rule{NotGroups: []string{"a*"}}, []Condition{{"not_groups", `in no group like "a*"`, []string{"a*"}}}},
		{"emails", Rule{Emails: []string{"ann@example.com"}},
			[]Condition{{"emails", `email is "ann@example.com"`, []string{"ann@example.com"}}}},
		{"not emails", Rule{NotEmails: []string{"*@example.com"}},
			[]Condition{{"not_emails", `email is not like "*@example.com"`, []string{"*@example.com"}}}},
		{"domains", Rule{Domains: []string{"a.example", "b.example"}},
			[]Condition{{"domains", `email's domain is one of "a.example", "b.example"`, []string{"a.example", "b.example"}}}},
		{"subjects", Rule{Subjects: []string{"auth0|*"}}, []Condition{{"subjects", `subject is like "auth0|*"`, []string{"auth0|*"}}}},
		{"claims by name", Rule{Claims: map[string][]string{"b.c": {"x", "y"}, "a": {"@z"}}}, []Condition{
			{"claims.a", `claim "a" has @z`, []string{"@z"}},
			{"claims.b.c", `claim "b.c" has one of "x", "y"`, []string{"x", "y"}},
		}},
		{"times", Rule{After: noon, Until: noon.Add(time.Hour)}, []Condition{
			{"after", "from 2027-01-31T12:00:00Z on", nil},
			{"until", "until 2027-01-31T13:00:00Z", nil},
		}},
		{"an expression", Rule{When: "\n  member(\"@sre\") ||\n\n  member('dev') && !member(\"@sre\")\n"},
			[]Condition{{"when", `it is true that member("@sre") || member('dev') && !member("@sre")`, []string{"@sre", "dev"}}}},
		{"an expression without groups", Rule{When: `email == "member"`}, []Condition{{"when", `it is true that email == "member"`, nil}}},
		{"an expression with a comment", Rule{When: "true // ||\n&& email == ''"},
			[]Condition{{"when", "it is true that true // ||\n&& email == ''", nil}}},
		{"an expression that is none", Rule{When: `member(`}, []Condition{{"when", `it is true that member(`, nil}}},
		{"text for a terminal", Rule{Groups: []string{"\x1b[2J\u202e"}},
			[]Condition{{"groups", `in "\x1b[2J\u202e"`, []string{"\x1b[2J\u202e"}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(test.want, test.rule.Describe()); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// Only in a condition on groups or a claim is an "@name" a list.
func TestConditionLists(t *testing.T) {
	rule := Rule{
		Groups: []string{"a", "@b"}, NotGroups: []string{"@c"}, Subjects: []string{"@d"},
		Claims: map[string][]string{"groups": {"@e"}, "x": {"@f"}}, When: `member("@g") && member("h")`,
	}
	got := map[string][]string{}
	for _, c := range rule.Describe() {
		if lists := c.Lists(); lists != nil {
			got[c.Key] = lists
		}
	}
	want := map[string][]string{"claims.groups": {"@e"}, "claims.x": {"@f"}, "groups": {"@b"}, "not_groups": {"@c"}, "when": {"@g"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestMembers(t *testing.T) {
	p := Policy{Lists: map[string][]string{"a": {"1", "@b", "2"}, "b": {"3", "@a"}}}
	if d := cmp.Diff([]string{"1", "3", "2"}, p.Members("a")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if got := p.Members("c"); got != nil {
		t.Errorf("a list that is not there has %q", got)
	}
}

func TestExists(t *testing.T) {
	hour := time.Hour
	for _, test := range []struct {
		name          string
		rule          Rule
		exists, ended bool
	}{
		{"always", Rule{}, true, false},
		{"just begun", Rule{After: noon}, true, false},
		{"not begun", Rule{After: noon.Add(1)}, false, false},
		{"still", Rule{Until: noon.Add(1)}, true, false},
		{"just ended", Rule{Until: noon}, false, true},
		{"between", Rule{After: noon.Add(-hour), Until: noon.Add(hour)}, true, false},
		{"over", Rule{After: noon.Add(-2 * hour), Until: noon.Add(-hour)}, false, true},
	} {
		exists, ended := test.rule.Exists(noon)
		if exists != test.exists || ended != test.ended {
			t.Errorf("%s: exists %v, ended %v", test.name, exists, ended)
		}
		// The same as the Mapper decides.
		test.rule.Role = "r"
		m := mustCompile(t, Policy{Rules: []Rule{test.rule}})
		if got := m.Map(&verifier.Principal{}, noon).Allowed(); got != exists {
			t.Errorf("%s: exists %v, and the rule matches: %v", test.name, exists, got)
		}
	}
}
