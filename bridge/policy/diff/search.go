package policydiff

import (
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
)

// recipe is one way to make up somebody who meets a demand.
type recipe struct {
	choice []int // the option of each need; -1: any
	email  int   // among the demand's, likewise
	about  int
	extra  []fact
	depth  int // how many rules have been escaped
}

// search looks for people who are decided about by one pair of rules.
type search struct {
	d        *deriver
	o, n     int
	at       time.Time
	demand   *demand
	emails   []fact // ways to have the email and the subject
	subjects []fact
	queue    []recipe
	most     int
}

// meet tries people who meet an old and a new rule.
func (d *deriver) meet(o, n, most int) *search {
	if d.left--; d.left < 0 {
		d.cut = true
		return nil
	}
	at, ok := d.when(o, n)
	if !ok {
		return nil
	}
	demand, ok := together(d.old.of(o), d.new.of(n))
	if !ok {
		return nil
	}
	s := &search{d: d, o: o, n: n, at: at, demand: demand, most: most}
	if demand.emails != nil {
		if s.emails = d.new.emailsOf(demand.emails, most); s.emails == nil {
			return nil
		}
	}
	if demand.subjects != nil {
		s.subjects = d.new.subjectsOf(demand.subjects, most)
	}
	first := recipe{choice: slices.Repeat([]int{-1}, len(demand.needs)), email: -1, about: -1}
	s.visit(&first)
	s.alternatives(first)
	for tried := 0; len(s.queue) > 0; tried++ {
		if tried >= most || d.left <= 0 {
			d.cut = true
			break
		}
		r := s.queue[0]
		s.queue = s.queue[1:]
		s.visit(&r)
	}
	return s
}

// alternatives queues every other way to meet each condition, one at a time.
func (s *search) alternatives(from recipe) {
	for i, need := range s.demand.needs {
		for j := range first(need.options, s.most) {
			s.push(from.choosing(i, j))
		}
	}
	for j := range s.emails {
		r := from
		r.email = j
		s.push(r)
	}
	for j := range s.subjects {
		r := from
		r.about = j
		s.push(r)
	}
	for i, f := range s.demand.guesses {
		s.push(from.with(f))
		for _, g := range s.demand.guesses[i+1:] {
			s.push(from.with(f).with(g))
		}
	}
}

func (r recipe) choosing(need, option int) recipe {
	r.choice = slices.Clone(r.choice)
	r.choice[need] = option
	return r
}

func (r recipe) with(f fact) recipe {
	r.extra = append(slices.Clip(r.extra), f)
	return r
}

func (s *search) push(r recipe) {
	if len(s.queue) <= s.most {
		s.queue = append(s.queue, r)
	}
}

// visit makes up the person and, if another rule decides about them, queues ways
// to escape it.
func (s *search) visit(r *recipe) {
	facts, ok := s.assemble(r)
	if !ok {
		return
	}
	o, n := s.d.try(facts, s.at)
	if r.depth >= mostEscapes {
		return
	}
	if b := blocker(o, s.o, s.d.v.old.policy.Match); b >= 0 {
		s.escape(r, s.d.old.of(b))
	}
	if b := blocker(n, s.n, s.d.v.new.policy.Match); b >= 0 {
		s.escape(r, s.d.new.of(b))
	}
}

// assemble makes the facts of a recipe. ok is false if they contradict it.
func (s *search) assemble(r *recipe) (facts []fact, ok bool) {
	add := func(f fact) bool {
		if s.demand.excludes(f) {
			return false
		}
		facts = with(facts, f)
		return true
	}
	ways := func(chosen int, options []fact) bool {
		if chosen >= 0 {
			return add(options[chosen])
		}
		return options == nil || slices.ContainsFunc(options, add)
	}
	if !ways(r.email, s.emails) || !ways(r.about, s.subjects) {
		return nil, false
	}
	for _, f := range r.extra {
		if !add(f) {
			return nil, false
		}
	}
	for i, need := range s.demand.needs {
		if j := r.choice[i]; j >= 0 && !add(need.options[j]) {
			return nil, false
		}
	}
	for i, need := range s.demand.needs {
		if r.choice[i] < 0 && !need.meets(facts) && !slices.ContainsFunc(need.options, add) {
			return nil, false
		}
	}
	return facts, true
}

// blocker returns the rule that decided instead of the wanted one; -1: none, or
// none that could be escaped.
func blocker(d mapping.Decision, wanted int, match mapping.Match) int {
	decided := d.Rule - 1
	switch {
	case decided < 0 || decided == wanted:
		return -1
	case match == mapping.MatchAll && wanted >= 0 && d.Allowed():
		return -1 // they add up
	case match != mapping.MatchAll && wanted >= 0 && decided > wanted:
		return -1
	}
	return decided
}

// Escaping a rule may run into another: as often as mostEscapes, and of each
// condition in mostWays ways.
const (
	mostEscapes = 3
	mostWays    = 6
)

// escape queues people who still meet the demand, but not the rule b.
func (s *search) escape(r *recipe, b *demand) {
	next := *r
	next.depth++
	for _, not := range b.notGroups {
		for _, name := range first(not.all(), mostWays) {
			s.push(next.with(s.d.new.facts(inGroup, "", name)[0]))
		}
	}
	for _, not := range b.notEmails {
		for _, name := range first(not.all(), mostWays) {
			for _, email := range s.emailsLike(name) {
				other := next.with(email)
				other.email = -1
				s.push(other)
			}
		}
	}
	if b.subjects != nil {
		s.push(next.with(nobodyElse))
	}
	for i, need := range s.demand.needs {
		for j := range first(need.options, mostWays) {
			if j != r.choice[i] {
				s.push(next.choosing(i, j))
			}
		}
	}
	for j := range first(s.emails, mostWays) {
		if j != r.email {
			other := next
			other.email = j
			s.push(other)
		}
	}
}

// nobodyElse is about a subject that no rule is likely to ask for, as one may for
// that of people made up.
var nobodyElse = fact{kind: isSubject, text: "q7"}

// emailsLike are emails that match a pattern and meet the demand.
func (s *search) emailsLike(pattern string) []fact {
	like := newNames([]string{pattern})
	met, ok := both(s.demand.emails, like, globEmail, intersectEmails)
	if !ok {
		return nil
	}
	return first(s.d.new.emailsOf(met, mostWays), mostWays)
}

func first[T any](list []T, most int) []T { return list[:min(len(list), most)] }
