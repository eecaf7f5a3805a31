package policydiff

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
)

// How many people are made up: maxMadeUp for all views, shared out evenly within
// these bounds.
const (
	maxMadeUp   = 2_000_000
	leastMadeUp = 5_000
	mostMadeUp  = 200_000
)

// deriver makes up people whom a view's two policies may treat differently: for
// every pair of an old and a new rule of which one changed, people who meet both.
//
//	demands of both ─ recipe ─ facts ─ decide ─┬─ by these two rules: done
//	                    ▲                      └─ by an earlier rule: escape it
//	                    └─────────────────────────────────┘
type deriver struct {
	v        *view
	old, new *demander
	moved    [2][]bool // of the old and the new rules, those that changed
	met      [2][]bool // those that decided about somebody made up
	left     int       // people that may still be made up
	chance   int       // people to make up at random
	cut      bool      // some were not
	seen     map[string]bool
	random   *rand.Rand
}

func newDeriver(v *view, budget int) *deriver {
	swap := v.old.policy.IgnoreCase != v.new.policy.IgnoreCase
	plain := make(map[fact]fact)
	d := &deriver{
		v: v, old: newDemander(&v.old.policy, swap, plain), new: newDemander(&v.new.policy, swap, plain),
		left: budget, chance: mostAtRandom, seen: make(map[string]bool),
		random: rand.New(rand.NewPCG(1, 2)), // the same people every time
	}
	d.moved[0], d.moved[1] = align(&v.old.policy, &v.new.policy)
	d.met[0], d.met[1] = make([]bool, len(v.old.policy.Rules)), make([]bool, len(v.new.policy.Rules))
	d.newsFirst()
	v.found.ruleKey, v.found.plain = d.ruleKey, plain
	return d
}

// ruleKey keeps what rules that both policies have in common do from looking
// like many changes: only the outcome counts of them.
func (d *deriver) ruleKey(o, n mapping.Decision) (string, string) {
	name := func(dec mapping.Decision, moved []bool) string {
		if dec.Rule == 0 {
			return outcomeKey(dec) + dec.RuleName()
		}
		var b strings.Builder
		b.WriteString(outcomeKey(dec))
		for _, number := range append([]int{dec.Rule}, dec.Also...) {
			if moved[number-1] {
				fmt.Fprintf(&b, "+%d", number)
			}
		}
		return b.String()
	}
	return name(o, d.moved[0]), name(n, d.moved[1])
}

func (d *deriver) run() {
	d.try(nil, d.v.at)
	// Each rule that changed, by every way to meet it.
	for o, moved := range d.moved[0] {
		if moved {
			d.alone(o, -1)
		}
	}
	for n, moved := range d.moved[1] {
		if moved {
			d.alone(-1, n)
		}
	}
	pairs := d.pairs()
	share := 0
	if len(pairs) > 0 {
		share = max(d.left*3/4/len(pairs), 1)
	}
	for _, p := range pairs {
		d.meet(p[0], p[1], share)
	}
	d.atRandom()
	if d.cut {
		d.v.notes = append(d.v.notes, Note{Text: "too many rules to try every way to meet two of them; --principals is exact"})
	}
	d.noteUnmet()
}

// mostPairs bounds the pairs of rules that are looked at.
const mostPairs = mostMadeUp

