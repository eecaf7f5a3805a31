package config

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/ssobridge/ssobridge/mapping"
)

// spelling is a group's name with the places where it is written.
type spelling struct {
	name string
	uses []groupUse
	// exact: for some app that asks for it, upper and lower case differ.
	exact bool
	first place // set by locate
}

// lookalikes warns about names that people take for the same, and rules do not.
func (l *linter) lookalikes() {
	alike, all := map[string][]*spelling{}, l.spellings()
	for _, s := range all {
		if k := skeleton(s.name); k != "" {
			alike[k] = append(alike[k], s)
		}
	}
	for _, same := range alike {
		if len(same) > 1 {
			l.compare(same)
		}
	}
	l.typos(all)
}

// compare warns about the names of one skeleton.
func (l *linter) compare(same []*spelling) {
	for _, s := range same {
		s.locate()
	}
	slices.SortFunc(same, func(a, b *spelling) int { return cmp.Or(a.first.compare(b.first), cmp.Compare(a.name, b.name)) })
	for i, s := range same {
		other := slices.IndexFunc(same[:i], func(o *spelling) bool { return confusable(o, s) })
		if other < 0 {
			continue
		}
		o := same[other]
		l.warn(s.first, LintGroupLookalike, "%+q and %+q (%s) differ only in %s, and names match exactly: is one of them misspelt?",
			s.name, o.name, o.first.source(), difference(s.name, o.name))
	}
}

func (s *spelling) locate() {
	places := make([]place, len(s.uses))
	for i, use := range s.uses {
		places[i] = use.at()
	}
	s.first = slices.MinFunc(places, place.compare)
}

// spellings returns the groups of all rules and lists, but for patterns and the
// names of lists.
func (l *linter) spellings() map[string]*spelling {
	all := map[string]*spelling{}
	add := func(use groupUse, exact bool) {
		if strings.HasPrefix(use.name, "@") || strings.Contains(use.name, "*") {
			return
		}
		s := all[use.name]
		if s == nil {
			s = &spelling{name: use.name}
			all[use.name] = s
		}
		s.uses = append(s.uses, use)
		s.exact = s.exact || exact
	}
	exactLists := map[string]bool{}
	for _, a := range l.config.Apps {
		exact := slices.ContainsFunc(readings(a.Issuers), func(r reading) bool { return !r.ignoreCase })
		for i := range a.Policy.Rules {
			for _, use := range groupsOfRule(a.at.key("rule").index(i+1), &a.Policy.Rules[i]) {
				add(use, exact)
				if exact {
					l.mark(use.name, exactLists)
				}
			}
		}
	}
	for list, groups := range l.config.lists {
		for _, use := range groupUses(l.config.listsAt[list], groups) {
			add(use, exactLists[list])
		}
	}
	return all
}

// confusable reports whether two names of one skeleton may be one misspelt. Who
// writes both side by side knows of them.
func confusable(a, b *spelling) bool {
	in := make(map[place]bool, len(a.uses))
	for _, use := range a.uses {
		in[use.in] = true
	}
	if slices.ContainsFunc(b.uses, func(use groupUse) bool { return in[use.in] }) {
		return false
	}
	return a.exact || b.exact || mapping.LowerASCII(a.name) != mapping.LowerASCII(b.name)
}

// difference says in what two names of one skeleton differ.
func difference(a, b string) string {
	switch {
	case strings.EqualFold(a, b):
		return "upper and lower case"
	case strings.EqualFold(letters(a), letters(b)):
		return "spaces and punctuation"
	}
	return "characters that look alike"
}

// skeleton maps names that look alike to the same text.
func skeleton(name string) string { return letters(mapping.Lenient(name)) }

// letters leaves out all but letters and digits. Between two digits, something
// stays: 1.12 and 11.2 are not alike.
func letters(s string) string {
	var b strings.Builder
	last, gap := ' ', false
	for _, r := range s {
		if !unicode.In(r, unicode.L, unicode.M, unicode.N) {
			gap = true
			continue
		}
		if gap && unicode.IsDigit(last) && unicode.IsDigit(r) {
			b.WriteByte('-')
		}
		b.WriteRune(r)
		last, gap = r, false
	}
	return b.String()
}
