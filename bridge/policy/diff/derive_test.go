package policydiff

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDerived: the changes that people make to rules, and who shows them.
func TestDerived(t *testing.T) {
	tests := []struct {
		name              string
		old, new          string // the rules
		oldKeys, newKeys  string
		oldTable, newList string // of [groups]
		want              []string
		differ            bool // the rules do, although nobody is treated otherwise
	}{
		{
			name: "nothing",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]", new: "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]",
		},
		{
			name: "a rule is added",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]",
			new:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"B\"\nemails = [\"*@example.com\"]",
			want: []string{"gains: deny → B: anybody@example.com"},
		},
		{
			name: "two rules change places",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"B\"\ngroups = [\"b\"]",
			new:  "[[rule]]\nrole = \"B\"\ngroups = [\"b\"]\n[[rule]]\nrole = \"A\"\ngroups = [\"a\"]",
			want: []string{`changes: A → B: somebody in "a" and "b"`},
		},
		{
			name: "two rules that nobody can meet both change places",
			old:  "[[rule]]\nrole = \"A\"\nemails = [\"*@a\"]\n[[rule]]\nrole = \"B\"\nemails = [\"*@b\"]",
			new:  "[[rule]]\nrole = \"B\"\nemails = [\"*@b\"]\n[[rule]]\nrole = \"A\"\nemails = [\"*@a\"]", differ: true,
		},
		{
			name: "two patterns that meet change places",
			old:  "[[rule]]\nrole = \"A\"\nemails = [\"svc-*@*\"]\n[[rule]]\nrole = \"B\"\ndomains = [\"*.example.com\"]",
			new:  "[[rule]]\nrole = \"B\"\ndomains = [\"*.example.com\"]\n[[rule]]\nrole = \"A\"\nemails = [\"svc-*@*\"]",
			want: []string{"changes: A → B: svc-any@any.example.com"},
		},
		{
			name: "contractors are let out",
			old:  "[[rule]]\nrole = \"A\"\nemails = [\"*\"]",
			new:  "[[rule]]\nrole = \"A\"\nemails = [\"*\"]\nnot_groups = [\"contractors\"]",
			want: []string{`loses: A → deny: anybody@any.test in "contractors"`},
		},
		{
			name: "what an earlier rule hides from all but contractors",
			old:  "[[rule]]\nrole = \"A\"\nnot_groups = [\"contractors\"]\n[[rule]]\nrole = \"B\"\ngroups = [\"b\"]",
			new:  "[[rule]]\nrole = \"A\"\nnot_groups = [\"contractors\"]\n[[rule]]\nrole = \"C\"\ngroups = [\"b\"]",
			want: []string{`changes: B → C: somebody in "b" and "contractors"`},
		},
		{
			name: "what an earlier rule hides from all but one domain",
			old:  "[[rule]]\nrole = \"A\"\nnot_emails = [\"*@b.example\"]\n[[rule]]\nrole = \"B\"\nemails = [\"*\"]",
			new:  "[[rule]]\nrole = \"A\"\nnot_emails = [\"*@b.example\"]",
			want: []string{"loses: B → deny: anybody@b.example"},
		},
		{
			name: "a domain becomes every domain",
			old:  "[[rule]]\nrole = \"A\"\nemails = [\"*@example.com\"]",
			new:  "[[rule]]\nrole = \"A\"\nemails = [\"*\"]",
			want: []string{"gains: deny → A: anybody@any.test"},
		},
		{
			name: "a rule that denies comes first",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"B\"\nemails = [\"*\"]",
			new:  "[[rule]]\ndeny = true\ngroups = [\"left\"]\n[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"B\"\nemails = [\"*\"]",
			want: []string{`loses: A → deny: somebody in "a" and "left"`, `loses: B → deny: anybody@any.test in "left"`},
		},
		{
			name:     "a list gets a member",
			old:      "[[rule]]\nrole = \"A\"\ngroups = [\"@sre\"]",
			new:      "[[rule]]\nrole = \"A\"\ngroups = [\"@sre\"]",
			oldTable: `sre = ["a"]`, newList: `sre = ["a", "b", "c"]`,
			want: []string{`gains: deny → A: somebody in "b", somebody in "c"`},
		},
		{
			name: "a grant is extended",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\nuntil = 2027-01-31T18:00:00Z",
			new:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\nuntil = 2027-03-31T18:00:00Z",
			want: []string{`gains: deny → A, from 2027-01-31T18:00:00Z, until 2027-03-31T18:00:00Z: somebody in "a"`},
		},
		{
			name: "a grant that has ended is removed",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\nuntil = 2026-11-30T18:00:00Z\n[[rule]]\nrole = \"B\"\ngroups = [\"b\"]",
			new:  "[[rule]]\nrole = \"B\"\ngroups = [\"b\"]",
		},
		{
			name: "an expression has a time",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]",
			new:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\nwhen = 'now > timestamp(\"2027-01-31T18:00:00Z\")'",
			want: []string{`loses: A → deny, until 2027-01-31T18:00:00Z: somebody in "a"`},
		},
		{
			name: "an expression asks for a domain and a claim",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]",
			new: "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"B\"\nwhen = '''" +
				`email.endsWith("@example.com") && claims["department"] == "support"` + "'''",
			want: []string{"gains: deny → B: anybody@example.com with the claim department = \"support\""},
		},
		{
			name: "default_role", old: "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]", new: "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]",
			newKeys: `default_role = "B"`, want: []string{"gains: deny → B: everybody whom no rule decides about, e.g. anybody@anywhere.example"},
		},
		{
			name: "default_role is taken away", old: "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]", new: "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]",
			oldKeys: `default_role = "B"`, want: []string{"loses: B → deny: everybody whom no rule decides about, e.g. anybody@anywhere.example"},
		},
		{
			name:    "default_role, where a rule catches every email",
			old:     "[[rule]]\nrole = \"A\"\nemails = [\"*\"]",
			new:     "[[rule]]\nrole = \"A\"\nemails = [\"*\"]",
			newKeys: `default_role = "B"`, want: []string{"gains: deny → B: somebody without an email"},
		},
		{
			name: "a rule without conditions",
			old:  "[[rule]]\nrole = \"A\"\ndomains = [\"x.example\"]",
			new:  "[[rule]]\nrole = \"A\"",
			want: []string{"gains: deny → A: everybody whom no other rule decides about, e.g. anybody@anywhere.example"},
		},
		{
			name: "a rule without conditions gets another role",
			old:  "[[rule]]\nrole = \"A\"",
			new:  "[[rule]]\nrole = \"B\"",
			want: []string{"changes: A → B: everybody"},
		},
		{
			name: "the last rule, without conditions, gets another role",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"B\"",
			new:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"C\"",
			want: []string{"changes: B → C: everybody whom no other rule decides about, e.g. anybody@anywhere.example"},
		},
		{
			name: "a rule without conditions ends, and the next is not for everybody",
			old:  "[[rule]]\nrole = \"A\"\nuntil = 2027-01-01T00:00:00Z\n[[rule]]\nrole = \"B\"\ngroups = [\"b\"]",
			new:  "[[rule]]\nrole = \"C\"\nuntil = 2027-01-01T00:00:00Z\n[[rule]]\nrole = \"B\"\ngroups = [\"b\"]",
			want: []string{"changes: A → C, until 2027-01-01T00:00:00Z: everybody"},
		},
		{
			name: "a rule without conditions, which another goes on with for some",
			old:  "[[rule]]\nrole = \"A\"\nuntil = 2027-01-01T00:00:00Z\n[[rule]]\nrole = \"B\"\ngroups = [\"b\"]\n[[rule]]\nrole = \"A\"",
			new:  "[[rule]]\nrole = \"C\"",
			want: []string{
				"changes: A → C: everybody whom no other rule decides about, e.g. anybody@anywhere.example",
				`changes: A → C, until 2027-01-01T00:00:00Z: somebody in "b"`,
				`changes: B → C, from 2027-01-01T00:00:00Z: somebody in "b"`,
			},
		},
		{
			name: "a rule for all but some",
			old:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]",
			new:  "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"B\"\nnot_groups = [\"contractors\"]",
			want: []string{"gains: deny → B: everybody of whom both are true, e.g. anybody@anywhere.example"},
		},
		{
			name: "a rule without conditions, where all rules that match count",
			old:  "match = \"all\"\n[[rule]]\nrole = \"A\"\n[[rule]]\nrole = \"C\"\ngroups = [\"c\"]",
			new:  "match = \"all\"\n[[rule]]\nrole = \"B\"\n[[rule]]\nrole = \"C\"\ngroups = [\"c\"]",
			want: []string{
				"changes: A → B: everybody whom no other rule decides about, e.g. anybody@anywhere.example",
				`changes: A, C → B, C: somebody in "c"`,
			},
		},
		{
			name:    "default_role, where a rule catches all but contractors",
			old:     "[[rule]]\nrole = \"A\"\nnot_groups = [\"contractors\"]",
			new:     "[[rule]]\nrole = \"A\"\nnot_groups = [\"contractors\"]",
			newKeys: `default_role = "B"`, want: []string{`gains: deny → B: somebody in "contractors"`},
		},
		{
			name:    "all rules that match count",
			old:     "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"B\"\ngroups = [\"b\"]",
			new:     "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n[[rule]]\nrole = \"B\"\ngroups = [\"b\"]",
			newKeys: `match = "all"`, want: []string{`gains: A → A, B: somebody in "a" and "b"`},
		},
		{
			name: "an attribute", oldKeys: `adapter = "orgs"`, newKeys: `adapter = "orgs"`,
			old:  "[[rule]]\nrole = \"A\"\nsubjects = [\"robot\"]\nattributes = { org = \"1\" }",
			new:  "[[rule]]\nrole = \"A\"\nsubjects = [\"robot\"]\nattributes = { org = \"2\" }",
			want: []string{`changes: A with org=1 → A with org=2: somebody with the subject "robot"`},
		},
		{
			name:    "an issuer that does not tell upper case from lower",
			old:     "[[rule]]\nrole = \"A\"\ngroups = [\"Admins\"]",
			new:     "[[rule]]\nrole = \"A\"\ngroups = [\"Admins\"]",
			oldKeys: `issuer = "okta"`, newKeys: `issuer = "entra"`,
			want: []string{`gains: deny → A: somebody in "aDMINS"`},
		},
		{
			name: "conditions that only some meet",
			old:  "[[rule]]\nrole = \"A\"\nall_groups = [\"a\", \"b\"]\nclaims = { team = [\"x\", \"y\"] }",
			new:  "[[rule]]\nrole = \"A\"\nall_groups = [\"a\"]\nclaims = { team = [\"x\"] }",
			want: []string{
				`gains: deny → A: somebody in "a" with the claim team = "x"`,
				`loses: A → deny: somebody in "a" and "b" with the claim team = "y"`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			groups := func(list string) string {
				if list == "" {
					return ""
				}
				return "[groups]\n" + list + "\n"
			}
			before, after := groups(tt.oldTable)+app("x", tt.oldKeys, tt.old), groups(tt.newList)+app("x", tt.newKeys, tt.new)
			for name, r := range map[string]*Result{"all": compare(t, before, after, ""), "none at random": madeUp(t, before, after)} {
				if diff := cmp.Diff(tt.want, lines(r.Apps[0])); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
				if changed := len(tt.want) > 0 || tt.differ; r.Changed() != changed {
					t.Errorf("%s: Changed is %v", name, r.Changed())
				}
			}
		})
	}
}

