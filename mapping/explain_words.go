package mapping

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// listed names what a condition asks for.
func (m *Mapper) listed(c *condition) string {
	return few(c.names, func(n int32) string {
		if m.isList(n) {
			return m.names[n].text
		}
		return quoted(m.names[n].text)
	})
}

// few lists the first few of many.
func few[T any](all []T, text func(T) string) string {
	const most = 5
	var parts []string
	for _, item := range all[:min(len(all), most)] {
		parts = append(parts, text(item))
	}
	if more := len(all) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// isList reports whether n is the number of a list.
func (m *Mapper) isList(n int32) bool { return m.names[n].list }

// errorInWords is what CEL says, which may repeat texts of an assertion.
func errorInWords(err error) string {
	if text := err.Error(); len(text) > 100 || strings.ContainsFunc(text, unicode.IsControl) {
		return quoted(text)
	}
	return err.Error()
}

// quoted is a text from an assertion or a policy as one line of moderate length.
func quoted(text string) string {
	const most = 100
	if len(text) <= most {
		return strconv.Quote(text)
	}
	end := most
	for !utf8.RuneStart(text[end]) && end > most-utf8.UTFMax {
		end--
	}
	return strconv.Quote(text[:end]) + "…"
}
