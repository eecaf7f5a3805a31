package mapping

import (
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// TestConditions has a table for each condition, alone in its rule.
func TestConditions(t *testing.T) {
	lists := map[string][]string{"sre": {"sre@example.com", "3b1f0c9e"}, "ops": {"@sre", "ops-*"}}
	in := func(groups ...string) *verifier.Principal { return &verifier.Principal{Subject: "x", Groups: groups} }
	at := func(email string) *verifier.Principal { return &verifier.Principal{Subject: "x", Email: email} }
	sub := func(subject string) *verifier.Principal { return &verifier.Principal{Subject: subject} }
	claim := func(value any) *verifier.Principal { return &verifier.Principal{Claims: map[string]any{"c": value}} }
	type object = map[string]any
	list := func(items ...any) *verifier.Principal { return claim(items) }
	type people map[bool][]*verifier.Principal
	c := func(values ...string) Rule { return Rule{Claims: map[string][]string{"c": values}} }
	tests := []struct {
		name   string
		rule   Rule
		people people // by whether they get in
	}{
		{"groups", Rule{Groups: []string{"sre", "ops"}}, people{
			true:  {in("sre"), in("ops"), in("x", "ops"), in("sre", "ops")},
			false: {in(), in("x"), in("SRE"), in("sre "), in("sre,ops"), in("sr"), in("sres"), in("")},
		}},
		{"groups by pattern", Rule{Groups: []string{"team-*"}}, people{
			true:  {in("team-a"), in("team-"), in("x", "team-a@b"), in("team-a\nb"), in("team-*")},
			false: {in(), in("team"), in("Team-a"), in("x-team-a"), in("")},
		}},
		{"groups by star", Rule{Groups: []string{"*"}}, people{
			true:  {in("a"), in("", "a"), in("*"), in(" ")},
			false: {in(), in(""), in("", "")},
		}},
		{"groups by a list", Rule{Groups: []string{"@ops"}}, people{
			true:  {in("sre@example.com"), in("3b1f0c9e"), in("ops-west")},
			false: {in(), in("@ops"), in("ops"), in("@sre"), in("sre")},
		}},
		{"all_groups", Rule{AllGroups: []string{"a", "b"}}, people{
			true:  {in("a", "b"), in("b", "x", "a")},
			false: {in(), in("a"), in("b"), in("a", "a"), in("ab"), in("a,b")},
		}},
		{"all_groups by pattern", Rule{AllGroups: []string{"a", "team-*"}}, people{
			true:  {in("a", "team-x")},
			false: {in("a"), in("team-x"), in("a", "team")},
		}},
		{"all_groups by one group for two patterns", Rule{AllGroups: []string{"a*", "*b"}}, people{
			true:  {in("ab"), in("a", "b")},
			false: {in("a"), in("b")},
		}},
		{"all_groups by a list: one group of it is enough", Rule{AllGroups: []string{"@ops", "x"}}, people{
			true:  {in("sre@example.com", "x"), in("x", "ops-west")},
			false: {in("sre@example.com", "3b1f0c9e", "ops-west"), in("x"), in("x", "@ops")},
		}},
		{"not_groups", Rule{NotGroups: []string{"guests", "ext-*"}}, people{
			true:  {in(), in("x"), in("guest"), in("ext"), in("")},
			false: {in("guests"), in("x", "guests"), in("ext-x"), in("ext-"), in("Guests"), in("EXT-x"), in("gu\u200bests")},
		}},
		{"not_groups by a list", Rule{NotGroups: []string{"@ops"}}, people{
			true:  {in(), in("@ops")},
			false: {in("3b1f0c9e"), in("ops-")},
		}},
		{"emails", Rule{Emails: []string{"ann@example.com"}}, people{
			true:  {at("ann@example.com"), at("ann@EXAMPLE.com")},
			false: {at(""), at("Ann@example.com"), at("bann@example.com"), at("ann@example.com "), at("ann@example.com."), in("ann@example.com")},
		}},
		{"emails by domain", Rule{Emails: []string{"*@Example.com"}}, people{
			true: {at("ann@example.com"), at("*@example.com"), at("Ann@EXAMPLE.COM")},
			false: {
				at(""), at("@example.com"), at("example.com"), at("ann@mail.example.com"), at("ann@example.com.evil.test"),
				at("ann@evil.test@example.com"), at("ann@example.com@evil.test"), at("ann@evil.test\n@example.com@"),
			},
		}},
		{"emails by subdomain", Rule{Emails: []string{"*@*.example.com"}}, people{
			true:  {at("ann@mail.example.com"), at("ann@.example.com")},
			false: {at("ann@example.com"), at("ann@evil.test@x.example.com"), at("ann@mail.example.com.evil.test")},
		}},
		{"emails by local part", Rule{Emails: []string{"ann*@example.com"}}, people{
			true:  {at("ann@example.com"), at("ann+x@example.com")},
			false: {at("ann@evil.test@example.com"), at("ann@evil.test"), at("joann@example.com")},
		}},
		{"emails by star", Rule{Emails: []string{"*"}}, people{
			true:  {at("a@b")},
			false: {at(""), at("a"), at("@"), at("a@"), at("@b"), at("a@b@c"), at("*")},
		}},
		{"not_emails", Rule{NotEmails: []string{"bob@example.com", "*@ext.example.com"}}, people{
			true:  {at(""), at("ann@example.com"), at("bobby@example.com"), at("a@x.ext.example.com"), at("bob")},
			false: {at("bob@example.com"), at("Bob@example.com"), at("bob@EXAMPLE.com"), at("x@ext.example.com")},
		}},
		{"not_emails by star", Rule{NotEmails: []string{"*"}}, people{
			true:  {at(""), at("bob"), at("a@b@c")},
			false: {at("a@b")},
		}},
		{"domains", Rule{Domains: []string{"Example.com", "example.org"}}, people{
			true:  {at("ann@example.com"), at("ann@EXAMPLE.ORG")},
			false: {at(""), at("example.com"), at("@example.com"), at("a@b@example.com"), at("ann@mail.example.com"), at("ann@xexample.com"), in("example.com")},
		}},
		{"domains below one", Rule{Domains: []string{"*.example.com"}}, people{
			true:  {at("ann@mail.example.com"), at("ann@a.b.example.com")},
			false: {at("ann@example.com"), at("ann@example.com.evil.test"), at("x@evil.test@mail.example.com")},
		}},
		{"domains by star", Rule{Domains: []string{"*"}}, people{
			true:  {at("a@b")},
			false: {at(""), at("a"), at("a@"), at("@b")},
		}},
		{"subjects", Rule{Subjects: []string{"google/123", "okta/*"}}, people{
			true:  {sub("google/123"), sub("okta/"), sub("okta/x")},
			false: {sub(""), sub("google/1234"), sub("Google/123"), sub("x okta/")},
		}},
		{"subjects by star", Rule{Subjects: []string{"*"}}, people{true: {sub("x"), sub(" ")}, false: {sub("")}}},
		{"a claim's text", c("support", "sales"), people{
			true:  {claim("support"), claim("x,support"), claim("support,x"), claim("sales,support"), claim(",support,")},
			false: {claim(""), claim("Support"), claim("supports"), claim("x, support"), claim(nil), in("support"), {}},
		}},
		{"a claim's text with commas", c("a,b"), people{
			true:  {claim("a,b"), list("a,b"), list("x", "a,b")},
			false: {claim("a"), claim("b,a"), claim("a,b,c"), list("a", "b")},
		}},
		{"a claim's list", c("support"), people{
			true:  {list("support"), list("x", "support")},
			false: {list(), list("x"), list("support,x"), list([]any{"support"}), list(object{"support": "support"}), list(nil)},
		}},
		{"a claim by pattern", c("sup*"), people{
			true:  {claim("support"), claim("x,support"), claim("support,x"), list("x", "sup")},
			false: {claim("x"), claim("xsup"), list("x")},
		}},
		{"a claim by star", c("*"), people{
			true:  {claim("x"), claim(","), claim(false), claim(float64(0)), list("", "x")},
			false: {claim(""), claim(nil), list(), list(""), list(nil), claim(object{}), claim(object{"x": "x"}), {}},
		}},
		{"a claim's boolean", c("true"), people{
			true:  {claim(true), list(true), claim("true")},
			false: {claim(false), claim("True"), claim(float64(1))},
		}},
		{"a claim's number", c("1234567", "2.5", "-1"), people{
			true:  {claim(float64(1234567)), claim(2.5), claim(float64(-1)), list("x", float64(1234567)), claim("1234567")},
			false: {claim(float64(123456)), claim("1.234567e+06"), claim(2.50001)},
		}},
		{"a claim's number as Pomerium writes it", c("1.234567e+06"), people{
			true:  {claim("1.234567e+06"), claim("a,1.234567e+06")},
			false: {claim(float64(1234567))},
		}},
		{"a nested claim", Rule{Claims: map[string][]string{"org.team.name": {"red"}}}, people{
			true: {
				{Claims: object{"org.team.name": "blue,red"}},
				{Claims: object{"org": object{"team": object{"name": "red"}}}},
				{Claims: object{"org": object{"team.name": []any{"red"}}}},
				{Claims: object{"org.team": object{"name": "red"}}},
			},
			false: {
				{Claims: object{"org": object{"team": "red"}}},
				{Claims: object{"org": "red", "team": "red", "name": "red"}},
				// The flat claim is the one that counts.
				{Claims: object{"org.team.name": "blue", "org": object{"team": object{"name": "red"}}}},
			},
		}},
		{"two claims", Rule{Claims: map[string][]string{"c": {"x", "y"}, "d": {"z"}}}, people{
			true:  {{Claims: object{"c": "y", "d": "z"}}},
			false: {claim("x"), {Claims: object{"d": "z"}}, {Claims: object{"c": "z", "d": "x"}}},
		}},
		{"all conditions", Rule{
			Groups: []string{"a"}, AllGroups: []string{"b"}, NotGroups: []string{"c"}, Emails: []string{"x@y"}, NotEmails: []string{"z@y"},
			Domains: []string{"y"}, Subjects: []string{"s"}, Claims: map[string][]string{"c": {"v"}}, When: `name == "n"`,
			After: noon, Until: noon.Add(1),
		}, people{
			true: {{Subject: "s", Name: "n", Email: "x@y", Groups: []string{"a", "b"}, Claims: object{"c": "v"}}},
			false: {
				in("a", "b"), at("x@y"),
				{Subject: "s", Name: "n", Email: "x@y", Groups: []string{"a"}, Claims: object{"c": "v"}},
				{Subject: "s", Name: "n", Email: "x@y", Groups: []string{"a", "b", "c"}, Claims: object{"c": "v"}},
				{Subject: "t", Name: "n", Email: "x@y", Groups: []string{"a", "b"}, Claims: object{"c": "v"}},
				{Subject: "s", Name: "m", Email: "x@y", Groups: []string{"a", "b"}, Claims: object{"c": "v"}},
				{Subject: "s", Name: "n", Email: "x@y", Groups: []string{"a", "b"}, Claims: object{"c": "w"}},
				{Subject: "s", Name: "n", Email: "x@y", Groups: []string{"a", "b"}},
			},
		}},
		{"none", Rule{}, people{true: {in(), at("")}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.rule.Role, tt.rule.Source = "Admin", "test:1"
			m := mustCompile(t, Policy{Rules: []Rule{tt.rule}, Lists: lists, ListClaims: []string{"c", "org.team.name"}})
			for allowed, people := range tt.people {
				want := Decision{}
				if allowed {
					want = Decision{Roles: []string{"Admin"}, Rule: 1, Source: "test:1"}
				}
				for _, p := range people {
					if got := m.Map(p, noon); !equal(got, want) {
						t.Errorf("Map(%+v) = %+v, want %+v", p, got, want)
					}
				}
			}
		})
	}
}

// TestIgnoreCase: A to Z are a to z in groups and emails; nothing else changes.
func TestIgnoreCase(t *testing.T) {
	p := func(subject, email, claim string, groups ...string) *verifier.Principal {
		return &verifier.Principal{Subject: subject, Email: email, Groups: groups, Claims: map[string]any{"c": claim}}
	}
	tests := []struct {
		rule   Rule
		people map[bool][]*verifier.Principal
	}{
		{Rule{Groups: []string{"Keys", "@Team"}}, map[bool][]*verifier.Principal{
			true: {p("", "", "", "keys"), p("", "", "", "KEYS"), p("", "", "", "rEd-X")},
			// The Kelvin sign is a "k" to Unicode, the long s an "s".
			false: {p("", "", "", "\u212aeys"), p("", "", "", "key\u017f"), p("", "", "", "ÄB"), p("", "", "", "@team")},
		}},
		{Rule{AllGroups: []string{"ä*B"}}, map[bool][]*verifier.Principal{
			true:  {p("", "", "", "äxb"), p("", "", "", "äB")},
			false: {p("", "", "", "Äb")},
		}},
		{Rule{NotGroups: []string{"guests"}}, map[bool][]*verifier.Principal{false: {p("", "", "", "GUESTS")}}},
		{Rule{Emails: []string{"Ann@Example.com"}}, map[bool][]*verifier.Principal{
			true: {p("", "ann@example.com", ""), p("", "ANN@EXAMPLE.COM", "")}, false: {p("", "anna@example.com", "")},
		}},
		{Rule{NotEmails: []string{"bob@*"}}, map[bool][]*verifier.Principal{false: {p("", "BOB@x", "")}, true: {p("", "", "")}}},
		{Rule{When: `member("Keys")`}, map[bool][]*verifier.Principal{true: {p("", "", "", "kEYS")}, false: {p("", "", "", "\u212aeys")}}},
		{Rule{Subjects: []string{"s"}}, map[bool][]*verifier.Principal{true: {p("s", "", "")}, false: {p("S", "", "")}}},
		{Rule{Claims: map[string][]string{"c": {"v"}}}, map[bool][]*verifier.Principal{true: {p("", "", "v")}, false: {p("", "", "V")}}},
	}
	for _, tt := range tests {
		tt.rule.Role = "Admin"
		m := mustCompile(t, Policy{Rules: []Rule{tt.rule}, Lists: map[string][]string{"Team": {"Red-*"}}, IgnoreCase: true})
		for allowed, people := range tt.people {
			for _, p := range people {
				if got := m.Map(p, noon).Allowed(); got != allowed {
					t.Errorf("%+v of %+v: %t", tt.rule, p, got)
				}
			}
		}
	}
}

// TestTimeBounds: a grant begins at after, and has ended at until; so does a
// denial.
func TestTimeBounds(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	bounds := Rule{After: noon.In(berlin), Until: noon.Add(time.Hour).In(berlin)}
	grant, deny := bounds, bounds
	grant.Role, deny.Deny = "Admin", true
	grants, denies := mustCompile(t, Policy{Rules: []Rule{grant}}), mustCompile(t, Policy{Rules: []Rule{deny, {Role: "Admin"}}})
	tests := []struct {
		at   time.Time
		want bool
	}{
		{time.Time{}, false},
		{noon.Add(-1), false},
		{noon, true},
		{noon.Add(1), true},
		{noon.Add(time.Hour - 1), true},
		{noon.Add(time.Hour), false},
		{noon.Add(time.Hour + 1), false},
	}
	for _, tt := range tests {
		if got := grants.Map(&verifier.Principal{}, tt.at).Allowed(); got != tt.want {
			t.Errorf("at %v: granted %t, want %t", tt.at, got, tt.want)
		}
		if got := !denies.Map(&verifier.Principal{}, tt.at).Allowed(); got != tt.want {
			t.Errorf("at %v: denied %t, want %t", tt.at, got, tt.want)
		}
	}
}

// TestListsThatUseListsThatUseLists: each list doubles the one before it, so
// that written out there would be more groups than atoms.
func TestListsThatUseListsThatUseLists(t *testing.T) {
	lists := map[string][]string{"list0": {"a"}}
	name := func(i int) string {
		return "list" + string(rune('0'+i/100)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10))
	}
	lists[name(0)] = []string{"a"}
	for i := range 300 {
		lists[name(i+1)] = []string{"@" + name(i), "@" + name(i)}
	}
	m := mustCompile(t, Policy{Rules: []Rule{{Role: "R", Groups: []string{"@" + name(300)}}}, Lists: lists})
	if got := len(m.groups.exact); got != 1 {
		t.Errorf("%d groups, want 1", got)
	}
	if !m.Map(&verifier.Principal{Groups: []string{"a"}}, noon).Allowed() {
		t.Error("denied")
	}
}

// TestNoMapperOfAWrongPolicy: a rule whose wrong condition was dropped would let
// everybody in. These are wrong in ways that TOML cannot write.
func TestNoMapperOfAWrongPolicy(t *testing.T) {
	for _, rule := range []Rule{
		{Claims: map[string][]string{"c": nil}},
		{Claims: map[string][]string{}},
		{Claims: map[string][]string{"c": {"v"}, "d": nil}},
		{Groups: []string{}},
		{Emails: []string{"ann"}},
		{When: "\x00"},
		{When: "\xff"},
	} {
		rule.Role = "Admin"
		if m, errs := ruleErrors(t, Policy{Rules: []Rule{rule}}); m != nil || len(errs) != 1 {
			t.Errorf("%+v: %v, %v", rule, m, errs)
		}
	}
}
