package policydiff

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// demand is what somebody must and must not be like to meet a rule, or two.
type demand struct {
	needs            []*need
	emails, subjects *names // nil: whatever
	// notGroups and notEmails are the rules' own, one for each, as they are written, and
	// outGroups and outEmails as they are compared.
	notGroups, notEmails []*names
	outGroups, outEmails []excluded
	// guesses are what may make an expression true.
	guesses []fact
}

// need is a condition that one fact meets, be it one of several.
type need struct {
	kind    factKind
	claim   string
	names   *names
	options []fact
}

// demander writes out what the rules of one side demand.
type demander struct {
	policy *mapping.Policy
	// swap adds every name with its letters in the other case: one side tells
	// them apart and the other does not.
	swap bool
	// plain are, for texts that fill a pattern, the one that reads best.
	plain map[fact]fact
	cache []*demand
}

func newDemander(p *mapping.Policy, swap bool, plain map[fact]fact) *demander {
	return &demander{policy: p, swap: swap, plain: plain, cache: make([]*demand, len(p.Rules))}
}

// of returns what rule i demands; of no rule, -1, nothing.
func (w *demander) of(i int) *demand {
	if i < 0 {
		return &demand{}
	}
	if w.cache[i] == nil {
		w.cache[i] = w.write(&w.policy.Rules[i])
	}
	return w.cache[i]
}

func (w *demander) write(r *mapping.Rule) *demand {
	d := &demand{subjects: newNames(r.Subjects)}
	if r.Groups != nil {
		d.needs = append(d.needs, w.need(inGroup, "", expand(w.policy.Lists, r.Groups)))
	}
	for _, group := range r.AllGroups {
		d.needs = append(d.needs, w.need(inGroup, "", expand(w.policy.Lists, []string{group})))
	}
	for _, claim := range slices.Sorted(maps.Keys(r.Claims)) {
		d.needs = append(d.needs, w.need(hasClaim, claim, expand(w.policy.Lists, r.Claims[claim])))
	}
	d.emails = newNames(apply(emailPattern, r.Emails))
	if domains := newNames(apply(domainPattern, r.Domains)); domains != nil {
		met, ok := both(d.emails, domains, globEmail, intersectEmails)
		if !ok {
			met = &names{} // nobody has such an email
		}
		d.emails = met
	}
	if n := newNames(expand(w.policy.Lists, r.NotGroups)); n != nil {
		d.notGroups, d.outGroups = append(d.notGroups, n), append(d.outGroups, newExcluded(n, r))
	}
	if n := newNames(apply(emailPattern, r.NotEmails)); n != nil {
		d.notEmails, d.outEmails = append(d.notEmails, n), append(d.outEmails, newExcluded(n, r))
	}
	d.guesses = w.guesses(r.When)
	return d
}

func apply(f func(string) string, texts []string) []string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = f(text)
	}
	return list
}

func (w *demander) need(kind factKind, claim string, texts []string) *need {
	n := &need{kind: kind, claim: claim, names: newNames(texts)}
	for _, text := range n.names.all() {
		n.options = append(n.options, w.facts(kind, claim, text)...)
	}
	return n
}

// facts are ways to have a name.
func (w *demander) facts(kind factKind, claim, name string) []fact {
	return w.ways(kind, claim, fill(name, "anything"))
}

// ways are facts with these texts, the first of which reads best.
func (w *demander) ways(kind factKind, claim string, texts []string) []fact {
	var facts []fact
	add := func(text string) {
		facts = append(facts, fact{kind, claim, text})
		if len(facts) > 1 {
			w.plain[facts[len(facts)-1]] = facts[0]
		}
	}
	for _, text := range texts {
		add(text)
		if swapped := swapCase(text); w.swap && swapped != text && (kind == inGroup || kind == isEmail) {
			add(swapped)
		}
	}
	return facts
}

// emailsOf are ways to have an email, the first few names first.
func (w *demander) emailsOf(n *names, most int) []fact {
	var facts []fact
	for _, name := range n.all() {
		if len(facts) >= most {
			break
		}
		facts = append(facts, w.ways(isEmail, "", fillEmail(name))...)
	}
	return facts
}

