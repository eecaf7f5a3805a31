package policydiff

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

const issuers = `
[issuer.pomerium]
jwks_url = "https://a.example.com/.well-known/pomerium/jwks.json"
[issuer.okta]
discovery_url = "https://okta.example.com"
header = "X-Okta"
audience = "okta"
trust_email = true
[issuer.entra]
discovery_url = "https://entra.example.com"
header = "X-Entra"
audience = "entra"
ignore_case = true
trust_email = true
`

// app is an app's table with more of its keys and its rules.
func app(name, keys, rules string) string {
	if !strings.Contains(keys, "issuer") {
		keys += "\nissuer = \"pomerium\""
	}
	if !strings.Contains(keys, "adapter") {
		keys += "\nadapter = \"x\""
	}
	return "\n[app." + name + "]\nhost = \"" + name + ".example.com\"\nupstream = \"http://127.0.0.1:3000\"\n" + keys + "\n" +
		strings.ReplaceAll(rules, "[[rule]]", "[[app."+name+".rule]]")
}

const adapters = `
[adapter.x]
kind = "headers"
[adapter.x.header]
X-User = { from = "subject" }
X-Roles = { from = "roles", join = "," }
[adapter.orgs]
kind = "headers"
[adapter.orgs.header]
X-User = { from = "subject" }
X-Org = { attribute = "org" }
`

// load loads a configuration of apps.
func load(t *testing.T, name, text string) *config.Config {
	t.Helper()
	return loadAll(t, name, issuers+adapters+text)
}

// loadAll loads a configuration with its issuers and adapters.
func loadAll(t *testing.T, name, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// compare compares two configurations for the people of a file, or for people
// made up if there is none.
func compare(t *testing.T, before, after, people string) *Result {
	t.Helper()
	options := Options{At: noon, Listed: 10}
	if people != "" {
		options.People = NewPeople("people", strings.NewReader(people))
	}
	r, err := Compare(load(t, "old.toml", before), load(t, "new.toml", after), options)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// madeUp compares two configurations for people made up, none of them at random.
func madeUp(t *testing.T, before, after string) *Result {
	t.Helper()
	r := &Result{Derived: true}
	for _, v := range viewsOf(load(t, "old.toml", before), load(t, "new.toml", after), Options{At: noon, Listed: 10}) {
		if !v.unchanged {
			d := newDeriver(v, mostMadeUp)
			d.chance = 0
			d.run()
		}
		r.Apps = append(r.Apps, v.result())
	}
	return r
}

// lines are what is said of an app: "gains: deny → Viewer: ann@example.com, …".
func lines(a *App) []string {
	var list []string
	for _, g := range a.Groups {
		e := &g.Entries[0]
		var who []string
		people, more := g.people(0)
		for _, p := range people {
			who = append(who, p.Who())
		}
		if more > 0 {
			who = append(who, "…")
		}
		list = append(list, string(g.Kind)+": "+e.Old.granted()+" → "+e.New.granted()+period(g)+": "+strings.Join(who, ", "))
	}
	return list
}
