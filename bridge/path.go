package bridge

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
)

// A path is decided about as it came, and goes on as it came. What cannot be read in
// one way only is never what a rule lets through: servers disagree about it, and the
// app would be asked for something else than was decided about (Oathkeeper
// CVE-2026-33494, heimdall CVE-2026-42274, Traefik CVE-2026-40912). Query strings,
// fragments and headers never take part (oauth2-proxy CVE-2025-54576, CVE-2026-41059,
// CVE-2026-34457).

// pathVerdict is what a request's path means by itself.
type pathVerdict int

const (
	pathOrdinary pathVerdict = iota // it takes identity
	pathPublic                      // for everybody
	pathDenied                      // for nobody
	pathRefused                     // has no one meaning
)

// pathRules are an app's.
type pathRules struct {
	deny, public         []pathRule
	strict, encodedSlash bool
	// byMethod: a deny rule is about some methods only.
	byMethod bool
}

type pathRule struct {
	methods      []string // nil: all
	path, prefix string   // of deny, folded
	*config.PathRule
}

func newPathRules(p *config.Paths) pathRules {
	rules := pathRules{strict: p.Strict, encodedSlash: p.EncodedSlash}
	for i := range p.Public {
		r := &p.Public[i]
		rules.public = append(rules.public, pathRule{r.Methods, r.Path, r.Prefix, r})
	}
	for i := range p.Deny {
		r := &p.Deny[i]
		rules.deny = append(rules.deny, pathRule{r.Methods, foldPath(r.Path), foldPath(r.Prefix), r})
		rules.byMethod = rules.byMethod || r.Methods != nil
	}
	return rules
}

// foldPath makes paths equal that servers without case hold for equal.
func foldPath(path string) string { return strings.ToLower(strings.ToUpper(path)) }

// judge says what a request's path means, and by which rule. For what is not refused,
// it leaves in u what goes to the upstream: the same bytes, but for those that have no
// place in a path unless they are encoded.
func (p *pathRules) judge(method string, u *url.URL) (pathVerdict, *config.PathRule) {
	form := formOf(u)
	switch {
	case form.broken,
		form.ambiguous && p.strict,
		form.encodedSlash && p.strict && !p.encodedSlash:
		return pathRefused, nil
	}
	if form.bare {
		u.RawPath = encodeBare(u.RawPath)
	}
	if r := p.denies(method, u.Path); r != nil {
		return pathDenied, r
	}
	if form.ambiguous || form.encodedSlash || form.overEncoded {
		return pathOrdinary, nil
	}
	if r := p.lets(method, u.Path); r != nil {
		return pathPublic, r
	}
	return pathOrdinary, nil
}

// anyMethod is denied what any method is.
const anyMethod = ""

// denies is generous: methods and paths are compared without case, and "/admin" and
// "/admin/" are the same.
func (p *pathRules) denies(method, path string) *config.PathRule {
	if p.deny == nil {
		return nil
	}
	path = foldPath(path)
	slashed := strings.TrimSuffix(path, "/") + "/"
	for i := range p.deny {
		r := &p.deny[i]
		applies := r.methods == nil || method == anyMethod || slices.ContainsFunc(r.methods, func(m string) bool {
			return strings.EqualFold(m, method) || m == http.MethodGet && strings.EqualFold(method, http.MethodHead)
		})
		if applies && (r.prefix != "" && strings.HasPrefix(slashed, r.prefix) || r.path != "" && slashed == strings.TrimSuffix(r.path, "/")+"/") {
			return r.PathRule
		}
	}
	return nil
}

// judgeDestination judges the path that COPY and MOVE write to (RFC 4918 §10.3), of
// requests that are not public. It is denied if any method is there: what is written
// takes the place of what was there.
func (p *pathRules) judgeDestination(h http.Header) (pathVerdict, *config.PathRule) {
	if p.deny == nil {
		return pathOrdinary, nil
	}
	for _, text := range h["Destination"] {
		u, err := url.ParseRequestURI(text)
		if err != nil || !strings.HasPrefix(u.Path, "/") {
			return pathRefused, nil
		}
		if verdict, r := p.judge(anyMethod, u); verdict == pathRefused || verdict == pathDenied {
			return verdict, r
		}
	}
	return pathOrdinary, nil
}

// lets is exact.
func (p *pathRules) lets(method, path string) *config.PathRule {
	if path == "" {
		path = "/" // RFC 9112 §3.2.2
	}
	for i := range p.public {
		r := &p.public[i]
		applies := r.methods == nil || slices.Contains(r.methods, method) || method == http.MethodHead && slices.Contains(r.methods, http.MethodGet)
		if applies && (r.prefix != "" && strings.HasPrefix(path, r.prefix) || r.path != "" && r.path == path) {
			return r.PathRule
		}
	}
	return nil
}

