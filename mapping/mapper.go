package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// Map decides: the role of the first rule that matches, or a denial.
func (m *Mapper) Map(p *verifier.Principal, at time.Time) Decision {
	f := m.facts(p, at)
	for i := range m.rules {
		if m.rules[i].failing(&f) == "" {
			return m.decision(i)
		}
	}
	return Decision{}
}

// Explain decides as Map does and says what every rule answered.
func (m *Mapper) Explain(p *verifier.Principal, at time.Time) (Decision, []Step) {
	var (
		f        = m.facts(p, at)
		decision Decision
		steps    = make([]Step, len(m.rules))
	)
	for i := range m.rules {
		r := &m.rules[i]
		steps[i] = Step{Rule: i + 1, Role: r.role, Source: r.source}
		s := &steps[i]
		if decision.Allowed() {
			s.Verdict, s.Detail = NotReached, fmt.Sprintf("rule[%d] has decided", decision.Rule)
			continue
		}
		if key := r.failing(&f); key != "" {
			s.Verdict, s.Condition, s.Detail = NotMatched, key, r.whyNot(key, &f)
			continue
		}
		s.Verdict = Matched
		s.Condition, s.Detail = r.why(&f)
		decision = m.decision(i)
	}
	return decision, steps
}

func (m *Mapper) decision(i int) Decision {
	return Decision{Role: m.rules[i].role, Rule: i + 1, Source: m.rules[i].source}
}

// facts are what rules ask about one principal.
type facts struct {
	p      *verifier.Principal
	at     time.Time
	member []bool // by group number
}

func (m *Mapper) facts(p *verifier.Principal, at time.Time) facts {
	f := facts{p: p, at: at, member: make([]bool, len(m.index))}
	for _, g := range p.Groups {
		if id, ok := m.index[g]; ok {
			f.member[id] = true
		}
	}
	return f
}

// failing returns the key of the first condition that does not hold, or "".
func (r *rule) failing(f *facts) string {
	switch {
	case !r.after.IsZero() && f.at.Before(r.after):
		return "after"
	case !r.until.IsZero() && !f.at.Before(r.until):
		return "until"
	case r.groups != nil && !r.groups.holds(f):
		return "groups"
	case r.allGroups != nil && !r.allGroups.allHold(f):
		return "all_groups"
	case r.notGroups != nil && r.notGroups.holds(f):
		return "not_groups"
	case r.emails != nil && !slices.ContainsFunc(r.emails, func(e emailPattern) bool { return e.matches(f.p.Email) }):
		return "emails"
	}
	return ""
}

// membership is a group that the principal is in, and what of the rule says so.
type membership struct{ group, pattern, list string }

func (h membership) String() string {
	s := fmt.Sprintf("%q", h.group)
	if h.pattern != "" {
		s += fmt.Sprintf(" by the pattern %q", h.pattern)
	}
	if h.list != "" {
		s += fmt.Sprintf(" (from %s)", h.list)
	}
	return s
}

// holds reports whether the principal is in one of the condition's groups.
func (g *groupCondition) holds(f *facts) bool {
	return slices.ContainsFunc(g.exact, func(e exactGroup) bool { return f.member[e.id] }) ||
		slices.ContainsFunc(g.patterns, func(p groupPattern) bool { return f.matching(p.pattern) != "" })
}

// held says in words which of the condition's groups the principal is in.
func (g *groupCondition) held(f *facts) string {
	for _, e := range g.exact {
		if f.member[e.id] {
			return membership{e.name, "", e.list}.String()
		}
	}
	for _, p := range g.patterns {
		if group := f.matching(p.pattern); group != "" {
			return membership{group, p.pattern, p.list}.String()
		}
	}
	return ""
}

// matching returns the first of the principal's groups that pattern matches.
func (f *facts) matching(pattern string) string {
	for _, group := range f.p.Groups {
		if group != "" && matchPattern(pattern, group) {
			return group
		}
	}
	return ""
}

// allHold reports whether the principal is in every one of the condition's groups.
func (g *groupCondition) allHold(f *facts) bool {
	return !slices.ContainsFunc(g.exact, func(e exactGroup) bool { return !f.member[e.id] }) &&
		!slices.ContainsFunc(g.patterns, func(p groupPattern) bool { return f.matching(p.pattern) == "" })
}

// missing says in words which of the condition's groups the principal lacks.
func (g *groupCondition) missing(f *facts) string {
	for _, e := range g.exact {
		if !f.member[e.id] {
			return "not in " + membership{e.name, "", e.list}.String()
		}
	}
	for _, p := range g.patterns {
		if f.matching(p.pattern) == "" {
			return "in no group like " + membership{p.pattern, "", p.list}.String()
		}
	}
	return ""
}

// whyNot says in words why the condition key does not hold.
func (r *rule) whyNot(key string, f *facts) string {
	switch key {
	case "after":
		return "the grant starts at " + r.after.UTC().Format(time.RFC3339Nano)
	case "until":
		return "the grant ended at " + r.until.UTC().Format(time.RFC3339Nano)
	case "groups":
		return "in none of " + r.groups.names()
	case "all_groups":
		return r.allGroups.missing(f)
	case "not_groups":
		return "in " + r.notGroups.held(f)
	default:
		if f.p.Email == "" {
			return "the assertion has no email"
		}
		return fmt.Sprintf("email %q is none of %s", f.p.Email,
			joinSome(len(r.emails), func(i int) string { return fmt.Sprintf("%q", r.emails[i].written) }))
	}
}

// why says which conditions held, and with what.
func (r *rule) why(f *facts) (keys, detail string) {
	var k, d []string
	add := func(key, text string) { k, d = append(k, key), append(d, text) }
	if r.groups != nil {
		add("groups", "in "+r.groups.held(f))
	}
	if r.allGroups != nil {
		add("all_groups", "in all of "+r.allGroups.names())
	}
	if r.notGroups != nil {
		add("not_groups", "in none of "+r.notGroups.names())
	}
	for _, e := range r.emails {
		if e.matches(f.p.Email) {
			text := fmt.Sprintf("email is %q", f.p.Email)
			if e.isPattern() {
				text += fmt.Sprintf(" by the pattern %q", e.written)
			}
			add("emails", text)
			break
		}
	}
	if !r.after.IsZero() {
		add("after", "since "+r.after.UTC().Format(time.RFC3339Nano))
	}
	if !r.until.IsZero() {
		add("until", "until "+r.until.UTC().Format(time.RFC3339Nano))
	}
	if k == nil {
		return "", "the rule has no conditions, so it matches everybody"
	}
	return strings.Join(k, ", "), strings.Join(d, "; ")
}

func (g *groupCondition) names() string {
	return joinSome(len(g.exact)+len(g.patterns), func(i int) string {
		if i < len(g.exact) {
			return membership{g.exact[i].name, "", g.exact[i].list}.String()
		}
		p := g.patterns[i-len(g.exact)]
		return membership{p.pattern, "", p.list}.String()
	})
}

// joinSome writes a list for a sentence, the first few items of it.
func joinSome(n int, item func(int) string) string {
	const most = 5
	var parts []string
	for i := range min(n, most) {
		parts = append(parts, item(i))
	}
	if n > most {
		parts = append(parts, fmt.Sprintf("and %d more", n-most))
	}
	return strings.Join(parts, ", ")
}
