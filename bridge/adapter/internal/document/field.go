package document

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Field says what one field holds: exactly one of From, Claim, Attribute, Const,
// Object, List and Lookup, and how.
type Field struct {
	// From is a source: email, email_local, subject, name, role, roles, groups or
	// rule.
	From string `toml:"from"`
	// Claim is the name of a claim of the assertion.
	Claim string `toml:"claim"`
	// Attribute is the name of an attribute that rules add to decisions.
	Attribute string `toml:"attribute"`
	// Const is a fixed text, number or boolean, or a list of them.
	Const any `toml:"const"`
	// Object holds fields within the field, by name.
	Object map[string]Field `toml:"object"`
	// List holds the items of a list that always has as many, each with a source of
	// its own.
	List []Field `toml:"list"`
	// Lookup is a column of what the app's own database says of the person. As says
	// what is made of it, by a name of the kind's.
	Lookup string `toml:"lookup"`
	As     string `toml:"as"`

	// Type is what the app reads: "string", "list" of strings, "number" or
	// "bool"; empty: a list of what is one, of a column what it is, and of the rest
	// a string. A claim of the assertion must have the type, or be a string that
	// reads as one. One value can be a list of one.
	Type string `toml:"type"`
	// Required refuses people for whom the field would be empty. Otherwise it is
	// left out, and of a list the app gets [].
	Required bool `toml:"required"`
	// Unsendable says what becomes of a value that cannot be written without
	// changing what it means: "refuse" the person (default), or "omit" the field,
	// or of a list the item.
	Unsendable string `toml:"unsendable"`

	value.Words // the app's own
}

// ReplacedWhole says that a field which is written again says all there is to say of
// it, as an entry of a table does.
func (*Field) ReplacedWhole() {}

// Source is where the field's value comes from.
func (f *Field) Source() *value.Source {
	s := &value.Source{From: f.From, Claim: f.Claim, Attribute: f.Attribute, List: f.Type == "list"}
	for _, own := range []struct {
		name  string
		given bool
	}{{"constant", f.Const != nil}, {"object", f.Object != nil}, {"list", f.List != nil}, {"lookup", f.Lookup != ""}} {
		if own.given {
			s.Own = append(s.Own, own.name)
		}
	}
	return s
}

// SendsList reports whether the field is a list.
func (f *Field) SendsList() bool {
	return f.From == "roles" || f.From == "groups" || f.Type == "list" || f.List != nil
}

// Uses reports whether one of fields, or of those within them, has this source.
func Uses(fields map[string]Field, from string) bool {
	for _, f := range fields {
		if f.uses(from) {
			return true
		}
	}
	return false
}

func (f *Field) uses(from string) bool {
	for i := range f.List {
		if f.List[i].uses(from) {
			return true
		}
	}
	return f.From == from || Uses(f.Object, from)
}

// plain reports whether the field says nothing but what it holds.
func (f *Field) plain() bool {
	return f.Type == "" && !f.Required && !f.Unique && f.wordless()
}

// wordless reports whether the field sends what it holds as it is.
func (f *Field) wordless() bool {
	return f.Unsendable == "" && f.Map == nil && f.Unmapped == "" && !f.Lower && f.Replace == nil &&
		f.Allow == "" && f.Pattern == "" && f.MaxLength == 0 && f.Forbid == nil && f.Prefix == ""
}

// Told lists the fields, for [adapter.Identifier]. key is the option that has them. Of what is
// looked up, by says whose it is.
func Told(key string, fields map[string]Field, omit []string, by *Field) []adapter.Told {
	var all []adapter.Told
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fields[name]
		all = append(all, f.told(name, key+"."+name, slices.Contains(omit, name), false, by)...)
	}
	return all
}

func (f *Field) told(name, key string, omitted, required bool, by *Field) []adapter.Told {
	var all []adapter.Told
	for _, inner := range slices.Sorted(maps.Keys(f.Object)) {
		of := f.Object[inner]
		all = append(all, of.told(name, key+".object."+inner, omitted, false, by)...)
	}
	for i := range f.List { // of which none may be empty
		all = append(all, f.List[i].told(name, fmt.Sprintf("%s.list[%d]", key, i+1), omitted, true, by)...)
	}
	if f.Object != nil || f.List != nil {
		return all
	}
	t, unique := f.Source().Told(name, key), f.Unique
	if f.Lookup != "" && by != nil {
		t, unique = by.Source().Told(name, "lookup.by"), by.Unique
	}
	t.Unique, t.Required, t.Omitted = unique, f.Required || required, omitted
	t.MayLack = f.Unsendable == "omit" || f.Unmapped == "omit"
	return []adapter.Told{t}
}
