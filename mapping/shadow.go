package mapping

import (
	"cmp"
	"slices"
	"strings"
)

// Shadow is a rule that could be removed: nobody's roles or attributes would
// change, except perhaps the order of roles.
type Shadow struct {
	// Rule is the number of the rule, By that of the other; counted from 1.
	Rule, By int
	// Spelling: the rule still denies people whose names are written otherwise than in
	// the rules, and nobody else.
	Spelling bool
}

// Shadows returns the rules that one other rule makes useless: an earlier one
// that matches everybody whom they match or, under MatchAll, any that does and
// gives all that they do. It errs towards none: what takes several other rules
// together, understanding an expression, or very long, is not found.
func (m *Mapper) Shadows() []Shadow {
	var shadows []Shadow
	s, spelt, left := newShadowing(m, false), newShadowing(m, true), maxComparisons
	for later := range m.rules {
		by := s.by(later, &left)
		spelling := by == 0 && m.rules[later].deny
		if spelling {
			by = spelt.by(later, &left)
		}
		if by > 0 {
			shadows = append(shadows, Shadow{Rule: later + 1, By: by, Spelling: spelling})
		}
	}
	return shadows
}

// by returns the number of a rule that makes rule later useless, 0 if there is none;
// left is how many comparisons may still be made.
func (s *shadowing) by(later int, left *int) int {
	for _, i := range s.candidates(later) {
		if *left--; *left < 0 {
			return 0
		}
		if s.makesUseless(int(i), later) {
			return int(i) + 1
		}
	}
	return 0
}

// maxComparisons bounds Shadows to about a second, for long policies in which
// every rule is a candidate for every other: those that only exclude.
const maxComparisons = 10_000_000

// checkContradictions refuses rules that exclude whomever they ask for.
func (c *compiler) checkContradictions() {
	strict, spelt := newShadowing(c.m, false), newShadowing(c.m, true)
	for i := range c.m.rules {
		c.number = i + 1
		s := strict
		if c.m.rules[i].deny {
			s = spelt // that it denies those written otherwise is no reason to write it so
		}
		if not, asks := s.contradiction(&c.m.rules[i]); not != "" {
			c.fail("excludes everybody whom "+asks+" asks for, so the rule never holds: remove one of the two", not)
		}
	}
}

// shadowing compares rules with each other.
type shadowing struct {
	m *Mapper
	// members are the groups and patterns of each list and, of each denial, the names
	// that are written so where they grant.
	members map[int32][]int32
	// known is what covering has found out.
	known map[int32][]int32
	// spelt: people whose names are written otherwise than in the rules do not count.
	spelt bool
}

func newShadowing(m *Mapper, spelt bool) *shadowing {
	s := &shadowing{m: m, members: make(map[int32][]int32), known: make(map[int32][]int32), spelt: spelt}
	for n := range m.names {
		for _, list := range m.names[n].lists {
			s.members[list] = append(s.members[list], int32(n))
		}
	}
	return s
}

// candidates returns the rules that may make rule later useless, in order: each
// of their conditions must follow from one of later's, so the one that they are
// indexed by must.
func (s *shadowing) candidates(later int) []int32 {
	candidates := slices.Clone(s.m.index.always)
	r := &s.m.rules[later]
	for i := range r.conditions {
		if c := &r.conditions[i]; !c.not {
			// All of c's names must be covered, so the first must.
			for _, n := range s.covering(c.names[0]) {
				candidates = append(candidates, s.m.index.byName(n)...)
			}
		}
	}
	slices.Sort(candidates)
	return slices.Compact(candidates)
}

