package headers

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// Header says what one header carries: exactly one of From, Claim and Const.
type Header struct {
	// From is a source: email, email_local, subject, name, role, groups, rule
	// or sync_marker.
	From string `toml:"from"`
	// Claim is the name of a claim of the assertion, such as
	// "resource_access.app.roles": a string, or with Join a list of strings.
	Claim string `toml:"claim"`
	// Const is a fixed text.
	Const string `toml:"const"`
	// Join separates the items of a list; required for lists. It is one
	// character, which spaces may surround: of a longer one, an item could hold
	// a part and its neighbour the rest.
	Join string `toml:"join"`
	// Quote puts double quotes around items that the app would otherwise
	// split: those with the separator, a comma, white space or "[".
	Quote bool `toml:"quote"`
	// Append adds "sync_marker" as the last item of a list.
	Append string `toml:"append"`
	// Encode is how the app reads the bytes: "ascii" (default), "utf-8" or
	// "quoted-printable" (RFC 2045 §6.7, of UTF-8).
	Encode string `toml:"encode"`
	// Required refuses people for whom the header would be empty.
	Required bool `toml:"required"`
	// Unsendable says what becomes of a value that cannot be written without
	// changing what it means: "refuse" the person (default), or "omit" the
	// header, or of a list the item.
	Unsendable string `toml:"unsendable"`
}

// field is a compiled Header.
type field struct {
	name   string // canonical
	single func(in *adapter.Input) (string, error)
	list   func(in *adapter.Input) ([]string, error) // nil: single
	join   string
	// separator is join as the app sees it: without the spaces around it.
	separator string
	quote     bool
	marker    bool // ends with the sync marker, or is it
	encode    encoding
	most      int // bytes of the value; 0: any
	required  bool
	omit      bool
}

// compile checks h; ok is false if fail was called.
func (h Header) compile(o *Options, fail func(key, format string, args ...any)) (f field, ok bool) {
	ok = true
	bad := func(key, format string, args ...any) {
		ok = false
		fail(key, format, args...)
	}
	f = field{
		join: h.Join, separator: separatorOf(h.Join), quote: h.Quote, encode: encodings[h.Encode],
		required: (h.Required || h.From == "role") && h.From != "sync_marker", // which is never empty
	}
	if h.Encode == "quoted-printable" {
		f.most = maxQuotedPrintable
	}
	h.source(o, &f, bad)
	switch {
	case f.list != nil && h.Join == "":
		bad(".join", `missing: %s is a list; say what separates its items, such as join = ","`, h.From)
	case f.list != nil && (len(f.separator) != 1 || !strings.Contains(separators, f.separator)):
		bad(".join", `%q; choose one of "," ";" "|" ":" "/" "+" "&" and " ", with or without spaces around it`, h.Join)
	case f.single != nil && (h.Join != "" || h.Quote || h.Append != ""):
		bad("", "join, quote and append are for lists; %s is one value", h.sourceName())
	}
	switch h.Append {
	case "":
	case "sync_marker":
		f.marker = true
	default:
		bad(".append", `%q; the one thing that can be appended is "sync_marker"`, h.Append)
	}
	if f.encode == nil {
		bad(".encode", `%q; choose "ascii", "utf-8" or "quoted-printable"`, h.Encode)
	}
	switch h.Unsendable {
	case "", "refuse":
	case "omit":
		f.omit = true
	default:
		bad(".unsendable", `%q; choose "refuse" or "omit"`, h.Unsendable)
	}
	if h.Const != "" && ok {
		if _, err := f.encode(h.Const); err != nil {
			bad(".const", "%v", err)
		}
	}
	return f, ok
}

// separators are what may stand between the items of a list. None of them occurs
// in a sync marker, in a quoted item's quotes or in an encoded character.
const separators = ",;|:/+& "

// separatorOf returns join without the spaces around it: an app that is sent
// ", " splits at the comma.
func separatorOf(join string) string {
	if s := strings.Trim(join, " "); s != "" || join == "" {
		return s
	}
	return " "
}

func (h Header) sourceName() string {
	switch {
	case h.From != "":
		return h.From
	case h.Claim != "":
		return "a claim without join"
	default:
		return "a constant"
	}
}

// value returns the header's value, "" for none, without the sync marker.
func (f *field) value(in *adapter.Input) (string, error) {
	value, err := f.raw(in)
	if err == nil && f.most > 0 && len(value) > f.most {
		err = errTooLong
	}
	switch {
	case err != nil && f.omit && !f.required:
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%w: %w", adapter.ErrUnsendable, err)
	case value == "" && f.required:
		return "", fmt.Errorf("%w: required, and empty for this person", adapter.ErrUnsendable)
	}
	return value, nil
}

func (f *field) raw(in *adapter.Input) (string, error) {
	if f.list == nil {
		value, err := f.single(in)
		if err != nil || value == "" {
			return "", err
		}
		return f.encode(value)
	}
	items, err := f.list(in)
	if err != nil {
		return "", err
	}
	parts := make([]string, 0, len(items))
	for _, item := range items {
		if item == "" {
			continue
		}
		part, err := f.item(item)
		if err != nil {
			if f.omit {
				continue
			}
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, f.join), nil
}

// mark adds the sync marker to a value.
func (f *field) mark(value, marker string) string {
	if value == "" {
		return marker
	}
	return value + f.join + marker
}

var (
	errQuote     = errors.New("an item of the list has a double quote")
	errItemSpace = errors.New("an item of the list begins or ends with white space, which apps take away")
)

// item writes one item of a list so that the app, splitting at the separator
// and trimming white space, reads this item and no other.
func (f *field) item(item string) (string, error) {
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
