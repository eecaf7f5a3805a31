package strip

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// Cookies are read strictly and written anew. Servers disagree about every byte that RFC
// 6265 §4.1.1 leaves out, and a list of what they may misread is never complete. So a pair
// goes on only if all of them read it alike, and all pairs go on in one header, one
// spelling. The rest is dropped and counted.
//
// What servers do with other pairs, as far as it was seen:
//
//   - Werkzeug before 2.2.3 reads "=session=V" as "session=V" (CVE-2023-23934).
//   - Werkzeug 1 decodes "\145" in a quoted name.
//   - PHP before 7.4.11 and Rack before 2.2.3 decode "%20", "+" and "%00" in names
//     (CVE-2020-7070, CVE-2020-8184). PHP reads "a.b", "a b" and "a[b" as "a_b".
//   - Werkzeug and Django take off a name what Unicode calls white space.
//   - Python's http.cookies begins the next cookie after white space or a quoted text, Zope
//     and Rack 1 after a comma, and Java servers by RFC 2965 after a comma, too.
//   - Java servers read "$Version" and "$Path" as attributes of other cookies (RFC 2965).

// stripCookies writes the Cookie header anew, without the owned cookies, and without what
// is no well-formed pair. It returns how many pairs were not well-formed.
func (n *Names) stripCookies(h http.Header) (dropped int) {
	lines := h["Cookie"]
	if lines == nil {
		return 0
	}
	var kept []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t") // OWS, as RFC 6265 §5.4 writes it
			name, value, assigns := strings.Cut(pair, "=")
			switch {
			case pair == "":
			case !assigns, !isCookieName(name), !isCookieValue(value):
				dropped++
			case !n.takesCookie(name):
				kept = append(kept, pair)
			}
		}
	}
	if kept == nil {
		delete(h, "Cookie")
		return dropped
	}
	h["Cookie"] = []string{strings.Join(kept, "; ")}
	return dropped
}

// isCookieName reports whether a name is a token (RFC 9110 §5.6.2), which may have
// brackets as PHP's arrays do, and no attribute of RFC 2965.
func isCookieName(name string) bool {
	if name == "" || name[0] == '$' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@\{}`, c) >= 0 {
			return false
		}
	}
	return true
}

// isCookieValue reports whether every server ends a value where it ends. Browsers also
// send blanks, commas, quotes, backslashes and other bytes than ASCII, as pages set them
// (RFC 6265 §5.2). Some servers end a value at one of these and begin the next cookie,
// which takes a "=". A value that begins with a quote must end with the next one, because
// some servers read up to there, whatever stands in between.
func isCookieValue(value string) bool {
	if strings.HasPrefix(value, `"`) {
		inside := strings.TrimSuffix(value[1:], `"`)
		return len(value) >= 2 && strings.HasSuffix(value, `"`) && !strings.ContainsAny(inside, `"\`) && isPlainValue(inside)
	}
	return isPlainValue(value)
}

func isPlainValue(value string) bool {
	doubtful, assigns := false, false
	for i := range len(value) {
		switch c := value[i]; {
		case c < ' ', c == 0x7f:
			return false
		case c == '=':
			assigns = true
		case c == ' ', c == ',', c == '"', c == '\\', c >= utf8.RuneSelf:
			doubtful = true
		}
	}
	return !doubtful || !assigns
}

// takesCookie reports whether some server takes a well-formed name for one that is owned:
// as it stands, decoded as in a query, once or more, without blanks around it and up to a
// NUL, or as the name of an array.
func (n *Names) takesCookie(name string) bool {
	for range 3 {
		if n.OwnsCookie(name) {
			return true
		}
		if array, _, is := strings.Cut(name, "["); is && n.OwnsCookie(array) {
			return true
		}
		if !strings.ContainsAny(name, "%+") {
			return false
		}
		decoded, err := url.QueryUnescape(name)
		if err != nil {
			decoded = unescape(name)
		}
		decoded, _, _ = strings.Cut(decoded, "\x00")
		if decoded = strings.TrimFunc(decoded, aroundNames); decoded == name {
			return false
		}
		name = decoded
	}
	return n.OwnsCookie(name)
}

func aroundNames(r rune) bool {
	return r <= ' ' || r == ',' || r == '"' || r == 0x7f || r >= utf8.RuneSelf
}

// Credentials removes what tells an app who somebody is, whatever it may be called there:
// for requests that are nobody's. A credential in any other header is the app's own affair.
func Credentials(h http.Header) {
	for name := range h {
		switch adapter.FoldName(name) {
		case "cookie", "cookie2", "authorization", "proxy-authorization":
			delete(h, name)
		}
	}
}
