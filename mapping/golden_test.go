package mapping

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ssobridge/ssobridge/verifier"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// policyFile is a policy in a golden file.
type policyFile struct {
	Match       Match               `toml:"match"`
	DefaultRole string              `toml:"default_role"`
	IgnoreCase  bool                `toml:"ignore_case"`
	Groups      map[string][]string `toml:"groups"`
	ListClaims  []string            `toml:"list_claims"`
	Rule        []Rule              `toml:"rule"`
}

func (f policyFile) policy(source string) Policy {
	for i := range f.Rule {
		f.Rule[i].Source = fmt.Sprintf("%s:%d", source, i+1)
	}
	return Policy{Rules: f.Rule, Lists: f.Groups, Match: f.Match, DefaultRole: f.DefaultRole, IgnoreCase: f.IgnoreCase, ListClaims: f.ListClaims}
}

// decode reads TOML as people write it into v.
func decode(t *testing.T, name string, data []byte, v any) {
	t.Helper()
	md, err := toml.Decode(string(data), v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, key := range md.Undecoded() {
		if !strings.HasPrefix(key.String(), "person.claims.") {
			t.Fatalf("%s: unknown key %v", name, key)
		}
	}
}

// golden holds each NAME.want file of a txtar archive against what answer makes
// of the files before it. With -update it rewrites the archive.
func golden(t *testing.T, path string, answer func(t *testing.T, files map[string][]byte) string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for i := range archive.Files {
		f := &archive.Files[i]
		name, isWant := strings.CutSuffix(f.Name, ".want")
		if !isWant {
			files[f.Name] = f.Data
			continue
		}
		t.Run(name, func(t *testing.T) {
			got := answer(t, files)
			if *update {
				f.Data = []byte(got)
			}
			if diff := cmp.Diff(string(f.Data), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", f.Name, diff)
			}
		})
		clear(files)
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRuleErrors pins every text that Compile says, the item that is wrong (#2)
// and the list that there is not.
func TestRuleErrors(t *testing.T) {
	golden(t, "testdata/errors.txtar", func(t *testing.T, files map[string][]byte) string {
		var file policyFile
		decode(t, "policy.toml", files["policy.toml"], &file)
		_, errs := ruleErrors(t, file.policy("policy.toml"))
		var b strings.Builder
		for _, e := range errs {
			b.WriteString(e.Error())
			if e.Item > 0 {
				fmt.Fprintf(&b, " #%d", e.Item)
			}
			if e.Unknown != "" {
				b.WriteString(" unknown " + e.Unknown)
			}
			b.WriteString("\n")
		}
		return b.String()
	})
}

// TestExplainWording pins what explain tells people about each of them.
func TestExplainWording(t *testing.T) {
	type person struct {
		Is      string         `toml:"is"`
		Subject string         `toml:"subject"`
		Email   string         `toml:"email"`
		Groups  []string       `toml:"groups"`
		Claims  map[string]any `toml:"claims"`
		At      time.Time      `toml:"at"`
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
			principal := &verifier.Principal{Subject: p.Subject, Email: p.Email, Groups: p.Groups, Claims: asJSON(p.Claims)}
			decision, steps := m.Explain(principal, p.At)
			if mapped := m.Map(principal, p.At); !equal(mapped, decision) {
				t.Errorf("%s: Explain decides %v, Map %v", p.Is, decision, mapped)
			}
			fmt.Fprintf(&b, "%s: %q by %s", p.Is, decision.Roles, decision.RuleName())
			if len(decision.Attributes) > 0 {
				fmt.Fprintf(&b, " with %v", decision.Attributes)
			}
			b.WriteString("\n")
			for _, s := range steps {
				does := strings.Join(s.Roles, " ")
				switch {
				case s.Deny:
					does = "deny"
				case does == "":
					does = "-"
				}
				fmt.Fprintf(&b, "  rule[%d]  %s  %s  ", s.Rule, does, s.Verdict)
				if s.Condition != "" {
					b.WriteString(s.Condition + ": ")
				}
				b.WriteString(s.Detail + "\n")
			}
		}
		return b.String()
	})
}

// asJSON makes of TOML's integers the numbers that claims have.
func asJSON(claims map[string]any) map[string]any {
	for key, value := range claims {
		switch v := value.(type) {
		case int64:
			claims[key] = float64(v)
		case map[string]any:
			claims[key] = asJSON(v)
		case []any:
			for i := range v {
				if n, ok := v[i].(int64); ok {
					v[i] = float64(n)
				}
			}
		}
	}
	return claims
}
