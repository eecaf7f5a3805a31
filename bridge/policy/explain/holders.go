package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
)

// RoleHolders says who could get a role. Its JSON form is an interface: fields
// are added, never renamed.
type RoleHolders struct {
	Role string `json:"role"`
	// Lists are the group lists that the rules name, by "@name", with all that is
	// in them.
	Lists map[string][]string `json:"lists"`
	// Apps are those whose rules grant the role, Of is how many were looked at.
	Apps []RoleInApp `json:"apps"`
	Of   int         `json:"-"`
	// OtherCase are the roles that differ from Role in upper and lower case only.
	OtherCase []OtherCase `json:"other_case,omitempty"`

	open []string // the apps that have a default_role
}

// RoleInApp says who could get a role in one app.
type RoleInApp struct {
	App    string        `json:"app"`
	Host   string        `json:"host"`
	Source string        `json:"source"`
	Match  mapping.Match `json:"match"`
	// Rules are those that grant the role, and those that may decide otherwise
	// before them, in the order in which they are asked. Under match = "all" a
	// rule that denies is asked before all that grant.
	Rules []RuleInWords `json:"rules"`
	// DefaultRole says that whoever none of Rules decides about gets the role.
	DefaultRole bool `json:"default_role"`

	// The numbers of those of Rules that do not grant the role, and of those
	// among them that deny, without those that do not hold now.
	otherwise, denying []int
}

// RuleInWords is a rule in words.
type RuleInWords struct {
	Rule   string `json:"rule"`
	Source string `json:"source"`
	// Grants says that the rule grants the role that is asked about or, if that is
	// [config.Deny], that it denies.
	Grants bool     `json:"grants"`
	Roles  []string `json:"roles"`
	Deny   bool     `json:"deny,omitempty"`
	// Time is "ended" or "not begun" of a rule that does not hold now.
	Time string `json:"time,omitempty"`
	// Conditions must all hold; none: the rule matches everybody.
	Conditions []mapping.Condition `json:"conditions"`
}

