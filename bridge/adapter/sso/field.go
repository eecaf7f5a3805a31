package sso

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/mapping"
)

// Field says what one field holds: exactly one of From, Claim, Attribute and
// Const, and how.
type Field struct {
	// From is a source: email, email_local, subject, name, role, roles, groups or
	// rule.
	From string `toml:"from"`
	// Claim is the name of a claim of the assertion.
	Claim string `toml:"claim"`
	// Attribute is the name of an attribute that rules add to decisions.
	Attribute string `toml:"attribute"`
	// Const is a fixed text.
	Const string `toml:"const"`

	// Type is what the app reads: "string", "list" of strings or "bool"; empty: what
	// the protocol says, or a list of what is one, and of the rest a string.
	Type string `toml:"type"`
	// Required refuses people for whom the field would be empty. Otherwise it is
	// left out, and of a list the app gets an empty one.
	Required bool `toml:"required"`
	// Unsendable says what becomes of a value that cannot be written without
	// changing what it means: "refuse" the person (default), or "omit" the field,
	// or of a list the item.
	Unsendable string `toml:"unsendable"`

	value.Words // the app's own
}

// field is a compiled Field.
type field struct {
	value.Reader
	name      string
	claim     string // the assertion's; empty: another source
	fixed     []string
	typ       string
	separator string       // must not be in an item
	shape     *value.Shape // nil: the source's words
	required  bool
	omit      bool
	banned    []string // in lower case
}

var (
	errControl = errors.New("value has control characters")
	errBool    = errors.New(`value is neither "true" nor "false"`)
	errEmpty   = errors.New("required, and empty for this person")
	errBanned  = errors.New("the app takes it for nobody")
	errItem    = errors.New("an item has the character in it that separates items")
)

// source is where the field's value comes from.
func (f *Field) source() *value.Source {
	s := &value.Source{From: f.From, Claim: f.Claim, Attribute: f.Attribute, List: f.Type == "list"}
	if f.Const != "" {
		s.Own = append(s.Own, "constant")
	}
	return s
}

// field compiles the field called name.
func (o *Options) field(p *protocol, name string, options *Field, env adapter.Env, fail value.Fail) *field {
	key, ok := "fields."+name, true
	bad := func(k, format string, args ...any) {
		ok = false
		if k == "" || strings.HasPrefix(k, ".") { // below the field
			k = key + k
		}
		fail(k, format, args...)
	}
	if p.isList != nil && p.isList(name) && options.Type == "" {
		options.Type = "list"
	}
	src := options.source()
	src.Domains = o.Domains
	f := &field{
		name: name, claim: src.Claim, typ: options.Type, separator: p.separator,
		required: options.Required || src.SendsRoles(), omit: options.Unsendable == "omit",
	}
	if name == p.subject {
		f.banned = p.banned
	}
	if given := src.Given(); given != 1 {
		bad("", `has %d sources; give exactly one of from = "email", claim = "department", attribute = "org_id" and const = "text"`, given)
		return f
	}
	if options.Const == "" {
		f.Reader = src.Open(env, bad)
	}
	f.shape = options.Shape(src, env, bad)
	switch options.Unsendable {
	case "", "refuse":
	case "omit":
		if src.SendsRoles() {
			bad(".unsendable", "a role cannot be left out: the app may leave somebody what they had")
		}
	default:
		bad(".unsendable", `%q; choose "refuse" or "omit"`, options.Unsendable)
	}
	f.checkType(p, src, bad)
	if ok {
		f.tryFixed(options, bad)
	}
	return f
}

// checkType checks that the source can have the type, and that the app reads it.
func (f *field) checkType(p *protocol, src *value.Source, bad value.Fail) {
	if !slices.Contains([]string{"", "string", "list", "bool"}, f.typ) {
		bad(".type", `%q; choose "string", "list" or "bool"`, f.typ)
		return
	}
	switch {
	case f.List != nil && f.typ == "":
		f.typ = "list"
	case f.List != nil && f.typ != "list":
		bad(".type", `%q, but %s is a list; leave type out`, f.typ, src.Name())
		return
	}
	if p.isBool != nil && p.isBool(f.name) {
		if f.typ != "" && f.typ != "bool" {
			bad("", `is "true" or "false" to the app, and no %s; with map, say which for each value`, f.typ)
		}
		f.typ = "bool"
	}
	if p.isList != nil && !p.isList(f.name) && f.typ == "list" {
		bad("", "is one text to the app, and no list")
	}
}

