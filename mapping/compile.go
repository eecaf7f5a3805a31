package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RuleError is one thing wrong with a policy.
type RuleError struct {
	// Rule is the rule's number, counted from 1; 0 for a named list.
	Rule int
	// Key is the TOML key below the rule ("groups"), or the list's name. Both
	// Rule and Key are zero if there is no rule at all.
	Key string
	// Problem says what is wrong and what would be right.
	Problem string
}

func (e *RuleError) Error() string {
	switch {
	case e.Rule > 0:
		return fmt.Sprintf("rule[%d].%s: %s", e.Rule, e.Key, e.Problem)
	case e.Key != "":
		return fmt.Sprintf("groups.%s: %s", e.Key, e.Problem)
	default:
		return e.Problem
	}
}

// Mapper is a compiled policy. It is immutable and safe for concurrent use.
type Mapper struct {
	rules []rule
	// index numbers every group that some rule names exactly, so that one pass
	// over a principal's groups prepares all rules.
	index map[string]int
}

// rule is one compiled rule.
type rule struct {
	role      string
	source    string
	groups    *groupCondition
	allGroups *groupCondition
	notGroups *groupCondition
	emails    []emailPattern
	after     time.Time
	until     time.Time
}

// conditional reports whether the rule has a condition, be it a wrong one.
func (r Rule) conditional() bool {
	return r.Groups != nil || r.AllGroups != nil || r.NotGroups != nil || r.Emails != nil ||
		!r.After.IsZero() || !r.Until.IsZero()
}

// groupCondition is a list of groups with its named lists resolved.
type groupCondition struct {
	exact    []exactGroup
	patterns []groupPattern
}

type exactGroup struct {
	id   int
	name string
	list string // the "@name" it came from, or ""
}

type groupPattern struct {
	pattern string
	list    string
}

// Compile checks a policy and prepares it. Its error joins one *RuleError for
// everything that is wrong; then there is no Mapper, since a rule that lost a
// condition would let in more people than were meant.
func Compile(p Policy) (*Mapper, error) {
	c := compiler{lists: p.Lists, m: &Mapper{index: make(map[string]int)}}
	c.checkLists()
	if len(p.Rules) == 0 {
		c.fail(0, "", "no rule, so nobody could enter")
	}
	for i, r := range p.Rules {
		c.number = i + 1
		c.m.rules = append(c.m.rules, c.rule(r))
		if !r.conditional() && c.number < len(p.Rules) {
			c.fail(c.number, "role", "a rule without conditions matches everybody, so no later rule could match; "+
				"give it a condition, or put it last")
		}
	}
	if c.errs == nil {
		c.checkReachable()
	}
	if c.errs != nil {
		return nil, errors.Join(c.errs...)
	}
	return c.m, nil
}

// Roles returns every role that a rule may grant, sorted.
func (m *Mapper) Roles() []string {
	var roles []string
	for i := range m.rules {
		roles = append(roles, m.rules[i].role)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

type compiler struct {
	lists  map[string][]string
	m      *Mapper
	number int // of the rule at hand
	errs   []error
}

func (c *compiler) fail(rule int, key, format string, args ...any) {
	c.errs = append(c.errs, &RuleError{Rule: rule, Key: key, Problem: fmt.Sprintf(format, args...)})
}

func (c *compiler) rule(r Rule) rule {
	if r.Role == "" {
		c.fail(c.number, "role", `missing; say which role the rule grants, such as role = "Viewer"`)
	}
	if !r.After.IsZero() && !r.Until.IsZero() && !r.After.Before(r.Until) {
		c.fail(c.number, "until", "not later than after, so the rule never holds")
	}
	return rule{
		role:      r.Role,
		source:    r.Source,
		groups:    c.groupCondition("groups", r.Groups),
		allGroups: c.groupCondition("all_groups", r.AllGroups),
		notGroups: c.groupCondition("not_groups", r.NotGroups),
		emails:    c.emailCondition("emails", r.Emails),
		after:     r.After,
		until:     r.Until,
	}
}

// groupCondition compiles one list; an absent list is no condition.
func (c *compiler) groupCondition(key string, written []string) *groupCondition {
	if written == nil {
		return nil
	}
	if len(written) == 0 {
		c.fail(c.number, key, "empty list; name groups, or leave the key out")
		return nil
	}
	g := &groupCondition{}
	for _, name := range written {
		if !strings.HasPrefix(name, "@") {
			c.addGroup(g, key, name, "")
			continue
		}
		if _, ok := c.lists[name[1:]]; !ok {
			c.fail(c.number, key, "no group list %q; %s", name, c.knownLists())
		}
		for _, member := range c.resolve(name[1:], make(map[string]bool)) {
			c.addGroup(g, key, member, name)
		}
	}
	return g
}

func (c *compiler) addGroup(g *groupCondition, key, name, list string) {
	switch {
	case name == "" && list != "": // checkLists says it
	case name == "":
		c.fail(c.number, key, "an empty group name")
	case isPattern(name):
		g.patterns = append(g.patterns, groupPattern{name, list})
	default:
		id, ok := c.m.index[name]
		if !ok {
			id = len(c.m.index)
			c.m.index[name] = id
		}
		g.exact = append(g.exact, exactGroup{id, name, list})
	}
}

// resolve returns a named list's groups, those of the lists it uses included.
// It enters each list once, so that lists that use each other in a circle, or
// the same list over and over, cost no more than their length. Unknown members
// and circles are reported once, by checkLists.
func (c *compiler) resolve(name string, seen map[string]bool) []string {
	if seen[name] {
		return nil
	}
	seen[name] = true
	var groups []string
	for _, item := range c.lists[name] {
		if inner, isList := strings.CutPrefix(item, "@"); isList {
			groups = append(groups, c.resolve(inner, seen)...)
			continue
		}
		groups = append(groups, item)
	}
	return groups
}

func (c *compiler) knownLists() string {
	if len(c.lists) == 0 {
		return `define it under [groups], or write the group's own name without "@"`
	}
	names := make([]string, 0, len(c.lists))
	for name := range c.lists {
		names = append(names, `"@`+name+`"`)
	}
	slices.Sort(names)
	return "there are " + strings.Join(names, ", ")
}

func (c *compiler) checkLists() {
	names := make([]string, 0, len(c.lists))
	for name := range c.lists {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if len(c.lists[name]) == 0 {
			c.fail(0, name, "empty list; name its groups, or remove it")
		}
		for _, item := range c.lists[name] {
			inner, isList := strings.CutPrefix(item, "@")
			_, known := c.lists[inner]
			switch {
			case item == "":
				c.fail(0, name, "an empty group name")
			case !isList:
			case !known:
				c.fail(0, name, "no group list %q; %s", item, c.knownLists())
			case c.reaches(inner, name, make(map[string]bool)):
				c.fail(0, name, "contains itself through %q", item)
			}
		}
	}
}

// reaches reports whether list from uses list to, directly or not.
func (c *compiler) reaches(from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(c.lists[from], func(item string) bool {
		inner, isList := strings.CutPrefix(item, "@")
		return isList && c.reaches(inner, to, seen)
	})
}

func (c *compiler) emailCondition(key string, written []string) []emailPattern {
	if written == nil {
		return nil
	}
	if len(written) == 0 {
		c.fail(c.number, key, "empty list; name email addresses, or leave the key out")
		return nil
	}
	patterns := make([]emailPattern, 0, len(written))
	for _, w := range written {
		p, err := parseEmailPattern(w)
		if err != nil {
			c.fail(c.number, key, "%q %v", w, err)
			continue
		}
		patterns = append(patterns, p)
	}
	return patterns
}
