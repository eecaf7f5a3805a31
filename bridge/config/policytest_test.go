package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRunTests(t *testing.T) {
	path := write(t, map[string]string{"config.toml": minimal[1:] + `groups = ["staff"]
until = 2027-01-01T00:00:00Z

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
at     = 2027-01-01T00:00:00Z
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
	if diff := cmp.Diff(want, run(time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC))); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	want = []string{
		`config.toml:12: app.grafana.test[1]: want "Viewer", got "deny" because no rule matches`,
		`config.toml:23: app.grafana.test[3]: want "Viewer", got "deny" because no rule matches`,
		`config.toml:37: app.grafana.test[6]: want "Admin", got "deny" because no rule matches`,
	}
	if diff := cmp.Diff(want, run(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))); diff != "" {
		t.Errorf("failures after the grant has ended (-want +got):\n%s", diff)
	}
}
