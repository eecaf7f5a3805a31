// Package wording is how messages to people are put: names in quotes, what a
// misspelt one may have meant, and text of others that a terminal must not act on.
package wording

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Instead says what a name that there is none of may have meant, to follow on a
// sentence: `: did you mean "Admin"?`, or what there is.
func Instead(name string, known []string) string {
	if hint := DidYouMean(name, known); hint != "" {
		return hint
	}
	const most = 20
	known = slices.Sorted(slices.Values(known))
	if len(known) <= most {
		return ": " + ThereAre(known)
	}
	quoted := make([]string, most)
	for i := range quoted {
		quoted[i] = strconv.Quote(known[i])
	}
	return fmt.Sprintf(": there are %s and %d more", strings.Join(quoted, ", "), len(known)-most)
}

// DidYouMean returns a hint such as `: did you mean "host"?` if name is close
// to one of the known names, or else nothing.
func DidYouMean(name string, known []string) string {
	near, ok := Nearest(name, known)
	switch {
	case !ok:
		return ""
	case strings.EqualFold(name, near):
		return fmt.Sprintf(": upper and lower case matter, write %q", near)
	default:
		return fmt.Sprintf(": did you mean %q?", near)
	}
}

// Nearest returns the known name that is least edits away from name, if it is
// near enough to be meant, or the only one that goes on after name, as
// public_key_file does after public_key.
func Nearest(name string, known []string) (string, bool) {
	known = slices.Sorted(slices.Values(known))
	best, bestDistance := "", len(name)
	for _, candidate := range known {
		if strings.EqualFold(name, candidate) {
			return candidate, true
		}
		limit := max(1, max(len(name), len(candidate))/4)
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < bestDistance && d <= limit {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		best = onlyLonger(name, known)
	}
	return best, best != ""
}

// onlyLonger returns the known name that begins with name as whole words, if
// there is just one.
func onlyLonger(name string, known []string) string {
	longer := ""
	for _, candidate := range known {
		if rest, ok := strings.CutPrefix(candidate, name); ok && len(name) > 2 && strings.ContainsAny(rest[:1], "_-") {
			if longer != "" {
				return ""
			}
			longer = candidate
		}
	}
	return longer
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func editDistance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// Quoted writes names for a message: "a", "b" and "c".
func Quoted(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return Listed(quoted)
}

// Listed writes texts as a sentence does: a, b and c.
func Listed(texts []string) string {
	if n := len(texts); n > 1 {
		return strings.Join(texts[:n-1], ", ") + " and " + texts[n-1]
	}
	return strings.Join(texts, "")
}

// ThereAre lists what there is.
func ThereAre(names []string) string {
	if len(names) == 1 {
		return "there is only " + Quoted(names)
	}
	return "there are " + Quoted(names)
}

// Count says how many there are of something whose plural ends in "s".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Visible escapes what a terminal would act on or show as something else, and
// keeps text on its line: claims, groups and names are what others wrote.
func Visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
