package mapping

import (
	"slices"
	"strings"
)

// kind is what a name is a name of.
type kind struct {
	// claim is the claim's name; empty for the other kinds.
	claim string
	// joined: a text with commas may be a list of the claim's items.
	joined bool
	// exact numbers the names without "*" in their normal form. Lists are not
	// among them: nobody is in "@sre" who only has a group of that name.
	exact map[string]int32
	// patterns are the names with "*".
	patterns patternIndex
	// normal makes texts that are equal to this kind the same.
	normal func(string) string
	// match reports whether a pattern matches a text, both in normal form.
	match func(pattern, text string) bool
}

func newKind(normal func(string) string, match func(pattern, text string) bool) *kind {
	return &kind{exact: make(map[string]int32), normal: normal, match: match}
}

// empty reports whether rules ask for no name of the kind.
func (k *kind) empty() bool { return len(k.exact) == 0 && len(k.patterns.numbers) == 0 }

// name is something that rules ask for: a group, a list of groups, an email…
type name struct {
	text string // as written
	kind *kind
	// lists are the lists that have the name as a member, directly or not.
	lists []int32
}

// nameTable numbers all the names of a policy.
type nameTable struct {
	names []name
}

// add returns the number of a text in a kind.
func (t *nameTable) add(k *kind, text string) int32 {
	normal := k.normal(text)
	if n, ok := k.exact[normal]; ok {
		return n
	}
	if n, ok := k.patterns.number(normal); ok {
		return n
	}
	n := int32(len(t.names)) //nolint:gosec // bounded by the size of a file
	t.names = append(t.names, name{text: text, kind: k})
	if isPattern(text) {
		k.patterns.add(normal, n)
	} else {
		k.exact[normal] = n
	}
	return n
}

// find calls found with every name of the kind that text meets: itself, and the
// patterns that match it.
func (k *kind) find(text string, found func(int32)) {
	text = k.normal(text)
	if n, ok := k.exact[text]; ok {
		found(n)
	}
	if k.joined && strings.Contains(text, ",") {
		// A pattern must not reach from one item into the next, unless it is for
		// whatever there is.
		for _, p := range k.patterns.loose {
			if strings.Trim(p, "*") == "" {
				found(k.patterns.numbers[p])
			}
		}
		return
	}
	k.patterns.find(text, k.match, found)
}

// patternIndex finds the patterns that match a text without trying them all:
// by the text that they have before their first "*" or after their last.
type patternIndex struct {
	numbers  map[string]int32
	byPrefix map[string][]string
	bySuffix map[string][]string
	prefixes []int // the lengths among byPrefix, and likewise
	suffixes []int
	loose    []string // patterns that begin and end in "*"
}

func (x *patternIndex) number(pattern string) (int32, bool) {
	n, ok := x.numbers[pattern]
	return n, ok
}

func (x *patternIndex) add(pattern string, n int32) {
	if x.numbers == nil {
		x.numbers, x.byPrefix, x.bySuffix = make(map[string]int32), make(map[string][]string), make(map[string][]string)
	}
	x.numbers[pattern] = n
	prefix, suffix := pattern[:strings.Index(pattern, "*")], pattern[strings.LastIndex(pattern, "*")+1:]
	switch {
	case prefix == "" && suffix == "":
		x.loose = append(x.loose, pattern)
	case len(prefix) >= len(suffix):
		x.byPrefix[prefix] = append(x.byPrefix[prefix], pattern)
		x.prefixes = insert(x.prefixes, len(prefix))
	default:
		x.bySuffix[suffix] = append(x.bySuffix[suffix], pattern)
		x.suffixes = insert(x.suffixes, len(suffix))
	}
}

// insert adds a number to a sorted set.
func insert(set []int, n int) []int {
	at, found := slices.BinarySearch(set, n)
	if found {
		return set
	}
	return slices.Insert(set, at, n)
}

func (x *patternIndex) find(text string, match func(pattern, text string) bool, found func(int32)) {
	try := func(patterns []string) {
		for _, p := range patterns {
			if match(p, text) {
				found(x.numbers[p])
			}
		}
	}
	try(x.loose)
	for _, length := range x.prefixes {
		if length > len(text) {
			break
		}
		try(x.byPrefix[text[:length]])
	}
	for _, length := range x.suffixes {
		if length > len(text) {
			break
		}
		try(x.bySuffix[text[len(text)-length:]])
	}
}

// same is the normal form of what matches exactly.
func same(s string) string { return s }

// LowerASCII lower-cases A to Z only, as rules do under [Policy.IgnoreCase]:
// strings.ToLower makes the Kelvin sign an ASCII "k", and with it one group, user
// or domain into another.
func LowerASCII(s string) string {
	for i := range len(s) {
		if isUpperASCII(s[i]) {
			lower := []byte(s)
			for ; i < len(lower); i++ {
				if isUpperASCII(lower[i]) {
					lower[i] += 'a' - 'A'
				}
			}
			return string(lower)
		}
	}
	return s
}

func isUpperASCII(c byte) bool { return 'A' <= c && c <= 'Z' }

// lowerDomain lower-cases the domain of an email and leaves its local part.
func lowerDomain(email string) string {
	at := strings.LastIndexByte(email, '@')
	return email[:at+1] + LowerASCII(email[at+1:])
}