// pathForm is how a path is written.
type pathForm struct {
	// broken: no client writes so, and somebody who does wants to be misread: dot
	// segments lead out of directories in apps that forget to look (Grafana
	// CVE-2021-43798), whatever rules there are.
	broken bool
	// ambiguous: servers read it differently.
	ambiguous bool
	// encodedSlash: it has %2F, which some servers take for "/".
	encodedSlash bool
	// overEncoded: it has a letter, digit or such as %XX, which is the same (RFC 3986
	// §2.3), but not to servers that match before they decode.
	overEncoded bool
	// bare: it has bytes that must be encoded (RFC 3986 §3.3) and are not.
	bare bool
}

func formOf(u *url.URL) pathForm {
	raw := u.RawPath
	if raw == "" {
		raw = u.EscapedPath() // then the bytes are these
	}
	f := pathForm{
		broken:    !isOrigin(u) || strings.Contains(u.RawQuery, "#"),
		ambiguous: strings.Contains(raw, "//") || !utf8.ValidString(u.Path) || isEncodedTwice(u.Path),
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '%' || i+2 >= len(raw) {
			f.plain(raw[i])
			continue
		}
		f.encoded(fromHex(raw[i+1])<<4 | fromHex(raw[i+2]))
		i += 2
	}
	f.broken = f.broken || hasDotSegment(u.Path)
	if f.ambiguous && !f.broken { // for servers that decode twice
		twice, err := url.PathUnescape(u.Path)
		f.broken = err == nil && twice != u.Path && hasDotSegment(twice)
	}
	return f
}

func (f *pathForm) plain(c byte) {
	switch {
	case c == '#', c == '\\', c <= ' ', c == 0x7f:
		f.broken = true
	case c == ';': // parameters, to some (RFC 2396 §3.3)
		f.ambiguous = true
	case mustBeEncoded(c):
		f.bare = true
	}
}

// encoded takes a byte that came as %XX.
func (f *pathForm) encoded(c byte) {
	switch {
	case c < ' ', c == 0x7f:
		f.broken = true
	case c == '/':
		f.encodedSlash = true
	case c == '\\', c == ';', c == '?', c == '#':
		f.ambiguous = true
	case c == '-', c == '.', c == '_', c == '~', '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		f.overEncoded = true
	}
}

// isOrigin reports whether a target is a path, or one behind an origin of HTTP's own
// schemes (RFC 9112 §3.2).
func isOrigin(u *url.URL) bool {
	return u.Scheme == "" || u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// isEncodedTwice reports whether a decoded path has what some servers would decode,
// %XX or IIS's %uXXXX.
func isEncodedTwice(path string) bool {
	for {
		i := strings.IndexByte(path, '%')
		if i < 0 {
			return false
		}
		path = path[i+1:]
		if strings.HasPrefix(path, "u") || len(path) >= 2 && isHex(path[0]) && isHex(path[1]) {
			return true
		}
	}
}

// hasDotSegment reports whether a decoded path has a segment that leads nowhere or up,
// whichever separator a server knows, with parameters behind it or not.
func hasDotSegment(path string) bool {
	if !strings.Contains(path, ".") && isASCII(path) {
		return false
	}
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		segment, _, _ = strings.Cut(segment, ";")
		if isDots(segment) {
			return true
		}
	}
	return false
}

// isDots reports whether a segment is one dot or two to some server: to those that trim
// what is blank or a dot at its end (Windows), too, or that normalise Unicode (NFKC, IDNA).
// An ellipsis or a full stop may be a page's name.
func isDots(segment string) bool {
	if segment == "." || segment == ".." {
		return true
	}
	dots, alike, ascii := 0, false, false
	for _, c := range segment {
		switch c {
		case '.':
			dots++
			ascii = true
		case '\u2024', '\u3002', '\ufe52', '\uff0e', '\uff61': // ONE DOT LEADER, full stops
			dots++
			alike = true
		case '\u2025': // TWO DOT LEADER
			dots += 2
			alike = true
		case '\u2026': // HORIZONTAL ELLIPSIS
			dots += 3
			alike = true
		default:
			if !unicode.IsSpace(c) && !unicode.Is(unicode.Cf, c) { // Cf has no width
				return false
			}
			alike = true
		}
	}
	return alike && (ascii || dots == 2)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// mustBeEncoded: net/url encodes all of a path that has one such byte bare, and would
// turn each %2F into "/" on the way.
func mustBeEncoded(c byte) bool { return c >= utf8.RuneSelf || strings.IndexByte("\"<>^`{|}", c) >= 0 }

func encodeBare(raw string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(raw) {
		if c := raw[i]; mustBeEncoded(c) {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// stripOverrides removes what would make the app see another method or path than was
// decided about: methods where they decide, a second path where nobody may name one, and
// what has another header's name to CGI and WSGI.
func (p *pathRules) stripOverrides(h http.Header, public bool) {
	if p.deny == nil && p.public == nil {
		return
	}
	if public {
		delete(h, "Destination")
	}
	for name := range h {
		if strings.ContainsFunc(name, isAliased) {
			delete(h, name)
			continue
		}
		if _, method := otherMethods[adapter.FoldName(name)]; method && (public || p.byMethod) {
			delete(h, name)
		}
	}
}
