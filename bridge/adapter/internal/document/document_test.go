package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// The vocabulary that kinds had before there was this package is tested with kind
// jwt; here is what others have more.

func input() *adapter.Input {
	return &adapter.Input{
		Principal: &verifier.Principal{
			Subject: "2f6a", Email: "ann@example.com", Name: "Ann",
			Claims: map[string]any{"big": "9007199254740993", "max": "9223372036854775807"},
		},
		Decision: mapping.Decision{Roles: []string{"editor"}}, Time: time.Unix(1_800_000_000, 0),
	}
}

var upper = func(as string) (func(any) (any, error), []string) {
	if as == "upper" {
		return func(v any) (any, error) { return strings.ToUpper(v.(string)), nil }, nil
	}
	return nil, []string{"upper", "lower"}
}

// compile compiles fields, and returns what is wrong with them.
func compile(fields map[string]Field, change func(*Rules)) (*Compiler, []string) {
	var problems []string
	r := Rules{Noun: "field", Lists: true, Lookup: upper, MaxNumber: math.MaxInt64, Fail: func(key, format string, args ...any) {
		problems = append(problems, key+": "+fmt.Sprintf(format, args...))
	}}
	if change != nil {
		change(&r)
	}
	c := NewCompiler(r)
	for _, name := range []string{"a", "b"} {
		if f, has := fields[name]; has {
			c.Add("fields."+name, name, &f)
		}
	}
	return c, problems
}

