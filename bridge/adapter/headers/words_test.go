package headers

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// TestNames has a case for every way to make a user's name of an identity. An
// empty want is a refusal.
func TestNames(t *testing.T) {
	at := map[string]string{"@": "-at-"}
	tests := []struct {
		name   string
		header Header
		email  string
		want   string
		err    error
	}{
		{"lower", Header{From: "email", Words: value.Words{Lower: true}}, "Ann.Lee@Example.com", "ann.lee@example.com", nil},
		// The Kelvin sign is "k" to strings.ToLower, and another letter to apps.
		{"lower is ASCII", Header{From: "email", Encode: "utf-8", Words: value.Words{Lower: true}}, "\u212a@example.com", "\u212a@example.com", nil},
		{"lower and allowed", Header{From: "email_local", Words: value.Words{Lower: true, Allow: "a-z"}}, "ANN@example.com", "ann", nil},

		{"allowed", Header{From: "email_local", Words: value.Words{Allow: "a-z0-9._-"}}, "ann-b.c_1@example.com", "ann-b.c_1", nil},
		{"not allowed", Header{From: "email_local", Words: value.Words{Allow: "a-z0-9._-"}}, "ann+admin@example.com", "", value.ErrAllowed},
		{"case is not allowed", Header{From: "email_local", Words: value.Words{Allow: "a-z0-9._-"}}, "Ann@example.com", "", value.ErrAllowed},
		{"beyond ASCII is not allowed", Header{From: "email_local", Encode: "utf-8", Words: value.Words{Allow: "a-z0-9"}}, "zoë@example.com", "", value.ErrAllowed},

		{"like the pattern", Header{From: "email_local", Words: value.Words{Pattern: "a|[a-z]+"}}, "ann@example.com", "ann", nil},
		{"not like the pattern to the end", Header{From: "email_local", Words: value.Words{Pattern: "a|[a-z]+"}}, "ann.@example.com", "", value.ErrPattern},
		{"replaced", Header{From: "email", Words: value.Words{Replace: at, Allow: "a-z.-"}}, "ann@example.com", "ann-at-example.com", nil},
		{"replaced twice", Header{From: "email", Words: value.Words{Replace: map[string]string{"@": "_", "+": "-"}}}, "a+b@example.com", "a-b_example.com", nil},
		// Else ann-at-example@example.com could be somebody at another domain.
		{"replaced is ambiguous", Header{From: "email", Words: value.Words{Replace: at}}, "ann-at-x@example.com", "", value.ErrAmbiguous},
		{"replaced is ambiguous across", Header{From: "email", Words: value.Words{Replace: map[string]string{"@": "_", "+": "__"}}}, "a_b@example.com", "", value.ErrAmbiguous},
		{"left over", Header{From: "email", Words: value.Words{Replace: at, Allow: "a-z.-"}}, "a+b@example.com", "", value.ErrAllowed},

		{"short enough", Header{From: "email", Words: value.Words{MaxLength: 15}}, "ann@example.com", "ann@example.com", nil},
		// Cut, it would be ann@example.co, who may be somebody.
		{"too long", Header{From: "email", Words: value.Words{MaxLength: 14}}, "ann@example.com", "", value.ErrMost},
		{"characters, not bytes", Header{From: "email_local", Encode: "utf-8", Words: value.Words{MaxLength: 3}}, "zoë@example.com", "zoë", nil},
		{"too long once replaced", Header{From: "email", Words: value.Words{Replace: at, MaxLength: 17}}, "ann@example.com", "", value.ErrMost},

		{"forbidden", Header{From: "email_local", Words: value.Words{Forbid: []string{"admin"}}}, "admin@example.com", "", value.ErrForbidden},
		{"forbidden in any case", Header{From: "email_local", Words: value.Words{Forbid: []string{"Admin"}}}, "aDMIN@example.com", "", value.ErrForbidden},
		{"not forbidden", Header{From: "email_local", Words: value.Words{Forbid: []string{"admin"}}}, "admina@example.com", "admina", nil},
		{"forbidden once replaced", Header{From: "email", Words: value.Words{Replace: map[string]string{"@": "-"}, Forbid: []string{"root-example.com"}}}, "root@example.com", "", value.ErrForbidden},

		{"prefix", Header{From: "email", Words: value.Words{Prefix: "accounts.google.com:"}}, "ann@example.com", "accounts.google.com:ann@example.com", nil},
		{"prefix is not the name", Header{From: "email_local", Words: value.Words{Prefix: "SSO:", Allow: "a-z", MaxLength: 3, Forbid: []string{"sso:ann"}}}, "ann@example.com", "SSO:ann", nil},

		{"one's own name", Header{From: "email", Words: value.Words{Map: map[string]string{"ann@example.com": "annl"}, Unmapped: "refuse"}}, "ann@example.com", "annl", nil},
		{"no name of one's own", Header{From: "email", Words: value.Words{Map: map[string]string{"ann@example.com": "annl"}, Unmapped: "refuse"}}, "bob@example.com", "", value.ErrUnmapped},
		{"no name by case", Header{From: "email", Words: value.Words{Map: map[string]string{"ann@example.com": "annl"}, Unmapped: "refuse"}}, "Ann@example.com", "", value.ErrUnmapped},
		{"a name is not an identity", Header{From: "email_local", Words: value.Words{Map: map[string]string{"ann": "bob"}, Unmapped: "refuse"}}, "bob@example.com", "", value.ErrUnmapped},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := one(tt.header)
			if tt.header.From == "email_local" {
				o.Domains = []string{"example.com"}
			}
			p := ann()
			p.Email = tt.email
			out, err := mustOpen(t, o).Adapt(t.Context(), inputOf(p))
			if got := out.Header.Get("X-User"); got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
			if err != nil && !errors.Is(err, adapter.ErrUnsendable) {
				t.Errorf("the error does not say that it is the person: %v", err)
			}
		})
	}
}

