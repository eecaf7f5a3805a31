package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Instead says what a name that there is none of may have meant, in the words of
// a [Problem] and to follow on it: `: did you mean "Admin"?`, or what there is.
func Instead(name string, known []string) string {
	if hint := didYouMean(name, known); hint != "" {
		return hint
	}
	const most = 20
	known = slices.Sorted(slices.Values(known))
	if len(known) <= most {
		return ": " + thereAre(known)
	}
	quoted := make([]string, most)
	for i := range quoted {
		quoted[i] = strconv.Quote(known[i])
	}
	return fmt.Sprintf(": there are %s and %d more", strings.Join(quoted, ", "), len(known)-most)
}
