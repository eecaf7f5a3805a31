package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonStyle is what json.dumps puts between the members of lists and objects.
type jsonStyle struct{ comma, colon string }

var (
	jsonSpaced  = jsonStyle{", ", ": "} // json.dumps(x)
	jsonCompact = jsonStyle{",", ":"}   // json.dumps(x, separators=(",", ":"))
)

// marshalJSON writes v as Python's json.dumps does with sorted keys, to the byte: its
// ASCII escapes, and a float's point or exponent, by which Python, Ruby and PHP tell it
// from an int. NaN and the infinities, which only Python reads, are errors. What
// JavaScript reads is written by [marshalJS].
func marshalJSON(v any, style jsonStyle) ([]byte, error) {
	w := jsonWriter{style: style}
	if err := w.value(v, 1); err != nil {
		return nil, err
	}
	return w.b, nil
}

type jsonWriter struct {
	style jsonStyle
	b     []byte
}

func (w *jsonWriter) value(v any, depth int) error {
	switch v := v.(type) {
	case nil:
		w.b = append(w.b, "null"...)
	case bool:
		w.b = strconv.AppendBool(w.b, v)
	case int64:
		w.b = strconv.AppendInt(w.b, v, 10)
	case float64:
		return w.float(v)
	case string:
		return w.text(v)
	case []any:
		return w.list(v, depth)
	case map[string]any:
		return w.object(v, depth)
	case Data:
		return w.object(v, depth)
	default:
		return fmt.Errorf("a session has no room for a %T", v)
	}
	return nil
}

func (w *jsonWriter) list(list []any, depth int) error {
	if depth > MaxDepth {
		return errDeep
	}
	w.b = append(w.b, '[')
	for i, v := range list {
		if i > 0 {
			w.b = append(w.b, w.style.comma...)
		}
		if err := w.value(v, depth+1); err != nil {
			return err
		}
	}
	w.b = append(w.b, ']')
	return nil
}

func (w *jsonWriter) object(object map[string]any, depth int) error {
	if depth > MaxDepth {
		return errDeep
	}
	w.b = append(w.b, '{')
	for i, key := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			w.b = append(w.b, w.style.comma...)
		}
		if err := w.text(key); err != nil {
			return err
		}
		w.b = append(w.b, w.style.colon...)
		if err := w.value(object[key], depth+1); err != nil {
			return err
		}
	}
	w.b = append(w.b, '}')
	return nil
}

// float follows float.__repr__.
func (w *jsonWriter) float(f float64) error {
	size := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return errors.New("a session has no room for a number that is not finite")
	case size != 0 && (size < 1e-4 || size >= 1e16):
		w.b = strconv.AppendFloat(w.b, f, 'e', -1, 64)
	default:
		start := len(w.b)
		w.b = strconv.AppendFloat(w.b, f, 'f', -1, 64)
		if !bytes.ContainsRune(w.b[start:], '.') {
			w.b = append(w.b, ".0"...)
		}
	}
	return nil
}

// text follows json.encoder.py_encode_basestring_ascii.
func (w *jsonWriter) text(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("a session has no room for text that is not UTF-8")
	}
	w.b = append(w.b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b = append(w.b, '\\', byte(r))
		case ' ' <= r && r <= '~':
			w.b = append(w.b, byte(r))
		case strings.ContainsRune("\b\t\n\f\r", r):
			w.b = append(w.b, '\\', "btn?fr"[r-'\b'])
		case r > 0xffff:
			r -= 0x10000
			w.b = fmt.Appendf(w.b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			w.b = fmt.Appendf(w.b, `\u%04x`, r)
		}
	}
	w.b = append(w.b, '"')
	return nil
}

var errDeep = fmt.Errorf("nested deeper than %d", MaxDepth)

// unmarshalJSON reads the JSON object that text is, as Python's json.loads does: of two
// equal keys the later counts, and a number is an int that has neither point nor
// exponent. What only Python reads (NaN, Infinity, halves of surrogate pairs) and
// ints beyond 64 bits have no room in [Data] and are errors. The size of text is
// limited by who calls.
func unmarshalJSON(text []byte) (map[string]any, error) {
	r := jsonReader{jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true))}
	v, err := r.value(1)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("JSON, but not an object")
	}
	if _, err := r.d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the JSON")
	}
	return object, nil
}

type jsonReader struct{ d *jsontext.Decoder }

func (r jsonReader) value(depth int) (any, error) {
	token, err := r.d.ReadToken()
	if err != nil {
		return nil, errJSON
	}
	switch token.Kind() {
	case jsontext.KindNull:
		return nil, nil
	case jsontext.KindTrue, jsontext.KindFalse:
		return token.Bool(), nil
	case jsontext.KindString:
		return token.String(), nil
	case jsontext.KindNumber:
		return jsonNumber(token.String())
	case jsontext.KindBeginArray:
		return r.list(depth)
	default:
		return r.object(depth)
	}
}

func (r jsonReader) list(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, errDeep
	}
	list := []any{}
	for r.d.PeekKind() != jsontext.KindEndArray {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.d.ReadToken()
	return list, err
}

func (r jsonReader) object(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, errDeep
	}
	object := map[string]any{}
	for r.d.PeekKind() != jsontext.KindEndObject {
		name, err := r.d.ReadToken()
		if err != nil {
			return nil, errJSON
		}
		key := name.String() // before the next token is read into its place
		if object[key], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := r.d.ReadToken()
	return object, err
}

func jsonNumber(text string) (any, error) {
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, errors.New("a number beyond what a float holds")
		}
		return f, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, errors.New("an integer beyond 64 bits")
	}
	return n, nil
}

// errJSON stands for the library's errors, which quote what they are about.
var errJSON = errors.New("not JSON")
