package policydiff

import (
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/verifier"
)

// What is here serves to guess people whom rules may treat differently. How a
// rule matches is mapping's to say, and is asked of it about each of them.

func isPattern(s string) bool { return strings.Contains(s, "*") }

// glob reports whether "*", standing for any run of bytes, makes pattern into s.
func glob(pattern, s string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == s
	}
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], after
	}
}

// intersect returns a pattern of texts that both patterns match, if there are
// any: not of all, but of some.
func intersect(p, q string) (string, bool) {
	if !isPattern(p) || !isPattern(q) || len(p)*len(q) > 1<<16 {
		switch {
		case glob(p, q):
			return q, !isPattern(q) || p == q
		case glob(q, p):
			return p, !isPattern(p)
		}
		return "", false
	}
	type state struct{ i, j int }
	dead := make(map[state]bool)
	var out []byte
	var walk func(i, j int) bool
	walk = func(i, j int) bool {
		if i == len(p) && j == len(q) {
			return true
		}
		if dead[state{i, j}] {
			return false
		}
		n := len(out)
		step := func(c byte, i, j int) bool {
			out = append(out, c)
			if walk(i, j) {
				return true
			}
			out = out[:n]
			return false
		}
		starP, starQ := i < len(p) && p[i] == '*', j < len(q) && q[j] == '*'
		switch {
		case starP && starQ:
			if step('*', i+1, j) || step('*', i, j+1) {
				return true
			}
		case starP:
			if walk(i+1, j) || j < len(q) && step(q[j], i, j+1) {
				return true
			}
		case starQ:
			if walk(i, j+1) || i < len(p) && step(p[i], i+1, j) {
				return true
			}
		case i < len(p) && j < len(q) && p[i] == q[j]:
			if step(p[i], i+1, j+1) {
				return true
			}
		}
		dead[state{i, j}] = true
		return false
	}
	found := walk(0, 0)
	return string(out), found
}

// intersectEmails is intersect on each side of the "@" for itself.
func intersectEmails(p, q string) (string, bool) {
	pLocal, pDomain, _ := strings.Cut(p, "@")
	qLocal, qDomain, _ := strings.Cut(q, "@")
	local, ok := intersect(pLocal, qLocal)
	if !ok {
		return "", false
	}
	domain, ok := intersect(pDomain, qDomain)
	return local + "@" + domain, ok
}

// emailPattern makes an item of emails one with an "@" and a domain in lower case.
func emailPattern(written string) string {
	if written == "*" {
		return "*@*"
	}
	local, domain, _ := strings.Cut(written, "@")
	return local + "@" + strings.ToLower(domain)
}

// domainPattern makes an item of domains a pattern of emails.
func domainPattern(written string) string { return "*@" + strings.ToLower(written) }

func globEmail(pattern, email string) bool {
	pLocal, pDomain, _ := strings.Cut(pattern, "@")
	local, domain, _ := strings.Cut(email, "@")
	return email != "" && glob(pLocal, local) && glob(pDomain, domain)
}

// fill replaces what "*" stands for by texts of several kinds: the first reads
// well, the others are there for rules that match it by chance.
func fill(pattern, whole string) []string {
	switch {
	case !isPattern(pattern):
		return []string{pattern}
	case strings.Trim(pattern, "*") == "":
		return []string{whole, "q7"}
	}
	for strings.Contains(pattern, "**") {
		pattern = strings.ReplaceAll(pattern, "**", "*")
	}
	return []string{
		strings.ReplaceAll(pattern, "*", "any"), strings.ReplaceAll(pattern, "*", "q7"), strings.ReplaceAll(pattern, "*", ""),
	}
}

// fillEmail is fill for the emails that an assertion can hold.
func fillEmail(pattern string) []string {
	local, domain, _ := strings.Cut(pattern, "@")
	locals, domains := fill(local, "anybody"), fill(domain, "any.test")
	emails := make([]string, 0, len(locals)+len(domains))
	for i := range max(len(locals), len(domains)) {
		emails = append(emails, locals[min(i, len(locals)-1)]+"@"+domains[min(i, len(domains)-1)])
	}
	return slices.DeleteFunc(emails, func(e string) bool { return verifier.CheckEmail(e) != nil })
}

// names are what a condition asks for.
type names struct {
	exact    []string
	patterns []string
	is       map[string]bool // exact
}

func newNames(texts []string) *names {
	if len(texts) == 0 {
		return nil
	}
	n := &names{is: make(map[string]bool)}
	for _, text := range texts {
		switch {
		case isPattern(text):
			if !slices.Contains(n.patterns, text) {
				n.patterns = append(n.patterns, text)
			}
		case !n.is[text]:
			n.is[text] = true
			n.exact = append(n.exact, text)
		}
	}
	return n
}

func (n *names) all() []string { return append(slices.Clone(n.exact), n.patterns...) }

// meets reports whether text is one of the names.
func (n *names) meets(text string, match func(pattern, text string) bool) bool {
	return n != nil && (n.is[text] || slices.ContainsFunc(n.patterns, func(p string) bool { return match(p, text) }))
}

// mostMeetings bounds the names that two conditions have in common, mostCrossings
// the pairs of patterns that are looked at for them.
const (
	mostMeetings  = 256
	mostCrossings = 50_000
)

// both returns names that meet both conditions, of which nil asks for nothing;
// ok is false if there are none.
func both(a, b *names, match func(pattern, text string) bool, cross func(p, q string) (string, bool)) (met *names, ok bool) {
	switch {
	case a == nil:
		return b, true
	case b == nil:
		return a, true
	}
	var texts []string
	for _, text := range a.exact {
		if b.meets(text, match) {
			texts = append(texts, text)
		}
	}
	for _, text := range b.exact {
		if !a.is[text] && a.meets(text, match) {
			texts = append(texts, text)
		}
	}
	crossings := 0
	for _, p := range a.patterns {
		for _, q := range b.patterns {
			if crossings++; crossings > mostCrossings || len(texts) >= mostMeetings {
				return newNames(texts), texts != nil
			}
			if text, ok := cross(p, q); ok {
				texts = append(texts, text)
			}
		}
	}
	return newNames(texts), texts != nil
}
