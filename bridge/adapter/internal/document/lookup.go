package document

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// ErrNoColumn says that what was looked up has no such column.
var ErrNoColumn = errors.New("the query of lookup returns no such column")

var errType = errors.New("the column holds something of another type")

// column is a compiled Field that is looked up.
type column struct {
	key, name string
	typ       string // empty: as it is
	as        func(any) (any, error)
	required  bool
	most      int64
}

// lookup compiles a field that the app's own database knows.
func (c *Compiler) lookup(key string, f *Field) appender {
	if c.rules.Lookup == nil {
		c.rules.Fail(key+".lookup", "is not for this kind")
		return nothing
	}
	if !f.wordless() || f.Unique {
		c.rules.Fail(key, "beside lookup, only as, type and required have an effect; let the query say the rest")
	}
	switch f.Type {
	case "", "string", "number", "bool":
	default:
		c.rules.Fail(key+".type", `%q; choose "string", "number" or "bool", or leave it out for what the column is`, f.Type)
	}
	col := &column{key: key, name: f.Lookup, typ: f.Type, required: f.Required, most: c.rules.MaxNumber}
	if f.As != "" {
		as, known := c.rules.Lookup(f.As)
		if as == nil {
			c.rules.Fail(key+".as", "%q; choose %s", f.As, quoted(known))
		}
		col.as = as
	}
	if !slices.Contains(c.doc.columns, f.Lookup) {
		c.doc.columns = append(c.doc.columns, f.Lookup)
	}
	return col.append
}

func quoted(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = strconv.Quote(name)
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

func (c *column) append(b []byte, _ *adapter.Input, row Row) ([]byte, bool, error) {
	if row == nil {
		return b, false, nil
	}
	v, has := row[c.name]
	if !has {
		return b, false, fmt.Errorf("%s: %w: %q", c.key, ErrNoColumn, c.name)
	}
	if shown, is := v.(Shown); is {
		return AppendString(b, string(shown)), true, nil
	}
	var err error
	if c.as != nil && v != nil {
		v, err = c.as(v)
	}
	if err == nil && (v == nil || v == "") {
		if !c.required {
			return b, false, nil
		}
		err = ErrEmpty
	}
	if err == nil {
		b, err = c.write(b, v)
	}
	if err != nil {
		return b, false, fmt.Errorf("%s: %w: %w", c.key, adapter.ErrUnsendable, err)
	}
	return b, true, nil
}

// write appends the value of a column as the type that the app reads.
func (c *column) write(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendTyped(b, c.typ, v, c.most)
	case int64:
		switch {
		case c.typ == "string":
			return AppendString(b, strconv.FormatInt(v, 10)), nil
		case c.typ == "bool" && (v == 0 || v == 1): // MySQL has no other
			return strconv.AppendBool(b, v == 1), nil
		case c.typ == "bool":
			return b, ErrBool
		case v > c.most || v < -c.most:
			return b, errNumber(c.most)
		}
		return AppendNumber(b, v), nil
	case bool:
		switch c.typ {
		case "", "bool":
			return strconv.AppendBool(b, v), nil
		case "string":
			return AppendString(b, strconv.FormatBool(v)), nil
		}
	case float64:
		if c.typ == "" && !math.IsNaN(v) && !math.IsInf(v, 0) {
			return strconv.AppendFloat(b, v, 'g', -1, 64), nil
		}
	}
	return b, errType
}
