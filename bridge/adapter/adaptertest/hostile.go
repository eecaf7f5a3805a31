package adaptertest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// canary marks a hostile text, so that it is found again if it gets through
// without what made it hostile.
const canary = "canary"

// hostileTexts break out of a header, or are no text at all.
func hostileTexts() []string {
	var texts []string
	for _, bad := range []string{
		"\r\n", "\r", "\n", "\r\n\r\n", "\x00", "\t", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f",
		"\u0080", "\u0085", "\u009f", // C1 controls; U+0085 is a line break to some
		"\xff", "\xc3", "\xe2\x82", "\x80", // not UTF-8
		"\xc0\x8a", "\xed\xa0\x80", // LF in two bytes, half a surrogate pair
	} {
		texts = append(texts, canary+bad+"X-Injected: yes", bad+canary, canary+bad)
	}
	return texts
}

// hostileText: control characters and invalid UTF-8 are refused or left out.
// A text without what was wrong with it is somebody else's.
func hostileText(s *suite, r report) {
	for _, p := range slices.Concat(s.places(), s.emailPlaces()) {
		for _, text := range hostileTexts() {
			in := s.input()
			p.put(&in, text)
			what := fmt.Sprintf("%s %q", p.name, text)
			out, err := s.adapt(in)
			if err != nil {
				refuse(r, what, err)
				continue
			}
			for carrier, value := range s.values(out) {
				switch {
				case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
					r("%s: %s carries it: %q", what, carrier, value)
				case strings.Contains(value, canary):
					r("%s: %s carries it changed: %q", what, carrier, value)
				}
			}
		}
	}
}

// separators are what apps split lists at or take for structure in one.
var separators = []string{
	",", ", ", ";", "; ", "|", " ", "  ", ":", "/", "+", "&", "=", "@", "%2C", ",,", `"`, `","`, `", "`, `'`, `\`, `\,`,
	"[", "]", `["`, "{", "}", "<", "><", "(", ")", "#", "\u00a0", "\u2028", "\u3000", "，", "､",
}

// listItems: no name of a group reads as two groups or as another one.
func listItems(s *suite, r report) {
	plain, err := s.adapt(s.input())
	if err != nil {
		return // sendsPerson says so
	}
	lists := false
	for name, list := range plain.Header {
		_, isList := s.split(name, list)
		lists = lists || isList
	}
	for _, p := range s.parts(plain) {
		lists = lists || p.IsList
	}
	if !lists {
		return
	}
	for _, p := range s.places() {
		for _, sep := range separators {
			for _, text := range []string{"team" + sep + "admins", sep + "admins", "admins" + sep, sep} {
				s.checkItems(r, p, text)
			}
		}
	}
}

// checkItems holds the items that the app reads against those that there are.
func (s *suite) checkItems(r report, p place, text string) {
	in := s.input()
	p.put(&in, text)
	out, err := s.adapt(in)
	if err != nil {
		refuse(r, fmt.Sprintf("%s %q", p.name, text), err)
		return
	}
	known := knownItems(in)
	check := func(name string, list, items []string) {
		others := 0
		for _, item := range items {
			if known[item] {
				continue
			}
			// One item may be the adapter's own, such as a sync marker.
			others++
			if others > 1 || strings.Contains(item, "admins") || strings.TrimSpace(item) == "" {
				r("%s %q: the app reads %q, which is none of the person's, in %s: %q", p.name, text, item, name, list)
			}
		}
	}
	for name, list := range out.Header {
		if items, isList := s.split(name, list); isList {
			check("header "+name, list, items)
		}
	}
	for _, part := range s.parts(out) {
		if part.IsList {
			check(part.Name, part.Values, part.Values)
		}
	}
}

// split returns the items that the app reads in a header's values.
func (s *suite) split(name string, values []string) (items []string, isList bool) {
	joined := strings.Join(values, ", ")
	if items, isList = s.o.Split(name, joined); isList || !fold(s.a.Owns().Lists)[adapter.FoldName(name)] {
		return items, isList
	}
	for item := range strings.SplitSeq(joined, ",") {
		items = append(items, strings.TrimSpace(item))
	}
	return items, true
}

// knownItems are what may stand in a list.
func knownItems(in adapter.Input) map[string]bool {
	known := make(map[string]bool)
	for _, item := range slices.Concat(in.Principal.Groups, in.Decision.Roles) {
		known[item] = true
	}
	for _, claim := range in.Principal.Claims {
		switch v := claim.(type) {
		case string:
			known[v] = true
		case []any:
			for _, item := range v {
				known[fmt.Sprint(item)] = true
			}
		}
	}
	return known
}
