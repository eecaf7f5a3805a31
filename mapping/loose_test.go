package mapping

import "testing"

// TestLooseExpressions: what others can register or add to is told, where they gain by it.
func TestLooseExpressions(t *testing.T) {
	for when, want := range map[string]bool{
		`email.endsWith("example.com")`:                            true,
		`domain.endsWith("example.com")`:                           true,
		`email.endsWith("@example.com")`:                           false,
		`email.endsWith("ann@example.com")`:                        false,
		`email.endsWith(".example.com")`:                           false,
		`email.matches("ann@example.com")`:                         true,
		`email.matches("^ann@example[.]com")`:                      true,
		`email.matches("ann@example[.]com$")`:                      true,
		`email.matches("^ann@example[.]com$")`:                     false,
		`email.matches("^(a|b)@x$")`:                               false,
		`email.matches("^a@x$|b@x")`:                               true,
		`groups.exists(g, g.matches("^team-.*"))`:                  false,
		`groups.exists(g, g.matches("admin"))`:                     true,
		`email.contains("@example.com")`:                           true,
		`email.startsWith("ann@example.com")`:                      true,
		`email.startsWith("ann@")`:                                 false,
		`!email.endsWith("example.com") && member("a")`:            false,
		`member("a") && (name == "x" || domain.endsWith("x.com"))`: true,
		`name.endsWith("example.com")`:                             false,
	} {
		if got := (&Rule{Role: "A", When: when}).Loose(); (got != nil) != want {
			t.Errorf("%s: %q", when, got)
		}
	}
	if got := (&Rule{Deny: true, When: `email.endsWith("example.com")`}).Loose(); got != nil {
		t.Errorf("a rule that denies: %q", got)
	}
	if got := (&Rule{Deny: true, When: `!email.endsWith("example.com")`}).Loose(); got == nil {
		t.Error("a rule that spares: nothing")
	}
}

func TestConfusable(t *testing.T) {
	for text, want := range map[string]bool{
		"ann@example.com": false, "\u0430nn@example.com": true, "ann@ex\u0430mple.com": true, "sre\u200b": true,
		"\u0441\u043e\u0440": true, "\u0436\u0443\u043a": false, "b\u00fccher": false, "zo\u00eb": false, "\u03b1\u03b2\u03b3": false, "": false,
	} {
		if got := Confusable(text); got != want {
			t.Errorf("%+q: %t", text, got)
		}
	}
}
