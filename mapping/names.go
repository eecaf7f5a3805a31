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
	// denials are the names of the kind that keep people out, by their lenient form;
	// nil: there are none. Each of them is a name of the kind itself, too, so that
	// whoever is granted something by a name is denied by the same one.
	denials *kind
	// lenient is the normal form of denials; nil: they are compared like any other.
	lenient func(string) string
	// sieve is of the names without "*".
	sieve sieve
	// unlike: the lenient form of ASCII may be something else than lower case.
	unlike bool
}

func newKind(normal, lenient func(string) string, match func(pattern, text string) bool) *kind {
	return &kind{exact: make(map[string]int32), normal: normal, lenient: lenient, match: match}
}

// denying returns the kind's denials.
func (k *kind) denying() *kind {
	switch {
	case k.lenient == nil:
		return k
	case k.denials == nil:
		k.denials = newKind(k.lenient, nil, k.match)
		k.denials.claim, k.denials.joined = k.claim, k.joined
	}
	return k.denials
}

// isOf reports whether k is a kind or its denials.
func (k *kind) isOf(of *kind) bool { return k == of || k == of.denials }

// empty reports whether rules ask for no name of the kind.
func (k *kind) empty() bool { return len(k.exact) == 0 && len(k.patterns.numbers) == 0 }

// name is something that rules ask for: a group, a list of groups, an email…
type name struct {
	text string // as written
	kind *kind
	list bool // "@text" names a list
	// lists are what else everybody meets who meets the name: the lists that have it as
	// a member, directly or not, and the denial of the same name.
	lists []int32
}

// nameTable numbers all the names of a policy.
type nameTable struct {
	names []name
}

// addDenial returns the number of a text among the denials of a kind.
func (t *nameTable) addDenial(k *kind, text string) int32 {
	n := t.add(k.denying(), text)
	if exact := t.add(k, text); exact != n && !slices.Contains(t.names[exact].lists, n) {
		t.names[exact].lists = append(t.names[exact].lists, n)
	}
	return n
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
		k.sieve.add(normal)
	}
	return n
}

// find calls found with every name of the kind that text meets: itself, and the
// patterns that match it; and likewise with those of the denials.
func (k *kind) find(text string, found func(int32)) {
	hash := sieveHash(text)
	if k.sieve.mayHave(hash) || len(k.patterns.numbers) > 0 {
		k.findOwn(text, found)
	}
	if d := k.denials; d != nil && (d.sieve.mayHave(hash) || len(d.patterns.numbers) > 0 || k.unlike || !isASCII(text)) {
		d.findOwn(text, found)
	}
}

func (k *kind) findOwn(text string, found func(int32)) {
	text = k.normal(text)
	if n, ok := k.exact[text]; ok {
		found(n)
	}
	if len(k.patterns.numbers) == 0 {
		return
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
