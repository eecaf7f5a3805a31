package catalog_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
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
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/internal/catalog"
)

// issuer makes a configuration of what has no issuer.
const issuer = "[issuer.pomerium]\njwks_url = \"https://app.example.com/.well-known/pomerium/jwks.json\"\n"

// app makes one of an adapter.
func app(adapter, role string) string {
	return fmt.Sprintf("[app.example]\nhost = \"app.example.com\"\nupstream = \"http://127.0.0.1:1\"\nadapter = %q\n"+
		"rule = [{ role = %q, groups = [\"g\"] }]\n", adapter, role)
}

var fileOption = regexp.MustCompile(`(?m)^[^#\n]*\{ file = "([^"]+)" \}`)

// load loads a configuration as serve does, with the files that it names.
func load(t *testing.T, text string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for _, m := range fileOption.FindAllStringSubmatch(text, -1) {
		content := []byte("0123456789abcdef0123456789abcdef\n")
		if strings.HasPrefix(m[0], "keys") {
			content = newKey(t, strings.Contains(text, `"redash-jwt"`))
		}
		if strings.Contains(m[0], "dsn") {
			content = []byte("postgres://ssobridge:nobody@127.0.0.1:9/app\n")
		}
		if strings.Contains(m[0], "redis") {
			content = []byte("redis://ssobridge:nobody@127.0.0.1:9/0\n")
		}
		if strings.HasPrefix(m[0], "credentials") {
			content = []byte("[role.viewer]\nusername = \"guest\"\npassword = \"guest\"\n")
		}
		write(t, filepath.Join(dir, m[1]), content)
	}
	path := filepath.Join(dir, "ssobridge.toml")
	write(t, path, []byte(text))
	c, err := config.Load(path)
	if err != nil {
		t.Fatalf("%v, in:\n%s", err, text)
	}
	return c
}

func newKey(t *testing.T, ofRSA bool) []byte {
	t.Helper()
	var key any
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if ofRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func presets(t *testing.T) []config.Preset {
	t.Helper()
	all, err := config.BuiltinPresets()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestExamples: the example of every preset is a configuration that check finds
// nothing to say about, it names the files that it says, and the app is told what
// it shows.
func TestExamples(t *testing.T) {
	for _, p := range presets(t) {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			d, err := catalog.Describe(t.Context(), p.Name)
			if err != nil {
				t.Fatal(err)
			}
			c := load(t, d.Example.Config)
			for _, w := range c.Warnings(time.Now()) {
				t.Errorf("check warns: %+v", w)
			}
			var files []string
			for _, m := range fileOption.FindAllStringSubmatch(d.Example.Config, -1) {
				files = append(files, m[1])
			}
			for _, f := range d.Example.Files {
				if !slices.Contains(files, f.Path) {
					t.Errorf("the example does not name %s", f.Path)
				}
			}
			if len(files) != len(d.Example.Files) {
				t.Errorf("the example names %q, and its files are %+v", files, d.Example.Files)
			}
			nothing := len(d.Example.Received)+len(d.Example.SignIn)+len(d.Example.Session) == 0 || len(d.Sends) == 0
			if isGate := p.Options["gate"] == true; nothing != isGate {
				t.Errorf("the app receives %q, and is said to receive %+v", d.Example.Received, d.Sends)
			}
			checkSends(t, d)
		})
	}
}

// checkSends compares what is said to be sent with what is: nothing arrives that
// is not listed, and what is required arrives.
func checkSends(t *testing.T, d *catalog.Description) {
	t.Helper()
	needed := d.NeedsInWords() // by the example alone
	listed := map[string]bool{}
	for _, s := range d.Sends {
		if s.In != "header" {
			continue
		}
		listed[adapter.FoldName(s.Name)] = true
		arrives := slices.ContainsFunc(slices.Collect(maps.Keys(d.Example.Received)), func(name string) bool {
			return adapter.FoldName(name) == adapter.FoldName(s.Name)
		})
		if slices.Contains(s.How, "required") && !arrives {
			t.Errorf("%s is required, and not received", s.Name)
		}
	}
	for name := range d.Example.Received {
		if !listed[adapter.FoldName(name)] && !slices.Contains(needed, "header."+name) {
			t.Errorf("the app receives %s, which is not listed", name)
		}
		if !slices.ContainsFunc(d.Strip, func(owned string) bool { return adapter.FoldName(owned) == adapter.FoldName(name) }) {
			t.Errorf("%s is not said to be removed from requests", name)
		}
	}
}

