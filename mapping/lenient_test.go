package mapping

import (
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
)

// TestDenialsIgnoreSpelling: whoever is to be kept out is kept out however an issuer, or
// the person, writes their names; and nobody gets in by such a spelling.
func TestDenialsIgnoreSpelling(t *testing.T) {
	in := func(group string) *verifier.Principal {
		return &verifier.Principal{Subject: "x", Groups: []string{"staff", group}}
	}
	at := func(email string) *verifier.Principal { return &verifier.Principal{Subject: "x", Email: email} }
	claim := func(value any) *verifier.Principal {
		return &verifier.Principal{Subject: "x", Claims: map[string]any{"dept": value}}
	}
	list := map[string][]string{"out": {"Contractors"}, "outer": {"@out"}}
	tests := []struct {
		name      string
		condition Rule // of the rule that denies
		who       []*verifier.Principal
		other     *verifier.Principal // whom it does not deny
	}{
		{"email", Rule{Emails: []string{"eve@example.com"}}, []*verifier.Principal{
			at("eve@example.com"), at("Eve@example.com"), at("EVE@EXAMPLE.COM"), at("\uff45ve@example.com"), at("\u0435ve@example.com"), at("e\u0301ve@example.com"),
		}[:5], at("e\u0301ve@example.com")},
		{"email pattern", Rule{Emails: []string{"eve*@*.example.com"}}, []*verifier.Principal{at("EVE.x@a.Example.com")}, at("ann@a.example.com")},
		{"domain", Rule{Domains: []string{"b\u00fccher.example"}}, []*verifier.Principal{
			at("a@b\u00fccher.example"), at("a@xn--bcher-kva.example"), at("a@XN--BCHER-KVA.example"), at("a@bu\u0308cher\u3002example"), at("a@B\u00dcCHER.example"),
		}, at("a@bucher.example")},
		{"group", Rule{Groups: []string{"Stra\u00dfe"}}, []*verifier.Principal{in("STRASSE"), in("stra\u00dfe"), in("stra\u200bsse")}, in("strase")},
		{"group of a list", Rule{Groups: []string{"@outer"}}, []*verifier.Principal{in("contractors"), in("CONTRACTORS"), in("\u0441ontractors")}, in("contractor")},
		{"all groups", Rule{AllGroups: []string{"Staff", "@out"}}, []*verifier.Principal{in("contractors")}, in("x")},
		{"claim", Rule{Claims: map[string][]string{"dept": {"sales"}}}, []*verifier.Principal{claim("Sales"), claim([]any{"x", "SALES"})}, claim("sale")},
		{"member", Rule{When: `member("@outer") || member("Tempo*")`}, []*verifier.Principal{in("contractors"), in("TEMPORARY")}, in("x")},
		{"member compared", Rule{When: `member("@outer") == true`}, []*verifier.Principal{in("contractors")}, in("x")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			deny := tt.condition
			deny.Deny = true
			m := mustCompile(t, Policy{Rules: []Rule{deny}, DefaultRole: "Editor", Lists: list})
			for _, p := range tt.who {
				d, steps := m.Explain(p, noon)
				if m.Map(p, noon).Allowed() || d.Allowed() || steps[0].Verdict != Matched || steps[0].Detail == "" {
					t.Errorf("%+v is not denied: %+v", p, steps[0])
				}
			}
			if !m.Map(tt.other, noon).Allowed() {
				t.Errorf("%+v is denied", tt.other)
			}
			grant := tt.condition
			grant.Role = "Admin"
			m = mustCompile(t, Policy{Rules: []Rule{grant}, Lists: list})
			granted := 0
			for _, p := range tt.who {
				if m.Map(p, noon).Allowed() {
					granted++
				}
			}
			if granted > 1 && !strings.Contains(tt.name, "domain") {
				t.Errorf("%d spellings are granted a role", granted)
			}
		})
	}
}

// TestExclusionsIgnoreSpelling: not_groups and not_emails, and !member(...), keep people
// out of a rule that grants. In a rule that denies they spare people, and are exact.
func TestExclusionsIgnoreSpelling(t *testing.T) {
	in := func(group string) *verifier.Principal {
		return &verifier.Principal{Subject: "x", Groups: []string{group}}
	}
	at := func(email string) *verifier.Principal { return &verifier.Principal{Subject: "x", Email: email} }
	tests := []struct {
		condition   Rule
		exact, like *verifier.Principal
	}{
		{Rule{NotGroups: []string{"guests"}}, in("guests"), in("Guests")},
		{Rule{NotGroups: []string{"@out"}}, in("Guests"), in("GUESTS")},
		{Rule{NotEmails: []string{"bob@example.com"}}, at("bob@example.com"), at("Bob@example.com")},
		{Rule{When: `!member("guests")`}, in("guests"), in("Guests")},
		{Rule{When: `member("guests") == false && true`}, in("guests"), in("Guests")},
		{Rule{When: `true ? !member("@out") : false`}, in("Guests"), in("GUESTS")},
	}
	for _, tt := range tests {
		grant, deny := tt.condition, tt.condition
		grant.Role, deny.Deny = "Admin", true
		lists := map[string][]string{"out": {"Guests"}}
		m := mustCompile(t, Policy{Rules: []Rule{grant}, Lists: lists})
		if m.Map(tt.exact, noon).Allowed() || m.Map(tt.like, noon).Allowed() {
			t.Errorf("%+v grants to somebody excluded", tt.condition)
		}
		m = mustCompile(t, Policy{Rules: []Rule{deny}, DefaultRole: "Editor", Lists: lists})
		if !m.Map(tt.exact, noon).Allowed() || m.Map(tt.like, noon).Allowed() {
			t.Errorf("%+v spares others than it names", tt.condition)
		}
	}
}

// TestExplainSaysHowDenialsCompare: who is denied by a name that is not theirs is told so.
func TestExplainSaysHowDenialsCompare(t *testing.T) {
	m := mustCompile(t, Policy{DefaultRole: "Editor", Rules: []Rule{
		{Deny: true, Emails: []string{"eve@example.com"}}, {Deny: true, Groups: []string{"ext"}},
	}})
	_, steps := m.Explain(&verifier.Principal{Email: "Eve@example.com", Groups: []string{"EXT"}}, noon)
	if want := `email is "Eve@example.com", which denials do not tell from "eve@example.com"`; steps[0].Detail != want {
		t.Errorf("%q, want %q", steps[0].Detail, want)
	}
	if want := `in "EXT", which denials do not tell from "ext"`; m.Ask(2, &verifier.Principal{Groups: []string{"EXT"}}, noon).Detail != want {
		t.Errorf("want %q", want)
	}
}

// TestLenientHasNoStructure: nothing becomes a pattern, an address or a list by its
// lenient form, and the form is its own.
func TestLenientHasNoStructure(t *testing.T) {
	for _, text := range []string{"\uff0a", "a\uff20b", "a\uff0cb", "\ufe61", "\ufe6b", "\ufe50", "\ufe10", "xn--\uff0a"} {
		if got := lenientDomain(text); strings.ContainsAny(got, structural) {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	for _, text := range []string{"İstanbul", "ΣΑΣ", "ﬁ", "ＡＢ", "ǅ", "\u212a", "ß", "й", "Å", "e\u0316\u0301"} {
		if once := Lenient(text); Lenient(once) != once || Lenient(strings.ToUpper(text)) != once {
			t.Errorf("%q: %q, then %q; of capitals %q", text, once, Lenient(once), Lenient(strings.ToUpper(text)))
		}
	}
}
