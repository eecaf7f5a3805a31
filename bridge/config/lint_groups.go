package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/mapping"
)

// directoryID are the forms of group IDs that identity providers send: GUIDs
// (Entra ID and others), SIDs (Active Directory), and those of Okta, Google
// Workspace and Auth0.
var directoryID = regexp.MustCompile(`^(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|S-1-5-21(?:-[0-9]+)+|00g[0-9A-Za-z]{17}|0[0-9a-z]{14}|rol_[0-9A-Za-z]{16})$`)

// groupUse is a group, a pattern or an "@list" as a rule or a list writes it.
type groupUse struct {
	name string
	// in is the array of names that it stands in, index its number there; 0: in
	// is an expression.
	in    place
	index int
}

func (u groupUse) at() place {
	if u.index == 0 {
		return u.in
	}
	return u.in.index(u.index)
}

// groupUses returns the groups in an array.
func groupUses(array place, names []string) []groupUse {
	uses := make([]groupUse, len(names))
	for i, name := range names {
		uses[i] = groupUse{name, array, i + 1}
	}
	return uses
}

// groupsOfRule returns the groups that a rule's conditions name.
func groupsOfRule(at place, r *mapping.Rule) []groupUse {
	uses := slices.Concat(
		groupUses(at.key("groups"), r.Groups),
		groupUses(at.key("all_groups"), r.AllGroups),
		groupUses(at.key("not_groups"), r.NotGroups),
	)
	// Not all conditions: those with many names take time to put in words.
	when := mapping.Rule{When: r.When}
	for _, c := range when.Describe() {
		for _, name := range c.Names {
			uses = append(uses, groupUse{name, at.key("when"), 0})
		}
	}
	return uses
}

// groupIDs warns about IDs that stand in a rule without a name. In a list they
// have one.
func (l *linter) groupIDs(rule place, r *mapping.Rule) {
	for _, use := range groupsOfRule(rule, r) {
		if directoryID.MatchString(use.name) {
			l.warn(use.at(), LintGroupID, `%q looks like a directory ID, which no reader can tell apart: list it under [groups] and write "@NAME"`, use.name)
		}
	}
}

// mark marks the list that "@name" names and the lists that it uses.
func (l *linter) mark(name string, lists map[string]bool) {
	list, isList := strings.CutPrefix(name, "@")
	if !isList || lists[list] {
		return
	}
	lists[list] = true
	for _, inner := range l.config.lists[list] {
		l.mark(inner, lists)
	}
}

// lists warns about lists that no rule uses, be it through another list, and
// about what is in them.
func (l *linter) lists() {
	used := map[string]bool{}
	for _, a := range l.config.Apps {
		for i := range a.Policy.Rules {
			for _, use := range groupsOfRule(place{}, &a.Policy.Rules[i]) {
				l.mark(use.name, used)
			}
			for _, values := range a.Policy.Rules[i].Claims {
				for _, value := range values {
					l.mark(value, used)
				}
			}
		}
	}
	for _, list := range sortedKeys(l.config.lists) {
		uses := groupUses(l.config.listsAt[list], l.config.lists[list])
		l.listsWithoutAt(uses)
		l.malformedIDs(uses)
		if !used[list] {
			l.warn(l.config.listsAt[list], LintUnusedList, `no rule uses "@%s": write it where it is meant, or remove the list`, list)
		}
	}
}
