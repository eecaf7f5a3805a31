package explain_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
)

func TestExplainRole(t *testing.T) {
	c := loadPolicy(t, reasonsConfig)
	got := func(role string, apps []*config.App) string {
		h, err := explain.HoldersOf(apps, role, explainedAt)
		if err != nil {
			return err.Error()
		}
		b := &strings.Builder{}
		for i := range h.Apps {
			in := &h.Apps[i]
			fmt.Fprintf(b, "%s\n", in.Summary(role))
			for n := 0; n <= len(in.Rules); n++ {
				name := "default_role"
				if n == len(in.Rules) && !in.DefaultRole || n < len(in.Rules) && !in.Rules[n].Grants {
					continue
				}
				if n < len(in.Rules) {
					name = in.Rules[n].Rule + " " + in.Rules[n].Time
				}
				fmt.Fprintf(b, "  %s after", name)
				for _, before := range in.Before(n) {
					fmt.Fprintf(b, " %s", in.Rules[before].Rule)
				}
				fmt.Fprintln(b)
			}
		}
		return b.String()
	}
	for _, test := range []struct {
		role string
		apps []*config.App
		want string
	}{
		{"admin", c.Apps, `first grants admin by 2 rules
  rule[3]  after rule[1] rule[2]
  rule[4] ended after rule[1] rule[2]
  rule[5]  after rule[1] rule[2]
all grants admin by 1 rule
  rule[2]  after rule[4]
`},
		{"editor", c.Apps[:1], "first grants editor by 1 rule\n  rule[2]  after rule[1]\n"},
		{"guest", c.Apps, "all grants guest by default_role\n  default_role after rule[4] rule[1] rule[2]\n"},
		{"Admin", c.Apps, `no rule grants a role "Admin": upper and lower case matter, write "admin"`},
		{"edtior", c.Apps, `no rule grants a role "edtior": did you mean "editor"?`},
		{"guest", c.Apps[:1], `no rule of app first grants a role "guest": there are "admin", "editor" and "owner"`},
	} {
		if d := cmp.Diff(test.want, got(test.role, test.apps)); d != "" {
			t.Errorf("%s (-want +got)\n%s", test.role, d)
		}
	}
}

// rulesIn names the rules that an answer is about, with those before each.
func rulesIn(h *explain.RoleHolders) []string {
	var all []string
	for i := range h.Apps {
		in := &h.Apps[i]
		all = append(all, in.Summary(h.Role))
		for n := range in.Rules {
			if !in.Rules[n].Grants {
				continue
			}
			line := in.Rules[n].Rule
			for _, before := range in.Before(n) {
				line += " after " + in.Rules[before].Rule
			}
			all = append(all, line)
		}
	}
	return append(all, h.Notes()...)
}

// Who is suspended? Whoever a rule denies, and that no rule does is an answer.
func TestExplainDeny(t *testing.T) {
	c := loadPolicy(t, reasonsConfig+"[[app.first.rule]]\ndeny = true\nemails = [\"eve@*\"]\n")
	for name, test := range map[string]struct {
		apps []*config.App
		want []string
	}{
		"all apps": {c.Apps, []string{
			"2 of 3 apps have rules that deny.",
			"first denies by 2 rules", "rule[1]", "rule[6] after rule[2] after rule[3] after rule[5]",
			"all denies by 1 rule", "rule[4]",
			"Whoever no rule gives a role is denied, too, except in all, by default_role.",
		}},
		"no rule denies":    {c.Apps[2:], []string{"0 of 1 apps have rules that deny.", "Whoever no rule gives a role is denied, too."}},
		"all others get in": {c.Apps[1:2], []string{"1 of 1 apps has rules that deny.", "all denies by 1 rule", "rule[4]"}},
	} {
		h, err := explain.HoldersOf(test.apps, config.Deny, explainedAt)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(test.want, append([]string{h.Summary()}, rulesIn(h)...)); d != "" {
			t.Errorf("%s (-want +got)\n%s", name, d)
		}
	}
}

