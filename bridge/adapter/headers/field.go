package headers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Header says what one header carries: exactly one of From, Claim, Attribute,
// Const and Secret, and how.
type Header struct {
	// From is a source: email, email_local, subject, name, role, roles, groups,
	// rule or sync_marker.
	From string `toml:"from"`
	// Claim is the name of a claim of the assertion, such as
	// "resource_access.app.roles": a string, or with Join or Repeat a list of
	// strings.
	Claim string `toml:"claim"`
	// Attribute is the name of an attribute that rules add to decisions.
	Attribute string `toml:"attribute"`
	// Const is a fixed text.
	Const string `toml:"const"`
	// Secret is a text that the app and the bridge share, at least 16 bytes, so
	// that the app can tell the bridge from others.
	Secret adapter.Secret `toml:"secret"`
	// Needs, in a preset, stands in the place of a secret that only an [adapter.NAME]
	// can have, and says what it is. With it the adapter does not open.
	Needs string `toml:"needs"`

	value.Words // the app's own

	// Join separates the items of a list; lists need it, Repeat or Wrap. It is
	// one character, which spaces may surround: of a longer one, an item could
	// hold a part and its neighbour the rest.
	Join string `toml:"join"`
	// Repeat sends a list as several headers of the name, one item in each.
	Repeat bool `toml:"repeat"`
	// Wrap "<>" puts the value, or each item of a list, between "<" and ">".
	Wrap string `toml:"wrap"`
	// Quote puts double quotes around items that the app would otherwise
	// split: those with the separator, a comma, white space or "[".
	Quote bool `toml:"quote"`
	// Append adds "sync_marker" as the last item of a list.
	Append string `toml:"append"`

	// Encode is how the app reads the bytes: "ascii" (default), "utf-8",
	// "latin-1", "quoted-printable" (RFC 2045 §6.7, of UTF-8), "percent" (RFC
	// 3986 §2.1, of UTF-8) or "rfc2047" (encoded-words, of UTF-8).
	Encode string `toml:"encode"`
	// Required refuses people for whom the header would be empty.
	Required bool `toml:"required"`
	// Default is sent where the header would be empty, to apps that take a
	// missing one for "as before". Without it, the header is left out.
	Default string `toml:"default"`
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
	shape  *value.Shape                              // nil: the source's words
	form   form
	repeat bool
	marker bool // ends with the sync marker, or is it
	secret bool
	// required, ifEmpty and omit are what to do without a value.
	required bool
	ifEmpty  string
	omit     bool
	silent   bool // at logout
}

// compile checks h; ok is false if fail was called.
func (h *Header) compile(o *Options, env adapter.Env, fail value.Fail) (f field, ok bool) {
	ok = true
	bad := func(key, format string, args ...any) {
		ok = false
		fail(key, format, args...)
	}
	f.repeat, f.marker = h.Repeat, h.Append == "sync_marker" || h.From == "sync_marker"
	secret := h.source(o, env, &f, bad)
	f.secret = secret != ""
	f.form = h.form(f.list != nil, bad)
	f.shape = h.words(o).Shape(h.from(o), env, bad)
	h.presence(&f, bad)
	if h.known() && f.form.complete(f.list != nil) {
		h.tryFixed(&f, o, secret, bad)
	}
	return f, ok
}

// presence checks what to do without a value.
func (h *Header) presence(f *field, bad value.Fail) {
	f.required = (h.Required || h.sendsRoles()) && h.From != "sync_marker" // which is never empty
	switch h.Unsendable {
	case "", "refuse":
	case "omit":
		f.omit = true
		if h.sendsRoles() {
			bad(".unsendable", "a role cannot be left out: somebody without it may be allowed more")
		}
	default:
		bad(".unsendable", `%q; choose "refuse" or "omit"`, h.Unsendable)
	}
	if h.Default == "" || !h.known() {
		return
	}
	switch h.kind() {
	case "email", "email_local", "subject":
		bad(".default", "is not for %s: all who have none would be one user", h.From)
	case "role", "roles":
		bad(".default", "is not for roles, which nobody enters without; the app's default_role is one for whoever no rule names")
	case "rule", "sync_marker", "constant", "secret":
		bad(".default", "has no effect: %s is never empty", h.sourceName())
	}
	if h.Required {
		bad(".default", "beside required, which refuses people for whom it would be sent; keep one of them")
	}
}

