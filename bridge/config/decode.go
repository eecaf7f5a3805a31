package config

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// decoder fills structs with `toml:"name"` tags from a document. It reports
// every problem and goes on, matches keys exactly, and converts nothing that
// only looks like what is wanted.
type decoder struct {
	doc    *document
	report *reporter
}

// defaulter is a struct that has defaults for the keys a table leaves out.
type defaulter interface{ setDefaults() }

// whole is a struct of which a layer replaces all, not what it has other keys for.
type whole interface{ ReplacedWhole() }

// table decodes a table into the structs that dst point to; each key belongs to
// one of them. Keys that the table lacks leave their fields as they are.
func (d *decoder) table(path string, v any, dst ...any) {
	table, ok := v.(map[string]any)
	if !ok {
		d.wrongType(path, "a table", v)
		return
	}
	fields := map[string]reflect.Value{}
	for _, p := range dst {
		addFields(fields, reflect.ValueOf(p).Elem())
	}
	for _, key := range d.keys(path, table) {
		if field, ok := fields[key]; ok {
			d.value(joinKey(path, key), table[key], field)
		} else {
			d.unknown(path, key, table, fields)
		}
	}
}

// addFields adds the fields of a struct by their key, and as its own those of
// structs embedded in it.
func addFields(fields map[string]reflect.Value, s reflect.Value) {
	for i := range s.NumField() {
		field := s.Type().Field(i)
		switch name := field.Tag.Get("toml"); {
		case name != "" && name != "-":
			fields[name] = s.Field(i)
		case name == "" && field.Anonymous && field.Type.Kind() == reflect.Struct:
			addFields(fields, s.Field(i))
		}
	}
}

// keys returns the table's keys in the order of the file, without those that
// clash with an earlier one, which it reports.
func (d *decoder) keys(path string, table map[string]any) []string {
	keys := make([]string, 0, len(table))
	lines := make(map[string]int, len(table))
	for key := range table {
		keys = append(keys, key)
		lines[key] = d.doc.line(joinKey(path, key))
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(lines[a]-lines[b], strings.Compare(a, b)) })
	first := map[string]string{}
	return slices.DeleteFunc(keys, func(key string) bool {
		other, twice := first[foldKey(path, key)]
		if !twice {
			first[foldKey(path, key)] = key
			return false
		}
		difference := "case"
		if !strings.EqualFold(key, other) {
			difference = "case and punctuation, which apps do not tell apart"
		}
		d.report.spoil(place{d.doc, joinKey(path, key)}, "differs from %q (%s) only in %s: keep one of them",
			other, d.doc.source(joinKey(path, other)), difference)
		return true
	})
}

// foldKey maps keys of the table at path that must not stand side by side to
// the same text: keys that differ only in case, which nobody can tell apart, and
// header names that apps cannot.
func foldKey(path, key string) string {
	if path == "header" || strings.HasSuffix(path, ".header") {
		return adapter.FoldName(key)
	}
	return strings.ToLower(key)
}

// unknown reports a key that no field has. A key that it seems to stand for is
// spoilt with it: what is misspelt is not missing as well.
func (d *decoder) unknown(path, key string, table map[string]any, fields map[string]reflect.Value) {
	known := sortedKeys(fields)
	meant, near := wording.Nearest(key, known)
	_, used := table[meant]
	if near && used && foldKey(path, key) == foldKey(path, meant) {
		return // keys has said that there are two of them
	}
	d.report.spoil(place{d.doc, joinKey(path, key)}, "unknown key%s", wording.Instead(key, known))
	if near && !used {
		d.report.mute(place{d.doc, joinKey(path, meant)})
	}
}

