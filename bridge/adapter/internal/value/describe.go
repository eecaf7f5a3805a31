package value

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// sourceWords are the sources that do not say themselves what they are.
var sourceWords = map[string]string{
	"email_local": "the email before the @",
	"rule":        "which rule decided",
	"sync_marker": "a marker that changes with the person, their roles and time",
}

// Describe says where the value comes from, for people to read.
func (s *Source) Describe() string {
	switch {
	case s.Claim != "":
		return fmt.Sprintf("claim %q", s.Claim)
	case s.Attribute != "":
		return fmt.Sprintf("attribute %q", s.Attribute)
	case sourceWords[s.From] != "":
		return sourceWords[s.From]
	}
	return s.From
}

// Describe says what becomes of a value of s, step by step, for people to read.
func (w *Words) Describe(s *Source) []string {
	var how []string
	add := func(say bool, format string, args ...any) {
		if say {
			how = append(how, fmt.Sprintf(format, args...))
		}
	}
	names, unmapped := w.Map, w.Unmapped
	if names == nil && s.From == "groups" {
		names, unmapped = w.Groups, w.GroupsUnmapped
	}
	add(len(names) > 0, "mapped (%s)", pairs(names))
	add(unmapped == "omit", "others left out")
	add(unmapped == "refuse", "others refused")
	add(w.Lower, "in lower case")
	add(len(w.Replace) > 0, "replaced (%s)", pairs(w.Replace))
	add(w.Allow != "", "only the characters %s", w.Allow)
	add(w.Pattern != "", "only names like %s", w.Pattern)
	add(w.MaxLength > 0, "at most %d characters", w.MaxLength)
	add(len(w.Forbid) > 0, "never %s", strings.Join(w.Forbid, " or "))
	add(w.Prefix != "", "behind %q", w.Prefix)
	add(w.Unique, "one person's alone")
	return how
}

// DescribeTyped is Describe for kinds whose values have types.
func (w *Words) DescribeTyped(s *Source, typ string, required, omit bool) []string {
	how := w.Describe(s)
	if typ != "" {
		how = append(how, "as a "+typ)
	}
	if required || s.SendsRoles() {
		how = append(how, "required")
	}
	if omit {
		how = append(how, "what cannot be written is left out")
	}
	return how
}

// DescribeToken says what a token says of itself; an empty audience is the app's
// name, and an empty typ not worth saying.
func DescribeToken(issuer, audience, typ string, lifetime time.Duration) []string {
	how := []string{"iss " + issuer, "aud " + cmp.Or(audience, "the app's name")}
	if typ != "" {
		how = append(how, "typ "+typ)
	}
	return append(how, "good for "+DescribeDuration(lifetime)+" at most")
}

// DescribeDuration writes a duration as people write it: "8h", not "8h0m0s".
func DescribeDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func pairs(m map[string]string) string {
	all := make([]string, 0, len(m))
	for _, from := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s → %s", from, m[from]))
	}
	return strings.Join(all, ", ")
}
