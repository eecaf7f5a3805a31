package sso

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

const statsReturn = "https://stats.example.com/auth/sso"

func TestToken(t *testing.T) {
	a := mustOpen(t, metabaseOptions(), stats)
	claims, back, err := readToken(answer(t, a, asking(ann(), "Analysts", "return_to=%2Fquestion%2F1%3Fa%3Db%26c%3Dd")), statsReturn, noon)
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := claims["jti"].(string); len(id) < 20 {
		t.Errorf("jti %q", id)
	}
	delete(claims, "jti")
	want := map[string]any{
		"iss": "ssobridge", "aud": "stats", "sub": "2f6a", "iat": float64(noon.Unix()), "exp": float64(noon.Unix() + 60),
		"email": "Ann@example.com", "first_name": "Ann", "last_name": "Exämple", "groups": []any{"Analysts"},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("the token (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/question/1?a=b&c=d"}, back); diff != "" {
		t.Errorf("return_to (-want +got):\n%s", diff)
	}
	if _, back, err = readToken(answer(t, a, asking(ann(), "Analysts", "")), statsReturn, noon); err != nil || back != nil {
		t.Errorf("from nowhere: %q, %v", back, err)
	}
}

// TestTokenTimes: a token ends after a minute, and never after its assertion.
func TestTokenTimes(t *testing.T) {
	a := mustOpen(t, metabaseOptions(), stats)
	for _, tt := range []struct{ assertion, want time.Duration }{
		{0, time.Minute}, {time.Hour, time.Minute}, {20 * time.Second, 20 * time.Second}, {500 * time.Millisecond, 0}, {-time.Second, 0},
	} {
		in := asking(ann(), "Analysts", "")
		in.Principal.ExpiresAt = noon.Add(tt.assertion)
		if tt.assertion == 0 {
			in.Principal.ExpiresAt = time.Time{}
		}
		out, err := a.Adapt(t.Context(), in)
		if tt.want == 0 {
			if !errors.Is(err, adapter.ErrUnsendable) {
				t.Errorf("%s: %q, %v", tt.assertion, out.Redirect, err)
			}
			continue
		}
		if _, _, err := readToken(out.Redirect, statsReturn, noon.Add(tt.want)); err != nil {
			t.Errorf("%s: %v", tt.assertion, err)
		}
		if _, _, err := readToken(out.Redirect, statsReturn, noon.Add(tt.want+time.Second)); err == nil {
			t.Errorf("%s: good for longer than %s", tt.assertion, tt.want)
		}
	}
}

// TestReturnTo: apps send people where the parameter says.
func TestReturnTo(t *testing.T) {
	a := mustOpen(t, metabaseOptions(), stats)
	for _, good := range []string{"/", "/question/1-superb-question", "/question?x=//y&z=../..", "/question#eyJkYXRh", "https://stats.example.com/dashboard/1"} {
		address := answer(t, a, asking(ann(), "Analysts", url.Values{"return_to": {good}}.Encode()))
		if _, back, err := readToken(address, statsReturn, noon); err != nil || len(back) != 1 || back[0] != good {
			t.Errorf("%s: %q, %v", good, back, err)
		}
	}
	for _, bad := range []string{
		"//canary.example", "///canary.example", `/\canary.example`, `\/canary.example`, `\\canary.example`, "canary.example", "https:canary.example",
		"https://canary.example/", "https://stats.example.com", "https://stats.example.com@canary.example/", "https://stats.example.com.canary.example/",
		"https://stats.example.com:444/", "https://stats.example.com//canary.example", `https://stats.example.com\@canary.example/`,
		"http://stats.example.com/", "HTTPS://stats.example.com/", "javascript:canary", "data:text/html,canary", " /canary", "\t//canary.example",
		"/\t/canary.example", "/a\r\nSet-Cookie: canary=1", "/a\x00", "/..//canary.example", "/x/%2e%2E//canary.example", "/.//canary.example",
		"https://stats.example.comhttps://stats.example.com/", "/" + strings.Repeat("canary", 1000),
	} {
		out, err := a.Adapt(t.Context(), asking(ann(), "Analysts", url.Values{"return_to": {bad}}.Encode()))
		if !errors.Is(err, adapter.ErrBadSignIn) || out.Redirect != "" || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %q, %v", bad, out.Redirect, err)
		}
	}
	out, err := a.Adapt(t.Context(), asking(ann(), "Analysts", "return_to=/a&return_to=//canary.example"))
	if !errors.Is(err, adapter.ErrBadSignIn) || out.Redirect != "" {
		t.Errorf("twice: %q, %v", out.Redirect, err)
	}
}

// TestTypes: what an app reads within a token.
func TestTypes(t *testing.T) {
	o := metabaseOptions()
	o.Fields["admin"] = Field{From: "role", Type: "bool", Words: value.Words{Map: map[string]string{"user": "false", "boss": "true"}}}
	o.Fields["teams"] = Field{Claim: "none", Type: "list"}
	o.Fields["one"] = Field{Attribute: "org", Type: "list"}
	o.Fields["realm"] = Field{Const: "example.com"}
	in := asking(ann(), "boss", "")
	in.Decision.Attributes = map[string]string{"org": "7,8"}
	a := mustOpen(t, o, stats)
	claims, _, err := readToken(answer(t, a, in), statsReturn, noon)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"admin": true, "teams": []any{}, "one": []any{"7,8"}, "realm": "example.com"} {
		if diff := cmp.Diff(want, claims[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := a.(adapter.AttributeUser).Attributes(); len(got) != 1 || got[0] != "org" {
		t.Errorf("attributes %q", got)
	}
}
