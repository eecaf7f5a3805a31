package mapping

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
)

func TestFirstMatchWins(t *testing.T) {
	m := mustCompile(t, Policy{Rules: []Rule{
		{Role: "Viewer", Groups: []string{"guests"}},
		{Roles: []string{"Admin", "Editor"}, Groups: []string{"sre"}, Attributes: map[string]string{"org": "1"}},
		{Deny: true, Emails: []string{"*@ext.example.com"}},
		{Role: "Viewer", Attributes: map[string]string{"org": "2", "team": "x"}},
	}})
	tests := []struct {
		name   string
		groups []string
		email  string
		want   Decision
	}{
		{"rule[1]", []string{"sre", "guests"}, "a@ext.example.com", Decision{Roles: []string{"Viewer"}, Rule: 1}},
		{"rule[2]", []string{"sre"}, "a@ext.example.com", Decision{Roles: []string{"Admin", "Editor"}, Rule: 2, Attributes: map[string]string{"org": "1"}}},
		{"rule[3]", nil, "a@ext.example.com", Decision{Rule: 3}},
		{"rule[4]", nil, "", Decision{Roles: []string{"Viewer"}, Rule: 4, Attributes: map[string]string{"org": "2", "team": "x"}}},
	}
	for _, tt := range tests {
		d := m.Map(&verifier.Principal{Groups: tt.groups, Email: tt.email}, noon)
		if !equal(d, tt.want) || d.RuleName() != tt.name || d.Allowed() != (tt.want.Roles != nil) {
			t.Errorf("%q %q: %+v by %s, want %+v by %s", tt.groups, tt.email, d, d.RuleName(), tt.want, tt.name)
		}
	}
}