// "admin" is not "Admin", and whoever asks for one may mean both.
func TestExplainRoleOfAnotherCase(t *testing.T) {
	text := strings.Replace(reasonsConfig, `roles      = ["admin", "owner"]`, `roles      = ["Admin", "owner"]`, 1)
	c := loadPolicy(t, strings.Replace(text, `role   = "editor"`, `role   = "ADMIN"`, 1))
	h, err := explain.HoldersOf(c.Apps, "Admin", explainedAt)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`first grants "ADMIN": upper and lower case matter.`,
		`first and all grant "admin": upper and lower case matter.`,
	}
	if d := cmp.Diff(want, h.Notes()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	p := explain.Person{Email: "ann@example.com"}
	r, err := explain.RoleOf(t.Context(), p, p.Cases(c.Apps, nil), "Admin", explainedAt)
	if err != nil || len(r.OtherCase) != 2 || r.OtherCase[0].String() != want[0] {
		t.Errorf("%v, %v", r, err)
	}
}

// What is privileged, the adapter says; a role's name counts where it does not.
func TestExplainPrivileged(t *testing.T) {
	c := loadPolicy(t, strings.NewReplacer(
		"[app.closed]", "[adapter.told]\nextends = \"remote-user\"\nroles = [\"editor\", \"admin\"]\nprivileged = [\"editor\"]\n"+
			"[app.told]\nhost = \"told.example.com\"\nupstream = \"http://127.0.0.1:1\"\nadapter = \"told\"\nissuer = \"corp\"\n"+
			"[[app.told.rule]]\nrole = \"editor\"\ngroups = [\"staff\"]\n[[app.told.rule]]\nrole = \"admin\"\ngroups = [\"boss\"]\n[app.closed]",
	).Replace(reasonsConfig))
	r := explain.Privileged(c.Apps, explainedAt)
	got := []string{r.Summary()}
	for _, h := range r.Roles {
		got = append(got, rulesIn(h)...)
	}
	want := []string{
		`3 of 4 apps grant privileged roles: "admin", "editor" and "owner".`,
		"first grants admin by 2 rules", "rule[3] after rule[1] after rule[2]", "rule[4] after rule[1] after rule[2]", "rule[5] after rule[1] after rule[2]",
		"all grants admin by 1 rule", "rule[2] after rule[4]",
		"told grants editor by 1 rule", "rule[1]",
		"first grants owner by 1 rule", "rule[5] after rule[1] after rule[2] after rule[3]",
	}
	if d := cmp.Diff(want, got); d != "" || !slices.Equal(r.Without, []string{"closed"}) {
		t.Errorf("without: %q (-want +got)\n%s", r.Without, d)
	}
	if got := explain.Privileged(c.Apps[3:], explainedAt).Summary(); got != "No app grants a privileged role." {
		t.Error(got)
	}
}

