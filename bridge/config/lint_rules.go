package config

import (
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// app warns about one app's rules.
func (l *linter) app(a *App) {
	for i := range a.Policy.Rules {
		r, at := &a.Policy.Rules[i], a.at.key("rule").index(i+1)
		if !r.Until.IsZero() && !l.now.Before(r.Until) {
			l.warn(at.key("until"), LintExpiredUntil, "%s", expiredText(r))
			continue
		}
		l.groupIDs(at, r)
		l.looseExpressions(at, r)
		l.confusableNames(at, r)
		l.listsWithoutAt(groupsOfRule(at, r))
		l.malformedIDs(groupsOfRule(at, r))
	}
	l.roleless(a)
	l.shadows(a)
	l.everybody(a)
	l.paths(a)
	l.undeclaredLists(a)
	l.tests(a)
}

func expiredText(r *mapping.Rule) string {
	if r.Deny {
		return "has passed, so these people are no longer denied: extend it, or remove the rule"
	}
	return "has passed, so the rule never holds again: remove the rule"
}

// expired reports whether a rule, counted from 1, never holds again.
func (l *linter) expired(a *App, rule int) bool {
	until := a.Policy.Rules[rule-1].Until
	return !until.IsZero() && !l.now.Before(until)
}

// shadows warns about rules that change nothing for the people of any issuer.
func (l *linter) shadows(a *App) {
	var all []mapping.Shadow
	for n, r := range readings(a.Issuers) {
		shadows := a.mappers[r].Shadows()
		if n == 0 {
			all = shadows
			continue
		}
		all = slices.DeleteFunc(all, func(s mapping.Shadow) bool {
			return !slices.ContainsFunc(shadows, func(o mapping.Shadow) bool { return o.Rule == s.Rule })
		})
	}
	for _, s := range all {
		if l.expired(a, s.Rule) {
			continue
		}
		by := &a.Policy.Rules[s.By-1]
		at := a.at.key("rule").index(s.Rule)
		switch {
		case s.Spelling:
			l.warn(at, LintShadowedRule, "denies nobody but people whose names are written otherwise, as rule[%d] (%s) has decided already about the rest: "+
				"put it before that rule, or remove it", s.By, by.Source)
		case a.Policy.Match == mapping.MatchFirst:
			l.warn(at, LintShadowedRule, "changes nothing, as rule[%d] (%s) has decided already about everybody whom it matches: "+
				"put it before that rule, or remove it", s.By, by.Source)
		case by.Deny:
			l.warn(at, LintShadowedRule, "changes nothing, as rule[%d] (%s) denies everybody whom it matches: remove it", s.By, by.Source)
		default:
			l.warn(at, LintShadowedRule, "changes nothing, as rule[%d] (%s) gives everybody whom it matches the same and more: remove it",
				s.By, by.Source)
		}
	}
}

// everybody warns about what an app gives to people whom no rule names.
func (l *linter) everybody(a *App) {
	open := l.openRule(a)
	for i := range a.Policy.Rules {
		r := &a.Policy.Rules[i]
		if role, ok := a.privilegedOf(r.Grants()); ok && l.forEverybody(a, r) && !l.expired(a, i+1) {
			whom := "everybody who signs in"
			if r.NotGroups != nil || r.NotEmails != nil || r.When != "" {
				whom = "everybody whom it does not exclude"
			}
			l.warn(a.at.key("rule").index(i+1), LintEveryonePrivileged, "gives the privileged role %q to %s: say whom it is for", role, whom)
			open = 0 // said already
		}
	}
	if role := a.Policy.DefaultRole; a.Privileged(role) {
		l.warn(a.at.key("default_role"), LintEveryonePrivileged, "gives the privileged role %q to everybody whom no rule names", role)
		return
	}
	at, before := a.at.key("default_role"), len(a.Policy.Rules)
	switch {
	case a.Policy.DefaultRole != "":
	case open > 0:
		at, before = a.at.key("rule").index(open), open-1
	default:
		return
	}
	_, privileged := a.privilegedOf(a.Mapper.Roles())
	switch {
	case l.denies(a, before):
		l.warn(at, LintOpenDefault, "lets in everybody whom no other rule matches, also those whom a misspelt deny rule misses; fine if that is meant")
	case privileged:
		l.warn(at, LintOpenDefault, "lets in everybody whom no other rule matches, also those whom a misspelt rule misses; fine if that is meant")
	}
}

// openRule returns the number of the first rule that grants something to
// everybody, no matter whom it excludes; 0: none does.
func (l *linter) openRule(a *App) int {
	for i := range a.Policy.Rules {
		if r := &a.Policy.Rules[i]; r.Grants() != nil && l.forEverybody(a, r) && !l.expired(a, i+1) {
			return i + 1
		}
	}
	return 0
}

// denies reports whether a rule denies before somebody gets what everybody gets:
// one of the first rules or, where all rules that match decide, any.
func (l *linter) denies(a *App, before int) bool {
	for i := range a.Policy.Rules {
		if (i < before || a.Policy.Match == mapping.MatchAll) && a.Policy.Rules[i].Deny && !l.expired(a, i+1) {
			return true
		}
	}
	return false
}

func (a *App) privilegedOf(roles []string) (string, bool) {
	i := slices.IndexFunc(roles, a.Privileged)
	if i < 0 {
		return "", false
	}
	return roles[i], true
}

// forEverybody reports whether a rule asks for nothing that everybody who signs
// in does not have. Whom it excludes does not count.
func (l *linter) forEverybody(a *App, r *mapping.Rule) bool {
	return !asksForClaims(r) &&
		(r.Groups == nil || slices.ContainsFunc(r.Groups, l.anyGroup)) &&
		!slices.ContainsFunc(r.AllGroups, func(group string) bool { return !l.anyGroup(group) }) &&
		(r.Emails == nil || slices.ContainsFunc(r.Emails, anyEmail)) &&
		(r.Domains == nil || slices.ContainsFunc(r.Domains, anything)) &&
		(r.Subjects == nil || slices.ContainsFunc(r.Subjects, anything)) &&
		(r.When == "" || l.holdsForStrangers(a, r.When))
}

// asksForClaims reports whether a rule asks for more of claims than what every
// assertion has: any issuer, audience and user.
func asksForClaims(r *mapping.Rule) bool {
	for claim, values := range r.Claims {
		if !slices.Contains([]string{"iss", "aud", "user"}, claim) || !slices.ContainsFunc(values, anything) {
			return true
		}
	}
	return false
}

// holdsForStrangers reports whether, at some time of the week to come, an
// expression is true of somebody of whom nothing is known.
func (l *linter) holdsForStrangers(a *App, when string) bool {
	key := joinKey(a.Name, when)
	if holds, known := l.strangers[key]; known {
		return holds
	}
	holds := false
	m, err := mapping.Compile(mapping.Policy{Lists: l.config.lists, Rules: []mapping.Rule{{Role: "any", When: when}}})
	if err == nil {
		stranger := a.Describe(a.Issuers[0], &verifier.Principal{Subject: UnknownSubject, Email: "somebody@stranger.invalid"})
		for hour := 0; !holds && (hour == 0 || m.AsksForTime() && hour < 7*24); hour++ {
			holds = m.Map(stranger, l.now.Add(time.Duration(hour)*time.Hour)).Allowed()
		}
	}
	l.strangers[key] = holds
	return holds
}

func anything(pattern string) bool { return strings.Trim(pattern, "*") == "" }

func anyEmail(pattern string) bool {
	local, domain, _ := strings.Cut(pattern, "@")
	return anything(local) && anything(domain)
}

// anyGroup reports whether a group of a rule, or one of the list that it names,
// is a pattern of any group.
func (l *linter) anyGroup(group string) bool {
	lists := map[string]bool{}
	l.mark(group, lists)
	for list := range lists {
		if slices.ContainsFunc(l.config.lists[list], anything) {
			return true
		}
	}
	return anything(group)
}

// tests warns about tests that mean a list by a group of its name.
func (l *linter) tests(a *App) {
	for i, t := range a.Tests {
		for n, group := range t.Groups {
			list, isList := strings.CutPrefix(group, "@")
			if _, known := l.config.lists[list]; isList && known {
				l.warn(a.at.key("test").index(i+1).key("groups").index(n+1), LintListInTest,
					"people are in groups, not in lists: name a group of %q", group)
			}
		}
	}
}
