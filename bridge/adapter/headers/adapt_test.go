package headers

import (
	"errors"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/verifier"
)

// TestAdapt has a case for every source and every option. An empty want is a
// header that is left out.
func TestAdapt(t *testing.T) {
	const unsendable = "header X-Value: identity cannot be sent to this app: "
	with := func(change func(p *verifier.Principal)) *verifier.Principal {
		p := ann()
		change(p)
		return p
	}
	grouped := func(groups ...string) *verifier.Principal {
		return with(func(p *verifier.Principal) { p.Groups = groups })
	}
	named := func(name string) *verifier.Principal {
		return with(func(p *verifier.Principal) { p.Name = name })
	}
	nobody := &verifier.Principal{Subject: "2f6a"}
	list := func(h Header) Header { h.From = "groups"; h.Join = ","; return h }

	tests := []struct {
		name   string
		header Header
		person *verifier.Principal // nil: ann
		want   string
		err    string
	}{
		{name: "email", header: Header{From: "email"}, want: "ann@example.com"},
		{name: "subject", header: Header{From: "subject"}, want: "2f6a"},
		{name: "name", header: Header{From: "name"}, want: "Ann Example"},
		{name: "role", header: Header{From: "role"}, want: "Editor"},
		{name: "rule", header: Header{From: "rule"}, want: "rule[2]"},
		{name: "constant", header: Header{Const: "ssobridge"}, want: "ssobridge"},
		{name: "groups", header: list(Header{}), want: "sre,staff"},

		{name: "claim", header: Header{Claim: "department"}, want: "Engineering"},
		{name: "claim that is missing", header: Header{Claim: "team"}},
		{name: "claim that is null", header: Header{Claim: "null"}},
		{name: "claim of another type", header: Header{Claim: "level"}, err: unsendable + `claim "level" is not a string`},
		{name: "claim of another type, omitted", header: Header{Claim: "level", Unsendable: "omit"}},
		{name: "list as one value", header: Header{Claim: "roles"}, err: unsendable + `claim "roles" is not a string`},
		{name: "list claim", header: Header{Claim: "roles", Join: " "}, want: "reader writer"},
		{name: "list claim of one", header: Header{Claim: "department", Join: ","}, want: "Engineering"},
		{name: "list claim that is missing", header: Header{Claim: "team", Join: ","}},
		{name: "list claim of mixed types", header: Header{Claim: "mixed", Join: ","}, err: unsendable + `claim "mixed" is not a list of strings`},
		{name: "list claim of another type", header: Header{Claim: "level", Join: ","}, err: unsendable + `claim "level" is not a list of strings`},
		{
			// Pomerium joins the lists in custom claims by commas, so this may be one role or two.
			name: "claim that Pomerium joined", header: Header{Claim: "roles", Join: ","},
			person: with(func(p *verifier.Principal) { p.Claims["roles"] = "reader,admin" }),
			err:    unsendable + `an item of the list has the separator ","`,
		},

		{name: "empty", header: Header{From: "email"}, person: nobody},
		{name: "empty and required", header: Header{From: "email", Required: true}, person: nobody, err: unsendable + "required, and empty for this person"},
		{name: "no groups", header: list(Header{}), person: nobody},
		{name: "no groups and required", header: list(Header{Required: true}), person: nobody, err: unsendable + "required, and empty for this person"},
		{
			name: "no groups and required, with marker", header: list(Header{Required: true, Append: "sync_marker"}),
			person: nobody, err: unsendable + "required, and empty for this person",
		},
		{name: "groups without names", header: list(Header{}), person: grouped("", "")},
		{
			name: "no sendable group and required", header: list(Header{Required: true, Unsendable: "omit"}),
			person: grouped("a,b"), err: unsendable + "required, and empty for this person",
		},

		{name: "outside ASCII", header: Header{From: "name"}, person: named("Zoë"), err: unsendable + `value has characters outside ASCII; if the app reads UTF-8, write encode = "utf-8"`},
		{name: "outside ASCII, omitted", header: Header{From: "name", Unsendable: "omit"}, person: named("Zoë")},
		{
			name: "outside ASCII, omitted but required", header: Header{From: "name", Unsendable: "omit", Required: true},
			person: named("Zoë"), err: unsendable + `value has characters outside ASCII; if the app reads UTF-8, write encode = "utf-8"`,
		},
		{name: "UTF-8", header: Header{From: "name", Encode: "utf-8"}, person: named("Zoë"), want: "Zoë"},
		{name: "quoted-printable", header: Header{From: "name", Encode: "quoted-printable"}, person: named("Zoë"), want: "Zo=C3=AB"},
		{name: "line break", header: Header{From: "name", Encode: "utf-8"}, person: named("a\r\nX-Role: Admin"), err: unsendable + "value has control characters"},
		{name: "line break, quoted-printable", header: Header{From: "name", Encode: "quoted-printable"}, person: named("a\nb"), err: unsendable + "value has control characters"},
		{name: "no UTF-8", header: Header{From: "name", Encode: "utf-8"}, person: named("a\xff"), err: unsendable + "value has control characters"},
		{name: "space around", header: Header{From: "name"}, person: named(" Ann"), err: unsendable + "value begins or ends with white space, which HTTP would take away"},
		{name: "no-break space around", header: Header{From: "name", Encode: "utf-8"}, person: named("Ann\u00a0"), err: unsendable + "value begins or ends with white space, which HTTP would take away"},

		{name: "separator in a group", header: list(Header{}), person: grouped("a,admins"), err: unsendable + `an item of the list has the separator ","`},
		{name: "separator in a group, omitted", header: list(Header{Unsendable: "omit"}), person: grouped("x", "a,admins", "y"), want: "x,y"},
		{name: "separator in a group, quoted", header: list(Header{Quote: true}), person: grouped("x", "a,admins"), want: `x,"a,admins"`},
		{name: "separator with spaces", header: Header{From: "groups", Join: ", "}, want: "sre, staff"},
		{name: "separator with spaces in a group", header: Header{From: "groups", Join: ", "}, person: grouped("a,admins"), err: unsendable + `an item of the list has the separator ","`},
		{name: "pipes", header: Header{From: "groups", Join: "|"}, person: grouped("a,b", "c"), want: "a,b|c"},
		{name: "spaces", header: Header{From: "groups", Join: " "}, person: grouped("a", "b admins"), err: unsendable + `an item of the list has the separator " "`},
		{name: "other spaces", header: Header{From: "groups", Join: " ", Encode: "utf-8"}, person: grouped("a\u2003admins"), err: unsendable + `an item of the list has the separator " "`},
		{name: "space around a group", header: list(Header{Encode: "quoted-printable"}), person: grouped(" admins"), err: unsendable + "an item of the list begins or ends with white space, which apps take away"},
		{name: "space around a group, quoted", header: list(Header{Quote: true}), person: grouped(" admins"), want: `" admins"`},
		{name: "quote in a group", header: list(Header{Quote: true}), person: grouped(`a"b`), err: unsendable + "an item of the list has a double quote"},
		{name: "quote in a group, omitted", header: list(Header{Quote: true, Unsendable: "omit"}), person: grouped(`"`, "b"), want: "b"},
		{name: "JSON in a group", header: list(Header{Quote: true}), person: grouped("[]", "b"), want: `"[]",b`},
		{name: "line break in a group, omitted", header: list(Header{Unsendable: "omit"}), person: grouped("a\nb", "c"), want: "c"},
		{name: "groups, quoted-printable", header: list(Header{Encode: "quoted-printable"}), person: grouped("zoë", "b"), want: "zo=C3=AB,b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.person == nil {
				tt.person = ann()
			}
			a := mustOpen(t, Options{Header: map[string]Header{"x-value": tt.header}})
			if tt.err != "" {
				out, err := a.Adapt(t.Context(), inputOf(tt.person))
				if !errors.Is(err, adapter.ErrUnsendable) || err.Error() != tt.err {
					t.Errorf("Adapt: %v, %v, want %s", out, err, tt.err)
				}
				return
			}
			got, present := sent(t, a, inputOf(tt.person))["X-Value"]
			if got != tt.want || present != (tt.want != "") {
				t.Errorf("X-Value: %q (sent: %t), want %q", got, present, tt.want)
			}
		})
	}
}

// TestRoleIsAlwaysRequired: some apps keep the last role where none is sent.
func TestRoleIsAlwaysRequired(t *testing.T) {
	a := mustOpen(t, Options{Header: map[string]Header{"X-Role": {From: "role"}}})
	for _, role := range []string{"", "Zoë", "a\nb", " Admin"} {
		in := inputOf(ann())
		in.Decision.Roles = []string{role}
		if out, err := a.Adapt(t.Context(), in); !errors.Is(err, adapter.ErrUnsendable) {
			t.Errorf("role %q: %v, %v", role, out, err)
		}
	}
}
