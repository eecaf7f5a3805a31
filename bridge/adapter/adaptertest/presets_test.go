package adaptertest_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// splits are how apps read their lists that do not just split them at the
// separator of the preset and trim the items.
var splits = map[string]func(name, value string) ([]string, bool){
	"grafana": grafanaSplits,
}

// preset is a preset file as the test reads it, beside the code that serves.
type preset struct {
	Kind   string
	Roles  []string
	Header any // a table of headers, or of kind jwt the name of one
	Prefix string
	// KeyTypes are those of keys that an app of kind jwt reads.
	KeyTypes []string `toml:"key_types"`
	// Protocol is that of kind sso.
	Protocol string
	login
	session
}

// headers are what a preset of kind headers sends.
func (p preset) headers() map[string]map[string]any {
	tables := make(map[string]map[string]any)
	all, _ := p.Header.(map[string]any)
	for name, table := range all {
		tables[name], _ = table.(map[string]any)
	}
	return tables
}

func readPreset(tb testing.TB, p config.Preset) preset {
	tb.Helper()
	var table preset
	if _, err := toml.Decode(string(p.Source), &table); err != nil {
		tb.Fatalf("%s: %v", p.Name, err)
	}
	return table
}

// role is a role that an app's rules may grant.
func (p preset) role() string {
	if len(p.Roles) > 0 {
		return p.Roles[len(p.Roles)-1]
	}
	return "user"
}

// rules are those of an app.
func (p preset) rules() string {
	if p.Protocol == "guacamole" { // which has connections for two roles
		return fmt.Sprintf(`{ role = %q, groups = ["g"] }, { role = %q }`, p.role()+"-2", p.role())
	}
	return fmt.Sprintf("{ role = %q }", p.role())
}

// options are what an [adapter.NAME] must add.
func (p preset) options() string {
	if p.Kind == "jwt" {
		return `keys = [{ file = "app.key" }]`
	}
	if p.Kind == "sso" {
		return p.ssoOptions()
	}
	if p.Kind == "login" {
		return p.login.options()
	}
	if p.Kind == "session" {
		return p.session.options()
	}
	for name, h := range p.headers() {
		if h["from"] == "email_local" {
			return `domains = ["example.com"]`
		}
		if h["needs"] != nil {
			return fmt.Sprintf(`header.%s = { secret = { file = "app.secret" }, prefix = %q }`, name, h["prefix"])
		}
	}
	return ""
}

// split is how most apps read a list.
func (p preset) split(name, value string) ([]string, bool) {
	for header, h := range p.headers() {
		join, _ := h["join"].(string)
		if http.CanonicalHeaderKey(header) != name || join == "" {
			continue
		}
		if h["encode"] == "latin-1" {
			value = readLatin1(value)
		}
		separator := strings.TrimSpace(join)
		if separator == "" {
			return strings.Fields(value), true
		}
		items := strings.Split(value, separator)
		for i := range items {
			items[i] = strings.TrimSpace(items[i])
		}
		return items, true
	}
	return nil, false
}

// readLatin1 is how WSGI apps and others read a header: a character per byte.
func readLatin1(value string) string {
	runes := make([]rune, len(value))
	for i := range len(value) {
		runes[i] = rune(value[i])
	}
	return string(runes)
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
func open(tb testing.TB, p config.Preset) adapter.Adapter {
	tb.Helper()
	table := readPreset(tb, p)
	file := filepath.Join(tb.TempDir(), "ssobridge.toml")
	text := fmt.Sprintf(`
[issuer.pomerium]
jwks_url = "https://app.example.com/.well-known/pomerium/jwks.json"

[app.app]
host     = "app.example.com"
upstream = "http://127.0.0.1:3000"
adapter  = "mine"
rule     = [%s]

[adapter.mine]
extends = %q
%s
`, table.rules(), p.Name, table.options())
	for name, data := range map[string][]byte{"ssobridge.toml": []byte(text), "app.key": table.key(), "app.secret": []byte(appSecret), "app.credentials": []byte(appCredentials), "app.dsn": []byte(appDSN), "redis.url": []byte(appRedis)} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), name), data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	c, err := config.Load(file)
	if err != nil {
		tb.Fatal(err)
	}
	return table.signingIn(c.Apps[0].Adapter)
}