// TestTwoPeopleNeverOneUser: whatever the options of a name, two people whose
// addresses differ get two names, or one of them none. Only where lower or two
// domains say that they are one person, they are.
func TestTwoPeopleNeverOneUser(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		texts := rapid.SampledFrom([]string{"-", "_", "--", "a", "b", ".", "-a", "_b", "ab"})
		h := Header{From: rapid.SampledFrom([]string{"email", "email_local", "subject"}).Draw(rt, "from"), Words: value.Words{Replace: rapid.MapOf(rapid.SampledFrom([]string{"@", "+", "-", "a", "b"}), texts).Draw(rt, "replace"), MaxLength: rapid.IntRange(0, 8).Draw(rt, "max_length"), Prefix: rapid.SampledFrom([]string{"", "a", "-"}).Draw(rt, "prefix")}}
		h.Lower = h.From != "subject" && rapid.Bool().Draw(rt, "lower")
		if len(h.Replace) == 0 {
			h.Replace = nil
		}
		o := one(h)
		if h.From == "email_local" {
			o.Domains = []string{"x"}
		}
		a := mustOpen(t, o)
		name := rapid.StringOfN(rapid.RuneFrom([]rune("abA-_+.")), 1, 4, -1)
		address := rapid.Custom(func(t *rapid.T) string {
			return name.Draw(t, "local") + "@" + rapid.SampledFrom([]string{"x", "a-x", "X", "b"}).Draw(t, "domain")
		})
		adapt := func(email string) string {
			p := &verifier.Principal{Subject: email, Email: email}
			out, err := a.Adapt(t.Context(), inputOf(p))
			if err != nil {
				return ""
			}
			return out.Header.Get("X-User")
		}
		one, other := address.Draw(rt, "one"), address.Draw(rt, "other")
		same := one == other
		if h.From == "email_local" { // a domain has no case
			cut := func(s string) string { local, _, _ := strings.Cut(s, "@"); return local }
			one, other = cut(one)+"@x", cut(other)+"@x"
			same = one == other
		}
		if h.Lower {
			same = mapping.LowerASCII(one) == mapping.LowerASCII(other)
		}
		if got := adapt(one); got != "" && got == adapt(other) && !same {
			rt.Fatalf("%s and %s are both %q", one, other, got)
		}
	})
}