func (w *demander) subjectsOf(n *names, most int) []fact {
	var facts []fact
	for _, name := range n.all() {
		if len(facts) >= most {
			break
		}
		facts = append(facts, w.ways(isSubject, "", fill(name, somebody))...)
	}
	return facts
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r > unicode.MaxASCII:
		case unicode.IsUpper(r):
			return unicode.ToLower(r)
		case unicode.IsLower(r):
			return unicode.ToUpper(r)
		}
		return r
	}, s)
}

// meets reports whether one of facts is what is needed.
func (n *need) meets(facts []fact) bool {
	return slices.ContainsFunc(facts, func(f fact) bool {
		return f.kind == n.kind && f.claim == n.claim && n.names.meets(f.text, glob)
	})
}

// excludes reports whether the demand is for somebody of whom a fact is not true.
func (d *demand) excludes(f fact) bool {
	switch f.kind {
	case inGroup:
		return slices.ContainsFunc(d.outGroups, func(n excluded) bool { return n.meets(f.text, glob) })
	case isEmail:
		return d.emails != nil && !d.emails.meets(f.text, globEmail) ||
			slices.ContainsFunc(d.outEmails, func(n excluded) bool { return n.meets(f.text, globEmail) })
	case isSubject:
		return d.subjects != nil && !d.subjects.meets(f.text, glob)
	}
	return false
}

// excluded are names that a rule excludes. One that grants compares them leniently.
type excluded struct {
	names   *names
	lenient *names
}

func newExcluded(n *names, r *mapping.Rule) excluded {
	if r.Deny {
		return excluded{names: n}
	}
	return excluded{n, newNames(apply(mapping.Lenient, n.all()))}
}

func (e excluded) meets(text string, match func(pattern, text string) bool) bool {
	return e.names.meets(text, match) || e.lenient != nil && e.lenient.meets(mapping.Lenient(text), match)
}

// together is the demand of two; ok is false if nobody can meet both.
func together(a, b *demand) (d *demand, ok bool) {
	d = &demand{
		needs:     slices.Concat(a.needs, b.needs),
		notGroups: slices.Concat(a.notGroups, b.notGroups),
		notEmails: slices.Concat(a.notEmails, b.notEmails),
		outGroups: slices.Concat(a.outGroups, b.outGroups),
		outEmails: slices.Concat(a.outEmails, b.outEmails),
		guesses:   slices.Concat(a.guesses, b.guesses),
	}
	var emails, subjects bool
	d.emails, emails = both(a.emails, b.emails, globEmail, intersectEmails)
	d.subjects, subjects = both(a.subjects, b.subjects, glob, intersect)
	return d, emails && subjects
}

// What an expression asks for by name.
var (
	inMember    = regexp.MustCompile(`\bmember\(\s*(?:"([^"]*)"|'([^']*)')\s*\)`)
	claimNames  = regexp.MustCompile(`\bclaims(?:\[\s*(?:"([^"]*)"|'([^']*)')\s*\]|\.([A-Za-z_]\w*))`)
	otherTexts  = regexp.MustCompile(`"([^"]*)"|'([^']*)'`)
	mostGuesses = 64
)

// guesses are facts that may make an expression true: what it compares with is
// often written in it.
func (w *demander) guesses(when string) []fact {
	if when == "" {
		return nil
	}
	var facts []fact
	for _, group := range expand(w.policy.Lists, membersOf(when)) {
		facts = append(facts, w.facts(inGroup, "", group)...)
	}
	var claims []string
	for _, m := range claimNames.FindAllStringSubmatch(when, -1) {
		claims = append(claims, m[1]+m[2]+m[3])
	}
	rest := timestamps.ReplaceAllString(claimNames.ReplaceAllString(inMember.ReplaceAllString(when, ""), ""), "")
	for _, m := range otherTexts.FindAllStringSubmatch(rest, -1) {
		text := m[1] + m[2]
		if text == "" {
			continue
		}
		for _, email := range []string{text, "anybody" + text, text + "any.test", "anybody@" + text} {
			if verifier.CheckEmail(email) == nil {
				facts = append(facts, fact{kind: isEmail, text: email})
			}
		}
		facts = append(facts, fact{kind: inGroup, text: text})
		for _, claim := range claims {
			facts = append(facts, fact{kind: hasClaim, claim: claim, text: text})
		}
		facts = append(facts, fact{kind: isSubject, text: text}, fact{kind: isNamed, text: text})
	}
	slices.SortStableFunc(facts, fact.compare)
	facts = slices.Compact(facts)
	return facts[:min(len(facts), mostGuesses)]
}
