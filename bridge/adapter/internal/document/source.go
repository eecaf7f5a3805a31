package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// field is a compiled Field that depends on the person.
type field struct {
	value.Reader
	key      string
	claim    string // the assertion's; empty: another source
	typ      string
	shape    *value.Shape // nil: the source's words
	required bool
	omit     bool
	most     int64 // of whole numbers
}

// Why a value is not sent.
var (
	ErrControl = errors.New("value has control characters")
	ErrNumber  = errors.New("value is no whole number that every app reads the same: digits, without a zero before them, up to 9007199254740991")
	ErrInteger = errors.New("value is no whole number of 64 bits: digits, without a zero before them, up to 9223372036854775807")
	ErrBool    = errors.New(`value is neither "true" nor "false"`)
	ErrEmpty   = errors.New("required, and empty for this person")
)

func errNumber(most int64) error {
	if most > MaxFloat {
		return ErrInteger
	}
	return ErrNumber
}

// field compiles a field that depends on the person.
func (c *Compiler) field(key string, src *value.Source, options *Field) appender {
	ok := true
	bad := func(k, format string, args ...any) {
		ok = false
		if k == "" || strings.HasPrefix(k, ".") { // below the field
			k = key + k
		}
		c.rules.Fail(k, format, args...)
	}
	src.Domains = c.rules.Domains
	f := &field{
		key: key, claim: src.Claim, typ: options.Type, most: c.rules.MaxNumber,
		required: options.Required || src.SendsRoles(), omit: options.Unsendable == "omit",
	}
	f.Reader = src.Open(c.rules.Env, bad)
	f.shape = options.Shape(src, c.rules.Env, bad)
	switch options.Unsendable {
	case "", "refuse":
	case "omit":
		if src.SendsRoles() {
			bad(".unsendable", "a role cannot be left out: somebody without it may be allowed more")
		}
	default:
		bad(".unsendable", `%q; choose "refuse" or "omit"`, options.Unsendable)
	}
	f.checkType(src, options, bad)
	if src.Attribute != "" {
		c.attributes = append(c.attributes, src.Attribute)
	}
	if !ok {
		return nothing
	}
	f.tryFixed(options, bad)
	return f.append
}

// checkType checks that the source can have the type.
func (f *field) checkType(src *value.Source, options *Field, bad value.Fail) {
	if !src.Known() {
		return
	}
	switch options.Type {
	case "":
		f.typ = "string"
		if f.List != nil {
			f.typ = "list"
		}
	case "list":
	case "string", "number", "bool":
		if f.List != nil {
			bad(".type", `%q, but %s is a list; leave type out`, options.Type, src.Name())
		}
		if options.Type != "string" && options.Map == nil && !slices.Contains([]string{"claim", "attribute"}, src.Kind()) {
			bad(".type", "%s is no %s; with map, say what it is for each", src.Name(), options.Type)
		}
	default:
		bad(".type", `%q; choose "string", "list", "number" or "bool"`, options.Type)
	}
}

// tryFixed writes the texts that do not depend on a person, so that those that
// cannot be sent are found when the adapter is opened.
func (f *field) tryFixed(options *Field, bad value.Fail) {
	if value.HasControl(options.Prefix) {
		bad(".prefix", "%v", ErrControl)
	}
	for _, from := range slices.Sorted(maps.Keys(options.Map)) {
		to, err := f.shape.Finish(options.Map[from])
		if err == nil {
			_, err = f.write(nil, to)
		}
		if err != nil {
			bad(fmt.Sprintf(".map.%s", from), "%v", err)
		}
	}
}

// append appends what the person has.
func (f *field) append(b []byte, in *adapter.Input, _ Row) ([]byte, bool, error) {
	written, sent, err := f.value(b, in)
	switch {
	case err != nil && (!f.omit || f.required || errors.Is(err, value.ErrUnmapped)):
	case err != nil: // unsendable = "omit"
		sent, err = false, nil
	case !sent && f.required:
		err = ErrEmpty
	}
	if err == nil {
		return written, sent, nil
	}
	return b, false, fmt.Errorf("%s: %w: %w", f.key, adapter.ErrUnsendable, err)
}

func (f *field) value(b []byte, in *adapter.Input) ([]byte, bool, error) {
	if f.List != nil {
		return f.items(b, in)
	}
	if f.claim != "" && (f.typ == "number" || f.typ == "bool") {
		if written, is, err := f.native(b, in); is || err != nil {
			return written, is, err
		}
	}
	text, err := f.Single(in)
	if err == nil && text != "" && f.shape != nil {
		text, err = f.shape.Apply(text)
	}
	switch {
	case err != nil:
		return b, false, err
	case text == "" && f.typ == "list" && !f.required:
		return append(b, "[]"...), true, nil
	case text == "":
		return b, false, nil
	case f.typ == "list":
		b = append(b, '[')
	}
	if b, err = f.write(b, text); err != nil {
		return b, false, err
	}
	if f.typ == "list" {
		b = append(b, ']')
	}
	return b, true, nil
}

// native appends a claim that has the type already.
func (f *field) native(b []byte, in *adapter.Input) (_ []byte, is bool, err error) {
	v, _ := in.Principal.Claim(f.claim)
	switch v := v.(type) {
	case float64:
		if f.typ != "number" || f.shape != nil {
			break
		}
		if math.IsNaN(v) || math.Abs(v) > MaxFloat {
			return b, false, ErrNumber
		}
		text, err := json.Marshal(v)
		return append(b, text...), err == nil, err
	case bool:
		if f.typ == "bool" && f.shape == nil {
			return strconv.AppendBool(b, v), true, nil
		}
	}
	return b, false, nil
}

// items appends a list. One without items is sent as such: an app may take a
// missing field for "as before".
func (f *field) items(b []byte, in *adapter.Input) ([]byte, bool, error) {
	list, err := f.List(in)
	if err != nil {
		return b, false, err
	}
	seen := make([]string, 0, len(list))
	b = append(b, '[')
	for _, item := range list {
		if item != "" && f.shape != nil {
			item, err = f.shape.Apply(item)
		}
		if err == nil && value.HasControl(item) {
			err = ErrControl
		}
		switch {
		case err != nil && f.omit && !errors.Is(err, value.ErrUnmapped):
			err = nil
			continue
		case err != nil:
			return b, false, err
		case item == "" || f.shape.Mapped() && slices.Contains(seen, item): // two names for one thing
			continue
		case len(seen) > 0:
			b = append(b, ',')
		}
		seen = append(seen, item)
		b = AppendString(b, item)
	}
	return append(b, ']'), len(seen) > 0 || !f.required, nil
}

// write appends a text as the field's type.
func (f *field) write(b []byte, text string) ([]byte, error) {
	return appendTyped(b, f.typ, text, f.most)
}

// appendTyped appends a text as the type that the app reads.
func appendTyped(b []byte, typ, text string, most int64) ([]byte, error) {
	switch typ {
	case "number":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > most || n < -most || strconv.FormatInt(n, 10) != text {
			return b, errNumber(most)
		}
		return AppendNumber(b, n), nil
	case "bool":
		if text != "true" && text != "false" {
			return b, ErrBool
		}
		return append(b, text...), nil
	}
	if value.HasControl(text) {
		return b, ErrControl
	}
	return AppendString(b, text), nil
}