func TestGroupNames(t *testing.T) {
	table := map[string]string{"sre@example.com": "admins", "sre": "admins", "staff": "users", "café": "cafe"}
	const refused = "header X-User: identity cannot be sent to this app: map has no word for what the person has"
	header := Header{From: "groups", Join: ","}
	tests := []struct {
		name    string
		options Options
		groups  []string
		want    string
		err     string
	}{
		{"of the adapter", Options{Groups: table, Unmapped: "omit"}, []string{"staff", "sre"}, "users,admins", ""},
		{"one for two", Options{Groups: table, Unmapped: "omit"}, []string{"sre", "staff", "sre@example.com"}, "admins,users", ""},
		{"what it lacks, omitted", Options{Groups: table, Unmapped: "omit"}, []string{"other", "sre"}, "admins", ""},
		// Whoever may name a group must not get the app's groups by it.
		{"the app's name is no group", Options{Groups: table, Unmapped: "omit"}, []string{"admins", "staff"}, "users", ""},
		{"by case", Options{Groups: table, Unmapped: "omit"}, []string{"SRE"}, "", ""},
		{"of the identity provider's letters", Options{Groups: table, Unmapped: "omit"}, []string{"café"}, "cafe", ""},
		{"nothing left", Options{Groups: table, Unmapped: "omit"}, []string{"other"}, "", ""},
		{"what it lacks, refused", Options{Groups: table, Unmapped: "refuse"}, []string{"other", "sre"}, "", refused},
		{"an empty name", Options{Groups: table, Unmapped: "refuse"}, []string{"", "sre"}, "admins", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			own := header
			own.Map, own.Unmapped = tt.options.Groups, tt.options.Unmapped
			adapters := map[string]adapter.Adapter{"of the header": mustOpen(t, one(own))}
			tt.options.Header = map[string]Header{"X-User": header}
			adapters["of the adapter"] = mustOpen(t, tt.options)
			for which, a := range adapters {
				p := ann()
				p.Groups = tt.groups
				out, err := a.Adapt(t.Context(), inputOf(p))
				if got := out.Header.Get("X-User"); got != tt.want || (err != nil || tt.err != "") && (err == nil || err.Error() != tt.err) {
					t.Errorf("%s: %q, %v, want %q, %s", which, got, err, tt.want, tt.err)
				}
			}
		})
	}
}

// TestUnmappedRefusesDespiteOmit: unsendable = "omit" is about characters.
func TestUnmappedRefusesDespiteOmit(t *testing.T) {
	a := mustOpen(t, one(Header{From: "groups", Join: ",", Unsendable: "omit", Words: value.Words{Map: map[string]string{"sre": "admins"}, Unmapped: "refuse"}}))
	if out, err := a.Adapt(t.Context(), inputOf(ann())); !errors.Is(err, adapter.ErrUnsendable) {
		t.Errorf("%v, %v, want a refusal", out.Header, err)
	}
}

// TestKubernetesGroups: an identity provider's group "system:masters" is not the
// cluster's.
func TestKubernetesGroups(t *testing.T) {
	a := mustOpen(t, Options{
		Header: map[string]Header{"Impersonate-Group": {From: "groups", Repeat: true, Words: value.Words{Prefix: "sso:"}}},
		Strip:  []string{"Impersonate-Extra-*"},
	})
	p := ann()
	p.Groups = []string{"system:masters", "sre"}
	out, err := a.Adapt(t.Context(), inputOf(p))
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Header["Impersonate-Group"]; len(got) != 2 || got[0] != "sso:system:masters" || got[1] != "sso:sre" {
		t.Errorf("groups %q", got)
	}
	if owned := a.Owns(); len(owned.Lists) != 1 || owned.Lists[0] != "Impersonate-Group" || len(owned.Prefixes) != 1 {
		t.Errorf("owned names %+v", owned)
	}
}

