package mapping

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// TestConditions has a table for each condition, alone in its rule.
func TestConditions(t *testing.T) {
	lists := map[string][]string{"sre": {"sre@example.com", "3b1f0c9e"}, "ops": {"@sre", "ops-*"}}
	in := func(groups ...string) *verifier.Principal { return &verifier.Principal{Subject: "x", Groups: groups} }
	at := func(email string) *verifier.Principal { return &verifier.Principal{Subject: "x", Email: email} }
	type people map[bool][]*verifier.Principal
	tests := []struct {
		name   string
		rule   Rule
		people people // by whether they get in
	}{
		{"groups", Rule{Groups: []string{"sre", "ops"}}, people{
			true:  {in("sre"), in("ops"), in("x", "ops"), in("sre", "ops")},
			false: {in(), in("x"), in("SRE"), in("sre "), in("sre,ops"), in("sr"), in("sres"), in("")},
		}},
		{"groups by pattern", Rule{Groups: []string{"team-*"}}, people{
			true:  {in("team-a"), in("team-"), in("x", "team-a@b"), in("team-a\nb"), in("team-*")},
			false: {in(), in("team"), in("Team-a"), in("x-team-a"), in("")},
		}},
		{"groups by star", Rule{Groups: []string{"*"}}, people{
			true:  {in("a"), in("", "a"), in("*"), in(" ")},
			false: {in(), in(""), in("", "")},
		}},
		{"groups by a list", Rule{Groups: []string{"@ops"}}, people{
			true:  {in("sre@example.com"), in("3b1f0c9e"), in("ops-west")},
			false: {in(), in("@ops"), in("ops"), in("@sre"), in("sre")},
		}},
		{"all_groups", Rule{AllGroups: []string{"a", "b"}}, people{
			true:  {in("a", "b"), in("b", "x", "a")},
			false: {in(), in("a"), in("b"), in("a", "a"), in("ab"), in("a,b")},
		}},
		{"all_groups by pattern", Rule{AllGroups: []string{"a", "team-*"}}, people{
			true:  {in("a", "team-x")},
			false: {in("a"), in("team-x"), in("a", "team")},
		}},
		{"all_groups by one group for two patterns", Rule{AllGroups: []string{"a*", "*b"}}, people{
			true:  {in("ab"), in("a", "b")},
			false: {in("a"), in("b")},
		}},
		{"all_groups by a list", Rule{AllGroups: []string{"@ops"}}, people{
			true:  {in("sre@example.com", "3b1f0c9e", "ops-west")},
			false: {in("sre@example.com", "3b1f0c9e"), in("ops-west")},
		}},
		{"not_groups", Rule{NotGroups: []string{"guests", "ext-*"}}, people{
			true:  {in(), in("x"), in("Guests"), in("ext"), in("")},
			false: {in("guests"), in("x", "guests"), in("ext-x"), in("ext-")},
		}},
		{"not_groups by a list", Rule{NotGroups: []string{"@ops"}}, people{
			true:  {in(), in("@ops")},
			false: {in("3b1f0c9e"), in("ops-")},
		}},
		{"emails", Rule{Emails: []string{"ann@example.com"}}, people{
			true:  {at("ann@example.com")},
			false: {at(""), at("Ann@example.com"), at("ann@EXAMPLE.com"), at("bann@example.com"), at("ann@example.com "), in("ann@example.com")},
		}},
		{"emails by domain", Rule{Emails: []string{"*@example.com"}}, people{
			true: {at("ann@example.com"), at("*@example.com")},
			false: {
				at(""), at("@example.com"), at("example.com"), at("ann@mail.example.com"), at("ann@example.com.evil.test"),
				at("ann@evil.test@example.com"), at("ann@example.com@evil.test"), at("ann@evil.test\n@example.com"),
			},
		}},
		{"emails by subdomain", Rule{Emails: []string{"*@*.example.com"}}, people{
			true:  {at("ann@mail.example.com"), at("ann@.example.com")},
			false: {at("ann@example.com"), at("ann@evil.test@x.example.com"), at("ann@mail.example.com.evil.test")},
		}},
		{"emails by local part", Rule{Emails: []string{"ann*@example.com"}}, people{
			true:  {at("ann@example.com"), at("ann+x@example.com")},
			false: {at("ann@evil.test@example.com"), at("ann@evil.test")},
		}},
		{"emails by star", Rule{Emails: []string{"*"}}, people{
			true:  {at("a@b")},
			false: {at(""), at("a"), at("@"), at("a@"), at("@b"), at("a@b@c"), at("*")},
		}},
		{"all conditions", Rule{
			Groups: []string{"a"}, AllGroups: []string{"b"}, NotGroups: []string{"c"}, Emails: []string{"x@y"},
			After: noon, Until: noon.Add(1),
		}, people{
			true:  {{Email: "x@y", Groups: []string{"a", "b"}}},
			false: {in("a", "b"), at("x@y"), {Email: "x@y", Groups: []string{"a"}}, {Email: "x@y", Groups: []string{"a", "b", "c"}}},
		}},
		{"none", Rule{}, people{true: {in(), at("")}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.rule.Role, tt.rule.Source = "Admin", "test:1"
			m := mustCompile(t, Policy{Rules: []Rule{tt.rule}, Lists: lists})
			for allowed, people := range tt.people {
				want := Decision{}
				if allowed {
					want = Decision{Role: "Admin", Rule: 1, Source: "test:1"}
				}
				for _, p := range people {
					if got := m.Map(p, noon); got != want {
						t.Errorf("Map(email %q, groups %q) = %+v, want %+v", p.Email, p.Groups, got, want)
					}
				}
			}
		})
	}
}