// tryFixed writes the texts that do not depend on a person, so that those that
// cannot be sent are found when the adapter is opened.
func (f *field) tryFixed(options *Field, bad value.Fail) {
	if value.HasControl(options.Prefix) {
		bad(".prefix", "%v", errControl)
	}
	if options.Const != "" {
		if err := f.check(options.Const); err != nil {
			bad(".const", "%v", err)
		}
		f.fixed = []string{options.Const}
	}
	for _, from := range slices.Sorted(maps.Keys(options.Map)) {
		to, err := f.shape.Finish(options.Map[from])
		if err == nil {
			err = f.check(to)
		}
		if err != nil {
			bad(".map."+from, "%v", err)
		}
	}
}

// check says why a text cannot be written.
func (f *field) check(text string) error {
	switch {
	case value.HasControl(text):
		return errControl
	case f.typ == "bool" && text != "true" && text != "false" && text != "":
		return errBool // which apps take for "as before"
	case f.typ == "list" && f.separator != "" && strings.Contains(text, f.separator):
		return errItem
	case f.required && text != "" && strings.TrimSpace(text) == "":
		return errEmpty
	case f.banned != nil && slices.Contains(f.banned, mapping.LowerASCII(text)):
		return errBanned
	}
	return nil
}

// read returns what the field says of the person; nil: nothing.
func (f *field) read(in *adapter.Input) ([]string, error) {
	values, err := f.values(in)
	if err == nil && f.required && len(values) == 0 {
		err = errEmpty
	}
	if err != nil {
		return nil, fmt.Errorf("fields.%s: %w: %w", f.name, adapter.ErrUnsendable, err)
	}
	return values, nil
}

func (f *field) values(in *adapter.Input) ([]string, error) {
	if f.fixed != nil {
		return f.fixed, nil
	}
	if f.List != nil {
		list, err := f.List(in)
		if err != nil {
			return nil, err
		}
		return f.items(list)
	}
	text, err := f.single(in)
	switch {
	case err != nil:
		return f.unsendable(err)
	case f.typ == "list":
		return f.items([]string{text})
	case text == "":
		return nil, nil
	}
	if text, err = f.write(text); err != nil {
		return f.unsendable(err)
	}
	if text == "" {
		return nil, nil
	}
	return []string{text}, nil
}

// single reads a source that is one text. A claim that is true or false is the
// word for it.
func (f *field) single(in *adapter.Input) (string, error) {
	if f.claim != "" {
		v, _ := in.Principal.Claim(f.claim)
		if is, ok := v.(bool); ok {
			return strconv.FormatBool(is), nil
		}
	}
	return f.Single(in)
}

func (f *field) unsendable(err error) ([]string, error) {
	if f.omit && !errors.Is(err, value.ErrUnmapped) {
		return nil, nil
	}
	return nil, err
}

// items writes a list. One without items is sent as such: an app may take a
// missing field for "as before".
func (f *field) items(list []string) ([]string, error) {
	items := make([]string, 0, len(list))
	for _, item := range list {
		if item == "" {
			continue
		}
		item, err := f.write(item)
		if err != nil {
			if _, err = f.unsendable(err); err != nil {
				return nil, err
			}
			continue
		}
		if item == "" || f.shape.Mapped() && slices.Contains(items, item) { // two names for one thing
			continue
		}
		items = append(items, item)
	}
	return items, nil
}

func (f *field) write(text string) (string, error) {
	if f.shape != nil {
		var err error
		if text, err = f.shape.Apply(text); err != nil {
			return "", err
		}
	}
	return text, f.check(text)
}