func TestWordOptionErrors(t *testing.T) {
	groups := func(h Header) Header { h.From, h.Join = "groups", ","; return h }
	table := map[string]string{"sre": "admins"}
	header := map[string]Header{"X-Groups": groups(Header{})}
	testOptions(t, adapter.Env{}, []optionTest{
		{"unmapped is not said", one(groups(Header{Words: value.Words{Map: table}})), []string{
			`header.X-User.unmapped: missing: say what becomes of names that map lacks: "omit" them, or "refuse" the person`,
		}},
		{"unmapped is kept", one(groups(Header{Words: value.Words{Map: table, Unmapped: "keep"}})), []string{
			`header.X-User.unmapped: "keep"; choose "omit" or "refuse"`,
		}},
		{"unmapped without map", one(groups(Header{Words: value.Words{Unmapped: "omit"}})), []string{`header.X-User.unmapped: has no effect without map; remove it`}},
		{"map of what people choose", one(Header{From: "name", Words: value.Words{Map: table, Unmapped: "omit"}}), []string{
			`header.X-User.map: is for roles, groups, claims, attributes, email, email_local and subject; not for name`,
		}},
		{"map of a constant", one(Header{Const: "x", Words: value.Words{Map: table}}), []string{
			`header.X-User.map: is for roles, groups, claims, attributes, email, email_local and subject; not for a constant`,
		}},
		{"map beside lower", one(Header{From: "email", Words: value.Words{Map: table, Unmapped: "omit", Lower: true}}), []string{
			`header.X-User.map: beside lower or replace: it says the app's words already; keep one of them`,
		}},
		{"map of a list", one(groups(Header{Words: value.Words{Map: map[string]string{"@sre": "admins"}, Unmapped: "omit"}})), []string{
			`header.X-User.map.@sre: is a list for rules, which adapters do not know; write the groups that are in it`,
		}},
		{"groups, unmapped is not said", Options{Header: header, Groups: table}, []string{
			`unmapped: missing: say what becomes of names that groups lacks: "omit" them, or "refuse" the person`,
		}},
		{"groups without groups", Options{Header: map[string]Header{"X-User": {From: "email"}}, Groups: table, Unmapped: "omit"}, []string{
			`groups: are for headers with from = "groups", and there is none; who gets which role is for rules to say`,
		}},
		{"unmapped without groups", Options{Header: header, Unmapped: "omit"}, []string{`unmapped: has no effect without groups; remove it`}},
		{"groups that cannot be sent", Options{Header: header, Groups: map[string]string{"a": "x,y", "b": ""}, Unmapped: "omit"}, []string{
			`groups.b: empty; remove it, and unmapped = "omit" leaves out what the map lacks`,
			`groups.a: an item of the list has the separator ","`,
		}},
		{"words that are not allowed", one(groups(Header{Words: value.Words{Map: map[string]string{"sre": "Admins"}, Unmapped: "omit", Allow: "a-z"}})), []string{
			`header.X-User.map.sre: value has characters that allow does not list`,
		}},

		{"lower of a subject", one(Header{From: "subject", Words: value.Words{Lower: true}}), []string{
			`header.X-User.lower: is not for subject: two that differ in case only are two people`,
		}},
		{"lower of a list", one(groups(Header{Words: value.Words{Lower: true}})), []string{
			`header.X-User.lower: is for email, email_local and a claim that is one text`,
		}},
		{"a pattern that would match a part", one(Header{From: "email", Required: true, Words: value.Words{Pattern: "a)|(b"}}), []string{
			`header.X-User.pattern: "a)|(b" is no regular expression (RE2) for a whole name; write such as "[a-z0-9]([-._]?[a-z0-9])*"`,
		}},
		{"allow that cannot be read", one(Header{From: "email", Words: value.Words{Allow: "zoë"}}), []string{
			`header.X-User.allow: "zoë"; write ASCII characters and ranges of them, such as "a-z0-9._-"`,
		}},
		{"allow with a range that is none", one(Header{From: "email", Words: value.Words{Allow: "A-z"}}), []string{
			`header.X-User.allow: "A-z"; write ASCII characters and ranges of them, such as "a-z0-9._-"`,
		}},
		{"replace of several characters", one(Header{From: "email", Words: value.Words{Replace: map[string]string{"@x": "-", "": "-"}}}), []string{
			`header.X-User.replace.: is not one character`,
			`header.X-User.replace.@x: is not one character`,
		}},
		{"replace by nothing", one(Header{From: "email", Words: value.Words{Replace: map[string]string{"@": ""}}}), []string{
			`header.X-User.replace.@: empty; a character cannot be left out, or two people could become one`,
		}},
		{"replace by what is not allowed", one(Header{From: "email", Words: value.Words{Allow: "a-z", Replace: map[string]string{"@": "_"}}}), []string{
			`header.X-User.replace.@: "_" has characters that allow does not list`,
		}},
		{"max_length", one(Header{From: "email", Words: value.Words{MaxLength: -1}}), []string{
			`header.X-User.max_length: negative; write how many characters the app's names have at most`,
		}},
		{"forbid of nobody", one(Header{From: "email", Words: value.Words{Forbid: []string{"admin", ""}}}), []string{`header.X-User.forbid: has an empty name; nobody has it`}},
		{"prefix of a constant", one(Header{Const: "x", Words: value.Words{Prefix: "y"}}), []string{`header.X-User.prefix: is not for a constant`}},
		{"prefix with the separator", one(groups(Header{Words: value.Words{Prefix: "a,"}})), []string{`header.X-User.prefix: an item of the list has the separator ","`}},
		{"prefix with a line break", one(Header{From: "email", Words: value.Words{Prefix: "a\r\n"}}), []string{`header.X-User.prefix: value has control characters`}},
		{"prefix with space before", one(Header{From: "email", Words: value.Words{Prefix: " a"}}), []string{
			`header.X-User.prefix: value begins or ends with white space, which HTTP would take away`,
		}},
		{"everything that is right", Options{
			Header: map[string]Header{
				"X-User":   {From: "email", Words: value.Words{Lower: true, Replace: map[string]string{"@": "-at-"}, Allow: "a-z0-9.-", MaxLength: 40, Forbid: []string{"admin"}, Prefix: "u:"}},
				"X-Login":  {Claim: "login", Words: value.Words{Lower: true}},
				"X-Groups": groups(Header{}), "X-More": groups(Header{Words: value.Words{Map: table, Unmapped: "refuse"}}),
			},
			Groups: table, Unmapped: "omit",
		}, nil},
	})
}
