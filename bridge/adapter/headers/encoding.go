package headers

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// encoding writes text as the bytes of a header's value, or refuses: a value
// that arrives as something else is worse than none.
type encoding struct {
	encode func(text string) (string, error)
	// taken are separators that occur in what it writes, or that readers of it
	// take for something else.
	taken string
	// opaque: it writes other things than letters differently too.
	opaque bool
	// most is how many bytes readers read; 0: any.
	most int
}

var encodings = map[string]encoding{
	"":                 {encode: encodeASCII},
	"ascii":            {encode: encodeASCII},
	"utf-8":            {encode: encodeUTF8},
	"latin-1":          {encode: encodeLatin1},
	"quoted-printable": {encode: encodeQuotedPrintable, most: maxQuotedPrintable},
	// Readers of forms take "+" for a space.
	"percent": {encode: encodePercent, taken: "+", opaque: true},
	// "+" and "/" are digits of base64. A space between two encoded-words is
	// none to readers, so that two items would be one.
	"rfc2047": {encode: encodeRFC2047, taken: "+/ ", opaque: true},
}

var (
	errControl = errors.New("value has control characters")
	errSpace   = errors.New("value begins or ends with white space, which HTTP would take away")
	errASCII   = errors.New(`value has characters outside ASCII; if the app reads UTF-8, write encode = "utf-8"`)
	errLatin1  = errors.New("value has characters outside Latin-1 (ISO 8859-1)")
)

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func encodeUTF8(text string) (string, error) {
	switch {
	case value.HasControl(text):
		return "", errControl
	case strings.TrimSpace(text) != text:
		return "", errSpace
	}
	return text, nil
}

func encodeASCII(text string) (string, error) {
	if !isASCII(text) {
		return "", errASCII
	}
	return encodeUTF8(text)
}

// encodeLatin1 writes one byte for each character, as servers read that keep to
// RFC 9110 §5.5 or to WSGI (PEP 3333).
func encodeLatin1(text string) (string, error) {
	text, err := encodeUTF8(text)
	if err != nil || isASCII(text) {
		return text, err
	}
	bytes := make([]byte, 0, len(text))
	for _, r := range text {
		if r > unicode.MaxLatin1 {
			return "", errLatin1
		}
		bytes = append(bytes, byte(r)) //nolint:gosec // G115: checked above
	}
	return string(bytes), nil
}

const hexDigits = "0123456789ABCDEF"

// escape writes the bytes that are not plain as two digits behind a mark.
func escape(text string, mark byte, plain func(i int) bool) (string, error) {
	if value.HasControl(text) {
		return "", errControl
	}
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if plain(i) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte(mark)
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String(), nil
}

// maxQuotedPrintable is the length of what Go's reader, which Grafana uses,
// decodes: it stops at 4,096 bytes without a line break and gives back the first
// part as if it were all. A sync_marker still fits behind it.
const maxQuotedPrintable = 4000

var errTooLong = errors.New("value is too long for quoted-printable in a header")

// encodeQuotedPrintable is RFC 2045 §6.7 without its line breaks, which a header
// cannot hold.
func encodeQuotedPrintable(text string) (string, error) {
	return escape(text, '=', func(i int) bool {
		edgeSpace := text[i] == ' ' && (i == 0 || i == len(text)-1)
		return text[i] < utf8.RuneSelf && text[i] != '=' && !edgeSpace
	})
}

// encodePercent leaves nothing but RFC 3986's unreserved characters as they are,
// so that every reader of percent-encoding agrees.
func encodePercent(text string) (string, error) {
	return escape(text, '%', func(i int) bool {
		c := text[i]
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
	})
}

// The parts of an encoded-word (RFC 2047 §2), which has 75 characters at most.
const (
	wordStart = "=?UTF-8?B?"
	wordEnd   = "?="
	wordBytes = (75 - len(wordStart) - len(wordEnd)) / 4 * 3
)

// encodeRFC2047 writes encoded-words, unless the text is the same without. ASCII
// can be something else: the display name "=?UTF-8?B?YWRtaW4=?=" reads as "admin".
func encodeRFC2047(text string) (string, error) {
	if value.HasControl(text) {
		return "", errControl
	}
	if isASCII(text) && !strings.Contains(text, "=?") && strings.TrimSpace(text) == text {
		return text, nil
	}
	var words []string
	for text != "" {
		n := min(len(text), wordBytes)
		for n < len(text) && !utf8.RuneStart(text[n]) { // §5: no character in two words
			n--
		}
		words = append(words, wordStart+base64.StdEncoding.EncodeToString([]byte(text[:n]))+wordEnd)
		text = text[n:]
	}
	return strings.Join(words, " "), nil
}