// TestNeeds: a preset that does nothing by itself shows in the comment at its top
// what to add, which is what the example adds.
func TestNeeds(t *testing.T) {
	want := map[string][]string{
		"bearer": {"keys"}, "discourse": {"secret"}, "django-login": {"credentials"}, "elasticsearch": {"header.Authorization"},
		"form-login": {"cookies", "credentials"}, "gitea": {"domains"}, "grafana-jwt": {"keys"},
		"hasura": {"keys"}, "jenkins-jwt": {"keys"}, "json-login": {"cookies", "credentials"}, "kubernetes": {"header.Authorization"},
		"mediawiki": {"domains"}, "metabase": {"secret"}, "metabase-session": {"credentials"}, "nexus-session": {"credentials"},
		"postgrest": {"keys"}, "redash-jwt": {"keys"}, "zulip": {"secret"}, "guacamole-json": {"connections.Build server", "secret"},
		"authjs": {"secrets"}, "cookie-session": {"secrets"}, "django-db": {"django.dsn", "lookup.dsn", "secrets"},
		"django-signed-cookies": {"lookup.dsn", "secrets"}, "express-passport": {"express-session.redis", "secrets"},
		"flask": {"secrets"}, "flask-login": {"secrets"}, "gorilla": {"cookie", "secrets"}, "laravel": {"lookup.dsn", "secrets"},
		"nextauth": {"secrets"}, "rails": {"cookie", "lookup.dsn", "secrets"}, "rails-devise": {"cookie", "lookup.dsn", "secrets"},
		"starlette": {"secrets"},
	}
	got := map[string][]string{}
	c, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Presets {
		if names := c.Presets[i].NeedsInWords(); names != nil {
			got[c.Presets[i].Name] = names
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}
}

// TestStartFrom: an adapter from any preset is valid as it is, whether an app uses
// it or not, and so it is with everything in it switched on.
func TestStartFrom(t *testing.T) {
	unused := issuer + app("remote-user", "user")
	for _, p := range presets(t) {
		text, err := catalog.StartFrom("our-"+p.Name, p.Name)
		if err != nil {
			t.Fatal(err)
		}
		unused += text
	}
	load(t, unused)
	for _, p := range presets(t) {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			text, err := catalog.StartFrom("mine", p.Name)
			if err != nil {
				t.Fatal(err)
			}
			role := "user"
			if p.Roles != nil {
				role = p.Roles[0]
			}
			on := regexp.MustCompile(`(?m)^#([A-Za-z])`).ReplaceAllString(text, "$1")
			if on == text {
				t.Fatal("nothing is switched off")
			}
			on = regexp.MustCompile(`(?m)^omit = .*$`).ReplaceAllString(on, "") // it could be all that there is
			off, all := load(t, issuer+app("mine", role)+text), load(t, issuer+app("mine", role)+on)
			if diff := cmp.Diff(off.Apps[0].Adapter.Owns(), all.Apps[0].Adapter.Owns()); diff != "" {
				t.Errorf("what is switched off is not the preset's (-off +on):\n%s", diff)
			}
			written, err := config.ParsePolicy("ssobridge.toml", []byte(issuer+app("mine", role)+regexp.MustCompile(`(?m)^extends = .*$`).ReplaceAllString(on, fmt.Sprintf("kind = %q", p.Kind))))
			if err != nil {
				t.Fatal(err)
			}
			own, err := written.AdapterOf("mine", nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p.Options, own.Options); diff != "" && p.Needs == nil {
				t.Errorf("what is switched off says something else than the preset (-preset +text):\n%s", diff)
			}
		})
	}
}

