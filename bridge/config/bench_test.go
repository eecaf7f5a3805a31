package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkLoad loads a configuration of 300 apps with 20,000 rules, and looks
// for what is strange in it.
func BenchmarkLoad(b *testing.B) {
	path := write(b, map[string]string{"config.toml": bigConfig(300, 20000)})
	c, err := Load(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := Load(path); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("warnings", func(b *testing.B) {
		for b.Loop() {
			c.Warnings(time.Now())
		}
	})
}

// bigConfig is a file of so many apps and rules.
func bigConfig(apps, rules int) string {
	var f strings.Builder
	f.WriteString("[issuer.pomerium]\njwks_url = \"https://pomerium.example.com/jwks.json\"\n[groups]\nsre = [\"sre@example.com\"]\n")
	for a := range apps {
		fmt.Fprintf(&f, "[app.app%d]\nhost = \"a%d.example.com\"\nupstream = \"http://127.0.0.1:3000\"\nadapter = \"grafana\"\n", a, a)
		for r := range rules / apps {
			fmt.Fprintf(&f, "[[app.app%d.rule]]\nrole = \"Editor\"\ngroups = [\"team-%d-%d@example.com\", \"other-%d-%d\", \"@sre\"]\nnot_groups = [\"contractors\"]\n", a, a, r, a, r)
		}
	}
	return f.String()
}
