package headers

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// form is how words become a header's value: list structure, then bytes.
type form struct {
	join string
	// separator is join as the app sees it, without the spaces around it, or
	// the comma that HTTP puts between the values of a header that repeats
	// (RFC 9110 §5.3); empty: nothing separates.
	separator string
	quote     bool
	wrap      bool
	encoding
}

// separators are what may stand between the items of a list. None of them occurs
// in a sync marker or in a quoted item's quotes; in what an encoding writes,
// some do, and are not for it.
const separators = ",;|:/+& "

// form checks how h is written.
func (h *Header) form(isList bool, bad value.Fail) form {
	f := form{join: h.Join, separator: separatorOf(h.Join), quote: h.Quote, wrap: h.Wrap == "<>"}
	var known bool
	if f.encoding, known = encodings[h.Encode]; !known {
		bad(".encode", `%q; choose "ascii", "utf-8", "latin-1", "quoted-printable", "percent" or "rfc2047"`, h.Encode)
	}
	if h.Wrap != "" && h.Wrap != "<>" {
		bad(".wrap", `%q; the one thing that can be put around a value is "<>"`, h.Wrap)
	}
	if h.Append != "" && h.Append != "sync_marker" {
		bad(".append", `%q; the one thing that can be appended is "sync_marker"`, h.Append)
	}
	if f.opaque && (h.Quote || h.Wrap != "") {
		bad(".encode", "%q beside quote or wrap: quotes and brackets would be encoded too, and the app would not see them", h.Encode)
	}
	if isList {
		h.listForm(&f, bad)
	} else if h.known() && (h.Join != "" || h.Repeat || h.Quote || h.Append != "") {
		bad("", "join, repeat, quote and append are for lists; %s is one value", h.sourceName())
	}
	return f
}

func (h *Header) listForm(f *form, bad value.Fail) {
	given := 0
	for _, is := range []bool{h.Join != "", h.Repeat, h.Wrap != ""} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		bad(".join", `missing: %s is a list; say what separates its items, such as join = ",", or repeat = true for a header each`, h.From)
	case given > 1:
		bad("", "join, repeat and wrap are three ways to write a list; keep one of them")
	case h.Join == "" && (h.Quote || h.Append != ""):
		bad("", "quote and append are for lists with join")
	case h.Repeat:
		f.separator = ","
	case h.Join == "":
	case len(f.separator) != 1 || !strings.Contains(separators, f.separator):
		bad(".join", `%q; choose one of "," ";" "|" ":" "/" "+" "&" and " ", with or without spaces around it`, h.Join)
	case strings.Contains(f.taken, f.separator):
		bad(".join", "%q cannot be told from what encode = %q writes; choose another", h.Join, h.Encode)
	}
}

// complete reports whether enough is right to write something.
func (f *form) complete(isList bool) bool {
	return f.encode != nil && (!isList || f.separator != "" || f.wrap)
}

// separatorOf returns join without the spaces around it: an app that is sent
// ", " splits at the comma.
func separatorOf(join string) string {
	if s := strings.Trim(join, " "); s != "" || join == "" {
		return s
	}
	return " "
}

// whole writes a value that is not a list.
func (f *form) whole(text string) (string, error) {
	if f.wrap {
		return f.wrapped(text)
	}
	return f.encode(text)
}

var (
	errQuote     = errors.New("an item of the list has a double quote")
	errItemSpace = errors.New("an item of the list begins or ends with white space, which apps take away")
	errBracket   = errors.New(`value has "<", ">" or "\", which would end it early or begin another`)
)

// item writes one item of a list so that the app, splitting at the separator
// and trimming white space, reads this item and no other.
func (f *form) item(item string) (string, error) {
	if f.wrap {
		return f.wrapped(item)
	}
	if f.quote {
		switch {
		case strings.Contains(item, `"`):
			return "", errQuote
		case strings.Contains(item, f.separator) || strings.ContainsAny(item, ", \t["):
			return f.encode(`"` + item + `"`)
		}
	}
	switch {
	case strings.TrimSpace(item) != item:
		return "", errItemSpace
	case f.separator == " " && strings.ContainsFunc(item, unicode.IsSpace), strings.Contains(item, f.separator):
		return "", fmt.Errorf("an item of the list has the separator %q", f.separator)
	}
	return f.encode(item)
}

// wrapped refuses what NiFi escapes, since not all its versions read the same
// thing back: "ann><admin" was two people.
func (f *form) wrapped(text string) (string, error) {
	switch {
	case strings.ContainsAny(text, `<>\`):
		return "", errBracket
	case strings.TrimSpace(text) != text: // some encodings could say it, and apps trim
		return "", errSpace
	}
	written, err := f.encode(text)
	return "<" + written + ">", err
}

// tooLong reports whether the app would not read the value, or one of several,
// to its end.
func (f *form) tooLong(value string, items []string) bool {
	if f.most == 0 {
		return false
	}
	for _, item := range items {
		if len(item) > f.most {
			return true
		}
	}
	return len(value) > f.most
}
