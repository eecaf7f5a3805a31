package headers

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// encoding writes text as the bytes of a header's value, or refuses: a value
// that arrives as something else is worse than none.
type encoding func(text string) (string, error)

var encodings = map[string]encoding{
	"":                 encodeASCII,
	"ascii":            encodeASCII,
	"utf-8":            encodeUTF8,
	"quoted-printable": encodeQuotedPrintable,
}

var (
	errControl = errors.New("value has control characters")
	errSpace   = errors.New("value begins or ends with white space, which HTTP would take away")
)

// hasControl reports whether s has control characters or is not UTF-8.
func hasControl(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			return true
		case c >= utf8.RuneSelf: // most values never come here
			return !utf8.ValidString(s[i:]) || strings.ContainsFunc(s[i:], unicode.IsControl)
		}
	}
	return false
}

func encodeUTF8(text string) (string, error) {
	switch {
	case hasControl(text):
		return "", errControl
	case strings.TrimSpace(text) != text:
		return "", errSpace
	}
	return text, nil
}

func encodeASCII(text string) (string, error) {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return "", errors.New(`value has characters outside ASCII; if the app reads UTF-8, write encode = "utf-8"`)
		}
	}
	return encodeUTF8(text)
}

// maxQuotedPrintable is the length of what Go's reader, which Grafana uses,
// decodes: it stops at 4,096 bytes without a line break and gives back the first
// part as if it were all. A sync_marker still fits behind it.
const maxQuotedPrintable = 4000

var errTooLong = errors.New("value is too long for quoted-printable in a header")

// encodeQuotedPrintable is RFC 2045 §6.7 without its line breaks, which a header
// cannot hold.
func encodeQuotedPrintable(text string) (string, error) {
	const hexDigits = "0123456789ABCDEF"
	if hasControl(text) {
		return "", errControl
	}
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		edgeSpace := c == ' ' && (i == 0 || i == len(text)-1)
		if c >= 0x80 || c == '=' || edgeSpace {
			b.WriteByte('=')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}