// covering returns the names that everybody meets who meets n, n among them.
func (s *shadowing) covering(n int32) []int32 {
	names, ok := s.known[n]
	if ok {
		return names
	}
	k, text := s.m.names[n].kind, s.m.names[n].text
	if s.m.isList(n) || s.spelt && s.members[n] != nil {
		names = s.coveringAll(s.members[n])
	} else {
		names = s.wider(k, text)
	}
	emails, domains := s.m.emails, s.m.domains
	if k == emails.denials || k == domains.denials {
		emails, domains = emails.denials, domains.denials
	}
	switch k {
	case emails:
		_, domain, _ := strings.Cut(text, "@")
		names = append(names, s.wider(domains, cmp.Or(domain, "*"))...)
	case domains:
		names = append(names, s.wider(emails, "*@"+text)...)
	}
	s.known[n] = append(names, n)
	return s.known[n]
}

// coveringAll returns the names that everybody meets who meets one of names.
func (s *shadowing) coveringAll(names []int32) []int32 {
	var all []int32
	for i, n := range names {
		if by := s.covering(n); i == 0 {
			all = slices.Clone(by)
		} else {
			all = slices.DeleteFunc(all, func(a int32) bool { return !slices.Contains(by, a) })
		}
	}
	return all
}

// wider returns the names of a kind that cover a name with this text, and the
// lists that have them. A pattern that matches another pattern's text matches
// all that the other does: its "*" stands for what the other's "*" stands for. In a
// lenient form that is certain of ASCII only, as marks behind a letter may change their
// order there.
func (s *shadowing) wider(k *kind, text string) []int32 {
	var names []int32
	if k == nil {
		return names
	}
	for n := range s.m.met(k, text) {
		if s.m.names[n].kind != k && isPattern(text) && !isASCII(text) {
			continue
		}
		names = append(names, n)
		names = append(names, s.m.names[n].lists...)
	}
	return names
}

// makesUseless reports whether rule i makes rule later useless. Of two that do
// so to each other, the later one is.
func (s *shadowing) makesUseless(i, later int) bool {
	r, l := &s.m.rules[i], &s.m.rules[later]
	if s.m.match == MatchFirst {
		return i < later && s.covers(r, l)
	}
	return i != later && s.outdoes(r, l) && (i < later || !s.outdoes(l, r))
}

// outdoes reports whether, under MatchAll, whoever l matches is denied by r or
// gets from it all that l gives.
func (s *shadowing) outdoes(r, l *rule) bool {
	given := !l.deny && len(l.attributes) == 0 &&
		!slices.ContainsFunc(l.grants, func(role string) bool { return !slices.Contains(r.grants, role) })
	return (r.deny || given) && s.covers(r, l)
}

// covers reports whether everybody whom later matches is matched by r: each
// condition of r follows from later's. It errs towards no.
func (s *shadowing) covers(r, later *rule) bool {
	for i := range r.conditions {
		if !s.follows(&r.conditions[i], later) {
			return false
		}
	}
	return (r.after.IsZero() || !later.after.Before(r.after)) &&
		(r.until.IsZero() || !later.until.IsZero() && !later.until.After(r.until)) &&
		(r.when == nil || later.when != nil && r.when.text == later.when.text && (r.deny || !later.deny))
}

// follows reports whether whoever meets the conditions of later meets c.
func (s *shadowing) follows(c *condition, later *rule) bool {
	return slices.ContainsFunc(later.conditions, func(l condition) bool {
		switch {
		case c.not != l.not:
			return false
		case c.not:
			return s.within(c.names, l.names)
		}
		return s.within(l.names, c.names)
	})
}

// within reports whether every one of names is covered by one of wide.
func (s *shadowing) within(names, wide []int32) bool {
	return !slices.ContainsFunc(names, func(n int32) bool {
		return !slices.ContainsFunc(s.covering(n), func(by int32) bool { return slices.Contains(wide, by) })
	})
}

// contradiction returns the keys of two conditions of which the first excludes
// everybody whom the second asks for; empty if there are none.
func (s *shadowing) contradiction(r *rule) (not, asks string) {
	for i := range r.conditions {
		n := &r.conditions[i]
		if !n.not {
			continue
		}
		for j := range r.conditions {
			if c := &r.conditions[j]; !c.not && s.within(c.names, n.names) {
				return n.key, c.key
			}
		}
	}
	return "", ""
}