// TestStartKind: so is one of any kind.
func TestStartKind(t *testing.T) {
	kinds := config.Kinds()
	if len(kinds) < 2 {
		t.Fatalf("kinds: %+v", kinds)
	}
	for _, k := range kinds {
		t.Run(k.Name, func(t *testing.T) {
			text, err := catalog.StartKind("our-app2", k.Name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, "NAME") || !strings.Contains(text, "\n[adapter.our-app2]\n") || k.Summary == "" {
				t.Errorf("%q:\n%s", k.Summary, text)
			}
			load(t, issuer+app("our-app2", "viewer")+text)
			load(t, issuer+app("remote-user", "user")+text)
			// What is switched off is spelt right too.
			on := regexp.MustCompile(`(?m)^#([^ ])`).ReplaceAllString(text, "$1")
			load(t, issuer+app("our-app2", "viewer")+on)
		})
	}
}

func TestStartProblems(t *testing.T) {
	const wrongName = `"Our Wiki" cannot be an adapter's name: it is made of lower-case letters, digits, "-" and "_", such as our-wiki`
	for _, tt := range []struct {
		start       func(name, basis string) (string, error)
		name, basis string
		want        string
	}{
		{catalog.StartKind, "Our Wiki", "headers", wrongName},
		{catalog.StartFrom, "Our Wiki", "gitea", wrongName},
		{catalog.StartFrom, "a\n[server]", "gitea", `"a\n[server]" cannot be an adapter's name: it is made of lower-case letters, digits, "-" and "_", such as our-wiki`},
		{catalog.StartFrom, "gitea", "gitea", `"gitea" is a preset: choose another name, such as: ssobridge adapters new our-gitea --from gitea`},
		{catalog.StartFrom, "ours", "gitae", `no preset is called "gitae": did you mean "gitea"?`},
		{catalog.StartKind, "ours", "header", `no kind is called "header": did you mean "headers"?`},
		{catalog.StartKind, "ours", "", `no kind is called "": there are "headers", "jwt", "login", "session" and "sso"`},
	} {
		if _, err := tt.start(tt.name, tt.basis); err == nil || err.Error() != tt.want {
			t.Errorf("%q from %q: %v, want %s", tt.name, tt.basis, err, tt.want)
		}
	}
}

// anyHost is how a setup could write a host for the reader to replace.
var anyHost = regexp.MustCompile(`[A-Za-z0-9.-]*\.(?:example\.(?:com|org|net)|example|test|invalid)\b`)