// value decodes v into dst.
func (d *decoder) value(path string, v any, dst reflect.Value) {
	switch {
	case dst.Type() == reflect.TypeFor[time.Duration]():
		d.duration(path, v, dst)
	case dst.Type() == reflect.TypeFor[time.Time]():
		d.time(path, v, dst)
	case dst.Type() == reflect.TypeFor[adapter.Secret]():
		d.secret(path, v, dst)
	case dst.Type() == reflect.TypeFor[adapter.Password]():
		d.password(path, v, dst)
	case dst.Type() == reflect.TypeFor[adapter.PrivateKey]():
		d.privateKey(path, v, dst)
	case dst.Type() == reflect.TypeFor[adapter.Credentials]():
		d.credentials(path, v, dst)
	case dst.Type() == reflect.TypeFor[includeTable]():
		d.include(path, v, dst)
	case dst.Type() == reflect.TypeFor[oneOrMore]():
		d.oneOrMore(path, v, dst)
	case dst.Kind() == reflect.Interface:
		dst.Set(reflect.ValueOf(v))
	case dst.Kind() == reflect.Struct:
		if _, is := reflect.TypeAssert[whole](dst.Addr()); is {
			dst.SetZero()
		}
		d.table(path, v, dst.Addr().Interface())
	case dst.Kind() == reflect.Map:
		d.mapOf(path, v, dst)
	case dst.Kind() == reflect.Slice:
		d.slice(path, v, dst)
	default:
		d.scalar(path, v, dst)
	}
}

func (d *decoder) oneOrMore(path string, v any, dst reflect.Value) {
	switch v := v.(type) {
	case string:
		dst.Set(reflect.ValueOf(oneOrMore{v}))
	case []any:
		d.slice(path, v, dst)
	default:
		d.wrongType(path, "a string, or an array of them", v)
	}
}

func (d *decoder) scalar(path string, v any, dst reflect.Value) {
	switch dst.Kind() {
	case reflect.String:
		if s, ok := v.(string); ok {
			dst.SetString(s)
			return
		}
		d.wrongType(path, "a string", v)
	case reflect.Bool:
		if b, ok := v.(bool); ok {
			dst.SetBool(b)
			return
		}
		d.wrongType(path, "true or false", v)
	case reflect.Int:
		if i, ok := v.(int64); ok && !dst.OverflowInt(i) {
			dst.SetInt(i)
			return
		}
		d.wrongType(path, "an integer", v)
	default:
		panic("config: no TOML value decodes into a " + dst.Type().String())
	}
}

// mapOf sets each key of a table in the map, which it changes in no other way:
// this is what lays one table over another. An entry is replaced whole.
func (d *decoder) mapOf(path string, v any, dst reflect.Value) {
	table, ok := v.(map[string]any)
	if !ok {
		d.wrongType(path, "a table", v)
		return
	}
	if dst.IsNil() {
		dst.Set(reflect.MakeMap(dst.Type()))
	}
	before := make(map[string]reflect.Value, dst.Len())
	for _, old := range dst.MapKeys() {
		before[foldKey(path, old.String())] = old
	}
	for _, key := range d.keys(path, table) {
		if old, replaced := before[foldKey(path, key)]; replaced {
			dst.SetMapIndex(old, reflect.Value{})
		}
		dst.SetMapIndex(reflect.ValueOf(key), d.element(joinKey(path, key), table[key], dst.Type().Elem()))
	}
}

func (d *decoder) slice(path string, v any, dst reflect.Value) {
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		want := "an array"
		if dst.Type().Elem().Kind() == reflect.Struct && dst.Type().Elem() != reflect.TypeFor[includeTable]() {
			want = "an array of tables"
		}
		d.wrongType(path, want, v)
		return
	}
	dst.Set(reflect.MakeSlice(dst.Type(), 0, list.Len()))
	for i := range list.Len() {
		dst.Set(reflect.Append(dst, d.element(joinIndex(path, i+1), list.Index(i).Interface(), dst.Type().Elem())))
	}
}

// element decodes an entry of a map or a slice into a new value.
func (d *decoder) element(path string, v any, t reflect.Type) reflect.Value {
	e := reflect.New(t)
	if s, ok := reflect.TypeAssert[defaulter](e); ok {
		s.setDefaults()
	}
	d.value(path, v, e.Elem())
	return e.Elem()
}
