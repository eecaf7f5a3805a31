package mapping

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// TestExplainWording pins what explain tells people about each of them.
func TestExplainWording(t *testing.T) {
	type person struct {
		Name   string    `toml:"name"`
		Email  string    `toml:"email"`
		Groups []string  `toml:"groups"`
		At     time.Time `toml:"at"`
	}
	golden(t, "testdata/explain.txtar", func(t *testing.T, files map[string][]byte) string {
		var (
			file   policyFile
			people struct {
				Person []person `toml:"person"`
			}
			b strings.Builder
		)
		decode(t, "policy.toml", files["policy.toml"], &file)
		decode(t, "people.toml", files["people.toml"], &people)
		m := mustCompile(t, file.policy("policy.toml"))
		for i, p := range people.Person {
			if i > 0 {
				b.WriteString("\n")
			}
			if p.At.IsZero() {
				p.At = noon
			}
			principal := &verifier.Principal{Subject: p.Name, Email: p.Email, Groups: p.Groups}
			decision, steps := m.Explain(principal, p.At)
			if mapped := m.Map(principal, p.At); mapped != decision {
				t.Errorf("%s: Explain decides %v, Map %v", p.Name, decision, mapped)
			}
			fmt.Fprintf(&b, "%s: %q by %s\n", p.Name, decision.Role, decision.RuleName())
			for _, s := range steps {
				fmt.Fprintf(&b, "  rule[%d]  %s  %s  ", s.Rule, s.Role, s.Verdict)
				if s.Condition != "" {
					b.WriteString(s.Condition + ": ")
				}
				fmt.Fprintf(&b, "%s (%s)\n", s.Detail, s.Source)
			}
		}
		return b.String()
	})
}

// TestRuleErrors pins every text that Compile says.
func TestRuleErrors(t *testing.T) {
	golden(t, "testdata/errors.txtar", func(t *testing.T, files map[string][]byte) string {
		var (
			file policyFile
			b    strings.Builder
		)
		decode(t, "policy.toml", files["policy.toml"], &file)
		for _, e := range ruleErrors(t, file.policy("policy.toml")) {
			b.WriteString(e.Error() + "\n")
		}
		return b.String()
	})
}
