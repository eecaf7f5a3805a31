package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
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

// looseDomains warns about patterns that somebody could register a domain for.
func (l *linter) looseDomains(rule place, r *mapping.Rule) {
	for i, domain := range r.Domains {
		if text := looseDomain("", domain); text != "" {
			l.warn(rule.key("domains").index(i+1), LintLooseDomain, "%s", text)
		}
	}
	for i, email := range r.Emails {
		local, domain, _ := strings.Cut(email, "@")
		if text := looseDomain(local+"@", domain); text != "" {
			l.warn(rule.key("emails").index(i+1), LintLooseDomain, "%s", text)
		}
	}
}

// looseDomain says what else a pattern of domains matches; before is what stands
// before it in a pattern of emails.
func looseDomain(before, domain string) string {
	fixed := strings.TrimLeft(domain, "*")
	switch {
	case anything(domain): // which is no slip
	case strings.HasSuffix(domain, "*"):
		return fmt.Sprintf("%q also matches %s: write its domains out, each as an item of its own",
			before+domain, strings.ReplaceAll(strings.TrimRight(domain, "*")+".evil.example", "..", "."))
	case fixed != domain && !strings.HasPrefix(fixed, "."):
		return fmt.Sprintf("%q also matches evil%s: write %q, %q or both", before+domain, strings.ReplaceAll(fixed, "*", ""),
			before+fixed, before+"*."+fixed)
	}
	return ""
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
