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

// TestOtherRequests: but for the answer, the app is told nothing.
func TestOtherRequests(t *testing.T) {
	o := discourseOptions()
	o.Strip, o.StripCookies = []string{"Api-Key", "User-Api-*"}, []string{"auth"}
	a := mustOpen(t, o, forum)
	in := asking(ann(), "user", askedFor("n1", forumReturn))
	in.SignIn = false
	out, err := a.Adapt(t.Context(), in)
	if err != nil || out.Redirect != "" || len(out.Header)+len(out.Cookies) > 0 {
		t.Errorf("%+v, %v", out, err)
	}
	want := adapter.Owned{Headers: []string{"Api-Key"}, Prefixes: []string{"User-Api-"}, Cookies: []string{"auth"}}
	if diff := cmp.Diff(want, a.Owns()); diff != "" {
		t.Errorf("owns (-want +got):\n%s", diff)
	}
	if path := a.(adapter.SignIn).SignInPath(); path != "sso" {
		t.Errorf("path %q", path)
	}
}

// TestOpenedToLookAt: what stands in the secret's place is known to everybody, and
// signs nothing. What would be signed can be seen all the same.
func TestOpenedToLookAt(t *testing.T) {
	for _, o := range []Options{discourseOptions(), metabaseOptions()} {
		unread := func() (string, error) { panic("the secret is read") }
		o.Secret = adapter.NewSecret(unread)
		env := forum
		env.ReadSecrets = false
		a := mustOpen(t, o, env)
		for _, query := range []string{"", asked(adapter.HiddenSecret, "nonce=n1"), askedFor("n1", forumReturn)} {
			out, err := a.Adapt(t.Context(), asking(ann(), "user", query))
			if err == nil || out.Redirect != "" {
				t.Errorf("%s: signs %q", o.Protocol, out.Redirect)
			}
		}
		fields, err := a.(adapter.SignIn).SignedFields(asking(ann(), "user", ""))
		if err != nil || fields["email"][0] != "Ann@example.com" {
			t.Errorf("%s: %q, %v", o.Protocol, fields, err)
		}
	}
}

func TestReturnURL(t *testing.T) {
	o := discourseOptions()
	o.ReturnURL = "https://talk.example.net:8443/forum/session/sso_login"
	a := mustOpen(t, o, forum)
	if _, err := readDiscourse(answer(t, a, asking(ann(), "user", askedFor("n1", o.ReturnURL))), o.ReturnURL); err != nil {
		t.Error(err)
	}
	if out, err := a.Adapt(t.Context(), asking(ann(), "user", askedFor("n1", forumReturn))); !errors.Is(err, adapter.ErrBadSignIn) {
		t.Errorf("the app's own host, which is not it: %q, %v", out.Redirect, err)
	}
	m := metabaseOptions()
	m.ReturnURL = "https://bi.example.net/auth/sso"
	address := answer(t, mustOpen(t, m, stats), asking(ann(), "user", url.Values{"return_to": {"https://bi.example.net/x"}}.Encode()))
	if !strings.HasPrefix(address, m.ReturnURL+"?jwt=") {
		t.Errorf("answer at %s", address)
	}
}

