package jwt

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// ascii returns JSON with its other characters escaped.
func ascii(text []byte) []byte {
	var b []byte
	for _, r := range string(text) {
		if r < utf8.RuneSelf {
			b = append(b, byte(r)) //nolint:gosec // G115: checked above
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			b = append(b, `\u`...)
			hex := strconv.FormatUint(uint64(unit)|1<<16, 16)
			b = append(b, hex[1:]...)
		}
	}
	return b
}
