package codec

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// phpSerialize writes an array as serialize of PHP 7.1 to 8.4 does
// (ext/standard/var.c): {"a": 1} is a:1:{s:1:"a";i:1;}.
//
// PHP has one kind of array. An empty object, and one whose keys are "0", "1", "2"
// and so on, is a list when it is read again; a key that is a decimal number is one
// in PHP too.
func phpSerialize(array map[string]any) ([]byte, error) {
	return phpAppend(nil, array, 1)
}

func phpAppend(b []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "N;"...), nil
	case bool:
		if v {
			return append(b, "b:1;"...), nil
		}
		return append(b, "b:0;"...), nil
	case int64:
		return fmt.Appendf(b, "i:%d;", v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("a session has no room for a number that is not finite")
		}
		b = append(b, "d:"...)
		return append(strconv.AppendFloat(b, v, 'G', -1, 64), ';'), nil
	case string:
		return phpAppendText(b, v)
	case []any:
		return phpAppendList(b, v, depth)
	case map[string]any:
		return phpAppendMap(b, v, depth)
	default:
		return nil, fmt.Errorf("a session has no room for a %T", v)
	}
}

func phpAppendText(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errPHPText
	}
	return fmt.Appendf(b, `s:%d:"%s";`, len(s), s), nil
}

