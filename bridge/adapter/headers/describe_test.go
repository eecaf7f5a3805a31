package headers

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// TestDescribeEveryOption: no option of a header goes unsaid.
func TestDescribeEveryOption(t *testing.T) {
	values := map[string]any{
		"wrap": "<>", "encode": "utf-8", "append": "sync_marker", "unsendable": "omit", "unmapped": "refuse",
		"secret": adapter.NewSecret(func() (string, error) { t.Error("a secret was read"); return "", nil }),
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Header]()) {
		key := field.Tag.Get("toml")
		if key == "" { // embedded, or no option
			continue
		}
		var h Header
		v := reflect.ValueOf(&h).Elem().FieldByIndex(field.Index)
		switch value, special := values[key]; {
		case special:
			v.Set(reflect.ValueOf(value))
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
		without := (&Options{Header: map[string]Header{"X": {}}}).Sends()
		with := (&Options{Header: map[string]Header{"X": h}}).Sends()
		if cmp.Equal(without, with) {
			t.Errorf("nothing is said of %s", key)
		}
	}
}

func TestDescribe(t *testing.T) {
	o := &Options{
		Header: map[string]Header{
			"X-User":   {From: "email", Required: true, Words: value.Words{Lower: true, Replace: map[string]string{"@": "-at-"}, Allow: "a-z", MaxLength: 9, Forbid: []string{"root", "admin"}, Prefix: "sso:"}},
			"X-Role":   {From: "role", Words: value.Words{Map: map[string]string{"b": "2", "a": "1"}}},
			"X-Groups": {From: "groups", Join: ",", Quote: true, Unsendable: "omit"},
			"X-Name":   {From: "name"},
			"X-Realm":  {Const: "example"},
			"X-Dept":   {Claim: "dept", Default: "none"},
		},
		Groups: map[string]string{"sre@example.com": "ops"}, Unmapped: "omit", Omit: []string{"x_name"},
	}
	want := []adapter.Sent{
		{In: "header", Name: "X-Dept", Source: `claim "dept"`, How: []string{`"none" if there is none`}},
		{In: "header", Name: "X-Groups", Source: "groups", How: []string{
			"mapped (sre@example.com → ops)", "others left out", `joined by ","`, "quoted where the app would split", "what cannot be written is left out",
		}},
		{In: "header", Name: "X-Realm", Source: `always "example"`},
		{In: "header", Name: "X-Role", Source: "role", How: []string{"mapped (a → 1, b → 2)", "required"}, Role: true},
		{In: "header", Name: "X-User", Source: "email", How: []string{
			"in lower case", "replaced (@ → -at-)", "only the characters a-z", "at most 9 characters", "never root or admin", `behind "sso:"`, "required",
		}},
	}
	if diff := cmp.Diff(want, o.Sends()); diff != "" {
		t.Errorf("sends (-want +got):\n%s", diff)
	}
}
