package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
)

// compile compiles the app's rules for the people of each of its issuers.
func (l *loader) compile(app place, a *App) {
	rules, defaultRole := app.key("rule"), app.key("default_role")
	if len(a.Policy.Rules) == 0 && a.Policy.DefaultRole == "" {
		if !l.report.isSpoilt(defaultRole) {
			l.report.add(rules, "none, so nobody could enter: add an [[%s.rule]] with a role", app.path)
		}
		return
	}
	if l.listsSpoilt {
		return // every "@name" would be called unknown
	}
	policy := a.Policy
	l.checkMatch(app.key("match"), &policy)
	// Of a policy that lost something, only what is wrong with the rest is told.
	whole := policy.Match == a.Policy.Match && !l.report.spoiltBelow(rules) && !l.report.isSpoilt(defaultRole)
	a.mappers = make(map[reading]*mapping.Mapper)
	for _, r := range readings(a.Issuers) {
		policy = r.policy(policy)
		m, err := mapping.Compile(policy)
		l.ruleProblems(app, err, whole)
		if !whole || m == nil {
			continue
		}
		a.mappers[r] = m
		if a.Mapper == nil {
			a.Mapper, a.Policy = m, policy
		}
	}
}

// readings are the ways in which rules read an app's assertions, that of its first
// issuer first. One that names no known issuer has its rules checked nevertheless.
func readings(issuers []*Issuer) []reading {
	if len(issuers) == 0 {
		return []reading{{}}
	}
	var ways []reading
	for _, i := range issuers {
		if !slices.Contains(ways, i.reading()) {
			ways = append(ways, i.reading())
		}
	}
	return ways
}

// checkMatch leaves policy with a valid Match, the one that forbids less, so
// that the rules can be checked in any case.
func (l *loader) checkMatch(at place, policy *mapping.Policy) {
	known := []string{string(mapping.MatchFirst), string(mapping.MatchAll)}
	if !slices.Contains(known, string(policy.Match)) {
		l.report.spoil(at, "no way to match is called %q%s", policy.Match, wording.Instead(string(policy.Match), known))
	}
	if l.report.isSpoilt(at) {
		policy.Match = mapping.MatchAll
	}
}

// ruleProblems reports what Compile says, where it is written. whole is whether
// Compile had the policy as it is written.
func (l *loader) ruleProblems(app place, err error, whole bool) {
	problems := allErrors[*mapping.RuleError](err)
	for _, e := range problems {
		at, part := app.key("rule"), !whole
		switch {
		case e.Rule > 0:
			at = at.index(e.Rule)
			part = l.report.spoiltBelow(at) || l.report.isSpoilt(app.key("match"))
		case e.List != "":
			at, part = l.groups[e.List], false
		}
		if part && aboutWhole(e) {
			continue
		}
		for _, key := range e.Path {
			at = at.key(key)
		}
		if e.Item > 0 {
			at = at.index(e.Item)
		}
		if !l.report.spoiltBelow(at) {
			l.report.add(at, "%s", l.inWords(e))
		}
	}
	if err != nil && problems == nil {
		l.report.add(app.key("rule"), "%v", err)
	}
}

// inWords is a problem on one line, with what may have been meant.
func (l *loader) inWords(e *mapping.RuleError) string {
	if e.Unknown == "" || len(l.lists) == 0 {
		return strings.ReplaceAll(e.Problem, "\n", " ") // of an expression
	}
	var known []string
	for list := range l.lists {
		known = append(known, "@"+list)
	}
	words := fmt.Sprintf("no group list %q%s", e.Unknown, wording.Instead(e.Unknown, known))
	if len(e.Path) > 1 && e.Path[0] == "claims" {
		words += fmt.Sprintf("; for a value that begins with \"@\", write when = 'claims[%q] == %q'", e.Path[1], e.Unknown)
	}
	return words
}

// aboutWhole reports whether a problem is one of a rule or policy as a whole:
// what was lost from it may be all that it lacks.
func aboutWhole(e *mapping.RuleError) bool {
	return len(e.Path) == 0 || e.Item == 0 && slices.Contains([]string{"role", "roles", "deny", "attributes"}, e.Path[0])
}

// checkRole holds a role against the app's vocabulary: apps take a role that
// they do not know for anything from "no change" to their default.
func (l *loader) checkRole(at place, role, adapterName string, vocabulary []string) {
	switch problem := roleProblem(role); {
	case role == "": // mapping says it
	case problem != "":
		l.report.add(at, "%s", problem)
	case len(vocabulary) > 0 && !slices.Contains(vocabulary, role):
		hint := wording.DidYouMean(role, vocabulary)
		if hint == "" {
			hint = ": " + wording.ThereAre(vocabulary) // in the order of the preset
		}
		l.report.add(at, "adapter %q has no role %q%s", adapterName, role, hint)
	}
}

// checkRoles holds every role that the app's rules grant against its vocabulary.
func (l *loader) checkRoles(at place, a *App, vocabulary []string) {
	limits := at.doc.bounds
	limits.role(at.key("default_role"), a.Policy.DefaultRole)
	l.checkRole(at.key("default_role"), a.Policy.DefaultRole, a.AdapterName, vocabulary)
	for i, r := range a.Policy.Rules {
		rule := at.key("rule").index(i + 1)
		limits.role(rule.key("role"), r.Role)
		l.checkRole(rule.key("role"), r.Role, a.AdapterName, vocabulary)
		for n, role := range r.Roles {
			limits.role(rule.key("roles").index(n+1), role)
			l.checkRole(rule.key("roles").index(n+1), role, a.AdapterName, vocabulary)
		}
	}
}

// checkOneRole refuses rules that grant several roles where the adapter sends one.
func (l *loader) checkOneRole(at place, a *App) {
	granting := 0
	for i := range a.Policy.Rules {
		n := len(a.Policy.Rules[i].Grants())
		if n > 0 {
			granting++
		}
		if n > 1 {
			l.report.add(at.key("rule").index(i+1).key("roles"), "adapter %q sends one role, and this grants %d: choose one", a.AdapterName, n)
		}
	}
	if a.Policy.Match == mapping.MatchAll && granting > 1 {
		l.report.add(at.key("match"), `adapter %q sends one role, and the rules may add up to several: write match = "first"`, a.AdapterName)
	}
}

// checkAttributes refuses attributes that would go nowhere.
func (l *loader) checkAttributes(at place, a *App) {
	if a.Adapter == nil {
		return
	}
	var known []string
	if user, ok := a.Adapter.(adapter.AttributeUser); ok {
		known = user.Attributes()
	}
	for i, r := range a.Policy.Rules {
		if r.Deny {
			continue // mapping says that it has none
		}
		attributes := at.key("rule").index(i + 1).key("attributes")
		for _, name := range sortedKeys(r.Attributes) {
			switch {
			case slices.Contains(known, name):
			case len(known) == 0:
				l.report.add(attributes.key(name), "adapter %q sends no attributes: a header that shall carry it says attribute = %q", a.AdapterName, name)
			default:
				l.report.add(attributes.key(name), "adapter %q sends no such attribute%s", a.AdapterName, wording.Instead(name, known))
			}
		}
	}
}
