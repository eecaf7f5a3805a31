package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// Explain decides as Map does and says what every rule answered.
func (m *Mapper) Explain(p *verifier.Principal, at time.Time) (Decision, []Step) {
	x := m.meet(p, at)
	defer m.people.Put(x)
	defer x.forget()
	var (
		matched []int32
		steps   = make([]Step, len(m.rules))
	)
	for i := range m.rules {
		if m.match == MatchFirst && matched != nil {
			steps[i] = m.step(i)
			steps[i].Verdict, steps[i].Detail = NotReached, fmt.Sprintf("rule[%d] has decided", matched[0]+1)
			continue
		}
		if steps[i] = m.ask(i, x); steps[i].Verdict == Matched {
			matched = append(matched, int32(i))
		}
	}
	if x.exhausted {
		return Decision{Exhausted: true}, steps
	}
	return m.sum(matched), steps
}

// Ask says what the rule of a number, counted from 1, answers by itself, whatever
// other rules decide.
func (m *Mapper) Ask(number int, p *verifier.Principal, at time.Time) Step {
	x := m.meet(p, at)
	defer m.people.Put(x)
	defer x.forget()
	return m.ask(number-1, x)
}

func (m *Mapper) ask(i int, x *person) Step {
	r, s := &m.rules[i], m.step(i)
	if key := r.failing(x); key != "" {
		s.Verdict, s.Condition, s.Detail = NotMatched, key, m.whyNot(r, x)
		return s
	}
	s.Verdict = Matched
	s.Condition, s.Detail = m.why(r, x)
	return s
}

// step is what there is to say of a rule before it is asked.
func (m *Mapper) step(i int) Step {
	r := &m.rules[i]
	return Step{Rule: i + 1, Roles: r.grants, Deny: r.deny, Source: r.source}
}

// whyNot says in words why the first condition that fails does.
func (m *Mapper) whyNot(r *rule, x *person) string {
	switch {
	case !r.after.IsZero() && x.at.Before(r.after):
		return "the rule begins at " + moment(r.after)
	case !r.until.IsZero() && !x.at.Before(r.until):
		return "the rule ended at " + moment(r.until)
	}
	for i := range r.conditions {
		if c := &r.conditions[i]; c.failing(x) {
			return m.answer(c, x)
		}
	}
	if err := r.when.ask(x).err; err != nil {
		return "the expression fails: " + errorInWords(err)
	}
	return "the expression is false"
}

// why says which conditions held, and with what.
func (m *Mapper) why(r *rule, x *person) (keys, detail string) {
	var k, d []string
	add := func(key, text string) {
		if !slices.Contains(k, key) {
			k = append(k, key)
		}
		d = append(d, text)
	}
	for i := range r.conditions {
		add(r.conditions[i].key, m.answer(&r.conditions[i], x))
	}
	if !r.after.IsZero() {
		add("after", "since "+moment(r.after))
	}
	if !r.until.IsZero() {
		add("until", "until "+moment(r.until))
	}
	if r.when != nil {
		if err := r.when.ask(x).err; err != nil {
			add("when", "the expression fails, which is no reason to let anybody in: "+errorInWords(err))
		} else {
			add("when", "the expression is true")
		}
	}
	if k == nil {
		return "", "the rule has no conditions, so it matches everybody"
	}
	return strings.Join(k, ", "), strings.Join(d, "; ")
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// answer says in words what a condition's answer is.
func (m *Mapper) answer(c *condition, x *person) string {
	i := slices.IndexFunc(c.names, x.meets)
	switch c.key {
	case "groups", "all_groups", "not_groups":
		switch {
		case i >= 0:
			return "in " + m.membership(c.names[i], x.p.Groups)
		case len(c.names) == 1 && isPattern(m.names[c.names[0]].text):
			return "in no group like " + m.listed(c)
		case len(c.names) == 1:
			return "not in " + m.listed(c)
		}
		return "in none of " + m.listed(c)
	case "subjects":
		return m.compared("subject", values(x.p.Subject), c, i)
	case "claims":
		kind := m.names[c.names[0]].kind
		claim := kind.claim
		what := "claim " + quoted(claim)
		texts := append(m.claimValues(x.p, kind), m.deniedItems(x.p, kind)...)
		if value, ok := x.p.Claim(claim); ok && len(texts) == 0 {
			return what + " " + nothingToCompare(claim, value)
		}
		return m.compared(what, texts, c, i)
	}
	_, domain, ok := splitEmail(x.p.Email)
	switch {
	case x.p.Email == "":
		return "the assertion has no email"
	case !ok:
		return "email " + quoted(x.p.Email) + " is not of the form local@domain, so it counts as none"
	case c.key == "domains":
		return m.compared("the email's domain", values(domain), c, i)
	}
	return m.compared("email", values(x.p.Email), c, i)
}

// nothingToCompare says what a claim is of which rules can take no value.
func nothingToCompare(claim string, value any) string {
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range slices.Sorted(maps.Keys(v)) {
			return "is an object; name what is in it, such as " + quoted(claim+"."+inner)
		}
	case float64:
		return "is a number too large to be told from the next one; have it written as text"
	case []any:
		if len(v) > 0 {
			return "is a list without texts, numbers and booleans"
		}
	}
	return "is empty"
}

