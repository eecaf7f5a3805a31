package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHosts(t *testing.T) {
	text := strings.Replace(minimal, "[app.grafana]\n", "[app.grafana]\nhosts = [\"G.example.com\", \"m.example.com.\"]\n", 1)
	text = deleteLine(text, "host ")
	c, err := Load(write(t, map[string]string{"config.toml": text}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"g.example.com", "m.example.com"}, c.Apps[0].Hosts()); diff != "" {
		t.Error(diff)
	}
}

func TestHostsProblems(t *testing.T) {
	for hosts, want := range map[string]string{
		`[]`:                                 `app.grafana.hosts: empty: write the names that users open`,
		`["a.example.com", "A.example.com"]`: `"a.example.com" is also the host of app.grafana.hosts[2]`,
		`["a.example.com", "https://b.example.com"]`: `app.grafana.hosts[2]: this is a URL: write the host alone, "b.example.com"`,
	} {
		text := deleteLine(strings.Replace(minimal, "[app.grafana]\n", "[app.grafana]\nhosts = "+hosts+"\n", 1), "host ")
		if _, err := Load(write(t, map[string]string{"config.toml": text})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("hosts = %s: no %q in\n%v", hosts, want, err)
		}
	}
	both := strings.Replace(minimal, "[app.grafana]\n", "[app.grafana]\nhosts = [\"a.example.com\"]\n", 1)
	if _, err := Load(write(t, map[string]string{"config.toml": both})); err == nil || !strings.Contains(err.Error(), "app.grafana.hosts: beside host: keep one of them") {
		t.Errorf("beside host:\n%v", err)
	}
	preflights := minimal + "\n[[app.grafana.public]]\nprefix = \"/\"\nmethods = [\"OPTIONS\"]\n"
	if _, err := Load(write(t, map[string]string{"config.toml": preflights})); err == nil || !strings.Contains(err.Error(), "write cors_preflight = true") {
		t.Errorf("public OPTIONS:\n%v", err)
	}
}

// deleteLine deletes the first line that begins with a text.
func deleteLine(text, begins string) string {
	before, rest, _ := strings.Cut(text, "\n"+begins)
	_, after, _ := strings.Cut(rest, "\n")
	return before + "\n" + after
}