// TestTimeBounds: a grant begins at after, and has ended at until.
func TestTimeBounds(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	m := mustCompile(t, Policy{Rules: []Rule{{Role: "Admin", After: noon.In(berlin), Until: noon.Add(time.Hour).In(berlin)}}})
	tests := []struct {
		at   time.Time
		want bool
	}{
		{time.Time{}, false},
		{noon.Add(-1), false},
		{noon, true},
		{noon.Add(1), true},
		{noon.Add(time.Hour - 1), true},
		{noon.Add(time.Hour), false},
		{noon.Add(time.Hour + 1), false},
	}
	for _, tt := range tests {
		if got := m.Map(&verifier.Principal{}, tt.at).Allowed(); got != tt.want {
			t.Errorf("at %v: allowed %t, want %t", tt.at, got, tt.want)
		}
	}
}

func TestFirstMatchWins(t *testing.T) {
	m := mustCompile(t, Policy{Rules: []Rule{
		{Role: "Viewer", Groups: []string{"guests"}},
		{Role: "Admin", Groups: []string{"sre"}},
		{Role: "Viewer"},
	}})
	tests := []struct {
		groups []string
		role   string
		name   string
	}{
		{[]string{"sre", "guests"}, "Viewer", "rule[1]"},
		{[]string{"sre"}, "Admin", "rule[2]"},
		{nil, "Viewer", "rule[3]"},
	}
	for _, tt := range tests {
		d := m.Map(&verifier.Principal{Groups: tt.groups}, noon)
		if d.Role != tt.role || d.RuleName() != tt.name {
			t.Errorf("%q: %s by %s, want %s by %s", tt.groups, d.Role, d.RuleName(), tt.role, tt.name)
		}
	}
	if got, want := m.Roles(), []string{"Admin", "Viewer"}; !slices.Equal(got, want) {
		t.Errorf("Roles: %q, want %q", got, want)
	}
}

// TestDefaultDeny: no match is a no, and the zero Decision is one.
func TestDefaultDeny(t *testing.T) {
	m := mustCompile(t, Policy{Rules: []Rule{{Role: "Admin", Groups: []string{"sre"}}}})
	d, steps := m.Explain(&verifier.Principal{}, noon)
	if d != (Decision{}) || d.Allowed() || d.RuleName() != "none" || steps[0].Verdict != NotMatched {
		t.Errorf("%+v, %+v", d, steps)
	}
}

// TestNoMapperOfAWrongPolicy: a rule whose wrong condition was dropped would let
// everybody in.
func TestNoMapperOfAWrongPolicy(t *testing.T) {
	m, err := Compile(Policy{Rules: []Rule{{Role: "Admin", Emails: []string{"ann"}}}})
	if m != nil || err == nil {
		t.Errorf("Compile: %v, %v", m, err)
	}
}

func TestMapAllocatesOnce(t *testing.T) {
	m, people := benchPolicy(100, 200)
	for name, p := range people {
		if n := testing.AllocsPerRun(100, func() { m.Map(p, noon) }); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestExplanationsStayShort: what a hundred groups did not match is no use.
func TestExplanationsStayShort(t *testing.T) {
	m, people := benchPolicy(100, 200)
	_, steps := m.Explain(people["nobody"], noon)
	for _, s := range steps {
		if len(s.Detail) > 300 || strings.ContainsAny(s.Detail, "\n\t") {
			t.Errorf("step %+v", s)
		}
	}
}
