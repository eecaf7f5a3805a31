package value

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// HasControl reports whether s has control characters or is not UTF-8.
func HasControl(s string) bool {
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
