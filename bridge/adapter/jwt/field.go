package jwt

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// field is a compiled Claim that depends on the person.
type field struct {
	value.Reader
	key      string
	claim    string // the assertion's; empty: another source
	typ      string
	shape    *value.Shape // nil: the source's words
	required bool
	omit     bool
}

var (
	errControl = errors.New("value has control characters")
	errNumber  = errors.New("value is no whole number that every app reads the same: digits, without a zero before them, up to 9007199254740991")
	errBool    = errors.New(`value is neither "true" nor "false"`)
	errEmpty   = errors.New("required, and empty for this person")
)

// maxNumber is the last of those whole numbers that a float64, which most apps
// read JSON into, tells from its neighbours.
const maxNumber = 1<<53 - 1

// append appends what the person has.
func (f *field) append(b []byte, in *adapter.Input) ([]byte, bool, error) {
	written, sent, err := f.value(b, in)
	switch {
	case err != nil && (!f.omit || f.required || errors.Is(err, value.ErrUnmapped)):
	case err != nil: // unsendable = "omit"
		sent, err = false, nil
	case !sent && f.required:
		err = errEmpty
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
		if math.IsNaN(v) || math.Abs(v) > maxNumber {
			return b, false, errNumber
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
// missing claim for "as before".
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
			err = errControl
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
		b = appendString(b, item)
	}
	return append(b, ']'), len(seen) > 0 || !f.required, nil
}

// write appends a text as the claim's type.
func (f *field) write(b []byte, text string) ([]byte, error) {
	switch f.typ {
	case "number":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > maxNumber || n < -maxNumber || strconv.FormatInt(n, 10) != text {
			return b, errNumber
		}
		return appendNumber(b, n), nil
	case "bool":
		if text != "true" && text != "false" {
			return b, errBool
		}
		return append(b, text...), nil
	}
	if value.HasControl(text) {
		return b, errControl
	}
	return appendString(b, text), nil
}
