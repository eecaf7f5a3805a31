package adaptertest

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// sendsPerson keeps the other checks from passing on an adapter that sends
// nothing to anybody.
func sendsPerson(s *suite, r report) {
	out, err := s.adapt(s.input())
	if err != nil {
		r("the person of Options.Principal is refused: %v", err)
	}
	switch told := len(out.Header) + len(out.Cookies); {
	case s.o.Gate && told > 0:
		r("the app is told something, and was to be told nothing")
	case !s.o.Gate && told == 0:
		r("the app would be told nothing")
	}
}

// everybody are inputs that make an adapter show what it can set.
func (s *suite) everybody() []adapter.Input {
	inputs := []adapter.Input{s.input()}
	for _, p := range slices.Concat(s.places(), s.emailPlaces()) {
		for _, text := range []string{"", "text", "zoë", strings.Repeat("long ", 2000), "a,b", hostileTexts()[0]} {
			in := s.input()
			p.put(&in, text)
			inputs = append(inputs, in)
		}
	}
	return inputs
}

func fold(names []string) map[string]bool {
	folded := make(map[string]bool, len(names))
	for _, name := range names {
		folded[adapter.FoldName(name)] = true
	}
	return folded
}

// withinOwns: what an adapter sets without owning it, clients can set too.
func withinOwns(s *suite, r report) {
	headers, cookies := fold(s.a.Owns().Headers), fold(s.a.Owns().Cookies)
	for _, in := range s.everybody() {
		out, err := s.adapt(in)
		if err != nil && len(out.Header)+len(out.Cookies) > 0 {
			r("Adapt returned an error and output as well")
		}
		for name := range out.Header {
			if !headers[adapter.FoldName(name)] {
				r("header %s is set but not owned", name)
			}
		}
		for _, c := range out.Cookies {
			if !cookies[adapter.FoldName(c.Name)] {
				r("cookie %s is set but not owned", c.Name)
			}
		}
	}
}

// ownedNamesAgree: what is said of a name that is not in Headers is said of
// nothing, and a mistake.
func ownedNamesAgree(s *suite, r report) {
	headers := fold(s.a.Owns().Headers)
	for _, name := range slices.Concat(s.a.Owns().Lists, s.a.Owns().Secrets) {
		if !headers[adapter.FoldName(name)] {
			r("%s is a list or a secret, but no owned header", name)
		}
	}
	if slices.Contains(s.a.Owns().Prefixes, "") {
		r("every header is owned")
	}
	if slices.Contains(s.a.Owns().CookiePrefixes, "") {
		r("every cookie is owned")
	}
	for name := range fold(s.a.Owns().Query) {
		if strings.Trim(name, "-") == "" {
			r("%q is owned in queries, and no name", name)
		}
	}
}

// oneValuePerHeader: apps take the first of two, the last, or both joined.
func oneValuePerHeader(s *suite, r report) {
	lists := fold(s.a.Owns().Lists)
	for _, in := range s.everybody() {
		out, _ := s.adapt(in)
		seen := make(map[string]string)
		for name, list := range out.Header {
			if len(list) != 1 && (!lists[adapter.FoldName(name)] || len(list) == 0) {
				r("header %s has %d values, want one", name, len(list))
			}
			if name != http.CanonicalHeaderKey(name) || !httpguts.ValidHeaderFieldName(name) {
				r("header %q is no canonical header name", name)
			}
			if other, twice := seen[adapter.FoldName(name)]; twice {
				r("headers %s and %s are one to many apps", name, other)
			}
			seen[adapter.FoldName(name)] = name
		}
		clear(seen)
		for _, c := range out.Cookies {
			if _, twice := seen[c.Name]; twice {
				r("cookie %s is set twice", c.Name)
			}
			seen[c.Name] = c.Name
		}
	}
}

// aliases are spellings of a header name that some server reads as the same
// one: CVE-2025-64484, CVE-2026-52845, CVE-2026-54763.
func aliases(name string) []string {
	list := []string{
		name, strings.ToLower(name), strings.ToUpper(name),
		strings.ToLower(name[:1]) + strings.ToUpper(name[1:]),
	}
	for _, other := range []string{"_", ".", "~", "!", "'", "|", "*", "+", "^", "`", "#", "$", "%", "&"} {
		spelt := strings.ReplaceAll(name, "-", other)
		list = append(list, spelt, strings.ToUpper(spelt), strings.Replace(name, "-", other, 1))
	}
	return list
}

// aliasesAreOwned: an alias that is not owned lets a client say who it is.
func aliasesAreOwned(s *suite, r report) {
	owned := fold(s.a.Owns().Headers)
	names := slices.Clone(s.a.Owns().Headers)
	for _, in := range s.everybody() {
		out, _ := s.adapt(in)
		for name := range out.Header {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		for _, alias := range aliases(name) {
			if !owned[adapter.FoldName(alias)] {
				r("header %s may come from clients as %s", name, alias)
			}
		}
	}
}