// tryFixed writes the texts that do not depend on a person, so that those that
// cannot be sent are found when the adapter is opened.
func (h *Header) tryFixed(f *field, o *Options, secret string, bad value.Fail) {
	try := func(key, text string) {
		if _, err := f.write(text); err != nil {
			bad(key, "%v", err)
		}
	}
	switch {
	case h.Const != "":
		try(".const", h.Const)
	case secret != "":
		try(".secret", h.Prefix+secret)
	case h.Prefix != "":
		try(".prefix", h.Prefix+"x")
	}
	if h.Default != "" {
		var err error
		if f.ifEmpty, err = f.write(h.Default); err != nil {
			bad(".default", "%v", err)
		}
	}
	names, key := h.words(o).Names(h.from(o))
	for _, from := range slices.Sorted(maps.Keys(names)) {
		if names[from] == "" {
			continue // checkMap says so
		}
		to, err := f.shape.Finish(names[from])
		if err == nil {
			_, err = f.write(to)
		}
		if err != nil {
			bad(key+"."+from, "%v", err)
		}
	}
}

// value returns the header's value, "" for none, without the sync marker. Of a
// header that repeats, it returns its values instead.
func (f *field) value(in *adapter.Input) (text string, items []string, err error) {
	text, items, err = f.read(in)
	switch {
	case err != nil && (!f.omit || f.required || errors.Is(err, value.ErrUnmapped)):
		return "", nil, fmt.Errorf("%w: %w", adapter.ErrUnsendable, err)
	case err == nil && (text != "" || len(items) > 0):
		return text, items, nil
	case f.required:
		return "", nil, fmt.Errorf("%w: required, and empty for this person", adapter.ErrUnsendable)
	case f.ifEmpty != "" && f.repeat:
		return "", []string{f.ifEmpty}, nil
	default:
		return f.ifEmpty, nil, nil
	}
}

// read returns what there is to send, if anything, or why it cannot be sent.
func (f *field) read(in *adapter.Input) (value string, items []string, err error) {
	if f.list == nil {
		value, err = f.one(in)
	} else if items, err = f.items(in); !f.repeat {
		value, items = strings.Join(items, f.form.join), nil
	}
	if err == nil && f.form.tooLong(value, items) {
		err = errTooLong
	}
	return value, items, err
}

// one returns the value of a source of one.
func (f *field) one(in *adapter.Input) (string, error) {
	text, err := f.single(in)
	if err == nil && text != "" && f.shape != nil {
		text, err = f.shape.Apply(text)
	}
	if err != nil || text == "" {
		return "", err
	}
	return f.write(text)
}

// items returns the items of a list as they are written.
func (f *field) items(in *adapter.Input) ([]string, error) {
	list, err := f.list(in)
	if err != nil {
		return nil, err
	}
	written := make([]string, 0, len(list))
	for _, item := range list {
		if item != "" && f.shape != nil {
			item, err = f.shape.Apply(item)
		}
		if err == nil && item != "" {
			item, err = f.write(item)
		}
		switch {
		case err != nil && f.omit && !errors.Is(err, value.ErrUnmapped):
			err = nil
		case err != nil:
			return nil, err
		case item == "":
		case f.shape.Mapped() && slices.Contains(written, item): // two names for one thing
		default:
			written = append(written, item)
		}
	}
	return written, nil
}

// write writes a text in the app's words so that the app reads this and no
// other.
func (f *field) write(text string) (string, error) {
	if f.list != nil {
		return f.form.item(text)
	}
	return f.form.whole(text)
}

// mark adds the sync marker to a value.
func (f *field) mark(value, marker string) string {
	if value == "" {
		return marker
	}
	return value + f.form.join + marker
}