func allPresets(t *testing.T) []config.Preset {
	t.Helper()
	all, err := config.BuiltinPresets()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPresets(t *testing.T) {
	for _, p := range allPresets(t) {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			table := readPreset(t, p)
			split := splits[p.Name]
			if split == nil {
				split = table.split
			}
			adaptertest.Run(t, func(tb testing.TB) adapter.Adapter { return open(tb, p) },
				adaptertest.Options{Role: table.role(), Split: split, Read: table.read, KnownBy: p.KnownBy, Gate: p.Options["gate"] == true})
		})
	}
}

// TestPresetFacts: a preset says what it is for, what it was checked against, where that
// can be read, and what can go wrong.
func TestPresetFacts(t *testing.T) {
	for _, p := range allPresets(t) {
		if p.KnownBy == nil {
			t.Errorf("%s: known_by is missing: say which fields tell the app who somebody is", p.Name)
		}
		for key, missing := range map[string]bool{"versions": p.Versions == "", "sources": len(p.Sources) == 0, "warnings": len(p.Warnings) == 0, "setup": p.Setup == ""} {
			if missing {
				t.Errorf("%s: %s is missing", p.Name, key)
			}
		}
		for _, source := range p.Sources {
			if u, err := url.Parse(source); err != nil || u.Scheme != "https" || u.Host == "" {
				t.Errorf("%s: source %q is no https address", p.Name, source)
			}
		}
		for _, text := range append(slices.Clone(p.Warnings), p.Versions) {
			if strings.ContainsAny(text, "\r\n") {
				t.Errorf("%s: %q is more than one line", p.Name, text)
			}
		}
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
	for _, preset := range allPresets(t) {
		t.Run(preset.Name, func(t *testing.T) {
			a, role := open(t, preset), readPreset(t, preset).role()
			var b strings.Builder
			owned := a.Owns()
			fmt.Fprintf(&b, "owns %s\n", strings.Join(owned.Headers, ", "))
			for _, more := range []struct {
				what  string
				names []string
			}{{"headers that begin", owned.Prefixes}, {"cookies", owned.Cookies}, {"cookies that begin", owned.CookiePrefixes}, {"query", owned.Query}} {
				if more.names != nil {
					fmt.Fprintf(&b, "owns %s %s\n", more.what, strings.Join(more.names, ", "))
				}
			}
			for _, p := range people() {
				fmt.Fprintf(&b, "\n%s %s, groups %q, role %s\n", p.Subject, p.Email, p.Groups, role)
				out, err := a.Adapt(t.Context(), adapter.Input{
					Principal: p,
					Decision:  mapping.Decision{Roles: []string{role}, Rule: 1},
					Time:      time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC),
				})
				if err != nil {
					fmt.Fprintf(&b, "  refused: %v\n", err)
				}
				for _, header := range slices.Sorted(maps.Keys(out.Header)) {
					for _, value := range out.Header[header] {
						if token, is := readPreset(t, preset).openToken(header, value); is {
							value = token
						} else if answer, is := readPreset(t, preset).openAnswer(header, value); is {
							value = answer
						} else if sent, is := readPreset(t, preset).openSignIn(header, value); is {
							value = sent
						} else if lines, is := readPreset(t, preset).openSession(header, value); is {
							value = lines
						} else if slices.Contains(owned.Secrets, header) {
							value = adapter.HiddenSecret
						}
						fmt.Fprintf(&b, "  %s: %s\n", header, value)
					}
				}
			}
			golden := filepath.Join("testdata", preset.Name+".golden")
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
