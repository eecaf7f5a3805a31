package codec

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"unicode/utf8"
)

// gorillaFlashes is where Session.AddFlash keeps messages unless told otherwise.
const gorillaFlashes = "_flash"

// gorillaValues returns a session's values as a Go app would have stored them.
func gorillaValues(d Data) (map[any]any, error) {
	values := make(map[any]any, len(d))
	for key, v := range d {
		value, err := gorillaValue(v, 2, key == gorillaFlashes)
		if err == nil && !utf8.ValidString(key) {
			err = errGorillaText
		}
		if err != nil {
			return nil, fmt.Errorf("session value %q: %w", key, err)
		}
		values[key] = value
	}
	return values, nil
}

var (
	errGorillaText = errors.New("a session has no room for text that is not UTF-8")
	errGorillaDeep = fmt.Errorf("nested deeper than %d", MaxDepth)
)

func gorillaValue(v any, depth int, untyped bool) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, errGorillaText
		}
		return v, nil
	case int64:
		return gorillaInt(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("a session has no room for a number that is not finite")
		}
		return v, nil
	case []any:
		return gorillaList(v, depth, untyped)
	case nil:
		return nil, errors.New("encoding/gob has no null: leave the value out")
	case map[string]any:
		return nil, errors.New("encoding/gob has no objects but those whose Go type the app registered: use plain values and lists")
	default:
		return nil, fmt.Errorf("a session has no room for a %T", v)
	}
}

func gorillaInt(n int64) (any, error) {
	if int64(int(n)) != n {
		return nil, errors.New("beyond what an int of this machine holds")
	}
	return int(n), nil
}

func gorillaList(list []any, depth int, untyped bool) (any, error) {
	if depth > MaxDepth {
		return nil, errGorillaDeep
	}
	values := make([]any, len(list))
	for i, v := range list {
		var err error
		if values[i], err = gorillaValue(v, depth+1, untyped); err != nil {
			return nil, err
		}
	}
	if untyped {
		return values, nil
	}
	if len(values) == 0 { // most likely of the groups that nobody is in
		return []string{}, nil
	}
	switch values[0].(type) {
	case string:
		return gorillaTyped[string](values), nil
	case int:
		return gorillaTyped[int](values), nil
	case float64:
		return gorillaTyped[float64](values), nil
	case bool:
		return gorillaTyped[bool](values), nil
	}
	return values, nil
}

// gorillaTyped is []T if every value is one, or else values.
func gorillaTyped[T any](values []any) any {
	typed := make([]T, len(values))
	for i, v := range values {
		var ok bool
		if typed[i], ok = v.(T); !ok {
			return values
		}
	}
	return typed
}

// gorillaData returns what values hold, if gob knows their types without the app:
// the basic ones, slices of them, and []any. []byte is a list of numbers.
func gorillaData(values map[any]any) (Data, error) {
	d := make(Data, len(values))
	for key, v := range values {
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("a key of type %T", key)
		}
		if !utf8.ValidString(name) {
			return nil, errGorillaText
		}
		var err error
		if d[name], err = gorillaDatum(reflect.ValueOf(v), 2); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func gorillaDatum(v reflect.Value, depth int) (any, error) {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return nil, errGorillaText
		}
		return v.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() > math.MaxInt64 {
			return nil, errors.New("an integer beyond 64 bits with a sign")
		}
		return int64(v.Uint()), nil //nolint:gosec // G115: compared above
	case reflect.Float32, reflect.Float64:
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			return nil, errors.New("a number that is not finite")
		}
		return v.Float(), nil
	case reflect.Slice:
		if depth > MaxDepth {
			return nil, errGorillaDeep
		}
		list := make([]any, v.Len())
		for i := range list {
			var err error
			if list[i], err = gorillaDatum(v.Index(i), depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case reflect.Interface:
		return gorillaDatum(v.Elem(), depth)
	default:
		return nil, errors.New("a value of a type that sessions here have no room for")
	}
}
