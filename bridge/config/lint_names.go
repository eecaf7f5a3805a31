package config

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// listsWithoutAt warns about groups that are called like a list: with the "@"
// forgotten, a rule asks for a group that nobody is in, and one that excludes
// excludes nobody. A list that has a group of its own name shows that there is
// one.
func (l *linter) listsWithoutAt(uses []groupUse) {
	for _, use := range uses {
		if groups, isList := l.config.lists[use.name]; isList && !slices.Contains(groups, use.name) {
			l.warn(use.at(), LintListWithoutAt, `%q is taken as a group of that name: did you mean the list "@%s" (%s)?`,
				use.name, use.name, l.config.listsAt[use.name].source())
		}
	}
}

// nearlyGUID is what a GUID looks like that lacks a digit or has one too many.
var nearlyGUID = regexp.MustCompile(`^\{?[0-9A-Fa-f]{7,9}-[0-9A-Fa-f]{3,5}-[0-9A-Fa-f]{3,5}-[0-9A-Fa-f]{3,5}-[0-9A-Fa-f]{11,13}\}?$`)

// malformedIDs warns about IDs that no directory gives, in rules and lists.
func (l *linter) malformedIDs(uses []groupUse) {
	for _, use := range uses {
		id := strings.Trim(use.name, "{}")
		if !nearlyGUID.MatchString(use.name) || directoryID.MatchString(id) {
			continue
		}
		digits := len(id) - strings.Count(id, "-")
		l.warn(use.at(), LintMalformedID, "%q looks like a directory ID with %s, and one has 32 in parts of 8-4-4-4-12: copy it again",
			use.name, wording.Count(digits, "digit"))
	}
}

// roleless warns about rules whose roles come to the same, because nobody tells
// the app.
func (l *linter) roleless(a *App) {
	if roles := a.Mapper.Roles(); a.sendsNoRole && len(roles) > 1 {
		l.warn(a.at.key("adapter"), LintAlikeRoles, `%q sends no role, so the app cannot tell %s apart: add a header with from = "role", or grant one role`,
			a.AdapterName, wording.Quoted(roles))
	}
}
