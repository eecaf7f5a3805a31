package config

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"unicode"

	"github.com/ssobridge/ssobridge/mapping"
)

// minTypoLength is how long names are of which one edit makes another by
// mistake. Short ones are too often meant: dev and devs.
const minTypoLength = 8

// typos warns about names that are one edit apart: a letter too many, too few,
// another one, or two that have changed places. It finds them by what is left of
// a name without one of its letters, not by comparing all with all.
func (l *linter) typos(all map[string]*spelling) {
	seed := maphash.MakeSeed()
	shortened := map[uint64][]*spelling{}
	for _, name := range sortedKeys(all) {
		s := all[name]
		if len(name) < minTypoLength || len(name) > 128 {
			continue
		}
		s.locate()
		told := false
		for _, key := range shortenings(seed, mapping.LowerASCII(name)) {
			for _, other := range shortened[key] {
				if !told && oneTypo(s.name, other.name) && skeleton(s.name) != skeleton(other.name) && confusable(other, s) {
					l.typo(s, other)
					told = true
				}
			}
			shortened[key] = append(shortened[key], s)
		}
	}
}

func (l *linter) typo(a, b *spelling) {
	if cmp.Or(a.first.compare(b.first), cmp.Compare(a.name, b.name)) < 0 {
		a, b = b, a
	}
	in := "one character"
	if _, inA, _, _ := edit(mapping.LowerASCII(a.name), mapping.LowerASCII(b.name)); len(inA) == 2 {
		in = "two swapped characters"
	}
	l.warn(a.first, LintGroupLookalike, "%+q and %+q (%s) differ only in %s: is one of them misspelt?", a.name, b.name, b.first.source(), in)
}

// shortenings are hashes of the name and of what is left of it without one byte.
func shortenings(seed maphash.Seed, name string) []uint64 {
	keys := []uint64{maphash.String(seed, name)}
	for i := range len(name) {
		var h maphash.Hash
		h.SetSeed(seed)
		_, _ = h.WriteString(name[:i]) // never fails
		_, _ = h.WriteString(name[i+1:])
		keys = append(keys, h.Sum64())
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// oneTypo reports whether one edit of letters within a word makes a into b. Of
// digits, and of what may be a word of its own, people make names that are meant
// to be near: team-1 and team-2, eu-west and eu-east. Of IDs they make none.
func oneTypo(a, b string) bool {
	before, inA, inB, behind := edit(mapping.LowerASCII(a), mapping.LowerASCII(b))
	added, swapped := inA == "" || inB == "", len(inA) == 2 && len(inB) == 2 && inA[0] == inB[1] && inA[1] == inB[0]
	if !added && !swapped && (len(inA) != 1 || len(inB) != 1) || len(inA)+len(inB) > 1 && added {
		return false
	}
	if directoryID.MatchString(a) && directoryID.MatchString(b) {
		return true
	}
	isLetter := func(r rune) bool { return unicode.IsLetter(r) }
	if strings.ContainsFunc(inA+inB, func(r rune) bool { return !isLetter(r) || r > unicode.MaxASCII }) {
		return false
	}
	word := len(before) - len(strings.TrimRightFunc(before, isLetter)) + max(len(inA), len(inB)) +
		len(behind) - len(strings.TrimLeftFunc(behind, isLetter))
	if added || swapped {
		return word >= 4
	}
	return word >= 7
}

// edit returns what two texts have in common before and behind where they
// differ, and what they have there.
func edit(a, b string) (before, inA, inB, behind string) {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	j := 0
	for j < min(len(a), len(b))-i && a[len(a)-1-j] == b[len(b)-1-j] {
		j++
	}
	return a[:i], a[i : len(a)-j], b[i : len(b)-j], a[len(a)-j:]
}
