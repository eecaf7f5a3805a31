package policydiff

import (
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
)

// anyEmail is one that a rule asks for only if it asks for any.
const anyEmail = "anybody@anywhere.example"

// introduce gives somebody made up who shows a change an email, as nearly
// everybody has one, and finds words for who it is. If the change needs nothing
// of them, it is one of many.
func (c *collector) introduce(p *Person, ch change, v *view) (*Person, change) {
	if p.Email != "" {
		return p, ch
	}
	other := personOf(p.facts)
	other.Email = anyEmail
	other.prepare()
	like, ok := c.changeOf(other, c.keyOf(ch), v)
	if !ok {
		p.whom = "somebody without an email"
		return p, ch
	}
	if len(p.facts) == 0 {
		other.whom = v.many(like)
	}
	return other, like
}

// changeOf returns the person's change of one kind.
func (c *collector) changeOf(p *Person, wanted groupKey, v *view) (change, bool) {
	changes := v.changes(p.principal)
	i := slices.IndexFunc(changes, func(like change) bool { return c.keyOf(like) == wanted })
	if i < 0 {
		return change{}, false
	}
	return changes[i], true
}

// many names those who share a change with somebody of whom nothing is true.
func (v *view) many(ch change) string {
	const example = ", e.g. " + anyEmail
	switch most := max(v.old.reach(ch.old, &ch), v.new.reach(ch.new, &ch)); {
	case most == reachesAll:
		return "everybody"
	case most == reachesSome:
		return "everybody of whom both are true" + example
	case ch.old.Rule == 0 && ch.new.Rule == 0:
		return "everybody whom no rule decides about" + example
	}
	return "everybody whom no other rule decides about" + example
}

// reach says whom a decision about somebody of whom nothing is true is made about.
type reach int

const (
	reachesAll  reach = iota
	reachesRest       // those whom no other rule decides about
	reachesSome       // as the rest, but for conditions such as not_groups
)

func (s *side) reach(d mapping.Decision, ch *change) reach {
	if s.mapper == nil || len(s.policy.Rules) == 0 {
		return reachesAll
	}
	if d.Rule == 0 {
		return reachesRest
	}
	for _, number := range append([]int{d.Rule}, d.Also...) {
		if !unconditional(&s.policy.Rules[number-1]) {
			return reachesSome
		}
	}
	first := &s.policy.Rules[0]
	lasts := first.Until.IsZero() || !ch.until.IsZero() && !first.Until.Before(ch.until)
	alone := s.policy.Match != mapping.MatchAll || len(s.policy.Rules) == 1
	if d.Rule == 1 && lasts && alone && !s.mayLastLonger(d, ch) {
		return reachesAll
	}
	return reachesRest
}

// mayLastLonger reports whether a change that begins or ends at some time may begin earlier
// or end later for some people: those to whom another rule grants the same before or after
// that time.
func (s *side) mayLastLonger(d mapping.Decision, ch *change) bool {
	if ch.from.IsZero() && ch.until.IsZero() {
		return false
	}
	return slices.ContainsFunc(s.policy.Rules[1:], func(r mapping.Rule) bool {
		return !unconditional(&r) && r.Deny == !d.Allowed() && slices.Equal(r.Grants(), d.Roles)
	})
}

// unconditional reports whether a rule matches everybody, while it lasts.
func unconditional(r *mapping.Rule) bool {
	always := *r
	always.After, always.Until = time.Time{}, time.Time{}
	return !always.Conditional()
}
