package mapping

import (
	"strings"
	"unicode"
)

// Confusable reports whether people take a text for another one: a word of it looks all
// Latin and is not, or it has characters that nobody sees.
func Confusable(text string) bool {
	if isASCII(text) {
		return false
	}
	if strings.Map(visible, text) != text {
		return true
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M) })
	return len(words) > 0 && containsLookalike(words)
}

func containsLookalike(words []string) bool {
	for _, word := range words {
		found, other := false, false
		for _, r := range strings.ToLower(word) {
			_, looks := lookalikes[r]
			found = found || looks
			other = other || !looks && r >= 0x80
		}
		if found && !other {
			return true
		}
	}
	return false
}
