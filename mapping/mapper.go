package mapping

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// Mapper is a compiled policy. It is immutable, shares nothing with the Policy
// that it was made of, and is safe for concurrent use.
type Mapper struct {
	match       Match
	defaultRole string
	rules       []rule
	index       ruleIndex

	names                             []name
	groups, emails, domains, subjects *kind
	claims                            []*kind // sorted by claim
	reading                           Reading

	people sync.Pool // of *person
}

// rule is one compiled rule.
type rule struct {
	source string
	// grants has no room behind its end: it is handed out, and somebody who
	// appends to it must not write where others do.
	grants     []string
	attributes map[string]string
	deny       bool
	conditions []condition
	after      time.Time
	until      time.Time
	when       *expression
}

// condition asks whether somebody meets one of the names, or none of them.
type condition struct {
	key   string // in TOML
	names []int32
	not   bool
}

func newMapper(p Policy) *Mapper {
	fold, foldEmail := same, lowerDomain
	if p.IgnoreCase {
		fold, foldEmail = LowerASCII, LowerASCII
	}
	m := &Mapper{
		match:       cmp.Or(p.Match, MatchFirst),
		defaultRole: p.DefaultRole,
		groups:      newKind(fold, Lenient, matchPattern),
		emails:      newKind(foldEmail, lenientEmail, matchEmail),
		domains:     newKind(LowerASCII, lenientDomain, matchPattern),
		subjects:    newKind(same, nil, matchPattern),
		reading:     p.Reading(),
	}
	m.emails.unlike, m.domains.unlike = true, true
	m.people.New = func() any {
		return &person{
			has: make([]uint64, (len(m.names)+63)/64), asked: make([]uint64, (len(m.rules)+63)/64),
			answers: make(map[*expression]answer),
		}
	}
	return m
}

// Reading is how the mapper reads claims.
func (m *Mapper) Reading() Reading { return m.reading }

// Map decides about p at a time.
func (m *Mapper) Map(p *verifier.Principal, at time.Time) Decision {
	x := m.meet(p, at)
	defer m.people.Put(x)
	defer x.forget()
	if m.match == MatchAll {
		return m.all(x)
	}
	return m.first(x)
}

// first finds the first rule that matches. It tries the rules that the person's
// names point to in any order, but none behind the best so far; those with an
// expression last, and in order, so that only what must be is evaluated.
func (m *Mapper) first(x *person) Decision {
	best := int32(len(m.rules)) //nolint:gosec // bounded by the size of a file
	try := func(numbers []int32) {
		for _, i := range numbers {
			if i >= best {
				return
			}
			switch {
			case !x.untried(i):
			case m.rules[i].when != nil:
				x.later = append(x.later, i)
			case m.rules[i].failing(x) == "":
				best = i
			}
		}
	}
	try(m.index.always)
	for _, n := range x.names {
		try(m.index.byName(n))
	}
	slices.Sort(x.later)
	for _, i := range x.later {
		if i >= best {
			break
		}
		if m.rules[i].failing(x) == "" {
			best = i
		}
	}
	if x.exhausted {
		return Decision{Exhausted: true}
	}
	if int(best) == len(m.rules) {
		return m.otherwise()
	}
	return m.decision(int(best))
}

// Matching returns the numbers of the rules that match p at a time, counted from 1, in
// order, whichever of them decide.
func (m *Mapper) Matching(p *verifier.Principal, at time.Time) []int {
	x := m.meet(p, at)
	defer m.people.Put(x)
	defer x.forget()
	m.matching(x)
	numbers := make([]int, len(x.matched))
	for n, i := range x.matched {
		numbers[n] = int(i) + 1
	}
	return numbers
}

// all adds up every rule that matches.
func (m *Mapper) all(x *person) Decision {
	m.matching(x)
	if x.exhausted {
		return Decision{Exhausted: true}
	}
	return m.sum(x.matched)
}

// matching finds every rule that matches.
func (m *Mapper) matching(x *person) {
	try := func(numbers []int32) {
		for _, i := range numbers {
			if x.untried(i) && m.rules[i].failing(x) == "" {
				x.matched = append(x.matched, i)
			}
		}
	}
	try(m.index.always)
	for _, n := range x.names {
		try(m.index.byName(n))
	}
	slices.Sort(x.matched)
}

