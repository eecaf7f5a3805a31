package explain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
)

// bigConfig has 300 apps with 66 rules each.
func bigConfig(b *testing.B) *config.Config {
	b.Helper()
	text := &strings.Builder{}
	text.WriteString("[issuer.pomerium]\npublic_key_file = \"none.pem\"\n[groups]\nsre = [\"sre@example.com\"]\n")
	for app := range 300 {
		fmt.Fprintf(text, "[app.app%[1]d]\nhost = \"a%[1]d.example.com\"\nupstream = \"http://127.0.0.1:1\"\nadapter = \"grafana\"\n", app)
		for rule := range 66 {
			role := []string{"Viewer", "Editor", "Admin"}[rule%3]
			fmt.Fprintf(text, "[[app.app%[1]d.rule]]\nrole = %[3]q\ngroups = [\"team-%[1]d-%[2]d\", \"@sre\"]\nnot_groups = [\"contractors\"]\n", app, rule, role)
		}
	}
	return loadPolicy(b, text.String())
}

func BenchmarkExplain(b *testing.B) {
	c := bigConfig(b)
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	p := explain.Person{Email: "ann@example.com", Groups: []string{"team-299-65", "other"}}
	b.Run("every app", func(b *testing.B) {
		for b.Loop() {
			if r := explain.ReachOf(b.Context(), p, p.Cases(c.Apps, nil), at); r.Reached() != 1 {
				b.Fatal(r.Summary())
			}
		}
	})
	b.Run("who could", func(b *testing.B) {
		for b.Loop() {
			if h, err := explain.HoldersOf(c.Apps, "Admin", at); err != nil || len(h.Apps) != 300 {
				b.Fatal(err)
			}
		}
	})
	b.Run("who lacks what", func(b *testing.B) {
		for b.Loop() {
			if r, err := explain.RoleOf(b.Context(), p, p.Cases(c.Apps, nil), "Viewer", at); err != nil || r.Has {
				b.Fatal(err)
			}
		}
	})
}
