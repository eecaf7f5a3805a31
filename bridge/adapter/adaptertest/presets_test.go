package adaptertest_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// presets are all presets, and what the suite has to know of each.
var presets = map[string]struct {
	options string // TOML that an [adapter.NAME] must add
	role    string
	split   func(name, value string) ([]string, bool)
}{
	"gitea":            {options: `domains = ["example.com"]`, role: "user"},
	"grafana":          {role: "Editor", split: grafanaSplits},
	"remote-user":      {role: "user", split: commaSplits("Remote-Groups")},
	"x-forwarded-user": {role: "user", split: commaSplits("X-Forwarded-Groups")},
}

// commaSplits is how most apps read a list.
func commaSplits(header string) func(name, value string) ([]string, bool) {
	return func(name, value string) ([]string, bool) {
		if name != header {
			return nil, false
		}
		items := strings.Split(value, ",")
		for i := range items {
			items[i] = strings.TrimSpace(items[i])
		}
		return items, true
	}
}

var grafanaItem = regexp.MustCompile(`"[^"]+"|[^,\t\n\v\f\r ]+`)

// grafanaSplits is how Grafana reads its Groups header. (A value that begins
// with "[" is JSON to it, and never ours.)
func grafanaSplits(name, value string) ([]string, bool) {
	if name != "X-Webauth-Groups" {
		return nil, false
	}
	items := grafanaItem.FindAllString(value, -1)
	for i := range items {
		items[i] = strings.Trim(items[i], `"`)
	}
	return items, true
}

// open loads a configuration with one app, so that presets are decoded and
// opened by the code that serves.
func open(tb testing.TB, preset string) adapter.Adapter {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "ssobridge.toml")
	text := fmt.Sprintf(`
[issuer.pomerium]
jwks_url = "https://app.example.com/.well-known/pomerium/jwks.json"

[app.app]
host     = "app.example.com"
upstream = "http://127.0.0.1:3000"
adapter  = "mine"
rule     = [{ role = %q }]

[adapter.mine]
extends = %q
%s
`, presets[preset].role, preset, presets[preset].options)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		tb.Fatal(err)
	}
	return c.Apps[0].Adapter
}

func presetNames(t *testing.T) []string {
	t.Helper()
	all, err := config.BuiltinPresets()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(presets))); diff != "" {
		t.Fatalf("presets, and those that this test knows (-there +known):\n%s", diff)
	}
	return names
}

func TestPresets(t *testing.T) {
	for _, name := range presetNames(t) {
		t.Run(name, func(t *testing.T) {
			adaptertest.Run(t, func(tb testing.TB) adapter.Adapter { return open(tb, name) },
				adaptertest.Options{Role: presets[name].role, Split: presets[name].split})
		})
	}
}

// people are who the golden files are about.
func people() []*verifier.Principal {
	return []*verifier.Principal{
		adaptertest.Ann(),
		{
			Subject: "2f6a", Email: "zoe+grafana@example.com", Name: "Zoë Ærø",
			Groups: []string{"Café Crew", "sre, on call", `the "admins"`, "[1]", "sre@example.com"},
		},
		{Subject: "build-robot", Groups: []string{"robots"}},
	}
}

// TestPresetGolden writes down exactly what apps receive: a preset's golden file
// changes only if users' apps shall be told something else.
func TestPresetGolden(t *testing.T) {
	for _, name := range presetNames(t) {
		t.Run(name, func(t *testing.T) {
			a := open(t, name)
			var b strings.Builder
			fmt.Fprintf(&b, "owns %s\n", strings.Join(a.Owns().Headers, ", "))
			for _, p := range people() {
				fmt.Fprintf(&b, "\n%s %s, groups %q, role %s\n", p.Subject, p.Email, p.Groups, presets[name].role)
				out, err := a.Adapt(t.Context(), adapter.Input{
					Principal: p,
					Decision:  mapping.Decision{Role: presets[name].role, Rule: 1},
					Time:      time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC),
				})
				if err != nil {
					fmt.Fprintf(&b, "  refused: %v\n", err)
				}
				for _, header := range slices.Sorted(maps.Keys(out.Header)) {
					fmt.Fprintf(&b, "  %s: %s\n", header, out.Header[header][0])
				}
			}
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("what the app receives (-want +got):\n%s", diff)
			}
		})
	}
}
