package headers

import (
	"errors"
	"fmt"
	"strings"

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
	// Join separates the items of a list; required for lists.
	Join string `toml:"join"`
	// Quote puts double quotes around items that the app would otherwise
	// split: those with the separator, white space, or "[" in front.
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
	name     string // canonical
	single   func(in *adapter.Input) (string, error)
	list     func(in *adapter.Input) ([]string, error) // nil: single
	join     string
	quote    bool
	marker   func(in *adapter.Input) string // appended to the list; nil: none
	encode   encoding
	required bool
	omit     bool
}

// compile checks h; ok is false if fail was called.
func (h Header) compile(o *Options, fail func(key, format string, args ...any)) (f field, ok bool) {
	ok = true
	bad := func(key, format string, args ...any) {
		ok = false
		fail(key, format, args...)
	}
	f = field{join: h.Join, quote: h.Quote, required: h.Required || h.From == "role", encode: encodings[h.Encode]}
	h.source(o, &f, bad)
	switch {
	case f.list != nil && h.Join == "":
		bad(".join", `missing: %s is a list; say what separates its items, such as join = ","`, h.From)
	case f.single != nil && (h.Join != "" || h.Quote || h.Append != ""):
		bad("", "join, quote and append are for lists; %s is one value", h.sourceName())
	case hasControl(h.Join):
		bad(".join", "has control characters")
	}
	switch h.Append {
	case "":
	case "sync_marker":
		f.marker = marker(o.Resync)
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
	return f, ok
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

// value returns the header's value, "" for none.
func (f *field) value(in *adapter.Input) (string, error) {
	value, err := f.raw(in)
	if err == nil && value != "" && f.list == nil {
		value, err = f.encode(value)
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
		return f.single(in)
	}
	items, err := f.list(in)
	if err != nil {
		return "", err
	}
	parts := make([]string, 0, len(items)+1)
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
	if f.marker != nil {
		parts = append(parts, f.marker(in))
	}
	return strings.Join(parts, f.join), nil
}

var errQuote = errors.New("an item of the list has a double quote")

// item writes one item of a list so that the app, splitting at the separator
// and trimming white space, reads this item and no other.
func (f *field) item(item string) (string, error) {
	if f.quote && (strings.Contains(item, f.join) || strings.ContainsAny(item, " \t[")) {
		if strings.Contains(item, `"`) {
			return "", errQuote
		}
		return f.encode(`"` + item + `"`)
	}
	switch {
	case strings.Contains(item, f.join):
		return "", fmt.Errorf("an item of the list has the separator %q", f.join)
	case f.quote && strings.Contains(item, `"`):
		return "", errQuote
	}
	return f.encode(item)
}