// TestPeopleMadeUpAreSmall: what a change does not need is left out.
func TestPeopleMadeUpAreSmall(t *testing.T) {
	rules := "[[rule]]\nrole = \"A\"\ngroups = [\"a*\"]"
	v := viewsOf(load(t, "old.toml", app("x", "", rules)), load(t, "new.toml", app("x", "", strings.ReplaceAll(rules, "A", "B"))), Options{At: noon})[0]
	d := newDeriver(v, 10)
	d.new.facts(inGroup, "", "a*")
	d.try([]fact{{kind: isEmail, text: "a@x"}, {kind: inGroup, text: "aq7"}, {kind: inGroup, text: "b"}, {kind: hasClaim, claim: "c", text: "d"}}, noon)
	if diff := cmp.Diff([]string{`changes: A → B: somebody in "aany"`}, lines(v.result())); diff != "" {
		t.Error(diff)
	}
}

// TestOneMemberOfAHugeList: what is new is tried first, so that it is not among
// what is left out.
func TestOneMemberOfAHugeList(t *testing.T) {
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%q, ", fmt.Sprintf("group-%d", i))
		}
		return "[groups]\nbig = [" + b.String() + "]\n"
	}
	rules := app("x", "", "[[rule]]\nrole = \"A\"\ngroups = [\"@big\"]\n[[rule]]\nrole = \"B\"\nemails = [\"*\"]")
	const n = mostMadeUp + 10
	r := compare(t, members(n)+rules, members(n+1)+rules, "")
	want := []string{
		fmt.Sprintf(`gains: deny → A: somebody without an email in "group-%d"`, n),
		fmt.Sprintf(`changes: B → A: anybody@any.test in "group-%d"`, n),
	}
	if diff := cmp.Diff(want, lines(r.Apps[0])); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(r.Apps[0].Notes, func(n Note) bool { return strings.HasPrefix(n.Text, "too many rules") }) {
		t.Errorf("nothing says that people were left out: %q", r.Apps[0].Notes)
	}
}

