// Package document is what the kinds have in common that tell an app of a person
// by a JSON object: the claims of a token, the content of a session.
//
// The vocabulary is closed: a field has a source, the app's words for it, a type,
// and what to do with values that do not fit. There are no templates, so that
// nothing in an assertion can become structure.
package document

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Rules are what a kind allows, and what its messages say.
type Rules struct {
	Env  adapter.Env
	Fail value.Fail
	// Noun is what a field is called: "claim".
	Noun string
	// Domains are the email domains whose addresses email_local may shorten.
	Domains []string
	// MaxNumber is the last whole number that every app of the kind tells from its
	// neighbours; 0: [MaxFloat].
	MaxNumber int64
	// Lists: a field may be a list of fields.
	Lists bool
	// Lookup returns what makes a value of a column's, by its name in a field's As;
	// nil: there is no such name. Without Lookup, no field has a column.
	Lookup func(as string) (func(column any) (any, error), []string)
}

// MaxFloat is the last of those whole numbers that a float64, which most apps
// read JSON into, tells from its neighbours.
const MaxFloat = 1<<53 - 1

// Row is what the app's own database says of the person, by column: nil, a bool,
// int64, float64 or string each. Without one, fields that are looked up are left
// out, and null in a list.
type Row map[string]any

// Shown stands in a [Row] for what only the app's database knows, for people to
// read. It is written as a text whatever the type.
type Shown string

// Document is a compiled object.
type Document struct {
	members []member
	columns []string
}

// member is a compiled Field. Without a value, sent is false, and what appendTo has
// appended does not count.
type member struct {
	name     []byte // in JSON, with the colon
	appendTo appender
}

type appender func(b []byte, in *adapter.Input, row Row) (_ []byte, sent bool, err error)

func nothing(b []byte, _ *adapter.Input, _ Row) ([]byte, bool, error) { return b, false, nil }

// Compiler makes a [Document], field by field.
type Compiler struct {
	rules      Rules
	doc        Document
	attributes []string
}

// NewCompiler returns a Compiler of an object without fields.
func NewCompiler(r Rules) *Compiler {
	if r.MaxNumber == 0 {
		r.MaxNumber = MaxFloat
	}
	return &Compiler{rules: r}
}

// Add compiles the field called name, which the options have at key. Fields are
// written in the order in which they are added.
func (c *Compiler) Add(key, name string, f *Field) {
	c.doc.members = append(c.doc.members, c.member(key, name, f))
}

// Document returns the object of the fields that were added.
func (c *Compiler) Document() *Document { return &c.doc }

// Attributes returns the names of the attributes that fields send.
func (c *Compiler) Attributes() []string { return c.attributes }

// Columns returns the columns that fields look up.
func (d *Document) Columns() []string { return d.columns }

// Append appends the object's members to an object that b ends with, open.
func (d *Document) Append(b []byte, in *adapter.Input, row Row) ([]byte, error) {
	b, _, err := appendMembers(b, d.members, in, row)
	return b, err
}

func appendMembers(b []byte, members []member, in *adapter.Input, row Row) (_ []byte, some bool, err error) {
	for i := range members {
		before := len(b)
		if b[before-1] != '{' {
			b = append(b, ',')
		}
		var sent bool
		if b, sent, err = members[i].appendTo(append(b, members[i].name...), in, row); err != nil {
			return b, false, err
		}
		if !sent {
			b = b[:before]
			continue
		}
		some = true
	}
	return b, some, nil
}

// member compiles the field at key.
func (c *Compiler) member(key, name string, f *Field) member {
	m := member{name: append(AppendString(nil, name), ':'), appendTo: nothing}
	if value.HasControl(name) || name == "" {
		c.rules.Fail(key, "the name is empty or has control characters")
		return m
	}
	m.appendTo = c.appender(key, f)
	return m
}

