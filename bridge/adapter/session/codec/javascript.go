package codec

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// marshalJS writes v as JSON.stringify does, to the byte and in the order of members
// that JSON.parse would keep: so an app that changes nothing writes the same again.
//
// JavaScript has one kind of number. An integer that it would read as another one is
// an error here, lest the app take one person's ID for the next one's; a float64
// without a fraction is written with ".0", which is lost when the app writes it.
func marshalJS(v map[string]any) ([]byte, error) { return jsAppend(nil, v, 1) }

func jsAppend(b []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		if !jsKeeps(v) {
			return nil, errors.New("JavaScript has no room for an integer of more than 53 bits")
		}
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		return jsAppendFloat(b, v)
	case string:
		return jsAppendText(b, v)
	case []any:
		return jsAppendList(b, v, depth)
	case map[string]any:
		return jsAppendObject(b, v, depth)
	default:
		return nil, fmt.Errorf("a session has no room for a %T", v)
	}
}

func jsAppendList(b []byte, list []any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, errDeep
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = jsAppend(b, v, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func jsAppendObject(b []byte, object map[string]any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, errDeep
	}
	b = append(b, '{')
	for i, key := range slices.SortedFunc(maps.Keys(object), jsCompareKeys) {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = jsAppendText(b, key); err != nil {
			return nil, err
		}
		if b, err = jsAppend(append(b, ':'), object[key], depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func jsAppendText(b []byte, s string) ([]byte, error) {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		return nil, errors.New("a session has no room for text that is not UTF-8")
	}
	return b, nil
}

func jsAppendFloat(b []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, errors.New("a session has no room for a number that is not finite")
	}
	text := jsontext.Float(f).String()
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return append(b, text...), nil
}

// jsCompareKeys orders keys as JavaScript does: array indices first, by number
// (https://tc39.es/ecma262/#sec-ordinaryownpropertykeys); the others come as they
// were made.
func jsCompareKeys(a, b string) int {
	i, indexA := jsArrayIndex(a)
	j, indexB := jsArrayIndex(b)
	switch {
	case indexA && indexB:
		return cmp.Compare(i, j)
	case indexA:
		return -1
	case indexB:
		return 1
	default:
		return strings.Compare(a, b)
	}
}

func jsArrayIndex(key string) (int64, bool) {
	n, err := strconv.ParseUint(key, 10, 32)
	return int64(n), err == nil && n < math.MaxUint32 && strconv.FormatUint(n, 10) == key
}

// jsKeeps reports whether an integer is the same after JavaScript has read it and
// written it, which writes the shortest digits that make the same number.
func jsKeeps(n int64) bool {
	return strconv.FormatFloat(float64(n), 'f', -1, 64) == strconv.FormatInt(n, 10)
}

// unmarshalJS reads a JSON object as JSON.parse does: of two equal members the later
// counts. Integers that JavaScript would read as others are errors: it has not written
// them, and they are not what the app sees.
func unmarshalJS(text []byte) (map[string]any, error) {
	object, err := unmarshalJSON(text)
	if err != nil {
		return nil, err
	}
	if !jsKeepsAll(object) {
		return nil, errors.New("an integer that JavaScript does not keep")
	}
	return object, nil
}

func jsKeepsAll(v any) bool {
	switch v := v.(type) {
	case int64:
		return jsKeeps(v)
	case []any:
		return !slices.ContainsFunc(v, func(member any) bool { return !jsKeepsAll(member) })
	case map[string]any:
		for _, member := range v {
			if !jsKeepsAll(member) {
				return false
			}
		}
	}
	return true
}

// jsInherited are the properties of Object.prototype. Both express-session and, since
// 2.1, cookie-session drop what a session has under such a name, or under one of their
// own Session.prototype, when they read it ("key in this").
var jsInherited = []string{
	"__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__", "constructor",
	"hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
}

// jsRefuseInherited is for Encode: what the framework would drop must not be lost unseen.
func jsRefuseInherited(d Data, own []string) error {
	for key := range d {
		if slices.Contains(own, key) || slices.Contains(jsInherited, key) {
			return fmt.Errorf("a session has no room for %q, which every session has as a property of its own", key)
		}
	}
	return nil
}

// jsDropInherited is for Decode: the framework drops the same.
func jsDropInherited(d map[string]any, own []string) {
	for _, key := range slices.Concat(own, jsInherited) {
		delete(d, key)
	}
}
