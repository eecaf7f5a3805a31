package headers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/carry"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// optionTest is options, and what Open says of them.
type optionTest struct {
	name    string
	options Options
	want    []string
}

// one is an adapter with one header, or the part of it that matters.
func one(h Header) Options { return Options{Header: map[string]Header{"X-User": h}} }

// TestOptionErrors pins every text: they are what people read who write presets.
func TestOptionErrors(t *testing.T) {
	user := Header{From: "email"}
	testOptions(t, adapter.Env{}, []optionTest{
		{"nothing", Options{}, []string{
			`header: no header; write one such as [header] X-Webauth-User = { from = "email", required = true }; for an app that is told nothing, adapter = "none"`,
		}},
		{"no source", one(Header{Required: true}), []string{
			`header.X-User: has 0 sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text" and secret = { file = "..." }`,
		}},
		{"three sources", one(Header{From: "email", Claim: "a", Const: "b"}), []string{
			`header.X-User: has 3 sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text" and secret = { file = "..." }`,
		}},
		{"unknown source", one(Header{From: "mail"}), []string{
			`header.X-User.from: "mail" is no source; there are email, email_local, subject, name, role, roles, groups, rule and sync_marker`,
		}},
		{"email_local without domains", one(Header{From: "email_local"}), []string{
			`header.X-User.from: email_local needs to know whose addresses it may shorten: give the adapter ` +
				`domains = ["example.com"]; of two domains, ann@a.example and ann@b.example would become one user`,
		}},
		{"list without join", one(Header{From: "groups"}), []string{
			`header.X-User.join: missing: groups is a list; say what separates its items, such as join = ",", or repeat = true for a header each`,
		}},
		{"join of one value", one(Header{From: "email", Join: ","}), []string{
			`header.X-User: join, repeat, quote and append are for lists; email is one value`,
		}},
		{"quote of a claim", one(Header{Claim: "department", Quote: true}), []string{
			`header.X-User: join, repeat, quote and append are for lists; a claim without join or repeat is one value`,
		}},
		{"append to a constant", one(Header{Const: "x", Append: "sync_marker"}), []string{
			`header.X-User: join, repeat, quote and append are for lists; a constant is one value`,
		}},
		{"join of two characters", one(Header{From: "groups", Join: "::"}), []string{
			`header.X-User.join: "::"; choose one of "," ";" "|" ":" "/" "+" "&" and " ", with or without spaces around it`,
		}},
		{"join of a letter", one(Header{From: "groups", Join: "x"}), []string{
			`header.X-User.join: "x"; choose one of "," ";" "|" ":" "/" "+" "&" and " ", with or without spaces around it`,
		}},
		{"join of a line break", one(Header{From: "groups", Join: "\r\n"}), []string{
			`header.X-User.join: "\r\n"; choose one of "," ";" "|" ":" "/" "+" "&" and " ", with or without spaces around it`,
		}},
		{"join of what the marker has", one(Header{Claim: "roles", Join: "-", Append: "sync_marker"}), []string{
			`header.X-User.join: "-"; choose one of "," ";" "|" ":" "/" "+" "&" and " ", with or without spaces around it`,
		}},
		{"join of what quoted-printable has", one(Header{From: "groups", Join: "=", Encode: "quoted-printable"}), []string{
			`header.X-User.join: "="; choose one of "," ";" "|" ":" "/" "+" "&" and " ", with or without spaces around it`,
		}},
		{"unknown append", one(Header{From: "groups", Join: ",", Append: "role"}), []string{
			`header.X-User.append: "role"; the one thing that can be appended is "sync_marker"`,
		}},
		{"unknown encode", one(Header{From: "name", Encode: "latin-2"}), []string{
			`header.X-User.encode: "latin-2"; choose "ascii", "utf-8", "latin-1", "quoted-printable", "percent" or "rfc2047"`,
		}},
		{"unknown unsendable", one(Header{From: "name", Unsendable: "drop"}), []string{
			`header.X-User.unsendable: "drop"; choose "refuse" or "omit"`,
		}},
		{"constant with a line break", one(Header{Const: "a\nb"}), []string{`header.X-User.const: value has control characters`}},
		{"constant outside ASCII", one(Header{Const: "zoë"}), []string{
			`header.X-User.const: value has characters outside ASCII; if the app reads UTF-8, write encode = "utf-8"`,
		}},
		{"constant with space around", one(Header{Const: " x"}), []string{
			`header.X-User.const: value begins or ends with white space, which HTTP would take away`,
		}},
		{"name of no header", Options{Header: map[string]Header{"X User": user}}, []string{
			`header.X User: is not a header name: letters, digits and hyphens, such as X-Webauth-User`,
		}},
		{"name without a letter", Options{Header: map[string]Header{"": user}}, []string{
			`header.: is not a header name: letters, digits and hyphens, such as X-Webauth-User`,
		}},
		{"strip of a family", Options{Header: map[string]Header{"Impersonate-Extra-Dept": {Claim: "department"}}, Strip: []string{"Impersonate-Extra-*"}}, nil},
		{"strip of families that are none", Options{Header: map[string]Header{"X-User": user}, Strip: []string{"*", "X*", "X-*", "Content-*", "X Y-*", "X-User*"}}, []string{
			`strip: "*" is no beginning of header names; write one that ends in a hyphen, such as "Impersonate-Extra-*"`,
			`strip: "X*" is no beginning of header names; write one that ends in a hyphen, such as "Impersonate-Extra-*"`,
			`strip: "X-*" would also take x-forwarded-for, which carries the request itself; name the headers`,
			`strip: "Content-*" would also take content-length, which carries the request itself; name the headers`,
			`strip: "X Y-*" is no beginning of header names; write one that ends in a hyphen, such as "Impersonate-Extra-*"`,
			`strip: "X-User*" is no beginning of header names; write one that ends in a hyphen, such as "Impersonate-Extra-*"`,
		}},
		{"strip_cookies of no cookie", Options{Header: map[string]Header{"X-User": user}, StripCookies: []string{"sid", "", "a=b"}}, []string{
			`strip_cookies: "" is no cookie's name; write it as the app does, such as "grafana_session"`,
			`strip_cookies: "a=b" is no cookie's name; write it as the app does, such as "grafana_session"`,
		}},
		{"logout without path", Options{Header: map[string]Header{"X-User": user}, Logout: Logout{Omit: []string{"X-Usr"}}}, []string{
			`logout.omit: "X-Usr" is no header of this adapter; it has X-User`,
			`logout.path: missing: say where people sign out of the app, such as "/logout"`,
		}},
		{"logout at no path", Options{Header: map[string]Header{"X-User": user}, Logout: Logout{Logout: carry.Logout{Path: "logout"}}}, []string{
			`logout.path: "logout" is no path; write it whole and as people read it, such as "/logout"`,
		}},
		{"logout at a pattern", Options{Header: map[string]Header{"X-User": user}, Logout: Logout{Logout: carry.Logout{Path: "/logout*"}}}, []string{
			`logout.path: "/logout*" is no path; write it whole and as people read it, such as "/logout"`,
		}},
		{"headers of the request", Options{Header: map[string]Header{"Host": user, "content_length": user}}, []string{
			`header.Host: carries the request itself, not an identity; choose another header`,
			`header.content_length: carries the request itself, not an identity; choose another header`,
		}},
		{"one header twice", Options{Header: map[string]Header{"X-User": user, "X_User": user, "x-user": user}}, []string{
			`header.X_User: is the same header as X-User to many apps; keep one of them`,
			`header.x-user: is the same header as X_User to many apps; keep one of them`,
		}},
		{"omit of another header", Options{Header: map[string]Header{"X-User": user}, Omit: []string{"X-Usr"}}, []string{
			`omit: "X-Usr" is no header of this adapter; it has X-User`,
		}},
		{"omit of all headers", Options{Header: map[string]Header{"X-User": user}, Omit: []string{"x_user"}}, []string{
			`omit: leaves no header, so the app would be told nothing; keep one of them`,
		}},
		{"strip of no header", Options{Header: map[string]Header{"X-User": user}, Strip: []string{"X:Y", "Cookie"}}, []string{
			`strip: "X:Y" is not a header name: letters, digits and hyphens, such as X-Webauth-User`,
			`strip: "Cookie" carries the request itself, not an identity; choose another header`,
		}},
		{"strip of a header that is set", Options{Header: map[string]Header{"X-User": user}, Strip: []string{"X_User"}}, []string{
			`strip: "X_User" is never sent to the app, but header.X-User says what to send; remove one of them`,
		}},
		{"domains for nothing", Options{Header: map[string]Header{"X-User": user}, Domains: []string{"example.com"}}, []string{
			`domains: are for headers with from = "email_local", and there is none; whom the app lets in is for rules to say`,
		}},
		{
			"domains that are none",
			Options{
				Header:  map[string]Header{"X-User": {From: "email_local"}},
				Domains: []string{"example.com", "", "@example.com", "*.example.com", "example.com."},
			},
			[]string{
				`domains: "" is no domain; write what stands behind the "@", such as "example.com"`,
				`domains: "@example.com" is no domain; write what stands behind the "@", such as "example.com"`,
				`domains: "*.example.com" is no domain; write what stands behind the "@", such as "example.com"`,
				`domains: "example.com." is no domain; write what stands behind the "@", such as "example.com"`,
			},
		},
		{"resync in the past", Options{Header: map[string]Header{"X-User": user}, Resync: -time.Minute}, []string{
			`resync: negative; write how often the app shall be made to read the identity anew, such as "1m"`,
		}},
		{"a secret that is still needed", Options{Header: map[string]Header{
			"X-User": user, "Authorization": {Needs: "an API key", Words: value.Words{Prefix: "ApiKey "}}, "X-Key": {Needs: "a key"},
		}}, []string{
			`header.Authorization: missing: an API key; write { secret = { file = "..." }, prefix = "ApiKey " }`,
			`header.X-Key: missing: a key; write { secret = { file = "..." } }`,
		}},
		{"families that would take too much", Options{
			Header: map[string]Header{"X-User": user}, StripCookies: []string{"*", "a_*", "auth*", "a b_*", "auth_*"}, StripQuery: []string{"", "a b", "api_key", "__"},
		}, []string{
			`strip_cookies: "*" is no beginning of cookies' names; write one of three letters and "_", "-" or "." at least, such as "auth_*"`,
			`strip_cookies: "a_*" is no beginning of cookies' names; write one of three letters and "_", "-" or "." at least, such as "auth_*"`,
			`strip_cookies: "auth*" is no beginning of cookies' names; write one of three letters and "_", "-" or "." at least, such as "auth_*"`,
			`strip_cookies: "a b_*" is no beginning of cookies' names; write one of three letters and "_", "-" or "." at least, such as "auth_*"`,
			`strip_query: "" is no parameter's name; write it as the app does, such as "api_key"`,
			`strip_query: "a b" is no parameter's name; write it as the app does, such as "api_key"`,
			`strip_query: "__" is no parameter's name; write it as the app does, such as "api_key"`,
		}},
		{"everything at once", Options{
			Header: map[string]Header{"X-A": {From: "mail", Encode: "x"}, "X-B": {From: "groups", Unsendable: "x"}},
			Resync: -1,
		}, []string{
			`resync: negative; write how often the app shall be made to read the identity anew, such as "1m"`,
			`header.X-A.from: "mail" is no source; there are email, email_local, subject, name, role, roles, groups, rule and sync_marker`,
			`header.X-A.encode: "x"; choose "ascii", "utf-8", "latin-1", "quoted-printable", "percent" or "rfc2047"`,
			`header.X-B.join: missing: groups is a list; say what separates its items, such as join = ",", or repeat = true for a header each`,
			`header.X-B.unsendable: "x"; choose "refuse" or "omit"`,
		}},
		{"nothing wrong", Options{
			Header: map[string]Header{
				"X-User": {From: "email_local", Required: true}, "X-Groups": {From: "groups", Join: " | ", Append: "sync_marker"},
				"X-Team": {Claim: "team"}, "X-Roles": {Claim: "roles", Join: " ", Quote: true}, "X-Via": {Const: "ssobridge"},
				"X-Sync": {From: "sync_marker", Required: true}, "X-Rule": {From: "rule", Encode: "quoted-printable", Unsendable: "refuse"},
			},
			Omit: []string{"X-Team"}, Strip: []string{"Authorization", "X-Team"}, Domains: []string{"Example.com"}, Resync: time.Second,
		}, nil},
	})
}

func testOptions(t *testing.T, env adapter.Env, tests []optionTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, optionErrors(t, tt.options, env)); diff != "" {
				t.Errorf("Open's errors (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOwns: what is omitted or stripped stays out of clients' hands.
func TestOwns(t *testing.T) {
	a := mustOpen(t, Options{
		Header: map[string]Header{"X-User": {From: "email"}, "X-Name": {From: "name"}, "X-Groups": {From: "groups", Join: ","}},
		Omit:   []string{"x_name"},
		Strip:  []string{"Authorization", "X-Extra-*"},

		StripCookies: []string{"app_session", "auth_*"},
		StripQuery:   []string{"api_key"},
	})
	want := adapter.Owned{
		Headers:  []string{"X-Groups", "X-Name", "X-User", "Authorization"},
		Prefixes: []string{"X-Extra-"},
		Cookies:  []string{"app_session"},

		CookiePrefixes: []string{"auth_"},
		Query:          []string{"api_key"},
	}
	if diff := cmp.Diff(want, a.Owns()); diff != "" {
		t.Errorf("owned names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"X-Groups", "X-User"}, names(sent(t, a, inputOf(ann())))); diff != "" {
		t.Errorf("sent headers (-want +got):\n%s", diff)
	}
}
