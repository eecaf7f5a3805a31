package config

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean returns a hint such as `: did you mean "host"?` if name is close
// to one of the known names, or else nothing.
func didYouMean(name string, known []string) string {
	near, ok := nearest(name, known)
	switch {
	case !ok:
		return ""
	case strings.EqualFold(name, near):
		return fmt.Sprintf(": upper and lower case matter, write %q", near)
	default:
		return fmt.Sprintf(": did you mean %q?", near)
	}
}

// nearest returns the known name that is least edits away from name, if it is
// near enough to be meant.
func nearest(name string, known []string) (string, bool) {
	known = slices.Sorted(slices.Values(known))
	best, bestDistance := "", len(name)
	for _, candidate := range known {
		if strings.EqualFold(name, candidate) {
			return candidate, true
		}
		limit := max(1, max(len(name), len(candidate))/4)
		if d := editDistance(strings.ToLower(name), candidate); d < bestDistance && d <= limit {
			best, bestDistance = candidate, d
		}
	}
	return best, best != ""
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

// quoteList writes names for a message: "a", "b" and "c".
func quoteList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	if n := len(quoted); n > 1 {
		return strings.Join(quoted[:n-1], ", ") + " and " + quoted[n-1]
	}
	return strings.Join(quoted, "")
}
