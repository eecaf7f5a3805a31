package mapping

import (
	"fmt"
	"slices"
)

// checkReachable reports every rule that says something that never comes true:
// it excludes whomever it asks for, or its people are all taken by one earlier
// rule, since the first match wins.
func (c *compiler) checkReachable() {
	byKey := make(map[string][]int) // rules that can only cover a rule naming the key
	var anyKey []int                // rules that may cover any rule
	for i := range c.m.rules {
		later := &c.m.rules[i]
		if later.excludesItself() {
			c.fail(i+1, "not_groups", "excludes whomever the rule's groups ask for, so the rule never holds")
			continue
		}
		candidates := slices.Clone(anyKey)
		for _, k := range later.keys() {
			candidates = append(candidates, byKey[k]...)
		}
		slices.Sort(candidates)
		for _, j := range candidates {
			if c.m.rules[j].covers(later) {
				c.fail(i+1, "role", "unreachable: whoever it matches is already matched by rule[%d]%s; "+
					"put it before that rule, or remove it", j+1, at(c.m.rules[j].source))
				break
			}
		}
		if own := later.pivots(); own == nil {
			anyKey = append(anyKey, i)
		} else {
			for _, k := range own {
				byKey[k] = append(byKey[k], i)
			}
		}
	}
}

func at(source string) string {
	if source == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", source)
}

// excludesItself reports whether nobody can meet r's conditions on groups.
func (r *rule) excludesItself() bool {
	return r.notGroups != nil &&
		(r.groups != nil && r.groups.all(r.notGroups.includes) || r.allGroups != nil && r.allGroups.any(r.notGroups.includes))
}

// pivots are names of which a rule must have one for r to cover it; nil if no
// such names are known. They spare comparing every rule with every other.
func (r *rule) pivots() []string {
	switch {
	case r.groups != nil && r.groups.patterns == nil:
		return r.groups.exactNames()
	case r.allGroups != nil && r.allGroups.exact != nil:
		return r.allGroups.exactNames()[:1]
	case r.emails != nil && !slices.ContainsFunc(r.emails, emailPattern.isPattern):
		names := make([]string, len(r.emails))
		for i, e := range r.emails {
			names[i] = e.written
		}
		return names
	}
	return nil
}

// keys are the names that a rule covering r may have among its pivots.
func (r *rule) keys() []string {
	var keys []string
	if r.groups != nil {
		keys = append(keys, r.groups.exactNames()...)
	}
	if r.allGroups != nil {
		keys = append(keys, r.allGroups.exactNames()...)
	}
	for _, e := range r.emails {
		keys = append(keys, e.written)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (g *groupCondition) exactNames() []string {
	names := make([]string, len(g.exact))
	for i, e := range g.exact {
		names[i] = e.name
	}
	return names
}

// covers reports whether everybody whom later matches is matched by r: each
// condition of r follows from later's. It errs towards no.
func (r *rule) covers(later *rule) bool {
	return r.groupsFollow(later) && r.allGroupsFollow(later) && r.notGroupsFollow(later) && r.emailsFollow(later) &&
		(r.after.IsZero() || !later.after.IsZero() && !later.after.Before(r.after)) &&
		(r.until.IsZero() || !later.until.IsZero() && !later.until.After(r.until))
}

func (r *rule) groupsFollow(later *rule) bool {
	if r.groups == nil {
		return true
	}
	// later asks for a group, and every choice it allows is one of r's; or it
	// insists on one of r's.
	if later.groups != nil && later.groups.all(r.groups.includes) {
		return true
	}
	return later.allGroups != nil && later.allGroups.any(r.groups.includes)
}

func (r *rule) allGroupsFollow(later *rule) bool {
	if r.allGroups == nil {
		return true
	}
	return r.allGroups.all(func(name string) bool {
		one := groupsOf(name)
		return later.allGroups != nil && later.allGroups.any(one.includes) ||
			later.groups != nil && later.groups.all(one.includes)
	})
}

func (r *rule) notGroupsFollow(later *rule) bool {
	if r.notGroups == nil {
		return true
	}
	return later.notGroups != nil && r.notGroups.all(later.notGroups.includes)
}

func (r *rule) emailsFollow(later *rule) bool {
	if r.emails == nil {
		return true
	}
	if later.emails == nil {
		return false
	}
	for _, l := range later.emails {
		if !slices.ContainsFunc(r.emails, func(e emailPattern) bool {
			return matchPattern(e.local, l.local) && matchPattern(e.domain, l.domain)
		}) {
			return false
		}
	}
	return true
}

func groupsOf(name string) *groupCondition {
	if isPattern(name) {
		return &groupCondition{patterns: []groupPattern{{pattern: name}}}
	}
	return &groupCondition{exact: []exactGroup{{name: name}}}
}

// includes reports whether being in the group name (or in one of the groups
// that the pattern name matches) is being in one of g.
func (g *groupCondition) includes(name string) bool {
	return slices.ContainsFunc(g.exact, func(e exactGroup) bool { return e.name == name }) ||
		// A pattern that matches another pattern's text matches all that the
		// other does: its "*" stands for what the other's "*" stands for.
		slices.ContainsFunc(g.patterns, func(p groupPattern) bool { return matchPattern(p.pattern, name) })
}

func (g *groupCondition) all(f func(string) bool) bool {
	return !slices.ContainsFunc(g.exact, func(e exactGroup) bool { return !f(e.name) }) &&
		!slices.ContainsFunc(g.patterns, func(p groupPattern) bool { return !f(p.pattern) })
}

func (g *groupCondition) any(f func(string) bool) bool {
	return slices.ContainsFunc(g.exact, func(e exactGroup) bool { return f(e.name) }) ||
		slices.ContainsFunc(g.patterns, func(p groupPattern) bool { return f(p.pattern) })
}