func phpAppendList(b []byte, list []any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, errPHPDeep
	}
	b = fmt.Appendf(b, "a:%d:{", len(list))
	for i, v := range list {
		var err error
		b = fmt.Appendf(b, "i:%d;", i)
		if b, err = phpAppend(b, v, depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func phpAppendMap(b []byte, array map[string]any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, errPHPDeep
	}
	b = fmt.Appendf(b, "a:%d:{", len(array))
	for _, key := range slices.SortedFunc(maps.Keys(array), phpCompareKeys) {
		var err error
		if n, ok := phpInt(key); ok {
			b = fmt.Appendf(b, "i:%d;", n)
		} else if b, err = phpAppendText(b, key); err != nil {
			return nil, err
		}
		if b, err = phpAppend(b, array[key], depth+1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// phpCompareKeys has numbers first, in their order, so that what reads as a list is
// written as one.
func phpCompareKeys(a, b string) int {
	n, isN := phpInt(a)
	m, isM := phpInt(b)
	switch {
	case isN && isM && n != m:
		if n < m {
			return -1
		}
		return 1
	case isN != isM:
		if isN {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

// phpInt reads a number as PHP writes it, which is how it tells keys that are numbers
// from others (ZEND_HANDLE_NUMERIC_STR).
func phpInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

var (
	errPHPDeep = fmt.Errorf("nested deeper than %d", MaxDepth)
	errPHPText = errors.New("a session has no room for text that is not UTF-8")
	errPHP     = errors.New("not PHP's serialization")
)

// phpUnserialize reads the one array that text is. An object within it reads as a map
// of what stands in it, with its class under phpClass: apps put some into sessions,
// such as the ViewErrorBag of a form that was filled in wrongly. Nothing is ever made
// of it. Enumerations, references and all else that only PHP can hold are errors.
func phpUnserialize(text []byte) (map[string]any, error) {
	if len(text) > MaxUnpacked {
		return nil, fmt.Errorf("more than %d bytes of PHP", MaxUnpacked)
	}
	r := phpReader{text}
	if !bytes.HasPrefix(text, []byte("a:")) {
		return nil, errors.New("no PHP array")
	}
	entries, err := r.array(1)
	if err != nil {
		return nil, err
	}
	if len(r.rest) > 0 {
		return nil, errors.New("bytes after the PHP array")
	}
	return phpMap(entries), nil
}

// phpUnserializeText reads the one string that text is.
func phpUnserializeText(text []byte) (string, error) {
	r := phpReader{text}
	s, err := r.text()
	if err != nil || len(r.rest) > 0 {
		return "", errPHP
	}
	return s, nil
}

// phpReader holds what is still to be read.
type phpReader struct{ rest []byte }

type phpEntry struct {
	key   string
	n     int64
	isInt bool
	value any
}

func (r *phpReader) value(depth int) (any, error) {
	if len(r.rest) < 2 {
		return nil, errPHP
	}
	switch kind := string(r.rest[:2]); kind {
	case "N;":
		r.rest = r.rest[2:]
		return nil, nil
	case "b:":
		return r.boolean()
	case "i:":
		return r.int()
	case "d:":
		return r.float()
	case "s:":
		return r.text()
	case "a:":
		entries, err := r.array(depth)
		if err != nil {
			return nil, err
		}
		for i, e := range entries {
			if !e.isInt || e.n != int64(i) {
				return phpMap(entries), nil
			}
		}
		list := make([]any, len(entries))
		for i, e := range entries {
			list[i] = e.value
		}
		return list, nil
	case "O:":
		return r.object(depth)
	default:
		return nil, errors.New("a reference, or what else only PHP can hold")
	}
}

// phpClass is under what key a map that was an object has its class. No property's
// name has this form: PHP writes "\x00*\x00name" and "\x00class\x00name" for hidden ones.
const phpClass = "\x00"

// object reads O:8:"stdClass":1:{s:1:"a";N;}, in which the rest is an array's.
func (r *phpReader) object(depth int) (any, error) {
	digits, err := r.until("O:", ':')
	if err != nil {
		return nil, err
	}
	n, ok := phpInt(digits)
	if !ok || n < 1 || n > int64(len(r.rest)) || n+3 > int64(len(r.rest)) || r.rest[0] != '"' || string(r.rest[n+1:n+3]) != `":` {
		return nil, errPHP
	}
	class := string(r.rest[1 : n+1])
	if strings.Trim(class, phpClassChars) != "" {
		return nil, errPHP
	}
	r.rest = r.rest[n+3:]
	entries, err := r.entries(depth)
	if err != nil {
		return nil, err
	}
	properties := phpMap(entries)
	properties[phpClass] = class
	return properties, nil
}

const phpClassChars = `\_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ`

// phpMap is an array by its keys, of which of two equal ones the later counts.
func phpMap(entries []phpEntry) map[string]any {
	array := make(map[string]any, len(entries))
	for _, e := range entries {
		array[e.key] = e.value
	}
	return array
}

func (r *phpReader) boolean() (any, error) {
	switch text, err := r.until("b:", ';'); {
	case err != nil:
		return nil, err
	case text == "0" || text == "1":
		return text == "1", nil
	default:
		return nil, errPHP
	}
}

func (r *phpReader) int() (any, error) {
	text, err := r.until("i:", ';')
	if err != nil {
		return nil, err
	}
	n, ok := phpInt(text)
	if !ok {
		return nil, errPHP
	}
	return n, nil
}

func (r *phpReader) float() (any, error) {
	text, err := r.until("d:", ';')
	if err != nil {
		return nil, err
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.Trim(text, "0123456789+-.eE") != "" { // as INF and NAN
		return nil, errPHP
	}
	return f, nil
}

func (r *phpReader) text() (string, error) {
	digits, err := r.until("s:", ':')
	if err != nil {
		return "", err
	}
	n, ok := phpInt(digits)
	// Two quotes and a semicolon are around it. n is compared before it is added to.
	if !ok || n < 0 || n > int64(len(r.rest)) || n+3 > int64(len(r.rest)) ||
		r.rest[0] != '"' || string(r.rest[n+1:n+3]) != `";` {
		return "", errPHP
	}
	s := string(r.rest[1 : n+1])
	if !utf8.ValidString(s) {
		return "", errPHPText
	}
	r.rest = r.rest[n+3:]
	return s, nil
}

func (r *phpReader) array(depth int) ([]phpEntry, error) {
	if !bytes.HasPrefix(r.rest, []byte("a:")) {
		return nil, errPHP
	}
	r.rest = r.rest[len("a:"):]
	return r.entries(depth)
}

// entries reads what arrays and objects have: how many there are, and they.
func (r *phpReader) entries(depth int) ([]phpEntry, error) {
	if depth > MaxDepth {
		return nil, errPHPDeep
	}
	digits, err := r.until("", ':')
	if err != nil {
		return nil, err
	}
	n, ok := phpInt(digits)
	const least = len("i:0;N;") // that an entry takes
	if !ok || n < 0 || n > int64(len(r.rest)/least) || !r.skip('{') {
		return nil, errPHP
	}
	entries := make([]phpEntry, n)
	for i := range entries {
		if err := r.key(&entries[i]); err != nil {
			return nil, err
		}
		if entries[i].value, err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	if !r.skip('}') {
		return nil, errPHP
	}
	return entries, nil
}

func (r *phpReader) key(e *phpEntry) error {
	if !bytes.HasPrefix(r.rest, []byte("i:")) && !bytes.HasPrefix(r.rest, []byte("s:")) {
		return errPHP
	}
	key, err := r.value(MaxDepth)
	if err != nil {
		return err
	}
	switch key := key.(type) {
	case int64:
		e.key, e.n, e.isInt = strconv.FormatInt(key, 10), key, true
	case string:
		e.key = key
		e.n, e.isInt = phpInt(key)
	}
	return nil
}

// until reads what stands between a prefix that is there and an end.
func (r *phpReader) until(prefix string, end byte) (string, error) {
	rest, ok := bytes.CutPrefix(r.rest, []byte(prefix))
	if !ok {
		return "", errPHP
	}
	const longest = 32 // of any number
	i := bytes.IndexByte(rest[:min(len(rest), longest)], end)
	if i < 0 {
		return "", errPHP
	}
	r.rest = rest[i+1:]
	return string(rest[:i]), nil
}

func (r *phpReader) skip(c byte) bool {
	if len(r.rest) == 0 || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}
