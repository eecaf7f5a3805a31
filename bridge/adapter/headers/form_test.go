package headers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/carry"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// TestForm has a case for every way to write a value or a list. No want is a
// header that is left out.
func TestForm(t *testing.T) {
	repeat := func(h Header) Header { h.From, h.Repeat = "groups", true; return h }
	wrap := func(h Header) Header { h.From, h.Wrap = "groups", "<>"; return h }
	tests := []struct {
		name   string
		header Header
		groups []string
		want   []string
		err    string
	}{
		{"repeated", repeat(Header{}), []string{"sre", "staff"}, []string{"sre", "staff"}, ""},
		{"repeated once", repeat(Header{}), []string{"sre"}, []string{"sre"}, ""},
		{"repeated never", repeat(Header{}), nil, nil, ""},
		{"nothing to repeat, required", repeat(Header{Required: true}), []string{""}, nil, "required, and empty for this person"},
		{"nothing to repeat, default", repeat(Header{Default: "none"}), nil, []string{"none"}, ""},
		{"repeated with other separators", repeat(Header{}), []string{"a|b;c d", "e"}, []string{"a|b;c d", "e"}, ""},
		// What stands between may join the values of a name (RFC 9110 §5.3), and
		// the app split them again.
		{"repeated with a comma", repeat(Header{}), []string{"cn=sre,ou=groups"}, nil, `an item of the list has the separator ","`},
		{"repeated with a comma, omitted", repeat(Header{Unsendable: "omit"}), []string{"a,b", "c"}, []string{"c"}, ""},
		{"repeated with a line break", repeat(Header{}), []string{"a\nb"}, nil, errControl.Error()},
		{"repeated with space around", repeat(Header{}), []string{" a"}, nil, errItemSpace.Error()},
		{"repeated, encoded", repeat(Header{Encode: "percent"}), []string{"zoë", "b"}, []string{"zo%C3%AB", "b"}, ""},
		{"repeated, too long", repeat(Header{Encode: "quoted-printable"}), []string{"a", strings.Repeat("b", maxQuotedPrintable+1)}, nil, errTooLong.Error()},
		{"repeated, long together", repeat(Header{Encode: "quoted-printable"}), []string{strings.Repeat("a", 3000), strings.Repeat("b", 3000)},
			[]string{strings.Repeat("a", 3000), strings.Repeat("b", 3000)}, ""},

		{"wrapped", wrap(Header{}), []string{"sre", "on call, too"}, []string{"<sre><on call, too>"}, ""},
		{"wrapped, one value", Header{From: "email", Wrap: "<>"}, nil, []string{"<ann@example.com>"}, ""},
		// CVE-2017-5636: <ann><admin> is two people in a chain.
		{"wrapped with brackets", wrap(Header{}), []string{"ann><admin"}, nil, errBracket.Error()},
		{"wrapped with a backslash", wrap(Header{}), []string{`ann\`}, nil, errBracket.Error()},
		{"wrapped value with a bracket", Header{From: "subject", Wrap: "<>", Words: value.Words{Prefix: "<"}}, nil, nil, "option"},
		{"wrapped around space", wrap(Header{Encode: "quoted-printable"}), []string{" a"}, nil, errSpace.Error()},
		{"wrapped around nothing", wrap(Header{}), nil, nil, ""},
		{"wrapped, default", wrap(Header{Default: "nobody"}), nil, []string{"<nobody>"}, ""},

		{"default of a list", Header{From: "groups", Join: ",", Default: "sonar-nobody"}, nil, []string{"sonar-nobody"}, ""},
		{"default where nothing can be sent", Header{From: "groups", Join: ",", Unsendable: "omit", Default: "none"}, []string{"a,b"}, []string{"none"}, ""},
		{"default where all is unmapped", Header{From: "groups", Join: ",", Default: "none", Words: value.Words{Map: map[string]string{"x": "y"}, Unmapped: "omit"}}, []string{"a"}, []string{"none"}, ""},
		{"default is not beside others", Header{From: "groups", Join: ",", Default: "none"}, []string{"a"}, []string{"a"}, ""},
		{"default instead of a refusal is none", Header{From: "groups", Join: ",", Default: "none"}, []string{"a,b"}, nil, `an item of the list has the separator ","`},
		{"default of a claim", Header{Claim: "team", Default: "none"}, nil, []string{"none"}, ""},
		{"default, encoded", Header{Claim: "team", Default: "zoë", Encode: "percent"}, nil, []string{"zo%C3%AB"}, ""},
		{"prefix is not for the default", Header{Claim: "team", Default: "none", Words: value.Words{Prefix: "t:"}}, nil, []string{"none"}, ""},

		{"encoded items", Header{From: "groups", Join: ",", Encode: "percent"}, []string{"a b", "zoë"}, []string{"a%20b,zo%C3%AB"}, ""},
		{"encoded-words", Header{From: "groups", Join: ",", Encode: "rfc2047"}, []string{"a b", "zoë"}, []string{"a b,=?UTF-8?B?em/Dqw==?="}, ""},
		{"one byte a letter", Header{From: "groups", Join: ",", Encode: "latin-1"}, []string{"zoë", "b"}, []string{"zo\xeb,b"}, ""},
		{"prefix is encoded with the value", Header{From: "email", Encode: "percent", Words: value.Words{Prefix: "a b:"}}, nil, []string{"a%20b%3Aann%40example.com"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := one(tt.header)
			if tt.err == "option" {
				if errs := optionErrors(t, o, adapter.Env{}); len(errs) != 1 {
					t.Errorf("errors %q, want one", errs)
				}
				return
			}
			p := ann()
			p.Groups = tt.groups
			out, err := mustOpen(t, o).Adapt(t.Context(), inputOf(p))
			if diff := cmp.Diff(tt.want, out.Header["X-User"]); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasSuffix(err.Error(), ": "+tt.err) || !errors.Is(err, adapter.ErrUnsendable)) {
				t.Errorf("error %v, want %s", err, tt.err)
			}
		})
	}
}

func TestFormOptionErrors(t *testing.T) {
	groups := func(h Header) Options { h.From = "groups"; return one(h) }
	testOptions(t, adapter.Env{}, []optionTest{
		{"two forms", groups(Header{Join: ",", Repeat: true}), []string{`header.X-User: join, repeat and wrap are three ways to write a list; keep one of them`}},
		{"three forms", groups(Header{Join: ",", Repeat: true, Wrap: "<>"}), []string{`header.X-User: join, repeat and wrap are three ways to write a list; keep one of them`}},
		{"repeat of one value", one(Header{From: "email", Repeat: true}), []string{`header.X-User: join, repeat, quote and append are for lists; email is one value`}},
		{"repeat of a claim", one(Header{Claim: "roles", Repeat: true}), nil},
		{"wrap of a claim", one(Header{Claim: "department", Wrap: "<>"}), nil},
		{"quote without join", groups(Header{Repeat: true, Quote: true}), []string{`header.X-User: quote and append are for lists with join`}},
		{"append without join", groups(Header{Wrap: "<>", Append: "sync_marker"}), []string{`header.X-User: quote and append are for lists with join`}},
		{"unknown wrap", groups(Header{Wrap: "[]"}), []string{`header.X-User.wrap: "[]"; the one thing that can be put around a value is "<>"`}},
		{"plus is a space to readers of percent", groups(Header{Join: "+", Encode: "percent"}), []string{
			`header.X-User.join: "+" cannot be told from what encode = "percent" writes; choose another`,
		}},
		{"slash is a digit of base64", groups(Header{Join: "/", Encode: "rfc2047"}), []string{
			`header.X-User.join: "/" cannot be told from what encode = "rfc2047" writes; choose another`,
		}},
		{"space joins encoded-words", groups(Header{Join: " ", Encode: "rfc2047"}), []string{
			`header.X-User.join: " " cannot be told from what encode = "rfc2047" writes; choose another`,
		}},
		{"quotes that are encoded", groups(Header{Join: ",", Quote: true, Encode: "percent"}), []string{
			`header.X-User.encode: "percent" beside quote or wrap: quotes and brackets would be encoded too, and the app would not see them`,
		}},
		{"brackets that are encoded", groups(Header{Wrap: "<>", Encode: "rfc2047"}), []string{
			`header.X-User.encode: "rfc2047" beside quote or wrap: quotes and brackets would be encoded too, and the app would not see them`,
		}},
		{"default of a user", one(Header{From: "email", Default: "guest"}), []string{`header.X-User.default: is not for email: all who have none would be one user`}},
		{"default of what is never empty", one(Header{Const: "x", Default: "y"}), []string{`header.X-User.default: has no effect: a constant is never empty`}},
		{"default beside required", groups(Header{Join: ",", Required: true, Default: "none"}), []string{
			`header.X-User.default: beside required, which refuses people for whom it would be sent; keep one of them`,
		}},
		{"default that cannot be sent", groups(Header{Join: ",", Default: "a,b"}), []string{`header.X-User.default: an item of the list has the separator ","`}},
	})
}

// TestLogout: Grafana ends a session only for those who come with nothing but
// its cookie.
func TestLogout(t *testing.T) {
	header := map[string]Header{"X-User": {From: "email"}, "X-Role": {From: "role"}, "X-Via": {Const: "ssobridge"}}
	request := func(path string) *http.Request { return &http.Request{URL: &url.URL{Path: path}} }
	all := []string{"X-Role", "X-User", "X-Via"}
	tests := []struct {
		name    string
		logout  Logout
		request *http.Request
		want    []string
	}{
		{"none", Logout{}, request("/logout"), all},
		{"elsewhere", Logout{Logout: carry.Logout{Path: "/logout"}}, request("/"), all},
		{"there", Logout{Logout: carry.Logout{Path: "/logout"}}, request("/logout"), nil},
		{"there, some", Logout{Logout: carry.Logout{Path: "/logout"}, Omit: []string{"x_user", "X-Role"}}, request("/logout"), []string{"X-Via"}},
		{"below", Logout{Logout: carry.Logout{Path: "/logout"}}, request("/logout/x"), all},
		{"above", Logout{Logout: carry.Logout{Path: "/a/logout"}}, request("/logout"), all},
		{"in another case", Logout{Logout: carry.Logout{Path: "/logout"}}, request("/Logout"), all},
		{"no path", Logout{Logout: carry.Logout{Path: "/logout"}}, &http.Request{}, all}, // as explain asks
		{"no request", Logout{Logout: carry.Logout{Path: "/logout"}}, nil, all},
	}
	for _, tt := range tests {
		a := mustOpen(t, Options{Header: header, Logout: tt.logout})
		in := inputOf(ann())
		in.Request = tt.request
		if diff := cmp.Diff(tt.want, names(sent(t, a, in))); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(all, a.Owns().Headers); diff != "" {
			t.Errorf("%s: owned headers (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestOmitted(t *testing.T) {
	a := mustOpen(t, Options{
		Header: map[string]Header{
			"X-User": {From: "email"}, "X-Name": {From: "name", Unsendable: "omit"}, "X-Team": {Claim: "team"},
			"X-Groups": {From: "groups", Repeat: true}, "X-Sync": {From: "sync_marker"}, "X-Level": {Claim: "team", Default: "none"},
			"X-Old": {Claim: "team"},
		},
		Omit: []string{"X-Old"},
	})
	omitter, ok := a.(adapter.Omitter)
	if !ok {
		t.Fatal("the adapter does not say what it omits")
	}
	p := ann()
	p.Name, p.Groups = "Zoë", nil
	want := map[string]string{"X-Name": errASCII.Error(), "X-Team": "empty for this person", "X-Groups": "empty for this person"}
	if diff := cmp.Diff(want, omitter.Omitted(t.Context(), inputOf(p))); diff != "" {
		t.Errorf("omitted (-want +got):\n%s", diff)
	}
}
