package sso

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// TestDescribeEveryOption: no option of a field goes unsaid.
func TestDescribeEveryOption(t *testing.T) {
	for _, option := range reflect.VisibleFields(reflect.TypeFor[Field]()) {
		if option.Tag.Get("toml") == "" { // embedded, or no option
			continue
		}
		var f Field
		v := reflect.ValueOf(&f).Elem().FieldByIndex(option.Index)
		switch key := option.Tag.Get("toml"); {
		case key == "unsendable":
			v.SetString("omit")
		case key == "unmapped":
			v.SetString("refuse")
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
		default:
			t.Fatalf("%s: no value for it", key)
		}
		without := (&Options{Protocol: "jwt", Fields: map[string]Field{"x": {}}}).Sends()
		with := (&Options{Protocol: "jwt", Fields: map[string]Field{"x": f}}).Sends()
		if cmp.Equal(without, with) {
			t.Errorf("nothing is said of %s", option.Tag.Get("toml"))
		}
	}
}

func TestDescribe(t *testing.T) {
	o := &Options{
		Protocol: "jwt", Path: "ask", ReturnURL: "https://desk.example.com/access/jwt", Issuer: "us", Audience: "them", Lifetime: 90 * time.Second,
		Fields: map[string]Field{
			"email": {From: "email"}, "admin": {From: "role", Type: "bool", Words: value.Words{Map: map[string]string{"admin": "true"}}}, "realm": {Const: "x"}, "name": {From: "name"},
		},
		Omit: []string{"name"},
	}
	want := []adapter.Sent{
		{
			In: "address", Name: "https://desk.example.com/access/jwt", Source: "a signed answer",
			How: []string{"to questions at /.ssobridge/ask", "iss us", "aud them", "good for 1m30s at most"},
		},
		{In: "field", Name: "admin", Source: "role", How: []string{"mapped (admin → true)", "as a bool", "required"}, Role: true},
		{In: "field", Name: "email", Source: "email", How: []string{"required"}},
		{In: "field", Name: "realm", Source: `always "x"`},
		{In: "field", Name: "sub", Source: "subject", How: []string{"required"}},
	}
	if diff := cmp.Diff(want, o.Sends()); diff != "" {
		t.Errorf("sends (-want +got):\n%s", diff)
	}
	short := (&Options{Protocol: "discourse"}).Sends()[0]
	if diff := cmp.Diff(adapter.Sent{
		In: "address", Name: "/session/sso_login", Source: "a signed answer", How: []string{"to questions at /.ssobridge/sso", "with the app's nonce"},
	}, short); diff != "" {
		t.Errorf("an answer by default (-want +got):\n%s", diff)
	}
}
