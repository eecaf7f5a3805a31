package strip

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// stripCookies removes the owned cookies and leaves the bytes of all others
// alone: the app reads them by its own rules, not by net/http's.
func (n *Names) stripCookies(h http.Header) {
	var kept []string
	for _, line := range h["Cookie"] {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			if pair = strings.Trim(pair, " \t"); !n.stripsPair(pair) {
				pairs = append(pairs, pair)
			}
		}
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	if kept == nil {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}

// stripsPair reports whether there is a server that takes a pair for an owned cookie,
// or finds one in its value. Of two cookies of a name, many believe the first.
//
//   - Werkzeug and Django take off a name what Unicode calls white space, so that
//     U+00A0 before it changes nothing.
//   - Python's http.cookies begins the next cookie after white space or a quoted text,
//     Zope and Java servers by RFC 2965 after a comma.
//   - PHP reads "a.b", "a b" and "a[b" as "a_b".
func (n *Names) stripsPair(pair string) bool {
	name, value, _ := strings.Cut(pair, "=")
	if n.takesCookie(strings.TrimFunc(name, aroundCookies)) {
		return true
	}
	if !strings.ContainsAny(value, " \t,\"") {
		return false
	}
	before := ""
	for part := range strings.FieldsFuncSeq(value, aroundCookies) {
		name, _, assigns := strings.Cut(part, "=")
		if assigns && name == "" { // white space before the "=", too
			name = before
		}
		if assigns && n.takesCookie(name) {
			return true
		}
		before = part
	}
	return false
}

func aroundCookies(r rune) bool {
	return r <= ' ' || r == ',' || r == '"' || r == 0x7f || r >= utf8.RuneSelf
}

// takesCookie reports whether a cookie of this name is owned, as it stands or decoded,
// which PHP before 7.4.11 and Rack before 2.2.3 do (CVE-2020-7070, CVE-2020-8184).
func (n *Names) takesCookie(name string) bool {
	if n.OwnsCookie(name) {
		return true
	}
	if !strings.Contains(name, "%") {
		return false
	}
	decoded, err := url.PathUnescape(name)
	return err == nil && n.OwnsCookie(decoded)
}