func TestOptionProblems(t *testing.T) {
	edit := func(base func() Options, f func(*Options)) Options { o := base(); f(&o); return o }
	withField := func(base func() Options, name string, field Field) Options {
		return edit(base, func(o *Options) { o.Fields[name] = field })
	}
	const source = `has 0 sources; give exactly one of from = "email", claim = "department", attribute = "org_id" and const = "text"`
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"no protocol", edit(discourseOptions, func(o *Options) { o.Protocol = "" }), `protocol: missing: say how the app asks, "discourse" (DiscourseConnect), "guacamole" (encrypted JSON), "jwt" (a token) or "zulip"`},
		{"protocol", edit(discourseOptions, func(o *Options) { o.Protocol = "saml" }), `protocol: "saml"; choose "discourse" (DiscourseConnect), "guacamole" (encrypted JSON), "jwt" (a token) or "zulip"`},
		{"no secret", edit(discourseOptions, func(o *Options) { o.Secret = adapter.Secret{} }), "secret: missing: say where the secret is that the app has too, such as { file = \"app.secret\" }; `openssl rand -hex 32` makes one"},
		{"secret", edit(discourseOptions, func(o *Options) { o.Secret = secretOf("", errors.New("no such file")) }), `secret: no such file`},
		{"short secret", edit(metabaseOptions, func(o *Options) { o.Secret = secretOf("0123456789abcdef", nil) }), "secret: shorter than 32 bytes, which HS256 needs: `openssl rand -hex 32` makes one"},
		{"path", edit(discourseOptions, func(o *Options) { o.Path = "a/../b" }), `path: "a/../b"; write one word of lower-case letters, digits and hyphens, such as "sso"`},
		{"path of others", edit(discourseOptions, func(o *Options) { o.Path = "app" }), `path: "app"; write one word of lower-case letters, digits and hyphens, such as "sso"`},
		{"lifetime", edit(metabaseOptions, func(o *Options) { o.Lifetime = time.Hour }), `lifetime: 1h0m0s is not between 10 seconds and 3 minutes, which is how long apps take a token`},
		{"lifetime of no token", edit(discourseOptions, func(o *Options) { o.Lifetime = time.Minute }), `lifetime: has no effect: the app's nonce says how long an answer is good for; remove it`},
		{"issuer of no token", edit(discourseOptions, func(o *Options) { o.Issuer = "x" }), `issuer: is for protocol = "jwt"; remove it`},
		{"audience", edit(metabaseOptions, func(o *Options) { o.Audience = "x " }), `audience: has control characters, or white space around it`},
		{"no email", edit(metabaseOptions, func(o *Options) { delete(o.Fields, "email") }), `fields: has no "email", which the app wants of everybody; write email = { from = "email" }`},
		{"omit email", edit(metabaseOptions, func(o *Options) { o.Omit = []string{"email"} }), `omit: "email" is no field of this adapter that can be left out; it has email, first_name, groups, last_name`},
		{"domains", edit(metabaseOptions, func(o *Options) { o.Domains = []string{"example.com"} }), `domains: are for fields with from = "email_local", and there is none; whom the app lets in is for rules to say`},
		{"nonce", withField(discourseOptions, "nonce", Field{Const: "x"}), `fields.nonce: is nothing that Discourse reads of a person, which are ` + strings.Join(discourseFields, ", ") + ` and custom.NAME`},
		{"logout", withField(discourseOptions, "logout", Field{Const: "true"}), `fields.logout: is nothing that Discourse reads of a person, which are ` + strings.Join(discourseFields, ", ") + ` and custom.NAME`},
		{"exp", withField(metabaseOptions, "exp", Field{Claim: "exp"}), `fields.exp: is for the bridge to set; issuer, audience and lifetime say how`},
		{"no source", withField(metabaseOptions, "x", Field{}), "fields.x: " + source},
		{"a bool of Discourse", withField(discourseOptions, "admin", Field{Const: "yes"}), `fields.admin.const: value is neither "true" nor "false"`},
		{"a mapped bool", withField(discourseOptions, "admin", Field{From: "role", Words: value.Words{Map: map[string]string{"user": "no"}}}), `fields.admin.map.user: value is neither "true" nor "false"`},
		{"a list as bool", withField(discourseOptions, "admin", Field{From: "roles"}), `fields.admin: is "true" or "false" to the app, and no list; with map, say which for each value`},
		{"a list as text", withField(discourseOptions, "title", Field{From: "groups"}), `fields.title: is one text to the app, and no list`},
		{"two groups in one", withField(discourseOptions, "groups", Field{From: "groups", Words: value.Words{Map: map[string]string{"a": "b,admins"}, Unmapped: "omit"}}), `fields.groups.map.a: an item has the character in it that separates items`},
		{"type", withField(metabaseOptions, "x", Field{From: "name", Type: "number"}), `fields.x.type: "number"; choose "string", "list" or "bool"`},
		{"a list's type", withField(metabaseOptions, "x", Field{From: "roles", Type: "string"}), `fields.x.type: "string", but roles is a list; leave type out`},
		{"a role left out", withField(metabaseOptions, "x", Field{From: "role", Unsendable: "omit"}), `fields.x.unsendable: a role cannot be left out: the app may leave somebody what they had`},
		{"unsendable", withField(metabaseOptions, "x", Field{From: "name", Unsendable: "drop"}), `fields.x.unsendable: "drop"; choose "refuse" or "omit"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := tt.o.Open(forum)
			if err == nil || err.Error() != tt.want || a != nil {
				t.Errorf("%v, want\n%s", err, tt.want)
			}
		})
	}
	for _, address := range []string{
		"http://forum.example.com/x", "//forum.example.com/x", "forum.example.com/x", "https:///x", "https://a@b/x", "https://forum.example.com",
		"https://forum.example.com/x?y", "https://forum.example.com/x#", "https://forum.example.com/\r\nx", `https://forum.example.com\x/`, "javascript:x",
	} {
		o := discourseOptions()
		o.ReturnURL = address
		if _, err := o.Open(forum); err == nil || !strings.HasPrefix(err.Error(), "return_url: ") {
			t.Errorf("return_url %q: %v", address, err)
		}
	}
}
