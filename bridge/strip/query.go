package strip

import (
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// Query returns a query without the parameters that clients may not send. All other
// bytes of it stay as they are.
func (n *Names) Query(raw string) string {
	if len(n.query) == 0 || raw == "" {
		return raw
	}
	return n.cleanQuery(raw)
}

// cleanQuery removes the parameters, each to its end: to some apps, that is the
// next "&", and to older ones in Python, Ruby and Java a ";" as well.
func (n *Names) cleanQuery(raw string) string {
	kept := make([]byte, 0, len(raw))
	begun := false
	for rest, separator := raw, ""; ; {
		end := strings.IndexAny(rest, "&;")
		pair := rest
		if end >= 0 {
			pair = rest[:end]
		}
		if !n.stripsParameter(pair) {
			if begun {
				kept = append(kept, separator...)
			}
			kept, begun = append(kept, pair...), true
		}
		if end < 0 {
			return string(kept)
		}
		separator, rest = rest[end:end+1], rest[end+1:]
	}
}

// stripsParameter reports whether some app reads a parameter as one that clients may
// not send. Names are compared folded, as PHP makes one variable of "api.key",
// "api key" and "api[key"; without what stands behind or before the name of a list or
// an object ("api_key[]" in PHP and Rails, "[api_key]" in Express); and up to a NUL,
// where PHP ends a name.
func (n *Names) stripsParameter(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	name, _, _ = strings.Cut(unescape(name), "\x00")
	name = strings.TrimLeft(name, " \t\r\n[")
	if _, own := n.query[adapter.FoldName(name)]; own {
		return true
	}
	end := strings.IndexAny(name, "[]")
	if end < 0 {
		return false
	}
	_, own := n.query[adapter.FoldName(name[:end])]
	return own
}

// unescape decodes what can be decoded and leaves the rest, as lenient apps do;
// url.QueryUnescape would refuse the whole name.
func unescape(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '+':
			b = append(b, ' ')
		case c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			b = append(b, fromHex(text[i+1])<<4|fromHex(text[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b)
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
