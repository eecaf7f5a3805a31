package mapping

import (
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
)

// TestDomainsThatAnybodyMayRegister match no pattern that lets people in.
func TestDomainsThatAnybodyMayRegister(t *testing.T) {
	for pattern, want := range map[string]string{
		"*corp.example":      `"*corp.example" also matches evilcorp.example: write "corp.example", "*.corp.example" or both`,
		"a.*corp.example":    `"a.*corp.example" also matches a.evilcorp.example`,
		"corp.*":             `"corp.*" also matches corp.evil.example: write its domains out`,
		"corp*":              `"corp*" also matches corp.evil.example`,
		"*.corp.*":           `"*.corp.*" also matches x.corp.evil.example`,
		"*.*":                `"*.*" matches every domain: write "*"`,
		"*corp.*.example":    "",
		"*":                  "",
		"**":                 "",
		"*.corp.example":     "",
		"eu-*.corp.example":  "",
		"*.eu-*.corp.org":    "",
		"corp.example":       "",
		"ann@*bank.test":     `"ann@*bank.test" also matches evilbank.test: write "ann@bank.test", "ann@*.bank.test" or both`,
		"*@bank.test*":       `"*@bank.test*" also matches bank.test.evil.example`,
		"*@*.*":              `"*@*.*" matches every domain: write "*@*"`,
		"*@*":                "",
		"ann@*":              "",
		"*ann*@*.bank.test":  "",
		"*-svc@bank.example": "",
	} {
		r := Rule{Role: "Viewer", Domains: []string{pattern}}
		if strings.Contains(pattern, "@") {
			r = Rule{Role: "Viewer", Emails: []string{pattern}}
		}
		_, errs := ruleErrors(t, Policy{Rules: []Rule{r}})
		if got := len(errs) > 0; got != (want != "") || got && !strings.HasPrefix(errs[0].Problem, want) {
			t.Errorf("%s: %v, want %q", pattern, errs, want)
		}
	}
	// Keeping too many out lets nobody in; exempting too many from that does.
	evil := []string{"*@*evil.example"}
	for _, tt := range []struct {
		rule Rule
		ok   bool
	}{
		{Rule{Deny: true, Emails: evil}, true},
		{Rule{Deny: true, Domains: []string{"*evil*"}}, true},
		{Rule{Role: "A", NotEmails: evil}, true},
		{Rule{Deny: true, NotEmails: evil}, false},
		{Rule{Attributes: map[string]string{"a": "b"}, Emails: evil}, false},
	} {
		p := Policy{Rules: []Rule{tt.rule}, DefaultRole: "B", Match: MatchAll}
		if _, err := Compile(p); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.rule, err)
		}
	}
}

// TestNumbersThatLookAlike: JSON's 9007199254740993 is read as 9007199254740992,
// so a rule for the one would let in the other.
func TestNumbersThatLookAlike(t *testing.T) {
	m := mustCompile(t, Policy{Rules: []Rule{{Role: "Admin", Claims: map[string][]string{
		"org": {"9007199254740991", "9007199254740992", "-9007199254740992", "1000000000000000000000"},
	}}}})
	for value, want := range map[any]bool{
		float64(1<<53 - 1): true, float64(1 << 53): false, -float64(1 << 53): false, 1e21: false,
		"9007199254740992": true, "1000000000000000000000": true, "9007199254740993": false,
	} {
		for _, claim := range []any{value, []any{value}} {
			d, steps := m.Explain(&verifier.Principal{Claims: map[string]any{"org": claim}}, noon)
			if d.Allowed() != want {
				t.Errorf("%#v: %t", claim, !want)
			}
			if _, isNumber := claim.(float64); isNumber && !want && !strings.Contains(steps[0].Detail, "too large to be told from the next one") {
				t.Errorf("%#v: %s", claim, steps[0].Detail)
			}
		}
	}
}

// TestCommaInAName: who may choose their name must not choose a group with it.
func TestCommaInAName(t *testing.T) {
	const eve = "Eve,admins"
	for _, claim := range []string{"name", "user", "iss", "aud", "roles"} {
		for _, whole := range []bool{false, true} {
			meets := func(written, value string) bool {
				m := mustCompile(t, Policy{WholeTexts: whole, Rules: []Rule{{Role: "A", Claims: map[string][]string{claim: {written}}}}})
				return m.Map(&verifier.Principal{Claims: map[string]any{claim: value}}, noon).Allowed()
			}
			joined := claim == "roles" && !whole
			for written, want := range map[string]bool{
				"admins": joined, "Eve": joined, "Eve,admins": true, "*": true, "**": true, "E*": true, "*s": true,
				"E*s": !joined, // from one item into the next
			} {
				if got := meets(written, eve); got != want {
					t.Errorf("%s, whole: %t: %s: %t", claim, whole, written, got)
				}
			}
			if !meets("*", ",") {
				t.Errorf("%s, whole: %t: a comma is not something", claim, whole)
			}
		}
	}
	p := Policy{Rules: []Rule{{Role: "A", Claims: map[string][]string{"roles": {"Eve,*"}}}}}
	if _, errs := ruleErrors(t, p); len(errs) != 1 || !strings.Contains(errs[0].Problem, `"Eve,*" is a pattern with a comma`) {
		t.Errorf("%v", errs)
	}
	p.WholeTexts = true
	mustCompile(t, p)
}

// TestAsksForTime finds now wherever it stands.
func TestAsksForTime(t *testing.T) {
	for when, want := range map[string]bool{
		`now.getHours() == 1`: true, `email == "" && groups.exists(g, g == "a" && now < timestamp("2027-01-01T00:00:00Z"))`: true,
		`claims.now == "x"`: false, `"now" in groups`: false, "": false,
	} {
		m := mustCompile(t, Policy{Rules: []Rule{{Role: "A", Groups: []string{"a"}}, {Role: "A", Emails: []string{"*"}, When: when}}})
		if m.AsksForTime() != want {
			t.Errorf("%s: %t", when, !want)
		}
	}
}
