package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRunTests(t *testing.T) {
	path := write(t, map[string]string{"config.toml": minimal[1:] + `groups = ["staff"]
until = 2020-01-01T00:00:00Z

[[app.grafana.test]]
email  = "ann@example.com"
groups = ["staff"]
want   = "Viewer"

[[app.grafana.test]]
name   = "bob has left"
email  = "bob@example.com"
groups = ["staff"]
want   = "deny"

[[app.grafana.test]]
email = "eve@example.com"
want  = "Viewer"

[[app.grafana.test]]
email = "eve@example.com"
want  = "deny"

[[app.grafana.test]]
email  = "ann@example.com"
groups = ["staff"]
at     = 2020-01-01T00:00:00Z
want   = "deny"

[[app.grafana.test]]
groups = ["staff"]
want   = "Admin"
`})
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	run := func(now time.Time) []string {
		var got []string
		for _, f := range c.RunTests(now) {
			got = append(got, strings.ReplaceAll(f.String(), path, "config.toml"))
		}
		return got
	}
	want := []string{
		`config.toml:17: app.grafana.test[2] (bob has left): want "deny", got "Viewer" by rule[1] (config.toml:7)`,
		`config.toml:23: app.grafana.test[3]: want "Viewer", got "deny" because no rule matches`,
		`config.toml:37: app.grafana.test[6]: want "Admin", got "Viewer" by rule[1] (config.toml:7)`,
	}
	if diff := cmp.Diff(want, run(time.Date(2019, 12, 31, 23, 59, 59, 0, time.UTC))); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	want = []string{
		`config.toml:12: app.grafana.test[1]: want "Viewer", got "deny" because no rule matches`,
		`config.toml:23: app.grafana.test[3]: want "Viewer", got "deny" because no rule matches`,
		`config.toml:37: app.grafana.test[6]: want "Admin", got "deny" because no rule matches`,
	}
	if diff := cmp.Diff(want, run(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))); diff != "" {
		t.Errorf("failures after the grant has ended (-want +got):\n%s", diff)
	}
}

// Whoever can write these files can sign in as anyone.
func TestFilesThatEverybodyCanWriteAreRefused(t *testing.T) {
	for _, name := range []string{"config.toml", "key.json", "more.toml"} {
		text := "include = [\"more.toml\"]\n" + strings.Replace(minimal[1:], "jwks_url", "jwks_file = \"key.json\" #", 1)
		key, err := os.ReadFile("testdata/invalid/keys/es256.json")
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, map[string]string{"config.toml": text, "key.json": string(key), "more.toml": "[groups]\nx = [\"y\"]\n"})
		if _, err := Load(path); err != nil {
			t.Fatalf("before: %v", err)
		}
		if err := os.Chmod(filepath.Join(filepath.Dir(path), name), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), name+" can be written by everybody") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file whose test passes today must not keep the bridge from starting on the
// day after a grant has ended.
func TestPolicyTestThatWouldFailByItselfIsAProblem(t *testing.T) {
	text := minimal[1:] + `groups = ["staff"]
until = 2999-01-01T00:00:00Z

[[app.grafana.test]]
email  = "ann@example.com"
groups = ["staff"]
want   = "Viewer"
`
	_, err := Load(write(t, map[string]string{"config.toml": text}))
	if err == nil || !strings.Contains(err.Error(), "config.toml:12: app.grafana.test[1]: the decision changes at 2999-01-01T00:00:00Z") {
		t.Errorf("got %v", err)
	}
	for name, good := range map[string]string{
		"it says when": strings.TrimSuffix(text, "\n") + "\nat = 2998-01-01T00:00:00Z\n",
		"the decision never changes": strings.Replace(text, `groups = ["staff"]
want   = "Viewer"`, `want = "deny"`, 1),
	} {
		if _, err := Load(write(t, map[string]string{"config.toml": good})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
