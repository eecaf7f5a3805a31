package policydiff

import (
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// Kind is what a change means to the person.
type Kind string

// The kinds.
const (
	// Gains: was denied and no longer is, or keeps every role and gets more.
	Gains Kind = "gains"
	// Loses is the opposite.
	Loses Kind = "loses"
	// Changes: gets other roles or attributes. Which are more, nobody can tell.
	Changes Kind = "changes"
)

// change is how two configurations differ about one person for some time.
type change struct {
	kind        Kind
	from, until time.Time // zero: from now on, for ever
	old, new    mapping.Decision
}

// changes compares the decisions about a person now and later.
func (v *view) changes(p *verifier.Principal) []change {
	before, after := v.old.as(p), v.new.as(p)
	var (
		list    []change
		running bool // the last of list goes on
	)
	for i, at := range v.moments(before, after) {
		o, n := v.old.decide(before, at), v.new.decide(after, at)
		same := sameOutcome(o, n)
		if running {
			last := &list[len(list)-1]
			if !same && sameOutcome(last.old, o) && sameOutcome(last.new, n) {
				continue
			}
			last.until = at
		}
		if running = !same; same {
			continue
		}
		c := change{kind: kindOf(o, n), old: o, new: n}
		if i > 0 {
			c.from = at
		}
		list = append(list, c)
	}
	return list
}

// kindOf says what it means to get n instead of o, which differ.
func kindOf(o, n mapping.Decision) Kind {
	switch {
	case !o.Allowed():
		return Gains
	case !n.Allowed():
		return Loses
	case !maps.Equal(o.Attributes, n.Attributes):
		return Changes
	case within(o.Roles, n.Roles):
		return Gains
	case within(n.Roles, o.Roles):
		return Loses
	}
	return Changes
}

// sameOutcome reports whether two decisions are the same to the person: the
// rules that they come from, and the order of roles, do not matter.
func sameOutcome(a, b mapping.Decision) bool {
	return len(a.Roles) == len(b.Roles) && within(a.Roles, b.Roles) && maps.Equal(a.Attributes, b.Attributes)
}

func within(roles, wide []string) bool {
	return !slices.ContainsFunc(roles, func(role string) bool { return !slices.Contains(wide, role) })
}

// overall is the kind of somebody's changes together; empty: none.
func overall(list []change) Kind {
	var kind Kind
	for i := range list {
		if kind != "" && kind != list[i].kind {
			return Changes
		}
		kind = list[i].kind
	}
	return kind
}

// timing knows when a side's decisions may change by themselves.
type timing struct {
	// moments are, for each rule that has some, when it may begin or end.
	moments [][]time.Time
	// who finds the rules that concern a person: their conditions but for time
	// and expressions, one after the other. nil: no rule has moments.
	who *mapping.Mapper
}

func newTiming(policy mapping.Policy, at time.Time) timing {
	var t timing
	asked := mapping.Policy{Lists: policy.Lists, Match: mapping.MatchAll, IgnoreCase: policy.IgnoreCase, WholeTexts: policy.WholeTexts, ListClaims: policy.ListClaims}
	for i := range policy.Rules {
		moments := momentsOf(&policy.Rules[i], at)
		if moments == nil {
			continue
		}
		r := policy.Rules[i]
		r.After, r.Until, r.When = time.Time{}, time.Time{}, ""
		r.Role, r.Roles, r.Attributes = "x", nil, nil
		if r.Deny = r.Deny && r.Conditional(); r.Deny { // denials are compared in their own way
			r.Role = ""
		}
		asked.Rules = append(asked.Rules, r)
		t.moments = append(t.moments, moments)
	}
	if t.moments != nil {
		// They are conditions of a policy that is valid. Were they not, it would
		// only take longer: then every moment concerns everybody.
		asked.Rules = append(asked.Rules, mapping.Rule{Role: "x", Subjects: []string{"nobody\x00"}}) // if the others deny
		t.who, _ = mapping.Compile(asked)
	}
	return t
}

// timestamps are the times that an expression writes.
var timestamps = regexp.MustCompile(`timestamp\(\s*["']([^"']+)["']\s*\)`)

// momentsOf returns the times after at when a rule begins or ends. An expression
// that compares now with something else than a written time is not understood,
// see unclearNow.
func momentsOf(r *mapping.Rule, at time.Time) []time.Time {
	moments := []time.Time{r.After, r.Until}
	for _, m := range timestamps.FindAllStringSubmatch(r.When, -1) {
		if t, err := time.Parse(time.RFC3339, m[1]); err == nil {
			moments = append(moments, t, t.Add(1)) // now >= t, now > t
		}
	}
	moments = slices.DeleteFunc(moments, func(t time.Time) bool { return !t.After(at) })
	if len(moments) == 0 {
		return nil
	}
	return moments
}

// of returns the moments that concern a person.
func (t *timing) of(p *verifier.Principal, at time.Time) []time.Time {
	if t.who == nil {
		return slices.Concat(t.moments...)
	}
	var moments []time.Time
	for _, n := range t.who.Matching(p, at) {
		moments = append(moments, t.moments[n-1]...)
	}
	return moments
}

// moments returns when to decide about a person: now, and whenever a rule that
// concerns them begins or ends.
func (v *view) moments(before, after *verifier.Principal) []time.Time {
	moments := append([]time.Time{v.at}, v.old.timing.of(before, v.at)...)
	moments = append(moments, v.new.timing.of(after, v.at)...)
	slices.SortFunc(moments, time.Time.Compare)
	return slices.CompactFunc(moments, time.Time.Equal)
}
