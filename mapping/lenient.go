package mapping

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	folding "golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Lenient returns the form in which denials compare a text: without case, width,
// invisible characters and the other ways in which Unicode writes the same, and with
// Latin letters for those that cannot be told from them. It is for keeping people
// out: two texts of one such form may be two people's, so it never grants.
func Lenient(text string) string {
	if isASCII(text) {
		return LowerASCII(text)
	}
	text = norm.NFKD.String(strings.Map(visible, keepApart.Replace(text)))
	text = norm.NFKD.String(folding.Fold().String(text))
	return strings.ReplaceAll(strings.Map(plain, text), "i\u0307", "i") // what a capital İ is made of
}

// lenientDomain is Lenient for a domain, which DNS knows in two spellings.
func lenientDomain(domain string) string {
	if isASCII(domain) {
		if domain = LowerASCII(domain); !strings.Contains(domain, "xn--") {
			return domain
		}
	}
	labels := strings.Split(Lenient(domain), ".")
	for i, label := range labels {
		if strings.HasPrefix(label, "xn--") {
			if decoded, err := idna.Punycode.ToUnicode(label); err == nil && !strings.ContainsAny(decoded, structural) {
				labels[i] = Lenient(decoded)
			}
		}
	}
	return strings.Join(labels, ".")
}

func lenientEmail(email string) string {
	at := strings.LastIndexByte(email, '@')
	return Lenient(email[:at+1]) + lenientDomain(email[at+1:])
}

// structural are the characters that names have a structure by. Nothing else is taken
// for one of them: a wide "*" makes no pattern.
const structural = "*@,"

// keepApart replaces the compatibility forms of structural characters by ones that
// nobody's name has, and full stops by what domains read them as.
var keepApart = strings.NewReplacer("\u3002", ".", "\uff61", ".",
	"\uff0a", "\ue000", "\ufe61", "\ue000", "\uff20", "\ue001", "\ufe6b", "\ue001", "\uff0c", "\ue002", "\ufe50", "\ue002", "\ufe10", "\ue002")

// visible drops characters that nobody sees.
func visible(r rune) rune {
	if r >= utf8.RuneSelf && unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
		return -1
	}
	return r
}

// plain is visible, with the Latin letter for one that looks like it.
func plain(r rune) rune {
	if letter, ok := lookalikes[r]; ok {
		return letter
	}
	return visible(r)
}

// lookalikes are the small letters that cannot be told from Latin ones, or whose
// capitals cannot.
var lookalikes = map[rune]rune{
	'а': 'a', 'в': 'b', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'н': 'h', 'і': 'i', 'ј': 'j', 'к': 'k', 'ӏ': 'l', 'м': 'm', 'о': 'o',
	'р': 'p', 'ԛ': 'q', 'ѕ': 's', 'т': 't', 'ԝ': 'w', 'у': 'y', 'х': 'x', // Cyrillic
	'α': 'a', 'β': 'b', 'ε': 'e', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', // Greek
	'ı': 'i', 'ɑ': 'a', 'ɡ': 'g', 'ɩ': 'i',
}

// isASCII looks at eight bytes at a time: it is asked about all groups of a person.
func isASCII(s string) bool {
	if len(s) < 8 {
		for i := range len(s) {
			if s[i] >= utf8.RuneSelf {
				return false
			}
		}
		return true
	}
	all := eight(s[len(s)-8:])
	for i := 0; i+8 <= len(s); i += 8 {
		all |= eight(s[i : i+8])
	}
	return all&0x8080808080808080 == 0
}

func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