// sum adds up the rules of these numbers, which are in order.
func (m *Mapper) sum(matched []int32) Decision {
	for _, i := range matched {
		if m.rules[i].deny {
			return m.decision(int(i))
		}
	}
	d := Decision{}
	for _, i := range matched {
		if r := &m.rules[i]; d.Rule == 0 && len(r.grants) > 0 {
			d = m.decision(int(i))
		}
	}
	if d.Rule == 0 {
		d = m.otherwise()
	}
	if !d.Allowed() {
		return Decision{} // attributes without a role are of no use to anybody
	}
	for _, i := range matched {
		if int(i)+1 != d.Rule {
			d.Also = append(d.Also, int(i)+1)
			d.Roles = union(d.Roles, m.rules[i].grants)
		}
	}
	if len(d.Also) > 0 {
		d.Attributes = m.attributes(matched)
	}
	return d
}

// union returns the items of both lists. It writes into neither: a rule's grants
// have no room for more.
func union(list, more []string) []string {
	for _, item := range more {
		if !slices.Contains(list, item) {
			list = append(list, item)
		}
	}
	return list
}

// attributes adds up those of rules; the earliest rule wins.
func (m *Mapper) attributes(matched []int32) map[string]string {
	var sum map[string]string
	for _, i := range slices.Backward(matched) {
		if more := m.rules[i].attributes; sum == nil && len(more) > 0 {
			sum = maps.Clone(more)
		} else {
			maps.Copy(sum, more)
		}
	}
	return sum
}

// otherwise is the decision where no rule has one.
func (m *Mapper) otherwise() Decision {
	if m.defaultRole == "" {
		return Decision{}
	}
	return Decision{Roles: []string{m.defaultRole}}
}

// decision is that of one rule. Its map is a new one: nothing that is done to a
// decision may reach the next.
func (m *Mapper) decision(i int) Decision {
	r := &m.rules[i]
	return Decision{Roles: r.grants, Attributes: maps.Clone(r.attributes), Rule: i + 1, Source: r.source}
}

// failing returns the key of the first condition that does not hold, or "".
func (r *rule) failing(x *person) string {
	switch {
	case !r.after.IsZero() && x.at.Before(r.after):
		return "after"
	case !r.until.IsZero() && !x.at.Before(r.until):
		return "until"
	}
	for i := range r.conditions {
		if c := &r.conditions[i]; c.failing(x) {
			return c.key
		}
	}
	if r.when != nil {
		if a := r.when.ask(x); !a.holds && (a.err == nil || !r.deny) {
			return "when"
		}
	}
	return ""
}

func (c *condition) failing(x *person) bool { return slices.ContainsFunc(c.names, x.meets) == c.not }

// Roles returns every role that the policy may grant, sorted.
func (m *Mapper) Roles() []string {
	roles := m.rolesOfRules()
	if m.defaultRole != "" {
		roles = append(roles, m.defaultRole)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// SeveralRoles reports whether somebody may get more than one role.
func (m *Mapper) SeveralRoles() bool {
	if m.match == MatchAll {
		roles := m.rolesOfRules()
		slices.Sort(roles)
		return len(slices.Compact(roles)) > 1
	}
	return slices.ContainsFunc(m.rules, func(r rule) bool { return len(r.grants) > 1 })
}

func (m *Mapper) rolesOfRules() []string {
	var roles []string
	for i := range m.rules {
		roles = append(roles, m.rules[i].grants...)
	}
	return roles
}

// Attributes returns the names of the attributes that rules add, sorted.
func (m *Mapper) Attributes() []string {
	var names []string
	for i := range m.rules {
		names = slices.AppendSeq(names, maps.Keys(m.rules[i].attributes))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// MayChange reports whether decisions about somebody may differ at two times.
func (m *Mapper) MayChange(from, to time.Time) bool {
	if to.Before(from) || m.AsksForTime() {
		return true
	}
	between := func(t time.Time) bool { return !t.IsZero() && t.After(from) && !t.After(to) }
	return slices.ContainsFunc(m.rules, func(r rule) bool { return between(r.after) || between(r.until) })
}

// AsksForTime reports whether the expression of some rule asks for now, so that
// decisions may change at times that no rule's After or Until says.
func (m *Mapper) AsksForTime() bool {
	return slices.ContainsFunc(m.rules, func(r rule) bool { return r.when != nil && r.when.timed })
}
