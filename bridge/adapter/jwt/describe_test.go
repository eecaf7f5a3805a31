package jwt

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// TestDescribeEveryOption: no option of a claim goes unsaid.
func TestDescribeEveryOption(t *testing.T) {
	for field := range reflect.TypeFor[Claim]().Fields() {
		key := field.Tag.Get("toml")
		var c Claim
		v := reflect.ValueOf(&c).Elem().FieldByIndex(field.Index)
		switch {
		case key == "unsendable":
			v.SetString("omit")
		case key == "unmapped":
			v.SetString("refuse")
		case key == "object":
			v.Set(reflect.ValueOf(map[string]Claim{"below": {From: "email"}}))
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
		without := (&Options{Claims: map[string]Claim{"x": {}}}).Sends()
		with := (&Options{Claims: map[string]Claim{"x": c}}).Sends()
		if cmp.Equal(without, with) {
			t.Errorf("nothing is said of %s", key)
		}
	}
}

func TestDescribe(t *testing.T) {
	o := &Options{
		Cookie: "session", Issuer: "us", Audience: "them", Type: "JWT", Lifetime: 90 * time.Second,
		Claims: map[string]Claim{
			"https://x.example/claims": {Object: map[string]Claim{"roles": {From: "roles"}, "tier": {Const: int64(1)}}},
			"admin":                    {From: "role", Type: "bool", Map: map[string]string{"admin": "true"}},
			"name":                     {From: "name"},
		},
		Omit: []string{"name"},
	}
	want := []adapter.Sent{
		{In: "cookie", Name: "session", Source: "a signed token", How: []string{"iss us", "aud them", "typ JWT", "good for 1m30s at most"}},
		{In: "claim", Name: "admin", Source: "role", How: []string{"mapped (admin → true)", "as a bool", "required"}, Role: true},
		{In: "claim", Name: "https://x.example/claims.roles", Source: "roles", How: []string{"required"}, Role: true},
		{In: "claim", Name: "https://x.example/claims.tier", Source: "always 1"},
		{In: "claim", Name: "sub", Source: "subject", How: []string{"required"}},
	}
	if diff := cmp.Diff(want, o.Sends()); diff != "" {
		t.Errorf("sends (-want +got):\n%s", diff)
	}
	short := (&Options{Header: "Authorization", Prefix: "Bearer "}).Sends()[0]
	if diff := cmp.Diff([]string{`behind "Bearer "`, "iss ssobridge", "aud the app's name", "good for 1m at most"}, short.How); diff != "" {
		t.Errorf("a token by default (-want +got):\n%s", diff)
	}
}