func TestExplainRoleOf(t *testing.T) {
	c := loadPolicy(t, reasonsConfig)
	person := func(groups ...string) explain.Person {
		return explain.Person{Email: "ann@example.com", Subject: "ann", Groups: groups}
	}
	for _, test := range []struct {
		name   string
		app    string
		role   string
		person explain.Person
		has    bool
		lacks  []string // what package mapping words is left out
	}{
		{"has", "first", "admin", person("boss"), true, nil},
		{"lacks every rule", "first", "admin", person(), false, []string{
			`rule[3] groups: `, `rule[4] until: `, `rule[5] subjects: `,
		}},
		{"another rule is earlier", "first", "admin", person("boss", "staff"), false, []string{
			`rule[3] : matches, but rule[2] has decided`, `rule[4] until: `, `rule[5] subjects: `,
		}},
		{"a denial is earlier", "first", "editor", person("staff", "suspended"), false, []string{`rule[2] : matches, but rule[1] denies`}},
		{"a denial outweighs", "all", "editor", person("staff", "suspended"), false, []string{`rule[1] : matches, but rule[4] denies`}},
		{"has by default", "all", "guest", person(), true, nil},
		{"too much for the default", "all", "guest", person("staff"), false,
			[]string{`default_role : it is for whoever no rule decides about, but rule[1]+rule[3] has decided`}},
		{"the adapter refuses", "first", "editor", explain.Person{Groups: []string{"staff"}}, false, []string{
			`rule[2] : matches, but the person would be refused: header X-User: identity cannot be sent to this app: required, and empty for this person`,
		}},
		{"by the issuer's case", "all", "editor", person("STAFF"), true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			apps := slices.DeleteFunc(slices.Clone(c.Apps), func(a *config.App) bool { return a.Name != test.app })
			r, err := explain.RoleOf(t.Context(), test.person, test.person.Cases(apps, nil), test.role, explainedAt)
			if err != nil {
				t.Fatal(err)
			}
			var lacks []string
			for _, s := range r.Apps[0].Lacks {
				text := fmt.Sprintf("%s %s: ", s.Rule, s.Condition)
				if s.Condition == "" {
					text += s.Detail
				}
				lacks = append(lacks, text)
			}
			if d := cmp.Diff(test.lacks, lacks); d != "" || r.Has != test.has {
				t.Errorf("has %v (-want +got)\n%s", r.Has, d)
			}
		})
	}
}

// looseConfig has one app whose people's groups are in any case.
const looseConfig = `
[issuer.partners]
public_key_file = "none.pem"
ignore_case     = true

[app.wiki]
host         = "wiki.example.com"
upstream     = "http://127.0.0.1:1"
adapter      = "remote-user"
default_role = "guest"
[[app.wiki.rule]]
role   = "editor"
groups = ["Staff"]
[[app.wiki.rule]]
role   = "editor"
emails = ["*@example.com"]
until  = 2026-01-01T00:00:00Z
[[app.wiki.rule]]
role   = "admin"
groups = ["Boss"]
[[app.wiki.rule]]
deny   = true
groups = ["suspended"]
`

// A rule that an earlier one keeps from being asked is asked as the issuer's
// people are, in any case.
func TestExplainRoleOfIgnoresTheIssuersCase(t *testing.T) {
	c := loadPolicy(t, looseConfig)
	p := explain.Person{Email: "ann@example.com", Groups: []string{"STAFF", "BOSS"}}
	r, err := explain.RoleOf(t.Context(), p, p.Cases(c.Apps, nil), "admin", explainedAt)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Apps[0].Lacks[0].Detail, "matches, but rule[1] has decided"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The default role comes after every rule, those that have ended aside.
func TestExplainDefaultRole(t *testing.T) {
	c := loadPolicy(t, looseConfig)
	h, err := explain.HoldersOf(c.Apps, "guest", explainedAt)
	if err != nil {
		t.Fatal(err)
	}
	var before []string
	in := &h.Apps[0]
	for _, n := range in.Before(len(in.Rules)) {
		before = append(before, in.Rules[n].Rule)
	}
	if d := cmp.Diff([]string{"rule[1]", "rule[3]", "rule[4]"}, before); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestRoleOfPersonSummary(t *testing.T) {
	c := loadPolicy(t, reasonsConfig)
	for _, test := range []struct {
		role   string
		groups []string
		want   string
	}{
		{"admin", []string{"boss"}, "ann@example.com gets admin in both apps that grant it."},
		{"admin", []string{"staff", "boss"}, "ann@example.com gets admin in 1 of 2 apps that grant it."},
		{"admin", nil, "ann@example.com does not get admin in any of the 2 apps that grant it."},
		{"owner", nil, "ann@example.com does not get owner in first, the only one of 3 apps that grants it."},
		{"guest", nil, "ann@example.com gets guest in all, the only one of 3 apps that grants it."},
	} {
		p := explain.Person{Email: "ann@example.com", Groups: test.groups}
		r, err := explain.RoleOf(t.Context(), p, p.Cases(c.Apps, nil), test.role, explainedAt)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Summary(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
