package jwt

import (
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// appendString appends text as a JSON string. It is valid UTF-8 without control
// characters; claims refuse others.
func appendString(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // of a string, it cannot fail
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

func appendNumber(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

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
