package login

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestInputValue(t *testing.T) {
	const login = `<form method="POST" action="/login?next=/">`
	for _, tt := range []struct {
		name, page, want string
		err              error
	}{
		{"hidden", `<input type="hidden" name="t" value="abc">`, "abc", nil},
		{"entities", `<input name=t value='a&quot;b&#x3D;c'>`, `a"b=c`, nil},
		{"self-closed", `<input name="t" value="abc"/>`, "abc", nil},
		{"attributes in another order", `<INPUT VALUE="abc" NAME="t">`, "abc", nil},
		{"first of two attributes", `<input name="t" value="abc" value="def" name="u">`, "abc", nil},
		{"in a comment", `<!-- <input name="t" value="x"> --><input name="t" value="abc">`, "abc", nil},
		{"in a script", `<script>'<input name="t" value="x">'</script><input name="t" value="abc">`, "abc", nil},
		{"in a text area", `<textarea><input name="t" value="x"></textarea><input name="t" value="abc">`, "abc", nil},
		{"the same twice", `<input name="t" value="abc"><input name="t" value="abc">`, "abc", nil},
		{"different", `<input name="t" value="abc"><input name="t" value="def">`, "", errTokenTwice},
		{"of the form that signs in", `<form method="post" action="/search"><input name="t" value="x"></form>` + login + `<input name="t" value="abc"></form><input name="t" value="y">`, "abc", nil},
		{"of the form without an action", `<form method="post" action="/search"><input name="t" value="x"></form><form method="post"><input name="t" value="abc"></form>`, "abc", nil},
		{"of a form that only gets", `<form action="/login"><input name="t" value="x"></form>` + login + `<input name="t" value="abc"></form>`, "abc", nil},
		{"different in the form that signs in", login + `<input name="t" value="abc"><input name="t" value="def"></form>`, "", errTokenTwice},
		{"another name", `<input name="T" value="abc"><input name="tt" value="abc">`, "", nil},
		{"empty", ``, "", nil},
		{"cut off", `<input name="t" value="ab`, "", nil},
		{"no HTML", "\x00\xff<<<>>>", "", nil},
	} {
		p := &page{body: []byte(tt.page), at: &url.URL{Path: "/login"}, target: &url.URL{Path: "/login"}}
		got, err := inputValue(p, "t")
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: %q, %v; want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

func TestMember(t *testing.T) {
	for _, tt := range []struct {
		page, want string
		err        error
	}{
		{`{"a":{"b":"abc"}}`, "abc", nil},
		{`{"a":{"b":""}}`, "", nil},
		{`{"a":"b"}`, "", nil},
		{`{}`, "", nil},
		{`[]`, "", nil},
		{`null`, "", nil},
		{`{"a":{"b":7}}`, "", errNotText},
		{`{"a":{"b":{}}}`, "", errNotText},
		{`<html>`, "", errNoJSON},
		{``, "", errNoJSON},
		{strings.Repeat("[", 200_000), "", errNoJSON},
	} {
		if got, err := member([]byte(tt.page), "a.b"); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%.20s: %q, %v; want %q, %v", tt.page, got, err, tt.want, tt.err)
		}
	}
}

// FuzzToken: whatever a page holds, what is taken for a token breaks out of nothing.
func FuzzToken(f *testing.F) {
	for _, page := range []string{`<input name="t" value="abc">`, `<meta name=t content="a&#10;b">`, `{"t":"abc"}`, "<form><input name=t value=a></form><input name=t value=b>"} {
		f.Add([]byte(page))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, o := range []CSRF{{Field: "t"}, {Meta: "t"}, {JSON: "t"}} {
			o.Path = "/login"
			c := (&Options{CSRF: o}).openCSRF(func(key, format string, args ...any) { t.Fatalf(key+format, args...) })
			token, err := c.token(&page{body: body, at: &url.URL{Path: "/login"}, target: &url.URL{Path: "/login"}})
			if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) || len(token) > maxTokenBytes || err != nil && token != "" {
				t.Errorf("%q, %v", token, err)
			}
		}
	})
}
