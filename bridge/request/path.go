package request

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Path is a request's path, and how it is written. A path is decided about as it came,
// and goes on as it came. What cannot be read in one way only is never what a rule lets
// through: servers disagree about it, and the app would be asked for something else
// than was decided about (Oathkeeper CVE-2026-33494, heimdall CVE-2026-42274, Traefik
// CVE-2026-40912).
type Path struct {
	// Decoded is the path with its escapes decoded.
	Decoded string
	// Raw is what goes to the upstream in url.URL.RawPath: the same bytes as came, but
	// those that must be encoded (RFC 3986 §3.3) are. It is empty if Decoded says all.
	Raw string
	// Broken is a path that no client writes, and that somebody writes to be misread:
	// it has a dot segment or a control character, or is no path. Dot segments lead out
	// of directories in apps that forget to look (Grafana CVE-2021-43798).
	Broken bool
	// Ambiguous is a path that servers read in different ways.
	Ambiguous bool
	// EncodedSlash is a path with %2F, which some servers take for "/".
	EncodedSlash bool
	// OverEncoded is a path that encodes a letter, digit or such. That is the same path
	// (RFC 3986 §2.3), but not to servers that match before they decode.
	OverEncoded bool

	bare bool // it has bytes that must be encoded, and are not
}

// ReadPath reads the path of a request's target.
func ReadPath(u *url.URL) Path {
	raw := u.RawPath
	if raw == "" {
		raw = u.EscapedPath() // then the bytes are these
	}
	p := Path{
		Decoded:   u.Path,
		Raw:       u.RawPath,
		Broken:    !isOrigin(u) || strings.Contains(u.RawQuery, "#"),
		Ambiguous: strings.Contains(raw, "//") || !utf8.ValidString(u.Path) || isEncodedTwice(u.Path),
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '%' || i+2 >= len(raw) {
			p.plain(raw[i])
			continue
		}
		p.encoded(fromHex(raw[i+1])<<4 | fromHex(raw[i+2]))
		i += 2
	}
	p.Broken = p.Broken || HasDotSegment(u.Path)
	if p.Ambiguous && !p.Broken { // for servers that decode twice
		twice, err := url.PathUnescape(u.Path)
		p.Broken = err == nil && twice != u.Path && HasDotSegment(twice)
	}
	if p.bare {
		p.Raw = encodeBare(u.RawPath)
	}
	return p
}

// plain takes a byte that came as it is.
func (p *Path) plain(c byte) {
	switch {
	case c == '#', c == '\\', c <= ' ', c == 0x7f:
		p.Broken = true
	case c == ';': // parameters, to some (RFC 2396 §3.3)
		p.Ambiguous = true
	case mustBeEncoded(c):
		p.bare = true
	}
}

// encoded takes a byte that came as %XX.
func (p *Path) encoded(c byte) {
	switch {
	case c < ' ', c == 0x7f:
		p.Broken = true
	case c == '/':
		p.EncodedSlash = true
	case c == '\\', c == ';', c == '?', c == '#':
		p.Ambiguous = true
	case c == '-', c == '.', c == '_', c == '~', '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		p.OverEncoded = true
	}
}

// PlainPath returns a decoded path as the most forgiving server reads it: decoded once
// more where something is encoded twice, with "/" for "\\", without parameters and empty
// segments, and in lower case. As Windows does, it takes blanks and dots off the end of a
// segment, and the name of a stream ("::$DATA"). Paths that some server takes for the same have the same
// plain path, so whatever is denied is denied by it. It never decides what is let through.
func PlainPath(decoded string) string {
	for range 3 {
		again, err := url.PathUnescape(decoded)
		if err != nil || again == decoded {
			break
		}
		decoded = again
	}
	decoded = strings.ToLower(strings.ToUpper(decoded))
	if !strings.ContainsAny(decoded, `\;:`) && !strings.Contains(decoded, "//") && !endsOddly(decoded) {
		return decoded
	}
	var b strings.Builder
	for segment := range strings.FieldsFuncSeq(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		segment, _, _ = strings.Cut(segment, ";")
		segment, _, _ = strings.Cut(segment, "::$")
		if segment = strings.TrimRight(segment, ". "); segment != "" {
			b.WriteString("/" + segment)
		}
	}
	if b.Len() == 0 || strings.HasSuffix(decoded, "/") {
		b.WriteByte('/')
	}
	return b.String()
}

// endsOddly reports whether a segment ends with a blank or a dot.
func endsOddly(path string) bool {
	return strings.Contains(path, "./") || strings.Contains(path, " /") || strings.HasSuffix(path, ".") || strings.HasSuffix(path, " ")
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

// HasDotSegment reports whether a decoded path has a segment that leads nowhere or up.
// It knows every separator that some server knows, and looks before the parameters of a
// segment.
func HasDotSegment(path string) bool {
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

// isDots reports whether some server takes a segment for one dot or two. Windows trims
// blanks and dots from the end of a segment, and others normalise Unicode (NFKC, IDNA). An
// ellipsis alone, or a full stop in another script, may be the name of a page.
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

// mustBeEncoded reports whether a byte must not stand bare in a path. If one does,
// net/url encodes the whole path again, and would turn each %2F into "/" on the way.
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

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func fromHex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