// TestManyRulesTurnedAround ends in time, and says that not everybody was tried.
func TestManyRulesTurnedAround(t *testing.T) {
	var rules []string
	for i := range 600 {
		rules = append(rules, fmt.Sprintf("[[rule]]\nrole = \"R%d\"\ngroups = [\"a%d\", \"b%d\"]\n", i%7, i, i))
	}
	before := app("x", "", strings.Join(rules, ""))
	slices.Reverse(rules)
	r := compare(t, before, app("x", "", strings.Join(rules, "")), "")
	if a := r.Apps[0]; len(a.Groups) == 0 || a.Notes == nil || a.Counts.People > mostMadeUp {
		t.Errorf("%d kinds, notes %q, %d people", len(a.Groups), a.Notes, a.Counts.People)
	}
}

// TestCommonRulesAreNotNews: a new rule in front of many is one kind of change
// for each outcome, whichever of them decided before.
func TestCommonRulesAreNotNews(t *testing.T) {
	var rules strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rules, "[[rule]]\nrole = \"B\"\ngroups = [\"b%d\"]\n", i)
	}
	first := "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\n"
	r := compare(t, app("x", "", rules.String()), app("x", "", first+rules.String()), "")
	if got := lines(r.Apps[0]); len(got) != 2 || got[0] != `gains: deny → A: somebody in "a"` || !strings.HasPrefix(got[1], `changes: B → A: somebody in "a" and "b0"`) {
		t.Errorf("%q", got)
	}
}

func TestExpressionsAreNoted(t *testing.T) {
	r := compare(t, app("x", "", "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]"),
		app("x", "", "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\nwhen = 'name.size() > 3'"), "")
	if n := r.Apps[0].Notes; len(n) != 1 || !strings.HasPrefix(n[0].String(), "rule[1] at ") {
		t.Errorf("%q", n)
	}
}