func TestWrites(t *testing.T) {
	row := Row{"id": int64(9007199254740993), "name": "bob", "on": true, "off": int64(0), "share": 0.5, "null": nil, "empty": "", "shown": Shown("(x)")}
	for _, tt := range []struct {
		name  string
		field Field
		row   Row
		want  string
	}{
		{"a column", Field{Lookup: "id"}, row, `{"a":9007199254740993}`},
		{"a column as a text", Field{Lookup: "id", Type: "string"}, row, `{"a":"9007199254740993"}`},
		{"a text column", Field{Lookup: "name"}, row, `{"a":"bob"}`},
		{"a column made something of", Field{Lookup: "name", As: "upper"}, row, `{"a":"BOB"}`},
		{"a boolean column", Field{Lookup: "on"}, row, `{"a":true}`},
		{"a boolean column as a text", Field{Lookup: "on", Type: "string"}, row, `{"a":"true"}`},
		{"MySQL's boolean", Field{Lookup: "off", Type: "bool"}, row, `{"a":false}`},
		{"a fraction", Field{Lookup: "share"}, row, `{"a":0.5}`},
		{"NULL", Field{Lookup: "null"}, row, `{}`},
		{"NULL, made something of", Field{Lookup: "null", As: "upper"}, row, `{}`},
		{"an empty text", Field{Lookup: "empty"}, row, `{}`},
		{"what only the database knows", Field{Lookup: "shown", Type: "number"}, row, `{"a":"(x)"}`},
		{"not looked up", Field{Lookup: "id", Required: true}, nil, `{}`},
		{"a list", Field{List: []Field{{From: "email"}, {Const: int64(1)}, {Lookup: "id"}}}, row, `{"a":["ann@example.com",1,9007199254740993]}`},
		{"a list that is not looked up", Field{List: []Field{{Lookup: "id"}, {From: "name"}}}, nil, `{"a":[null,"Ann"]}`},
		{"a list in a list", Field{List: []Field{{List: []Field{{Lookup: "id"}}}, {Lookup: "name"}}}, row, `{"a":[[9007199254740993],"bob"]}`},
		{"an object in a list", Field{List: []Field{{Object: map[string]Field{"x": {From: "role"}}}}}, row, `{"a":[{"x":"editor"}]}`},
		{"a number beyond those of floats", Field{Claim: "big", Type: "number"}, nil, `{"a":9007199254740993}`},
		{"the last number", Field{Claim: "max", Type: "number"}, nil, `{"a":9223372036854775807}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, problems := compile(map[string]Field{"a": tt.field}, nil)
			if problems != nil {
				t.Fatal(problems)
			}
			got, err := c.Document().Append([]byte("{"), input(), tt.row)
			if got := string(got) + "}"; err != nil || got != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	float := func(r *Rules) { r.MaxNumber = 0 }
	row := Row{"id": int64(MaxFloat + 1), "name": "bob\n", "null": nil, "two": int64(2), "nan": math.NaN(), "date": struct{}{}}
	for _, tt := range []struct {
		name   string
		field  Field
		change func(*Rules)
		want   error
		person bool // it is the person, not the query
	}{
		{"a column that a float does not hold", Field{Lookup: "id"}, float, ErrNumber, true},
		{"a claim that a float does not hold", Field{Claim: "big", Type: "number"}, float, ErrNumber, true},
		{"NULL, required", Field{Lookup: "null", Required: true}, nil, ErrEmpty, true},
		{"NULL in a list", Field{List: []Field{{Lookup: "null"}}}, nil, ErrEmpty, true},
		{"nothing in a list", Field{List: []Field{{Claim: "none"}}}, nil, ErrEmpty, true},
		{"control characters", Field{Lookup: "name"}, nil, ErrControl, true},
		{"a text as a number", Field{Lookup: "name", Type: "number"}, nil, ErrInteger, true},
		{"a number as a boolean", Field{Lookup: "two", Type: "bool"}, nil, ErrBool, true},
		{"no number", Field{Lookup: "nan"}, nil, errType, true},
		{"a type that JSON lacks", Field{Lookup: "date"}, nil, errType, true},
		{"no such column", Field{Lookup: "nam"}, nil, ErrNoColumn, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, problems := compile(map[string]Field{"a": tt.field}, tt.change)
			if problems != nil {
				t.Fatal(problems)
			}
			_, err := c.Document().Append([]byte("{"), input(), row)
			if !errors.Is(err, tt.want) || errors.Is(err, adapter.ErrUnsendable) != tt.person {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	plain := func(r *Rules) { r.Lists, r.Lookup = false, nil }
	for _, tt := range []struct {
		name   string
		field  Field
		change func(*Rules)
		want   []string
	}{
		{"no source", Field{}, nil, []string{
			`fields.a: has 0 sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text", object = { ... }, list = [ ... ] and lookup = "id"`,
		}},
		{"two sources", Field{From: "email", Lookup: "id"}, nil, []string{
			`fields.a: has 2 sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text", object = { ... }, list = [ ... ] and lookup = "id"`,
		}},
		{"a lookup where there is none", Field{Lookup: "id"}, plain, []string{`fields.a.lookup: is not for this kind`}},
		{"a list where there is none", Field{List: []Field{{From: "email"}}}, plain, []string{`fields.a.list: is not for this kind`}},
		{"an empty list", Field{List: []Field{}}, nil, []string{`fields.a.list: has no item`}},
		{"a list that is required", Field{List: []Field{{From: "email"}}, Required: true}, nil, []string{
			`fields.a: beside list, nothing else has an effect; write it in the items`,
		}},
		{"a wrong item", Field{List: []Field{{From: "email"}, {From: "mail"}}}, nil, []string{
			`fields.a.list[2].from: "mail" is no source; there are email, email_local, subject, name, role, roles, groups and rule`,
		}},
		{"words for a column", Field{Lookup: "id", Words: value.Words{Prefix: "x"}}, nil, []string{
			`fields.a: beside lookup, only as, type and required have an effect; let the query say the rest`,
		}},
		{"a list of columns", Field{Lookup: "id", Type: "list"}, nil, []string{
			`fields.a.type: "list"; choose "string", "number" or "bool", or leave it out for what the column is`,
		}},
		{"as what is not there", Field{Lookup: "id", As: "uper"}, nil, []string{`fields.a.as: "uper"; choose "upper" or "lower"`}},
		{"as without a column", Field{From: "email", As: "upper"}, nil, []string{`fields.a.as: is for what is looked up; remove it`}},
		{"a constant that is a table", Field{Const: map[string]any{}}, nil, []string{
			`fields.a.const: want a text, a number, true or false, or a list of these; fields within a field are object = { ... }`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := compile(map[string]Field{"a": tt.field}, tt.change)
			if diff := cmp.Diff(tt.want, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMembers: what is left out takes its comma with it, wherever it stands.
func TestMembers(t *testing.T) {
	none, some := Field{Claim: "none"}, Field{From: "role"}
	for _, tt := range []struct {
		a, b Field
		want string
	}{
		{some, some, `{"a":"editor","b":"editor"}`},
		{none, some, `{"b":"editor"}`},
		{some, none, `{"a":"editor"}`},
		{none, none, `{}`},
		{Field{Object: map[string]Field{"x": none, "y": some}}, none, `{"a":{"y":"editor"}}`},
		{Field{Object: map[string]Field{"x": none}}, some, `{"b":"editor"}`},
	} {
		c, problems := compile(map[string]Field{"a": tt.a, "b": tt.b}, nil)
		if problems != nil {
			t.Fatal(problems)
		}
		got, err := c.Document().Append([]byte("{"), input(), nil)
		if got := string(got) + "}"; err != nil || got != tt.want {
			t.Errorf("%s, %v; want %s", got, err, tt.want)
		}
	}
}

func TestUses(t *testing.T) {
	for _, fields := range []map[string]Field{
		{"a": {From: "email_local"}},
		{"a": {Object: map[string]Field{"b": {From: "email_local"}}}},
		{"a": {List: []Field{{From: "email"}, {List: []Field{{From: "email_local"}}}}}},
	} {
		if !Uses(fields, "email_local") || Uses(fields, "groups") {
			t.Errorf("%+v", fields)
		}
	}
}

func TestAppendString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if !utf8.ValidString(text) {
			return
		}
		var got string
		if err := json.Unmarshal(AppendString(nil, text), &got); err != nil || got != text {
			t.Fatalf("%q reads %q, %v", text, got, err)
		}
	})
}

// TestDescribeEveryOption: no option of a field goes unsaid.
func TestDescribeEveryOption(t *testing.T) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Field]()) {
		key := field.Tag.Get("toml")
		if key == "" { // embedded, or no option
			continue
		}
		without := Field{}
		if key == "as" {
			without.Lookup = "id"
		}
		f := without
		v := reflect.ValueOf(&f).Elem().FieldByIndex(field.Index)
		switch {
		case key == "unsendable":
			v.SetString("omit")
		case key == "unmapped":
			v.SetString("refuse")
		case key == "object":
			v.Set(reflect.ValueOf(map[string]Field{"below": {From: "email"}}))
		case key == "list":
			v.Set(reflect.ValueOf([]Field{{From: "email"}}))
		case v.Kind() == reflect.String:
			v.SetString("x")
		case v.Kind() == reflect.Bool:
			v.SetBool(true)
		case v.Kind() == reflect.Int:
			v.SetInt(7)
		case v.Kind() == reflect.Map:
			v.Set(reflect.ValueOf(map[string]string{"a": "b"}))
		case v.Kind() == reflect.Slice:
			v.Set(reflect.ValueOf([]string{"a"}))
		case v.Kind() == reflect.Interface:
			v.Set(reflect.ValueOf("x"))
		default:
			t.Fatalf("%s: no value for it", key)
		}
		if cmp.Equal(Describe("field", "", map[string]Field{"x": without}), Describe("field", "", map[string]Field{"x": f})) {
			t.Errorf("nothing is said of %s", key)
		}
	}
}
