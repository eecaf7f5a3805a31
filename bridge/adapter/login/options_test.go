package login

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

func TestOptionProblems(t *testing.T) {
	edit := func(base func() Options, f func(*Options)) Options {
		o := base()
		o.Form, o.Header, o.JSON = maps.Clone(o.Form), maps.Clone(o.Header), maps.Clone(o.JSON)
		f(&o)
		return o
	}
	withForm := func(name string, f Field) Options { return edit(formOptions, func(o *Options) { o.Form[name] = f }) }
	withHeader := func(name string, f Field) Options {
		return edit(headerOptions, func(o *Options) { o.Header[name] = f })
	}
	short := adapter.NewSecret(func() (string, error) { return "", errors.New("app.secret: shorter than 16 bytes") })
	const (
		sources = `has 0 sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text", ` +
			`secret = { file = "..." }, credential = "password" and csrf = true`
		places = `give exactly one of cookie = "csrftoken", field = "csrf_token", meta = "csrf-token", header = "X-Csrf-Token" and json = "csrfToken"`
		noPath = `is no path of the app; write it whole, such as "/login", with nothing before the first slash`
	)
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"no cookies", edit(headerOptions, func(o *Options) { o.Cookies = nil }), `cookies: missing: name the cookies of the app's session, the session itself first, such as ["sessionid"]`},
		{"cookie", edit(headerOptions, func(o *Options) { o.Cookies = []string{"a b"} }), `cookies: "a b" is no cookie's name; write it as the app does, such as "grafana_session"`},
		{"cookie twice", edit(headerOptions, func(o *Options) { o.Cookies = []string{"a", "b", "a"} }), `cookies: names a cookie twice; keep one of them`},
		{"no status", edit(headerOptions, func(o *Options) { o.Success.Status = nil }), `success.status: missing: say what the app answers when it has signed somebody in, such as [302] of a form, where most answer 200 with the form again if it has not`},
		{"status", edit(headerOptions, func(o *Options) { o.Success.Status = []int{302, 401} }), `success.status: 401 is no such status; write some between 200 and 399`},
		{"ended status", edit(headerOptions, func(o *Options) { o.EndedStatus = []int{500} }), `ended_status: 500 is no such status; write some between 200 and 499`},
		{"required cookie", edit(headerOptions, func(o *Options) { o.Success.Cookies = []string{""} }), `success.cookies: "" is no cookie's name; write it as the app does, such as "grafana_session"`},
		{"no path", edit(headerOptions, func(o *Options) { o.Request.Path = "" }), `request.path: missing: say where the app signs people in, such as "/login"`},
		{"login page", edit(headerOptions, func(o *Options) { o.LoginPages = []string{"login"} }), `login_pages: "login" ` + noPath},
		{"GET of a form", edit(formOptions, func(o *Options) { o.Request.Method = "GET" }), `request.method: GET has no form and no JSON; leave it out for POST, as what is in an address is in logs`},
		{"method", edit(formOptions, func(o *Options) { o.Request.Method = "post" }), `request.method: "post"; choose "GET", "POST" or "PUT"`},
		{"two bodies", edit(formOptions, func(o *Options) { o.JSON = map[string]Field{"x": {Const: "1"}} }), `json: beside form: a request has one body; keep one of them`},
		{"timeout", edit(formOptions, func(o *Options) { o.Timeout = time.Minute }), `timeout: 1m0s is not between 100ms and 14s; "10s" is the default`},
		{"lifetime", edit(formOptions, func(o *Options) { o.Lifetime = time.Second }), `lifetime: 1s is not between a minute and 30 days; "8h" is a working day`},
		{"omit", edit(headerOptions, func(o *Options) { o.Omit = []string{"X-Role"} }), `omit: "X-Role" is no field of this adapter; it has X-Webauth-Name, X-Webauth-Role, X-Webauth-User`},
		{"domains", edit(formOptions, func(o *Options) { o.Domains = []string{"example.com"} }), `domains: are for fields with from = "email_local", and there is none; whom the app lets in is for rules to say`},
		{"strip what is sent", edit(headerOptions, func(o *Options) { o.Strip = []string{"x_webauth_user"} }), `strip: "x_webauth_user" is never sent to the app, but header.X-Webauth-User says what to send; remove one of them`},

		{"nothing is sent", edit(headerOptions, func(o *Options) { o.Header = nil }), `header: nothing is sent, so nobody is signed in; write one such as header.X-Webauth-User = { from = "email", required = true }, or form or json`},
		{"nobody is named", edit(headerOptions, func(o *Options) {
			o.Header = map[string]Field{"X-User": {From: "email"}, "X-Key": {Const: "x", Required: true}, "X-Rule": {From: "rule", Required: true}}
		}), `header: no field that is always there says who is signed in; write required = true beside from = "email", or credential = "username"`},
		{"no source", withForm("x", Field{}), "form.x: " + sources},
		{"two sources", withForm("x", Field{CSRF: true, Credential: "x"}), "form.x: " + strings.Replace(sources, "0", "2", 1)},
		{"source", withForm("x", Field{From: "mail"}), `form.x.from: "mail" is no source; there are email, email_local, subject, name, role, roles, groups and rule`},
		{"secret", withForm("x", Field{Secret: short}), `form.x.secret: app.secret: shorter than 16 bytes`},
		{"unsendable", withForm("x", Field{From: "name", Unsendable: "drop"}), `form.x.unsendable: "drop"; choose "refuse" or "omit"`},
		{"a password left out", withForm("x", Field{Credential: "password", Unsendable: "omit"}), `form.x.unsendable: is required: without it, the app would sign in somebody else or nobody`},
		{"a role left out", withForm("x", Field{From: "role", Unsendable: "omit"}), `form.x.unsendable: is required: without it, the app would sign in somebody else or nobody`},
		{"map of a password", withForm("x", Field{Credential: "password", Words: value.Words{Map: map[string]string{"a": "b"}}}), `form.x.map: is for roles, groups, claims, attributes, email, email_local and subject; not for credential`},
		{"const", withForm("x", Field{Const: "a\nb"}), `form.x.const: value has control characters`},
		{"map", withForm("x", Field{From: "role", Words: value.Words{Map: map[string]string{"Editor": "e\r\n"}}}), `form.x.map.Editor: value has control characters`},
		{"prefix", withHeader("X-Name", Field{From: "name", Words: value.Words{Prefix: "ü"}}), `header.X-Name.prefix: value has characters outside ASCII; if the app reads UTF-8, write encode = "utf-8"`},
		{"encode of a header", withHeader("X-Name", Field{From: "name", Encode: "latin-1"}), `header.X-Name.encode: "latin-1"; choose "ascii", "utf-8" or "base64"`},
		{"encode of a form", withForm("x", Field{From: "name", Encode: "ascii"}), `form.x.encode: "ascii"; choose "utf-8" or "base64"`},
		{"a list in a header", withHeader("X-Groups", Field{From: "groups"}), `header.X-Groups: groups is a list, and a header is one value`},
		{"a header twice", withHeader("X_Webauth_User", Field{From: "email"}), `header.X_Webauth_User: is the same header as X-Webauth-User to many apps; keep one of them`},
		{"a header of requests", withHeader("Cookie", Field{Credential: "x"}), `header.Cookie: carries the request itself, not an identity; choose another header`},
		{"a header of browsers", withHeader("origin", Field{Const: "x"}), `header.origin: is there already, as a browser sends it; remove it`},
		{"a header of pages", withHeader("X-Requested-With", Field{From: "email"}), `header.X-Requested-With: says nothing of a person; write a const, or choose another header`},
		{"a form's name", withForm("", Field{Const: "x"}), `form.: is no name of a form field; write it as the app's form does, such as "username"`},
		{"a member's name", edit(jsonOptions, func(o *Options) { o.JSON["a..b"] = Field{Const: "x"} }), `json.a..b: is no name of a member; write it as the app does, such as "username", or "user.name" within an object`},
		{"a member of a text", edit(jsonOptions, func(o *Options) { o.JSON["username.first"] = Field{Const: "x"} }), `json.username.first: lies within "username", which is a value; remove one of them`},

		{"no CSRF page", edit(formOptions, func(o *Options) { o.CSRF.Path = "" }), `csrf.path: missing: say where the app signs people in, such as "/login"`},
		{"no place of the token", edit(formOptions, func(o *Options) { o.CSRF.Field = "" }), `csrf: names 0 places of the token; ` + places},
		{"two places of the token", edit(formOptions, func(o *Options) { o.CSRF.Meta = "x" }), `csrf: names 2 places of the token; ` + places},
		{"no token", edit(formOptions, func(o *Options) { o.CSRF = CSRF{} }), `csrf: missing: say where the token is that a field sends, such as { path = "/login", field = "csrf_token" }`},
		{"nothing for the token", edit(formOptions, func(o *Options) { delete(o.Form, "csrfmiddlewaretoken") }), `csrf: no field sends the token; write one with csrf = true, such as form.csrf_token = { csrf = true }`},
		{"token's cookie", edit(formOptions, func(o *Options) { o.CSRF = CSRF{Path: "/", Cookie: "a;b"} }), `csrf.cookie: "a;b" is no cookie's name; write it as the app does, such as "grafana_session"`},
		{"decode", edit(formOptions, func(o *Options) { o.CSRF = CSRF{Path: "/", Cookie: "c", Decode: "base64"} }), `csrf.decode: "base64"; choose "percent", or leave it out`},
		{"decode of a field", edit(formOptions, func(o *Options) { o.CSRF.Decode = "percent" }), `csrf.decode: is for a token in a cookie; remove it`},

		{"no credentials", edit(formOptions, func(o *Options) { o.Credentials = adapter.Credentials{} }), `credentials: missing: say which file has people's names and passwords in the app, such as { file = "app.credentials.toml" }`},
		{"credentials for nothing", edit(headerOptions, func(o *Options) { o.Credentials = accounts() }), `credentials: no field sends any; write one such as form.password = { credential = "password" }`},
		{"no file", edit(formOptions, func(o *Options) {
			o.Credentials = adapter.NewCredentials(func() (*adapter.Accounts, error) { return nil, errors.New("app.toml: no such file") })
		}), `credentials: app.toml: no such file`},
		{"account without a password", edit(formOptions, func(o *Options) {
			o.Credentials = accountsOf(&adapter.Accounts{Roles: map[string]adapter.Account{"Viewer": {"username": "x"}}})
		}), `credentials: the account of role "Viewer" has no password, which form.password sends`},
		{"password with a line break", edit(formOptions, func(o *Options) {
			o.Credentials = accountsOf(&adapter.Accounts{Subjects: map[string]adapter.Account{"7": {"username": "x", "password": "canary\r\nX: y"}}})
		}), `credentials: the password of subject "7" cannot be sent in form.password: value has control characters`},
		{"password in a header", edit(headerOptions, func(o *Options) {
			o.Header["X-Password"] = Field{Credential: "password"}
			o.Credentials = accountsOf(&adapter.Accounts{Emails: map[string]adapter.Account{"a@b.c": {"password": "cänary"}}})
		}), `credentials: the password of email "a@b.c" cannot be sent in header.X-Password: value has characters outside ASCII; if the app reads UTF-8, write encode = "utf-8"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := tt.o.Open(serving)
			if err == nil || err.Error() != tt.want || a != nil {
				t.Errorf("%v, want\n%s", err, tt.want)
			}
		})
	}
}

// TestPaths: what servers could read in two ways is none.
func TestPaths(t *testing.T) {
	for _, path := range []string{
		"login", "//evil.example/login", "https://evil.example/login", "/x/../login", "/./login", "/login//x", "/login#x", "/lo gin", "/login\r\nX: y",
		`/\evil.example`, "/login?a=b c", "/ü", "/%zz", "*", "?x", "/login/..",
	} {
		o := headerOptions()
		o.Request.Path = path
		if _, err := o.Open(serving); err == nil || !strings.HasPrefix(err.Error(), "request.path: ") {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, path := range []string{"/", "/login", "/login/", "/login?next=%2F&x=1", "/a/b.php", "/%C3%BC", "/a;b=1"} {
		o := headerOptions()
		o.Request.Path = path
		if _, err := o.Open(serving); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// TestOwned: what signs somebody in can come from nobody else; what every page sends,
// from everybody.
func TestOwned(t *testing.T) {
	o := headerOptions()
	o.Header["X-Key"] = Field{Secret: adapter.NewSecret(func() (string, error) { return "0123456789abcdef", nil })}
	o.Header["X-Shared"] = Field{Const: "x"}
	o.Header["X-Password"] = Field{Credential: "password"}
	o.Header["X-Requested-With"] = Field{Const: "XMLHttpRequest"}
	o.Header["X-Csrftoken"] = Field{CSRF: true}
	o.CSRF = CSRF{Path: "/", Cookie: "csrftoken"}
	o.Credentials, o.Omit = accounts(), []string{"X-Webauth-Name"}
	o.Strip, o.StripCookies = []string{"Authorization", "X-Webauth-*"}, []string{"remember_token"}
	o.StripQuery = []string{"auth_token"}
	got := mustOpen(t, o).Owns()
	slices.Sort(got.Headers)
	want := adapter.Owned{
		Headers:  []string{"Authorization", "X-Key", "X-Password", "X-Shared", "X-Webauth-Name", "X-Webauth-Role", "X-Webauth-User"},
		Secrets:  []string{"X-Key", "X-Password"},
		Prefixes: []string{"X-Webauth-"},
		Cookies:  []string{"grafana_session", "grafana_session_expiry", "remember_token"},
		Query:    []string{"auth_token"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owns (-want +got):\n%s", diff)
	}
	described, err := mustOpen(t, o).DescribeSession(ann())
	if text := strings.Join(described, "\n"); err != nil || strings.Contains(text, "0123456789abcdef") || strings.Contains(text, "X-Webauth-Name") || leaks(errors.New(text)) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestAttributes: a rule's attribute that nobody would send is an error elsewhere.
func TestAttributes(t *testing.T) {
	o := headerOptions()
	o.Header["X-Org"] = Field{Attribute: "org"}
	if got := mustOpen(t, o).Attributes(); !slices.Equal(got, []string{"org"}) {
		t.Errorf("attributes %q", got)
	}
}