// TestMatchAll: roles add up in the order of the rules, the earlier rule's
// attribute wins, and one denial is enough.
func TestMatchAll(t *testing.T) {
	attr := func(pairs ...string) map[string]string {
		m := make(map[string]string)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	m := mustCompile(t, Policy{Match: MatchAll, DefaultRole: "Guest", Rules: []Rule{
		{Attributes: attr("org", "1"), Groups: []string{"one"}, Source: "f:1"},
		{Role: "Viewer", Groups: []string{"view", "all"}, Attributes: attr("org", "2", "team", "v"), Source: "f:2"},
		{Deny: true, Groups: []string{"out"}, Source: "f:3"},
		{Roles: []string{"Admin", "Viewer", "Editor"}, Groups: []string{"all"}, Attributes: attr("team", "a", "tier", "x"), Source: "f:4"},
		{Deny: true, Groups: []string{"gone", "out"}, Source: "f:5"},
	}})
	tests := []struct {
		name   string
		groups []string
		want   Decision
	}{
		{"default", nil, Decision{Roles: []string{"Guest"}}},
		{"default", []string{"one"}, Decision{Roles: []string{"Guest"}, Attributes: attr("org", "1"), Also: []int{1}}},
		{"rule[2]", []string{"view"}, Decision{Roles: []string{"Viewer"}, Attributes: attr("org", "2", "team", "v"), Rule: 2, Source: "f:2"}},
		{"rule[2]+rule[1]", []string{"view", "one"}, Decision{
			Roles: []string{"Viewer"}, Attributes: attr("org", "1", "team", "v"), Rule: 2, Also: []int{1}, Source: "f:2",
		}},
		{"rule[2]+rule[1]+rule[4]", []string{"all", "one"}, Decision{
			Roles: []string{"Viewer", "Admin", "Editor"}, Attributes: attr("org", "1", "team", "v", "tier", "x"),
			Rule: 2, Also: []int{1, 4}, Source: "f:2",
		}},
		{"rule[3]", []string{"all", "out"}, Decision{Rule: 3, Source: "f:3"}},
		{"rule[5]", []string{"all", "gone"}, Decision{Rule: 5, Source: "f:5"}},
	}
	for _, tt := range tests {
		p := &verifier.Principal{Groups: tt.groups}
		d := m.Map(p, noon)
		if !equal(d, tt.want) || d.RuleName() != tt.name {
			t.Errorf("%q: %+v by %s, want %+v by %s", tt.groups, d, d.RuleName(), tt.want, tt.name)
		}
		if explained, _ := m.Explain(p, noon); !equal(explained, d) {
			t.Errorf("%q: Explain: %+v, Map: %+v", tt.groups, explained, d)
		}
	}
}

// TestDefaultDeny: no match is a no, attributes alone are one, and so is the
// zero Decision.
func TestDefaultDeny(t *testing.T) {
	m := mustCompile(t, Policy{Rules: []Rule{{Role: "Admin", Groups: []string{"sre"}}}})
	d, steps := m.Explain(&verifier.Principal{}, noon)
	if !equal(d, Decision{}) || d.Allowed() || d.RuleName() != "none" || steps[0].Verdict != NotMatched {
		t.Errorf("%+v, %+v", d, steps)
	}
	m = mustCompile(t, Policy{Match: MatchAll, Rules: []Rule{
		{Attributes: map[string]string{"org": "1"}, Groups: []string{"a"}}, {Role: "Admin", Groups: []string{"sre"}},
	}})
	if d := m.Map(&verifier.Principal{Groups: []string{"a"}}, noon); !equal(d, Decision{}) {
		t.Errorf("%+v", d)
	}
}

// TestDefaultRoleIsNotForTheDenied: a denial is an answer, in both modes.
func TestDefaultRoleIsNotForTheDenied(t *testing.T) {
	for _, match := range []Match{MatchFirst, MatchAll} {
		m := mustCompile(t, Policy{Match: match, DefaultRole: "Viewer", Rules: []Rule{{Deny: true, Groups: []string{"out"}}}})
		if d := m.Map(&verifier.Principal{Groups: []string{"out"}}, noon); d.Allowed() || d.RuleName() != "rule[1]" {
			t.Errorf("%s: %+v", match, d)
		}
		if d := m.Map(&verifier.Principal{}, noon); !slices.Equal(d.Roles, []string{"Viewer"}) || d.RuleName() != "default" {
			t.Errorf("%s: %+v", match, d)
		}
	}
}

func TestRole(t *testing.T) {
	for _, tt := range []struct {
		roles []string
		role  string
		one   bool
	}{{nil, "", false}, {[]string{"a"}, "a", true}, {[]string{"a", "b"}, "", false}} {
		if role, one := (Decision{Roles: tt.roles}).Role(); role != tt.role || one != tt.one {
			t.Errorf("%q: %q, %t", tt.roles, role, one)
		}
	}
}

// TestWhatAPolicyMayGive is what the adapter is asked about at load.
func TestWhatAPolicyMayGive(t *testing.T) {
	a := []string{"a"}
	tests := []struct {
		policy     Policy
		roles      []string
		several    bool
		attributes []string
	}{
		{Policy{Rules: []Rule{{Role: "B", Groups: a}, {Role: "A", Groups: a}, {Role: "B", Groups: a}}}, []string{"A", "B"}, false, nil},
		{Policy{Rules: []Rule{{Roles: []string{"B", "A"}, Groups: a}}}, []string{"A", "B"}, true, nil},
		{Policy{Match: MatchAll, Rules: []Rule{{Role: "B", Groups: a}, {Role: "A", Groups: a}}}, []string{"A", "B"}, true, nil},
		{Policy{Match: MatchAll, Rules: []Rule{{Role: "B", Groups: a}, {Role: "B", Groups: []string{"b"}}}}, []string{"B"}, false, nil},
		// Nobody gets the default role beside another.
		{Policy{Match: MatchAll, DefaultRole: "C", Rules: []Rule{{Role: "B", Groups: a}}}, []string{"B", "C"}, false, nil},
		{Policy{DefaultRole: "C", Rules: []Rule{{Deny: true, Groups: a}}}, []string{"C"}, false, nil},
		{Policy{DefaultRole: "C"}, []string{"C"}, false, nil},
		{Policy{Match: MatchAll, Rules: []Rule{
			{Role: "A", Attributes: map[string]string{"x": "1", "b": "1"}}, {Attributes: map[string]string{"x": "2"}, Groups: a},
		}}, []string{"A"}, false, []string{"b", "x"}},
	}
	for _, tt := range tests {
		m := mustCompile(t, tt.policy)
		if roles := m.Roles(); !slices.Equal(roles, tt.roles) {
			t.Errorf("%+v: Roles %q, want %q", tt.policy, roles, tt.roles)
		}
		if m.SeveralRoles() != tt.several {
			t.Errorf("%+v: SeveralRoles %t", tt.policy, !tt.several)
		}
		if names := m.Attributes(); !slices.Equal(names, tt.attributes) {
			t.Errorf("%+v: Attributes %q, want %q", tt.policy, names, tt.attributes)
		}
	}
}

// TestMapperSharesNothingWithThePolicy: whoever made the policy may use its
// slices and maps for something else.
func TestMapperSharesNothingWithThePolicy(t *testing.T) {
	p := Policy{
		Lists: map[string][]string{"sre": {"s"}},
		Rules: []Rule{{
			Roles: []string{"Viewer"}, Attributes: map[string]string{"org": "1"}, Groups: []string{"@sre", "a"},
			Claims: map[string][]string{"c": {"v"}}, Source: "f:1",
		}},
	}
	m := mustCompile(t, p)
	r := &p.Rules[0]
	r.Roles[0], r.Attributes["org"], r.Groups[1], r.Claims["c"][0], p.Lists["sre"][0], r.Source = "Admin", "2", "b", "w", "b", "f:2"
	clear(p.Rules)
	want := Decision{Roles: []string{"Viewer"}, Attributes: map[string]string{"org": "1"}, Rule: 1, Source: "f:1"}
	for _, group := range []string{"s", "a"} {
		person := &verifier.Principal{Groups: []string{group}, Claims: map[string]any{"c": "v"}}
		if d := m.Map(person, noon); !equal(d, want) {
			t.Errorf("%s: %+v", group, d)
		}
		if _, steps := m.Explain(person, noon); steps[0].Source != "f:1" || !slices.Equal(steps[0].Roles, want.Roles) {
			t.Errorf("%s: %+v", group, steps)
		}
	}
}

// TestAppendingToADecision: two requests that append to the roles of the same
// rule must not write into each other's.
func TestAppendingToADecision(t *testing.T) {
	roomy := append(make([]string, 0, 99), "Viewer", "Editor")
	for i := range 15 { // slices.Clone leaves room behind 17
		roomy = append(roomy, fmt.Sprint("Role", i))
	}
	for _, match := range []Match{MatchFirst, MatchAll} {
		m := mustCompile(t, Policy{Match: match, DefaultRole: "Guest", Rules: []Rule{
			{Roles: roomy, Groups: []string{"a", "b"}}, {Role: "Owner", Groups: []string{"b"}}, {Role: "Billing", Groups: []string{"b"}},
		}})
		for _, groups := range [][]string{nil, {"a"}, {"b"}} {
			p := &verifier.Principal{Groups: groups}
			one, two := m.Map(p, noon), m.Map(p, noon)
			mine, theirs := append(one.Roles, "Mine"), append(two.Roles, "Theirs") //nolint:gocritic // the point
			also, alsoTheirs := append(one.Also, 98), append(two.Also, 99)
			_, steps := m.Explain(p, noon)
			_ = append(steps[0].Roles, "Step")
			if mine[len(mine)-1] != "Mine" || theirs[len(theirs)-1] != "Theirs" || also[len(also)-1] != 98 || alsoTheirs[len(alsoTheirs)-1] != 99 {
				t.Errorf("%s %q: %q, %q", match, groups, mine, theirs)
			}
			if after := m.Map(p, noon); !equal(after, two) || roomy[:18][17] != "" {
				t.Errorf("%s %q: %+v, before %+v", match, groups, after, two)
			}
		}
	}
}

// TestAttributesAreTheCallersOwn: writing into them changes no later decision.
func TestAttributesAreTheCallersOwn(t *testing.T) {
	rules := []Rule{
		{Role: "A", Attributes: map[string]string{"x": "1"}, Groups: []string{"a"}},
		{Role: "B", Attributes: map[string]string{"x": "2", "y": "2"}, Groups: []string{"b"}},
	}
	for _, match := range []Match{MatchFirst, MatchAll} {
		m := mustCompile(t, Policy{Match: match, Rules: rules})
		for _, groups := range [][]string{{"a"}, {"b"}, {"a", "b"}} {
			p := &verifier.Principal{Groups: groups}
			want := maps.Clone(m.Map(p, noon).Attributes)
			m.Map(p, noon).Attributes["x"] = "9"
			d, _ := m.Explain(p, noon)
			d.Attributes["x"] = "9"
			if got := m.Map(p, noon).Attributes; !maps.Equal(got, want) {
				t.Errorf("%s %q: %v, before %v", match, groups, got, want)
			}
		}
	}
}
