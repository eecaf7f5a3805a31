package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

const attackedApp = `
[issuer.pomerium]
jwks_url = "https://grafana.example.com/.well-known/pomerium/jwks.json"

[issuer.idp]
discovery_url = "https://idp.example.com"
audience      = "grafana"

[app.grafana]
host     = "grafana.example.com"
upstream = "http://127.0.0.1:3000"
adapter  = "grafana"
issuers  = ["pomerium", "idp"]
`

// TestWhenAsksForNow: a test that passes today and says no time must not keep the
// bridge from starting one day.
func TestWhenAsksForNow(t *testing.T) {
	text := attackedApp + `
[[app.grafana.rule]]
role = "Viewer"
when = 'domain == "example.com" && now < timestamp("%s")'

[[app.grafana.test]]
email = "ann@example.com"
want  = "Viewer"
`
	text = fmt.Sprintf(text, time.Now().AddDate(0, 0, 1).Format(time.RFC3339))
	_, err := ParsePolicy("x.toml", []byte(text))
	if err == nil || !strings.Contains(err.Error(), "app.grafana.test[1]: a rule's when asks for now") {
		t.Errorf("%v", err)
	}
	if _, err := ParsePolicy("x.toml", []byte(text+"at = 2026-01-01T00:00:00Z\n")); err != nil {
		t.Error(err)
	}
}

// TestCommaInATextOfAnOpenIDProvider: of two issuers of one app, only Pomerium
// writes lists with commas.
func TestCommaInATextOfAnOpenIDProvider(t *testing.T) {
	c, err := ParsePolicy("x.toml", []byte(attackedApp+`
[[app.grafana.rule]]
role   = "Admin"
claims = { roles = ["admins"], name = ["*"] }
`))
	if err != nil {
		t.Fatal(err)
	}
	app := c.Apps[0]
	for _, i := range c.Issuers {
		p := app.Describe(i, &verifier.Principal{Subject: "1", Name: "x", Claims: map[string]any{"roles": "Eve,admins"}})
		want := i.Name == "pomerium"
		if got := app.MapperOf(i).Map(p, time.Now()).Allowed(); got != want {
			t.Errorf("%s: %t", i.Name, got)
		}
		if p := i.PolicyFor(app.Policy); p.WholeTexts == want || len(p.Rules) != 1 {
			t.Errorf("%s: %+v", i.Name, p)
		}
	}
	if app.Policy.WholeTexts || app.Mapper != app.MapperOf(app.Issuers[0]) {
		t.Error("the app's own policy is not that of its first issuer")
	}
}

// TestLoadingIsNotQuadratic: a file of moderate size is read in moderate time,
// lest a reload keep both processors busy.
func TestLoadingIsNotQuadratic(t *testing.T) {
	var flat, chain, timed strings.Builder
	flat.WriteString(attackedApp + "default_role = \"Viewer\"\n[groups]\n")
	for i := range 20_000 {
		fmt.Fprintf(&flat, "list-%d = [\"group-%d\"]\n", i, i)
	}
	chain.WriteString(attackedApp + "default_role = \"Viewer\"\n")
	for i := range 30 {
		fmt.Fprintf(&chain, "[app.x%d]\nhost = \"x%d.example.com\"\nupstream = \"http://127.0.0.1:3000\"\nadapter = \"grafana\"\nissuer = \"pomerium\"\ndefault_role = \"Viewer\"\n", i, i)
	}
	chain.WriteString("[groups]\n")
	for i := range 4000 {
		fmt.Fprintf(&chain, "list-%d = [\"@list-%d\"]\n", i, i+1)
	}
	chain.WriteString("list-4000 = [\"x\"]\n")
	timed.WriteString(attackedApp)
	for i := range 300 {
		fmt.Fprintf(&timed, "[[app.grafana.rule]]\nrole = \"Viewer\"\ngroups = [\"g%d\"]\nuntil = %d-01-01T00:00:00Z\n", i, 3000+i)
	}
	for range 300 {
		timed.WriteString("[[app.grafana.test]]\nemail = \"ann@example.com\"\nwant = \"deny\"\n")
	}
	for name, text := range map[string]string{"lists": flat.String(), "a chain of lists": chain.String(), "tests and times": timed.String()} {
		start := time.Now()
		if _, err := ParsePolicy("x.toml", []byte(text)); err != nil {
			t.Errorf("%s: %.300v", name, err)
		}
		took := time.Since(start)
		t.Log(name, took)
		if took > 3*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// TestLargeFilesAreNotRead at all.
func TestLargeFilesAreNotRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ssobridge.toml")
	if err := os.WriteFile(file, make([]byte, maxConfigBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "larger than 16777216 bytes") {
		t.Errorf("%v", err)
	}
}
