package login

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
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
		case key == "secret":
			f.Secret = adapter.NewSecret(func() (string, error) { return "", nil })
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
		without := (&Options{Form: map[string]Field{"x": {}}}).Sends()
		with := (&Options{Form: map[string]Field{"x": f}}).Sends()
		if cmp.Equal(without, with) {
			t.Errorf("nothing is said of %s", option.Tag.Get("toml"))
		}
	}
}

func TestDescribe(t *testing.T) {
	o := formOptions()
	o.Deliver, o.Timeout, o.Lifetime = "upstream", 2*time.Second, time.Hour
	o.Form["role"] = Field{From: "role"}
	o.Form["name"] = Field{From: "name"}
	o.Header = map[string]Field{"X-User": {From: "email", Required: true, Encode: "base64"}}
	o.Omit = []string{"name"}
	want := []adapter.Sent{
		{In: "cookie", Name: "sessionid", Source: "signed in for at POST /login/", How: []string{
			"kept by ssobridge: the browser never sees it", "good for 1h at most", "with a token from /login/?next=/", "within 2s",
		}},
		{In: "sign-in header", Name: "X-User", Source: "email", How: []string{"required", "as base64"}},
		{In: "sign-in form", Name: "csrfmiddlewaretoken", Source: "the app's CSRF token"},
		{In: "sign-in form", Name: "password", Source: "the password of the person's account"},
		{In: "sign-in form", Name: "role", Source: "role", How: []string{"required"}, Role: true},
		{In: "sign-in form", Name: "username", Source: "the username of the person's account"},
	}
	if diff := cmp.Diff(want, o.Sends()); diff != "" {
		t.Errorf("sends (-want +got):\n%s", diff)
	}
}
