package policydiff

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/mapping"
)

func TestKindOf(t *testing.T) {
	roles := func(roles ...string) mapping.Decision { return mapping.Decision{Roles: roles} }
	org := func(org string) mapping.Decision {
		return mapping.Decision{Roles: []string{"A"}, Attributes: map[string]string{"org": org}}
	}
	for _, tt := range []struct {
		name     string
		old, new mapping.Decision
		want     Kind // empty: the same
	}{
		{"denied both times", roles(), roles(), ""},
		{"another order", roles("A", "B"), roles("B", "A"), ""},
		{"let in", roles(), roles("A"), Gains},
		{"let out", roles("A"), roles(), Loses},
		{"one more", roles("A"), roles("B", "A"), Gains},
		{"one less", roles("A", "B"), roles("B"), Loses},
		{"another", roles("Viewer"), roles("Admin"), Changes},
		{"one more, one less", roles("A", "B"), roles("B", "C"), Changes},
		{"an attribute more", roles("A"), org("1"), Changes},
		{"another attribute", org("1"), org("2"), Changes},
		{"an attribute and a role more", roles("A"), mapping.Decision{Roles: []string{"A", "B"}, Attributes: map[string]string{"org": "1"}}, Changes},
		{"let in with an attribute", roles(), org("1"), Gains},
	} {
		if same := sameOutcome(tt.old, tt.new); same != (tt.want == "") {
			t.Errorf("%s: same is %v", tt.name, same)
		} else if kind := kindOf(tt.old, tt.new); !same && kind != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, kind, tt.want)
		}
	}
}

const person = "email,groups\nann@example.com,a\n"

// TestTime: changes that begin and end.
func TestTime(t *testing.T) {
	const rule = "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n"
	always := rule + "[[rule]]\nrole = \"Z\"\ngroups = [\"z\"]\n"
	tests := []struct {
		name, old, new string
		want           []string
	}{
		{"later than now", always, rule + "until = 2027-01-01T00:00:00Z", []string{"loses: A → deny, from 2027-01-01T00:00:00Z"}},
		{"until later", always, rule + "after = 2027-01-01T00:00:00Z", []string{"loses: A → deny, until 2027-01-01T00:00:00Z"}},
		{"for some time", rule + "until = 2027-01-01T00:00:00Z", rule + "until = 2027-02-01T00:00:00Z",
			[]string{"gains: deny → A, from 2027-01-01T00:00:00Z, until 2027-02-01T00:00:00Z"}},
		{"at this moment", always, rule + "until = 2026-12-01T12:00:00Z", []string{"loses: A → deny"}},
		{"a moment ago", always, rule + "after = 2026-12-01T12:00:00Z", nil},
		{"long ago", rule + "until = 2020-01-01T00:00:00Z", rule + "until = 2021-01-01T00:00:00Z", nil},
		{"in another zone", rule + "until = 2027-01-01T02:00:00+02:00", rule + "until = 2027-01-01T00:00:00Z", nil},
		{"twice", rule + "until = 2027-01-01T00:00:00Z\n[[rule]]\nrole = \"B\"\ngroups = [\"a\"]",
			rule + "[[rule]]\nrole = \"B\"\ngroups = [\"b\"]\nafter = 2027-01-01T00:00:00Z",
			[]string{"changes: B → A, from 2027-01-01T00:00:00Z"}},
		{"first this, then that", always, "[[rule]]\nrole = \"B\"\ngroups = [\"a\"]\nuntil = 2027-01-01T00:00:00Z",
			[]string{"loses: A → deny, from 2027-01-01T00:00:00Z", "changes: A → B, until 2027-01-01T00:00:00Z"}},
		{"other boundaries do not cut a change in two", rule + "until = 2027-01-01T00:00:00Z\n[[rule]]\nrole = \"A\"\nemails = [\"*\"]",
			"[[rule]]\nrole = \"B\"\ngroups = [\"a\"]\nafter = 2020-01-01T00:00:00Z\nuntil = 2027-02-01T00:00:00Z\n[[rule]]\nrole = \"A\"\nemails = [\"*\"]",
			[]string{"changes: A → B, until 2027-02-01T00:00:00Z"}},
		{"rules that do not concern them", rule, rule + "[[rule]]\nrole = \"B\"\ngroups = [\"b\"]\nuntil = 2027-01-01T00:00:00Z", nil},
		{"denied for some time", always, "[[rule]]\ndeny = true\nemails = [\"*\"]\nafter = 2027-01-01T00:00:00Z\nuntil = 2027-01-02T00:00:00Z\n" + rule,
			[]string{"loses: A → deny, from 2027-01-01T00:00:00Z, until 2027-01-02T00:00:00Z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := compare(t, app("x", "", tt.old), app("x", "", tt.new), person)
			var got []string
			for _, line := range lines(r.Apps[0]) {
				got = append(got, strings.TrimSuffix(line, ": ann@example.com"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCounts: everybody counts once, whatever happens to them later.
func TestCounts(t *testing.T) {
	rules := func(rules ...string) string { return app("x", "", strings.Join(rules, "\n")) }
	rule := func(role, group, more string) string {
		return "[[rule]]\nrole = \"" + role + "\"\ngroups = [\"" + group + "\"]\n" + more
	}
	r := compare(t,
		rules(rule("A", "loses", ""), rule("A", "changes", ""), rule("A", "same", ""), rule("A", "both", "")),
		rules(rule("A", "gains", ""), rule("B", "changes", ""), rule("A", "same", ""),
			rule("B", "both", "until = 2027-01-01T00:00:00Z"), rule("A", "later", "after = 2027-01-01T00:00:00Z")),
		"subject,groups\n1,gains\n2,later\n3,loses\n4,changes\n5,both\n6,same\n7,\n")
	if want := (Counts{People: 7, Gains: 2, Loses: 1, Changes: 2, Same: 2}); r.Apps[0].Counts != want {
		t.Errorf("%+v, want %+v", r.Apps[0].Counts, want)
	}
}
