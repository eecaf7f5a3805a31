package policydiff

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
)

// Group is one kind of change: what it means, when, and by which rules.
type Group struct {
	Kind Kind
	// From and Until bound it; zero: from now on, for ever.
	From, Until time.Time
	// Entries are the people that are listed; More is how many others there are.
	Entries []Entry
	More    int
}

// Entry is one person's change. Old and New are those of the whole group, unless
// people were made up: then rules that both files have may differ.
type Entry struct {
	Person   *Person
	Old, New *Outcome
}

// Outcome is a decision in words.
type Outcome struct {
	Allowed    bool
	Roles      []string
	Attributes map[string]string
	// Rule is the deciding rule's name, as in [mapping.Decision.RuleName].
	Rule string
	// Sources are the places of the rules, that of the first one first.
	Sources []string
	// Deny: a rule denies.
	Deny bool
	// Missing says what this configuration lacks, the app or the issuer, if it
	// has nothing to decide.
	Missing string
}

func (v *view) outcome(s *side, d mapping.Decision) *Outcome {
	o := &Outcome{
		Allowed: d.Allowed(), Roles: d.Roles, Attributes: d.Attributes, Rule: d.RuleName(),
		Deny: d.Rule > 0 && !d.Allowed(),
	}
	switch {
	case s.mapper != nil:
	case v.status == Added || v.status == Removed:
		o.Missing = "no such app"
	default:
		o.Missing = "issuer not accepted"
	}
	if d.Rule > 0 {
		o.Sources = []string{d.Source}
	}
	for _, n := range d.Also {
		o.Sources = append(o.Sources, s.policy.Rules[n-1].Source)
	}
	return o
}

// mostKinds bounds the groups of an app: their number is people's to choose,
// through the rules that each of them meets.
const mostKinds = 2000

// collector groups a view's changes.
type collector struct {
	listed   int // people to keep in a group
	counts   Counts
	digest   [sha256.Size]byte // of who changes, and how
	groups   map[groupKey]*gathering
	order    []*gathering
	unlisted int
	// ruleKey names the rules of a decision for telling groups apart.
	ruleKey func(o, n mapping.Decision) (string, string)
	plain   map[fact]fact // facts of people made up that read better
}

type groupKey struct {
	kind        Kind
	from, until [2]int64 // seconds and nanoseconds; zero: the time is
	old, new    string
}

// gathering is a group in the making.
type gathering struct {
	Group
	nth     int // of the view's
	changes []change
	people  []*Person
	// byFact finds, among people made up, the ones that others only add to.
	byFact map[fact][][]fact
}

func newCollector(listed int) *collector {
	return &collector{
		listed: listed, groups: make(map[groupKey]*gathering),
		ruleKey: func(o, n mapping.Decision) (string, string) { return o.RuleName(), n.RuleName() },
	}
}

// add counts a person and notes the changes.
func (c *collector) add(p *Person, changes []change) {
	c.counts.add(overall(changes))
	c.sum(changes)
	missed := false
	for _, ch := range changes {
		g := c.group(ch)
		switch {
		case g == nil:
			missed = true
		case c.listed > 0 && len(g.people) >= c.listed:
			g.More++
		default:
			g.people, g.changes = append(g.people, p), append(g.changes, ch)
		}
	}
	if missed {
		c.unlisted++
	}
}

// sum adds the next person's changes to what tells collectors apart.
func (c *collector) sum(changes []change) {
	if len(changes) == 0 {
		return
	}
	text := append(c.digest[:], fmt.Sprint(c.counts.People)...)
	for _, ch := range changes {
		k := c.keyOf(ch)
		text = fmt.Appendf(text, " %s %v %v %q %q", k.kind, k.from, k.until, k.old+outcomeKey(ch.old), k.new+outcomeKey(ch.new))
	}
	c.digest = sha256.Sum256(text)
}

func (c *collector) keyOf(ch change) groupKey {
	o, n := c.ruleKey(ch.old, ch.new)
	k := groupKey{kind: ch.kind, old: o, new: n}
	if !ch.from.IsZero() {
		k.from = [2]int64{ch.from.Unix(), int64(ch.from.Nanosecond())}
	}
	if !ch.until.IsZero() {
		k.until = [2]int64{ch.until.Unix(), int64(ch.until.Nanosecond())}
	}
	return k
}

// group returns the group of a change; nil: there are too many.
func (c *collector) group(ch change) *gathering {
	k := c.keyOf(ch)
	g := c.groups[k]
	if g == nil && len(c.order) < mostKinds {
		g = &gathering{
			Group: Group{Kind: ch.kind, From: ch.from, Until: ch.until}, nth: len(c.order), byFact: make(map[fact][][]fact),
		}
		c.groups[k] = g
		c.order = append(c.order, g)
	}
	return g
}