// membership says which of the person's groups makes them meet a name.
func (m *Mapper) membership(n int32, groups []string) string {
	for _, group := range groups {
		if group == "" {
			continue
		}
		for by := range m.met(m.groups, group) {
			if by == n {
				return quoted(group) + m.byName(by, group)
			}
			if slices.Contains(m.names[by].lists, n) && m.isList(n) {
				return quoted(group) + m.byName(by, group) + " (from " + m.names[n].text + ")"
			}
		}
	}
	return m.names[n].text
}

// met yields the names that a text meets.
func (m *Mapper) met(k *kind, text string) func(yield func(int32) bool) {
	var names []int32
	k.find(text, func(n int32) { names = append(names, n) })
	return slices.Values(names)
}

// byName says by which name a text is met, if that is a pattern or written otherwise.
func (m *Mapper) byName(n int32, text string) string {
	switch name := &m.names[n]; {
	case isPattern(name.text):
		return " by the pattern " + quoted(name.text)
	case name.kind.lenient == nil && !m.isExact(name.kind, text, name.text):
		return ", which denials do not tell from " + quoted(name.text)
	}
	return ""
}

// isExact reports whether a text and a name are equal also where they grant.
func (m *Mapper) isExact(k *kind, a, b string) bool {
	normal := same
	switch {
	case k.isOf(m.groups):
		normal = m.groups.normal
	case k.isOf(m.emails):
		normal = m.emails.normal
	case k.isOf(m.domains):
		normal = m.domains.normal
	}
	return normal(a) == normal(b)
}

// compared says how values, which may be several of a claim, stand to a
// condition that names[i] of meets; i is negative if none does.
func (m *Mapper) compared(what string, values []string, c *condition, i int) string {
	switch {
	case len(values) == 0:
		return "the assertion has no " + what
	case i < 0 && len(values) == 1:
		return what + " is " + quoted(values[0]) + ", " + m.noneOf(c)
	case i < 0:
		return what + " has " + few(values, quoted) + ", " + m.noneOf(c)
	}
	n := c.names[i]
	for _, value := range values {
		for by := range m.met(m.names[n].kind, value) {
			from := ""
			switch {
			case by == n:
			case m.isList(n) && slices.Contains(m.names[by].lists, n):
				from = " (from " + m.names[n].text + ")"
			default:
				continue
			}
			is := " is "
			if len(values) > 1 {
				is = " has "
			}
			return what + is + quoted(value) + m.byName(by, value) + from
		}
	}
	return what
}

func (m *Mapper) noneOf(c *condition) string {
	switch {
	case len(c.names) > 1:
		return "none of " + m.listed(c)
	case isPattern(m.names[c.names[0]].text):
		return "not like " + m.listed(c)
	}
	return "not " + m.listed(c)
}
