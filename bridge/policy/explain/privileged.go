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

// OtherCase is a role that differs from one that is asked about in upper and lower
// case only, with the apps that grant it.
type OtherCase struct {
	Role string   `json:"role"`
	Apps []string `json:"apps"`
}

// String says it in a sentence.
func (o OtherCase) String() string {
	verb := "grant"
	if len(o.Apps) == 1 {
		verb = "grants"
	}
	return fmt.Sprintf("%s %s %q: upper and lower case matter.", wording.Listed(o.Apps), verb, o.Role)
}

func otherCases(apps []*config.App, role string) []OtherCase {
	var others []OtherCase
	for _, other := range rolesOf(apps) {
		if other == role || !strings.EqualFold(other, role) {
			continue
		}
		o := OtherCase{Role: other}
		for _, a := range apps {
			if slices.Contains(a.Mapper.Roles(), other) {
				o.Apps = append(o.Apps, a.Name)
			}
		}
		others = append(others, o)
	}
	return others
}

// explainDeny says whom the rules of apps deny. That there are none is an answer.
func explainDeny(apps []*config.App, at time.Time) *RoleHolders {
	var denying []int
	for n, a := range apps {
		if slices.ContainsFunc(a.Policy.Rules, func(r mapping.Rule) bool { return r.Deny }) {
			denying = append(denying, n)
		}
	}
	h := holders(apps, denying, config.Deny, at)
	for _, a := range apps {
		if a.Policy.DefaultRole != "" {
			h.open = append(h.open, a.Name)
		}
	}
	return h
}

// Notes are sentences about what Apps leave out.
func (h *RoleHolders) Notes() []string {
	var notes []string
	for _, other := range h.OtherCase {
		notes = append(notes, other.String())
	}
	switch {
	case h.Role != config.Deny, len(h.open) == h.Of:
	case h.open == nil:
		notes = append(notes, "Whoever no rule gives a role is denied, too.")
	default:
		notes = append(notes, fmt.Sprintf("Whoever no rule gives a role is denied, too, except in %s, by default_role.", wording.Listed(h.open)))
	}
	return notes
}

// PrivilegedRoles says who could get the roles that are privileged, as
// [config.App.Privileged] has it. Its JSON form is an interface: fields are added,
// never renamed.
type PrivilegedRoles struct {
	// Roles are these, each with the apps in which it is privileged and granted.
	Roles []*RoleHolders `json:"roles"`
	// Without are the apps whose rules grant none.
	Without []string `json:"apps_without"`
	Of      int      `json:"-"`
}

// Privileged says who could get privileged roles in apps at a time.
func Privileged(apps []*config.App, at time.Time) *PrivilegedRoles {
	r := &PrivilegedRoles{Roles: []*RoleHolders{}, Without: []string{}, Of: len(apps)}
	for _, role := range rolesOf(apps) {
		var grant []int
		for n, a := range apps {
			if a.Privileged(role) && slices.Contains(a.Mapper.Roles(), role) {
				grant = append(grant, n)
			}
		}
		if grant != nil {
			r.Roles = append(r.Roles, holders(apps, grant, role, at))
		}
	}
	for _, a := range apps {
		if !slices.ContainsFunc(a.Mapper.Roles(), a.Privileged) {
			r.Without = append(r.Without, a.Name)
		}
	}
	return r
}

// Summary says it in a sentence.
func (r *PrivilegedRoles) Summary() string {
	names := make([]string, len(r.Roles))
	for i, h := range r.Roles {
		names[i] = h.Role
	}
	of, verb, what := r.Of-len(r.Without), "grant", "privileged roles"
	if of == 1 {
		verb = "grants"
	}
	switch len(names) {
	case 0:
		return "No app grants a privileged role."
	case 1:
		what = "a privileged role"
	}
	return fmt.Sprintf("%d of %s %s %s: %s.", of, wording.Count(r.Of, "app"), verb, what, wording.Quoted(names))
}