// rolesOf returns every role that the rules of apps grant, sorted.
func rolesOf(apps []*config.App) []string {
	var roles []string
	for _, a := range apps {
		roles = append(roles, a.Mapper.Roles()...)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// granting returns the numbers of those of apps whose rules grant a role.
func granting(apps []*config.App, role string) ([]int, error) {
	var grant []int
	for n, a := range apps {
		if slices.Contains(a.Mapper.Roles(), role) {
			grant = append(grant, n)
		}
	}
	switch {
	case grant != nil:
		return grant, nil
	case len(apps) == 1:
		return nil, fmt.Errorf("no rule of app %s grants a role %q%s", apps[0].Name, role, wording.Instead(role, rolesOf(apps)))
	}
	return nil, fmt.Errorf("no rule grants a role %q%s", role, wording.Instead(role, rolesOf(apps)))
}

// HoldersOf says who could get a role in apps at a time, or for [config.Deny]
// whom rules deny. The error says that nobody could, and which roles there are.
func HoldersOf(apps []*config.App, role string, at time.Time) (*RoleHolders, error) {
	if role == config.Deny {
		return explainDeny(apps, at), nil
	}
	grant, err := granting(apps, role)
	if err != nil {
		return nil, err
	}
	h := holders(apps, grant, role, at)
	h.OtherCase = otherCases(apps, role)
	return h, nil
}

// holders says who could get a role in those of apps with the numbers grant.
func holders(apps []*config.App, grant []int, role string, at time.Time) *RoleHolders {
	h := &RoleHolders{Role: role, Lists: map[string][]string{}, Apps: make([]RoleInApp, len(grant)), Of: len(apps)}
	for i, n := range grant {
		h.Apps[i] = roleInApp(apps[n], role, at)
		h.addLists(apps[n], &h.Apps[i])
	}
	return h
}

// gives reports whether a rule grants a role, or denies if that is asked about.
func gives(r *mapping.Rule, role string) bool {
	return slices.Contains(r.Grants(), role) || r.Deny && role == config.Deny
}

func roleInApp(a *config.App, role string, at time.Time) RoleInApp {
	in := RoleInApp{
		App: a.Name, Host: a.Host, Source: a.Source, Match: a.Policy.Match,
		Rules: []RuleInWords{}, DefaultRole: a.Policy.DefaultRole == role,
	}
	last := 0 // the rules after it decide nothing about the role
	for i := range a.Policy.Rules {
		if in.DefaultRole || gives(&a.Policy.Rules[i], role) {
			last = i
		}
	}
	var grants []RuleInWords
	for i := range a.Policy.Rules {
		w := inWords(i+1, &a.Policy.Rules[i], role, at)
		switch {
		case in.Match == mapping.MatchFirst && i <= last, in.Match == mapping.MatchAll && w.Deny:
			in.Rules = append(in.Rules, w)
		case w.Grants, in.DefaultRole && len(w.Roles) > 0:
			grants = append(grants, w)
		}
	}
	in.Rules = append(in.Rules, grants...)
	for i := range in.Rules {
		switch r := &in.Rules[i]; {
		case r.Grants || r.Time != "":
		case r.Deny:
			in.denying = append(in.denying, i)
			fallthrough
		default:
			in.otherwise = append(in.otherwise, i)
		}
	}
	return in
}

func inWords(number int, r *mapping.Rule, role string, at time.Time) RuleInWords {
	w := RuleInWords{
		Rule: ruleName(number), Source: r.Source, Roles: r.Grants(), Deny: r.Deny,
		Grants: gives(r, role), Conditions: r.Describe(),
	}
	switch exists, ended := r.Exists(at); {
	case ended:
		w.Time = "ended"
	case !exists:
		w.Time = "not begun"
	}
	if w.Roles == nil {
		w.Roles = []string{}
	}
	if w.Conditions == nil {
		w.Conditions = []mapping.Condition{}
	}
	return w
}

// addLists adds the lists that the rules of an app name. Lists are of the whole
// file: every app that names one means the same.
func (h *RoleHolders) addLists(a *config.App, in *RoleInApp) {
	for i := range in.Rules {
		for _, c := range in.Rules[i].Conditions {
			for _, name := range c.Lists() {
				if h.Lists[name] == nil {
					h.Lists[name] = a.Policy.Members(strings.TrimPrefix(name, "@"))
				}
			}
		}
	}
}

// Summary says in a sentence how many apps grant the role.
func (h *RoleHolders) Summary() string {
	verb := "grant"
	if h.Role == config.Deny {
		verb = "have rules that"
	}
	if len(h.Apps) == 1 {
		verb = strings.Replace(strings.Replace(verb, "have", "has", 1), "grant", "grants", 1)
	}
	return fmt.Sprintf("%d of %d apps %s %s.", len(h.Apps), h.Of, verb, h.Role)
}

// Summary says in a sentence by how many rules an app grants a role.
func (in *RoleInApp) Summary(role string) string {
	n := 0
	for i := range in.Rules {
		if in.Rules[i].Grants && in.Rules[i].Time == "" {
			n++
		}
	}
	var by []string
	switch {
	case n == 1:
		by = append(by, "1 rule")
	case n > 1:
		by = append(by, fmt.Sprintf("%d rules", n))
	}
	if in.DefaultRole {
		by = append(by, "default_role")
	}
	if by == nil {
		by = append(by, "no rule now")
	}
	verb := "grants " + role
	if role == config.Deny {
		verb = "denies"
	}
	return fmt.Sprintf("%s %s by %s", in.App, verb, strings.Join(by, " and "))
}

// Before returns the numbers, in Rules, of those that may decide otherwise before
// rule i of Rules is asked; len(Rules) stands for the default role.
func (in *RoleInApp) Before(i int) []int {
	if i == len(in.Rules) {
		return in.otherwise
	}
	before := in.otherwise
	if in.Match == mapping.MatchAll {
		before = in.denying
	}
	n, _ := slices.BinarySearch(before, i)
	return before[:n]
}