// sorted returns the groups: gains first, then loses, then changes; among them
// those that somebody simple shows, or else many people, and each outcome once
// before another rule with the same.
func (c *collector) sorted(v *view) (groups []*Group, unlisted int) {
	rank := map[Kind]int{Gains: 0, Loses: 1, Changes: 2}
	for _, g := range c.order {
		g.simplestFirst()
	}
	slices.SortStableFunc(c.order, func(a, b *gathering) int {
		return cmp.Or(
			cmp.Compare(rank[a.Kind], rank[b.Kind]),
			cmp.Compare(len(a.people[0].facts), len(b.people[0].facts)),
			-cmp.Compare(len(a.people)+a.More, len(b.people)+b.More),
			cmp.Compare(a.nth, b.nth),
		)
	})
	repeats := make(map[string]int)
	for _, g := range c.order {
		ch := &g.changes[0]
		k := outcomeKey(ch.old) + outcomeKey(ch.new) + fmt.Sprint(g.From, g.Until)
		g.nth = repeats[k]
		repeats[k]++
	}
	slices.SortStableFunc(c.order, func(a, b *gathering) int {
		return cmp.Or(cmp.Compare(rank[a.Kind], rank[b.Kind]), cmp.Compare(a.nth, b.nth))
	})
	for _, g := range c.order {
		g.entries(v)
		groups = append(groups, &g.Group)
	}
	return groups, c.unlisted
}

// simplestFirst sorts people who were made up.
func (g *gathering) simplestFirst() {
	at := make([]int, len(g.people))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(i, j int) int { return cmp.Compare(len(g.people[i].facts), len(g.people[j].facts)) })
	people, changes := g.people, g.changes
	g.people, g.changes = nil, nil
	for _, i := range at {
		g.people, g.changes = append(g.people, people[i]), append(g.changes, changes[i])
	}
}

// entries writes out the group's people. Those who come to it by the same rules
// share what is said of the rules.
func (g *gathering) entries(v *view) {
	for i, p := range g.people {
		ch := &g.changes[i]
		e := Entry{Person: p}
		if i > 0 && sameRule(ch.old, g.changes[i-1].old) && sameRule(ch.new, g.changes[i-1].new) {
			e.Old, e.New = g.Entries[i-1].Old, g.Entries[i-1].New
		} else {
			e.Old, e.New = v.outcome(&v.old, ch.old), v.outcome(&v.new, ch.new)
		}
		g.Entries = append(g.Entries, e)
	}
}

func sameRule(a, b mapping.Decision) bool {
	return a.Rule == b.Rule && slices.Equal(a.Also, b.Also) && len(a.Roles) == len(b.Roles)
}

// outcomeKey is the same for decisions of the same outcome.
func outcomeKey(d mapping.Decision) string {
	var b strings.Builder
	for _, role := range slices.Sorted(slices.Values(d.Roles)) {
		fmt.Fprintf(&b, "%q ", role)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Attributes)) {
		fmt.Fprintf(&b, "%q=%q ", name, d.Attributes[name])
	}
	return b.String() + ";"
}

// addMadeUp is add for somebody made up: the view decides, and of the people who
// show one kind of change only those count who are like no other but for more.
func (c *collector) addMadeUp(p *Person, v *view) {
	changes := v.changes(p.principal)
	c.counts.add(overall(changes))
	for _, ch := range changes {
		g := c.group(ch)
		if g == nil {
			c.unlisted++
			continue
		}
		if g.covers(p.facts) {
			continue
		}
		small, smallest := c.shrink(p, ch, v)
		if g.covers(small.facts) {
			continue
		}
		small, smallest = c.introduce(small, smallest, v)
		if g.keep(small.facts); c.listed > 0 && len(g.people) >= c.listed {
			g.More++
			continue
		}
		g.people, g.changes = append(g.people, small), append(g.changes, smallest)
	}
}

// covers reports whether somebody kept is like that, but for less.
func (g *gathering) covers(facts []fact) bool {
	if len(g.byFact[fact{}]) > 0 {
		return true
	}
	return slices.ContainsFunc(facts, func(f fact) bool {
		return slices.ContainsFunc(g.byFact[f], func(p []fact) bool { return subset(p, facts) })
	})
}

func (g *gathering) keep(facts []fact) {
	last := fact{} // of nobody in particular
	if len(facts) > 0 {
		last = facts[len(facts)-1]
	}
	g.byFact[last] = append(g.byFact[last], facts)
}

// shrink leaves out the facts that a change of somebody does not need, and puts
// plainer ones for others.
func (c *collector) shrink(p *Person, ch change, v *view) (*Person, change) {
	wanted := c.keyOf(ch)
	try := func(facts []fact) bool {
		other := personOf(facts)
		like, ok := c.changeOf(other, wanted, v)
		if ok {
			p, ch = other, like
		}
		return ok
	}
	without := func(f fact) []fact {
		return slices.DeleteFunc(slices.Clone(p.facts), func(g fact) bool { return f == g })
	}
	for _, f := range p.facts {
		if try(without(f)) {
			continue
		}
		if plain, ok := c.plain[f]; ok {
			try(with(without(f), plain))
		}
	}
	return p, ch
}