// pairs are the pairs of an old and a new rule of which one changed, those first
// that stand in about the same place. -1 is no rule.
func (d *deriver) pairs() [][2]int {
	var pairs [][2]int
	add := func(o, n int) bool {
		if len(pairs) >= mostPairs {
			d.cut = true
			return false
		}
		pairs = append(pairs, [2]int{o, n})
		return true
	}
	if d.v.old.policy.DefaultRole != d.v.new.policy.DefaultRole || d.v.old.policy.Match != d.v.new.policy.Match {
		add(-1, -1)
	}
	var newMoved []int
	for n, moved := range d.moved[1] {
		if moved {
			newMoved = append(newMoved, n)
		}
	}
	for o, moved := range d.moved[0] {
		for _, n := range newMoved {
			if !moved && !add(o, n) {
				return pairs
			}
		}
		for n := range d.moved[1] {
			if moved && !add(o, n) {
				return pairs
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b [2]int) int { return cmp.Compare(apart(a), apart(b)) })
	return pairs
}

func apart(pair [2]int) int { return max(pair[0]-pair[1], pair[1]-pair[0]) }

// alone tries people who meet one rule, whatever else decides: by each way there
// is, and those whom a single condition keeps from it.
func (d *deriver) alone(o, n int) {
	s := d.meet(o, n, max(d.left/2, 1))
	if s == nil {
		return
	}
	facts, ok := s.assemble(&recipe{choice: slices.Repeat([]int{-1}, len(s.demand.needs)), email: -1, about: -1})
	if !ok {
		return
	}
	for i := range facts {
		d.try(slices.Delete(slices.Clone(facts), i, i+1), s.at)
	}
	for _, not := range s.demand.notGroups {
		for _, name := range not.all() {
			d.try(with(facts, d.new.facts(inGroup, "", name)[0]), s.at)
		}
	}
	for _, not := range s.demand.notEmails {
		for _, name := range not.all() {
			for _, email := range s.emailsLike(name) {
				d.try(with(facts, email), s.at)
			}
		}
	}
}

// try decides about somebody, at one time for the caller and at all times for
// the result.
func (d *deriver) try(facts []fact, at time.Time) (o, n mapping.Decision) {
	if d.left--; d.left < 0 {
		d.cut = true
		return o, n
	}
	p := personOf(facts)
	o, n = d.v.old.decide(p.principal, at), d.v.new.decide(p.principal, at)
	d.meetings(0, o)
	d.meetings(1, n)
	if k := key(facts); !d.seen[k] {
		d.seen[k] = true
		d.v.found.addMadeUp(p, d.v)
	}
	return o, n
}

// atRandom tries people with a few names of any rules, for what takes more than
// two rules to show.
func (d *deriver) atRandom() {
	all, moved := d.someNames(false), d.someNames(true)
	for range min(d.chance, d.left) {
		var facts []fact
		for i, most := range []int{4, 1, 2} {
			for range d.random.IntN(most + 1) {
				from := all[i]
				if d.random.IntN(2) == 0 {
					from = moved[i]
				}
				if len(from) > 0 {
					facts = with(facts, from[d.random.IntN(len(from))])
				}
			}
		}
		d.try(facts, d.v.at)
	}
}

// someNames returns groups, emails, and other facts that rules ask for; moved:
// only rules that changed.
func (d *deriver) someNames(moved bool) (facts [3][]fact) {
	facts[2] = append(facts[2], nobodyElse)
	for side, w := range []*demander{d.old, d.new} {
		for i := range d.moved[side] {
			if moved && !d.moved[side][i] {
				continue
			}
			demand := w.of(i)
			for _, need := range demand.needs {
				kind := 0
				if need.kind != inGroup {
					kind = 2
				}
				facts[kind] = append(facts[kind], first(need.options, mostNamed)...)
			}
			for _, not := range demand.notGroups {
				for _, name := range first(not.all(), mostNamed) {
					facts[0] = append(facts[0], w.facts(inGroup, "", name)...)
				}
			}
			for _, n := range append([]*names{demand.emails}, demand.notEmails...) {
				if n != nil {
					facts[1] = append(facts[1], w.emailsOf(n, mostNamed)...)
				}
			}
			if demand.subjects != nil {
				facts[2] = append(facts[2], w.subjectsOf(demand.subjects, mostNamed)...)
			}
			facts[2] = append(facts[2], demand.guesses...)
		}
	}
	return facts
}

// mostAtRandom is how many people are made up at random, mostNamed of how many
// names of one condition.
const (
	mostAtRandom = 2000
	mostNamed    = 50
)

// noteUnmet says for which rules people are guesses, and which nobody met who was
// made up: a condition can be written so that it keeps out whoever is likely to be.
func (d *deriver) noteUnmet() {
	d.v.noteRules(d.moved[0], d.moved[1], func(_, _ int, r *mapping.Rule) string {
		if r.When == "" {
			return ""
		}
		return "has an expression, so people for it are guesses; --principals is exact"
	})
	d.v.noteRules(d.moved[0], d.moved[1], func(side, i int, r *mapping.Rule) string {
		_, ended := r.Exists(d.v.at)
		if r.When != "" || ended || d.met[side][i] {
			return ""
		}
		return "decides about nobody made up, so what it does is not shown; --principals is exact"
	})
}

// meetings notes which rules decided.
func (d *deriver) meetings(side int, dec mapping.Decision) {
	if dec.Rule > 0 {
		d.met[side][dec.Rule-1] = true
	}
	for _, n := range dec.Also {
		d.met[side][n-1] = true
	}
}

// newsFirst sorts what rules that changed ask for: first what only one of the
// policies names. Of a long list, most may be left out, but not what was added.
func (d *deriver) newsFirst() {
	named := make(map[fact]int) // bits: 1 by the old policy, 2 by the new one
	each := func(f func(side int, demand *demand)) {
		for side, w := range []*demander{d.old, d.new} {
			for i, moved := range d.moved[side] {
				if moved {
					f(side, w.of(i))
				}
			}
		}
	}
	each(func(side int, demand *demand) {
		for _, need := range demand.needs {
			for _, f := range need.options {
				named[f] |= 1 << side
			}
		}
		if demand.emails != nil {
			for _, text := range demand.emails.exact {
				named[fact{kind: isEmail, text: text}] |= 1 << side
			}
		}
	})
	each(func(_ int, demand *demand) {
		for _, need := range demand.needs {
			slices.SortStableFunc(need.options, func(f, g fact) int { return cmp.Compare(named[f]/3, named[g]/3) })
		}
		if demand.emails != nil {
			slices.SortStableFunc(demand.emails.exact, func(a, b string) int {
				return cmp.Compare(named[fact{kind: isEmail, text: a}]/3, named[fact{kind: isEmail, text: b}]/3)
			})
		}
	})
}

// when returns a time at which both rules exist.
func (d *deriver) when(o, n int) (time.Time, bool) {
	at := d.v.at
	var rules []*mapping.Rule
	if o >= 0 {
		rules = append(rules, &d.v.old.policy.Rules[o])
	}
	if n >= 0 {
		rules = append(rules, &d.v.new.policy.Rules[n])
	}
	for _, r := range rules {
		if r.After.After(at) {
			at = r.After
		}
	}
	for _, r := range rules {
		if !r.Until.IsZero() && !at.Before(r.Until) {
			return at, false
		}
	}
	return at, true
}