// TestSetups: with the values of an app, no setup speaks of another.
func TestSetups(t *testing.T) {
	c, err := config.ParsePolicy("ssobridge.toml", []byte(`
[server]
listen = ":8443"
[issuer.pomerium]
jwks_url = "https://ours.zz-corp.tld/jwks.json"
[app.zz-app]
host = "ours.zz-corp.tld"
upstream = "http://127.0.0.1:1"
adapter = "remote-user"
rule = [{ role = "user", groups = ["g"] }]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range presets(t) {
		d, err := catalog.DescribeFor(t.Context(), c, p.Name, "zz-app")
		if err != nil {
			t.Fatal(err)
		}
		if left := anyHost.FindAllString(d.Setup, -1); left != nil {
			t.Errorf("%s: hosts that are not the app's: %q", p.Name, left)
		}
		if strings.Contains(d.Setup, ".ssobridge/app/") && (!strings.Contains(d.Setup, "http://127.0.0.1:8443/.ssobridge/app/zz-app/") ||
			!regexp.MustCompile(`(?i:aud(?:ience)?)\b.*zz-app`).MatchString(d.Setup)) {
			t.Errorf("%s: keys and audience are not the app's:\n%s", p.Name, d.Setup)
		}
		if hosts := slices.Compact(slices.Sorted(slices.Values(anyHost.FindAllString(p.Setup, -1)))); len(hosts) > 1 {
			t.Errorf("%s: several hosts stand for the app's: %q", p.Name, hosts)
		}
	}
}

// TestDescribeFor: an adapter of one's own, by the values of the app that uses it.
func TestDescribeFor(t *testing.T) {
	const text = issuer + `
[app.dash]
host = "dash.corp.tld"
upstream = "http://10.0.0.5:3000"
adapter = "our-grafana"
rule = [{ role = "Viewer", groups = ["g"] }]
[app.metrics]
host = "metrics.corp.tld"
upstream = "http://localhost:3000"
adapter = "tokens"
rule = [{ role = "Viewer", groups = ["g"] }]
[app.metrics-two]
host = "metrics2.corp.tld"
upstream = "http://[::1]:3000"
adapter = "tokens"
rule = [{ role = "Viewer", groups = ["g"] }]
[adapter.our-grafana]
extends = "grafana"
omit = ["X-Webauth-Name"]
header.X-Webauth-Groups = { from = "roles", join = "," }
[adapter.tokens]
extends = "grafana-jwt"
keys = [{ file = "nowhere.key" }]
issuer = "us$1"
audience = "them"
`
	c, err := config.ParsePolicy("ssobridge.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	dash, err := catalog.DescribeFor(t.Context(), c, "our-grafana", "")
	if err != nil {
		t.Fatal(err)
	}
	if dash.App != "dash" || dash.Place != "ssobridge.toml:19" || dash.Extends != "grafana" || dash.Elsewhere != "http://10.0.0.5:3000" ||
		!strings.Contains(dash.Setup, "https://dash.corp.tld/.pomerium/sign_out") || dash.Example != nil {
		t.Errorf("%+v", dash)
	}
	var names []string
	for _, s := range dash.Sends {
		names = append(names, s.Name+" "+s.Source)
	}
	want := []string{"X-Webauth-Email email", "X-Webauth-Groups roles", "X-Webauth-Role role", "X-Webauth-User email"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("sends (-want +got):\n%s", diff)
	}
	metrics, err := catalog.DescribeFor(t.Context(), c, "", "metrics")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(metrics.Setup, `expect_claims              = {"iss": "us$1", "aud": "them"}`) ||
		!strings.Contains(metrics.Setup, "/.ssobridge/app/metrics/jwks.json") || metrics.Elsewhere != "" {
		t.Errorf("%s", metrics.Setup)
	}
	unused, err := catalog.DescribeFor(t.Context(), c, "gitea", "")
	if err != nil || unused.App != "" || unused.Example == nil {
		t.Errorf("%+v, %v", unused, err)
	}
	for _, tt := range []struct{ name, app, want string }{
		{"tokens", "", `"tokens" is the adapter of several apps; add --app: metrics, metrics-two`},
		{"", "", "of which app? Add --app: there are dash, metrics, metrics-two"},
		{"tokens", "metric", `--app: no app is called "metric": did you mean "metrics"?`},
		{"our-grafna", "", "no adapter is called \"our-grafna\": did you mean \"our-grafana\"? (`ssobridge adapters` lists the presets)"},
	} {
		if _, err := catalog.DescribeFor(t.Context(), c, tt.name, tt.app); err == nil || err.Error() != tt.want {
			t.Errorf("%q, %q: %v, want %s", tt.name, tt.app, err, tt.want)
		}
	}
}

// TestJSON: programs find every option of every preset, and no null but where it
// means something.
func TestJSON(t *testing.T) {
	c, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Kinds   []struct{ Name, Summary string }
		Presets []map[string]any
	}
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	for _, p := range read.Presets {
		for key, value := range p {
			if value == nil && !slices.Contains([]string{"roles", "privileged", "needs"}, key) {
				t.Errorf("%s: %s is null", p["name"], key)
			}
		}
	}
	for _, p := range presets(t) {
		i := slices.IndexFunc(read.Presets, func(m map[string]any) bool { return m["name"] == p.Name })
		options, _ := read.Presets[i]["options"].(map[string]any)
		if options["header"] == nil && options["fields"] == nil && options["form"] == nil && options["json"] == nil && options["gate"] == nil {
			t.Errorf("%s: options %v", p.Name, options)
		}
	}
}
