package sso

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
)

const zulipAction = "https://chat.example.com/accounts/login/jwt/"

var chat = adapter.Env{App: "chat", Host: "chat.example.com", ReadSecrets: true}

func zulipOptions() Options { return Options{Protocol: "zulip", Secret: secretOf(sharedSecret, nil)} }

// readZulip reads a token by a library that has no part in signing.
func readZulip(text string) (claims map[string]any, err error) {
	token, err := josejwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nil, err
	}
	return claims, token.Claims([]byte(sharedSecret), &claims)
}

func zulipParts(_, address string) ([]adaptertest.Part, bool) {
	all, err := url.ParseQuery(strings.TrimPrefix(address, zulipAction+"?"))
	if err != nil {
		panic(err)
	}
	claims, err := readZulip(all.Get("token"))
	if err != nil {
		panic(err)
	}
	return []adaptertest.Part{{Name: "email", Values: []string{claims["email"].(string)}}}, true
}

// TestZulip: a form with a token that has the email, when it ends, and nothing that
// PyJWT could refuse.
func TestZulip(t *testing.T) {
	a := mustOpen(t, zulipOptions(), chat)
	for _, tt := range []struct{ assertion, want time.Duration }{{4 * time.Minute, time.Minute}, {20 * time.Second, 20 * time.Second}, {0, 0}} {
		in := asking(ann(), "user", "email=mallory@example.com&next=//evil.example")
		in.Principal.ExpiresAt = noon.Add(tt.assertion)
		out, err := a.Adapt(t.Context(), in)
		if tt.want == 0 {
			if !errors.Is(err, adapter.ErrUnsendable) || out.Form != nil {
				t.Errorf("%s: %v, %v", tt.assertion, out.Form, err)
			}
			continue
		}
		if err != nil || out.Redirect != "" || out.Form == nil {
			t.Fatalf("%+v, %v", out, err)
		}
		got, err := readZulip(out.Form.Fields["token"])
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"email": "Ann@example.com", "exp": float64(noon.Add(tt.want).Unix())}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
		delete(out.Form.Fields, "token")
		if diff := cmp.Diff(&adapter.Form{Action: zulipAction, Fields: map[string]string{}}, out.Form); diff != "" {
			t.Errorf("the form (-want +got):\n%s", diff)
		}
	}
	for name, edit := range map[string]func(*Options){
		`fields.full_name: is nothing that Zulip reads of a person, which is email`: func(o *Options) { o.Fields = map[string]Field{"full_name": {From: "name"}} },
		"audience: is for protocol = \"jwt\"; remove it":                            func(o *Options) { o.Audience = "zulip" },
		"send: is for protocol = \"jwt\"; remove it":                                func(o *Options) { o.Send = "form" },
	} {
		o := zulipOptions()
		edit(&o)
		if _, err := o.Open(chat); err == nil || err.Error() != name {
			t.Errorf("%v, want\n%s", err, name)
		}
	}
}

// TestTokenInForm: the token of "jwt" by a form goes to the one address, with nothing
// of it in an address.
func TestTokenInForm(t *testing.T) {
	o := metabaseOptions()
	o.Send = "form"
	a := mustOpen(t, o, stats)
	out, err := a.Adapt(t.Context(), asking(ann(), "Analysts", "return_to=%2Fquestion%2F1%3Fa%3D%22%3E"))
	if err != nil || out.Redirect != "" || out.Form == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	claims, back, err := readToken(statsReturn+"?"+formValues(out.Form).Encode(), statsReturn, noon)
	if err != nil || out.Form.Action != statsReturn || claims["email"] != "Ann@example.com" || len(back) != 1 || back[0] != `/question/1?a=">` {
		t.Errorf("%v %q %v to %s", claims, back, err, out.Form.Action)
	}
	out, err = a.Adapt(t.Context(), asking(ann(), "Analysts", ""))
	if err != nil || len(out.Form.Fields) != 1 {
		t.Errorf("from nowhere: %v, %v", out.Form, err)
	}
	o.Send = "get"
	if _, err := o.Open(stats); err == nil || err.Error() != `send: "get"; choose "address" or "form"` {
		t.Error(err)
	}
}