func (c *Compiler) appender(key string, f *Field) appender {
	src := f.Source()
	switch given := src.Given(); {
	case given != 1:
		c.rules.Fail(key, "has %d sources; give exactly one of %s", given, c.sources())
		return nothing
	case f.As != "" && f.Lookup == "":
		c.rules.Fail(key+".as", "is for what is looked up; remove it")
		return nothing
	case f.List != nil:
		return c.list(key, f)
	case f.Lookup != "":
		return c.lookup(key, f)
	case f.Object != nil:
		return c.object(key, f)
	case f.Const != nil:
		return c.constant(key, f)
	default:
		return c.field(key, src, f)
	}
}

// sources are those that a field may have, by an example of each.
func (c *Compiler) sources() string {
	all := []string{`from = "email"`, `claim = "department"`, `attribute = "org_id"`, `const = "text"`, "object = { ... }"}
	if c.rules.Lists {
		all = append(all, "list = [ ... ]")
	}
	if c.rules.Lookup != nil {
		all = append(all, `lookup = "id"`)
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// object compiles fields within a field. One that is left with none is left out
// too.
func (c *Compiler) object(key string, f *Field) appender {
	if !f.plain() {
		c.rules.Fail(key, "beside object, nothing else has an effect; write it in the %ss within", c.rules.Noun)
	}
	if len(f.Object) == 0 {
		c.rules.Fail(key+".object", "has no %s", c.rules.Noun)
	}
	var members []member
	for _, name := range slices.Sorted(maps.Keys(f.Object)) {
		inner := f.Object[name]
		members = append(members, c.member(key+".object."+name, name, &inner))
	}
	return func(b []byte, in *adapter.Input, row Row) ([]byte, bool, error) {
		b, some, err := appendMembers(append(b, '{'), members, in, row)
		return append(b, '}'), some, err
	}
}

// list compiles a list of fields. Each has its place, so none can be left out.
func (c *Compiler) list(key string, f *Field) appender {
	switch {
	case !c.rules.Lists:
		c.rules.Fail(key+".list", "is not for this kind")
		return nothing
	case !f.plain():
		c.rules.Fail(key, "beside list, nothing else has an effect; write it in the items")
	case len(f.List) == 0:
		c.rules.Fail(key+".list", "has no item")
	}
	items := make([]appender, len(f.List))
	for i := range f.List {
		items[i] = c.appender(fmt.Sprintf("%s.list[%d]", key, i+1), &f.List[i])
	}
	return func(b []byte, in *adapter.Input, row Row) ([]byte, bool, error) {
		b = append(b, '[')
		for i, item := range items {
			if i > 0 {
				b = append(b, ',')
			}
			before := len(b)
			b2, sent, err := item(b, in, row)
			switch {
			case err != nil:
				return b, false, err
			case sent:
				b = b2
			case row == nil:
				b = append(b[:before], "null"...)
			default:
				return b, false, fmt.Errorf("%s.list[%d]: %w: %w", key, i+1, adapter.ErrUnsendable, ErrEmpty)
			}
		}
		return append(b, ']'), true, nil
	}
}

// constant compiles a fixed value.
func (c *Compiler) constant(key string, f *Field) appender {
	if !f.plain() {
		c.rules.Fail(key, "beside const, nothing else has an effect; write what the app shall read")
	}
	if problem := c.constProblem(f.Const, true); problem != "" {
		c.rules.Fail(key+".const", "%s", problem)
		return nothing
	}
	text, err := json.Marshal(f.Const)
	if err != nil {
		c.rules.Fail(key+".const", "cannot be written as JSON")
		return nothing
	}
	return func(b []byte, _ *adapter.Input, _ Row) ([]byte, bool, error) { return append(b, text...), true, nil }
}

func (c *Compiler) constProblem(v any, list bool) string {
	switch v := v.(type) {
	case string:
		if value.HasControl(v) {
			return "has control characters"
		}
		return ""
	case bool, int64:
		return ""
	case float64:
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			return ""
		}
		return "is no number that JSON has"
	case []any:
		if !list {
			break
		}
		for _, item := range v {
			if problem := c.constProblem(item, false); problem != "" {
				return problem
			}
		}
		return ""
	}
	return fmt.Sprintf("want a text, a number, true or false, or a list of these; %[1]ss within a %[1]s are object = { ... }", c.rules.Noun)
}
