package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// write writes files into a new directory and returns the path of config.toml.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "config.toml")
}

func TestLoadFull(t *testing.T) {
	const path = "testdata/valid/full.toml"
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	pomerium := &Issuer{
		Name: "pomerium", Header: "X-Pomerium-Jwt-Assertion", Algorithms: []string{"ES256"}, Format: "host",
		Leeway: time.Minute, MaxStale: 24 * time.Hour, MaxLifetime: 24 * time.Hour,
		JWKSURL: "https://grafana.example.com/.well-known/pomerium/jwks.json",
	}
	staging := &Issuer{
		Name: "staging", Header: "X-Assertion", Algorithms: []string{"RS256", "ES256"}, Format: "uri",
		Leeway: 0, MaxStale: time.Hour, MaxLifetime: 24 * time.Hour,
		JWKSFile: "testdata/valid/keys/es256.json",
	}
	policy := func(rules ...mapping.Rule) mapping.Policy {
		return mapping.Policy{Rules: rules, Match: mapping.MatchFirst}
	}
	want := &Config{
		Path: path,
		Server: Server{
			Listen: "127.0.0.1:8443", AdminListen: "[::1]:9091", SocketMode: 0o660, ReusePort: true, H2C: true, Watch: true,
			Limits: Limits{
				ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 61 * time.Minute, StallTimeout: time.Minute,
				MaxHeaderBytes: 32 << 10, MaxURIBytes: 8 << 10, MaxConnectionsSet: true, MaxConcurrentStreams: 100,
			},
			TrustedProxies: []netip.Prefix{
				netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("192.0.2.7/32"),
				netip.MustParsePrefix("2001:db8::7/128"), netip.MustParsePrefix("192.0.2.0/24"),
			},
			TrustUnix:         true,
			MaxAssertionBytes: 16384, FastES256: true, ShutdownDelay: 15 * time.Second, DrainTimeout: 45 * time.Second,
		},
		Issuers: []*Issuer{pomerium, staging},
		Apps: []*App{
			{
				Name: "wiki", Host: "wiki.example.com",
				Upstream: &url.URL{Scheme: "https", Host: "wiki.internal:8443", Path: "/wiki"},
				Issuers:  []*Issuer{staging}, Audience: "wiki", AdapterName: "our-headers", PreserveHost: false, Timeout: 5 * time.Second,
				Policy: policy(mapping.Rule{Role: "user", Source: path + ":59"}),
				Source: path + ":50",
			},
			{
				Name: "grafana", Host: "grafana.example.com",
				Upstream: &url.URL{Scheme: "http", Host: "127.0.0.1:3000"},
				Issuers:  []*Issuer{pomerium}, Audience: "", AdapterName: "grafana", PreserveHost: true, Timeout: time.Minute,
				SessionCookies: []string{"grafana_session"},
				Policy: policy(
					mapping.Rule{Role: "Admin", Groups: []string{"@sre"}, NotGroups: []string{"interns"}, Source: path + ":67"},
					mapping.Rule{Role: "Editor", AllGroups: []string{"a", "b"}, Emails: []string{"*@example.com"},
						After: time.Date(2026, 1, 31, 17, 0, 0, 0, time.UTC), Until: time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC),
						Source: path + ":72"},
				),
				Tests: []Test{
					{Name: "on-call", Issuer: pomerium, Email: "ann@example.com", Subject: "u1", Groups: []string{"on-call@example.com"},
						At: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Want: []string{"Admin"}, Source: path + ":79"},
					{Issuer: pomerium, Email: "bob@example.com", Want: []string{}, Source: path + ":87"},
				},
				Source: path + ":61",
			},
			{
				Name: "included", Host: "included.example.com",
				Upstream: &url.URL{Scheme: "http", Host: "[::1]:3000"},
				Issuers:  []*Issuer{staging}, Audience: "", AdapterName: "team-headers", PreserveHost: true, Timeout: time.Minute,
				Policy: policy(mapping.Rule{Role: "user", Groups: []string{"@sre", "@team"}, Source: "testdata/valid/apps/team.toml:12"}),
				Source: "testdata/valid/apps/team.toml:7",
			},
		},
	}
	if diff := cmp.Diff(want, got,
		cmpopts.IgnoreFields(Config{}, "Sessions"),
		cmpopts.IgnoreFields(Issuer{}, "Static"),
		cmpopts.IgnoreFields(App{}, "Mapper", "Adapter", "AdapterDeny", "Upstreams", "Streams", "Limits"),
		cmpopts.IgnoreUnexported(Config{}, App{}),
		cmpopts.IgnoreFields(mapping.Policy{}, "Lists"),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
	if keys := got.Issuers[1].Static; len(keys) != 1 || keys[0].Algorithm != verifier.ES256 || keys[0].ID != "test" {
		t.Errorf("keys of the JWKS file: %+v", keys)
	}
	for _, app := range got.Apps {
		if app.Adapter == nil || app.Mapper == nil {
			t.Errorf("app %s: adapter %v, mapper %v", app.Name, app.Adapter, app.Mapper)
		}
	}
	owned := got.Apps[0].Adapter.Owns().Headers
	if diff := cmp.Diff([]string{"X-Mail", "X-User", "Authorization"}, owned); diff != "" {
		t.Errorf("headers that our-headers owns (-want +got):\n%s", diff)
	}
	if failures := got.FailedTests(time.Now()); len(failures) > 0 {
		t.Errorf("policy tests: %v", failures)
	}
}

// minimal is the least that a configuration needs.
const minimal = `
[issuer.pomerium]
jwks_url = "https://grafana.example.com/.well-known/pomerium/jwks.json"
[app.grafana]
host     = "grafana.example.com"
upstream = "http://127.0.0.1:3000"
adapter  = "grafana"
[[app.grafana.rule]]
role = "Viewer"
`

func TestDefaults(t *testing.T) {
	c, err := Load(write(t, map[string]string{"config.toml": minimal}))
	if err != nil {
		t.Fatal(err)
	}
	want := Server{
		Listen: ":8080", AdminListen: "127.0.0.1:9090", SocketMode: 0o660, MaxAssertionBytes: 131072, FastES256: true, DrainTimeout: 30 * time.Second,
		Limits: Limits{
			ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, StallTimeout: time.Minute,
			MaxHeaderBytes: 64 << 10, MaxURIBytes: 16 << 10, MaxConnections: 10_000, MaxConcurrentStreams: 250,
		},
	}
	if diff := cmp.Diff(want, c.Server); diff != "" {
		t.Errorf("server (-want +got):\n%s", diff)
	}
	app := c.Apps[0]
	if len(app.Issuers) != 1 || app.Issuers[0] != c.Issuers[0] || app.AudienceOf(c.Issuers[0]) != app.Host || !app.PreserveHost || app.Timeout != time.Minute {
		t.Errorf("app: %+v", app)
	}
}

func TestExpectedIssuer(t *testing.T) {
	for want, issuer := range map[string]Issuer{
		"grafana.example.com":          {Format: FormatHost},
		"https://grafana.example.com/": {Format: FormatURI},
		"https://sso.example.com":      {Format: FormatHost, Iss: "https://sso.example.com"},
	} {
		if got := issuer.ExpectedIssuer("grafana.example.com"); got != want {
			t.Errorf("%+v: %q, want %q", issuer, got, want)
		}
	}
}

func TestLoadMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "config.toml"))
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, &Problems{}) {
		t.Errorf("Load: %v, want a wrapped read error", err)
	}
}

// TestLoadPolicyWithoutKeys: where people review a policy, there are neither
// keys nor the directory for them.
func TestLoadPolicyWithoutKeys(t *testing.T) {
	path := write(t, map[string]string{"config.toml": `
[server]
cache_dir = "no-such-directory"
[issuer.pomerium]
public_key_file = "no-such-key.pem"
[issuer.old]
jwks_file = "no-such-keys.json"
[issuer.tls]
jwks_url         = "https://pomerium.example.com/jwks.json"
ca_file          = "no-such-ca.pem"
client_cert_file = "no-such-cert.pem"
client_key_file  = "no-such-key.pem"
[app.grafana]
host     = "grafana.example.com"
upstream = "http://127.0.0.1:3000"
issuers  = ["pomerium", "old", "tls"]
adapter  = "grafana"
rule     = [{ role = "Viewer", groups = ["a"] }]
test     = [{ issuer = "old", groups = ["a"], want = "Viewer" }]
`})
	c, err := LoadPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	if results := c.RunTests(time.Now()); len(results) != 1 || !results[0].Passed() {
		t.Errorf("policy tests: %v", results)
	}
	var problems Problems
	if _, err := Load(path); !errors.As(err, &problems) || len(problems) < 5 {
		t.Errorf("Load: %v", err)
	}
}

// TestClaimsOfTests: a test's claims have the types that an assertion's have.
func TestClaimsOfTests(t *testing.T) {
	c, err := Load(write(t, map[string]string{"config.toml": minimal + `
[[app.grafana.test]]
want = "Viewer"
[app.grafana.test.claims]
text    = "a,b"
flag    = true
number  = 7
share   = 0.5
list    = [1, "a", [false]]
object  = { deep.er = [{ a = 1 }, { b = 2 }] }
"a.b"   = "dotted"
[[app.grafana.test.claims.tables]]
n = 1
`}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"text": "a,b", "flag": true, "number": 7.0, "share": 0.5, "list": []any{1.0, "a", []any{false}},
		"object": map[string]any{"deep": map[string]any{"er": []any{map[string]any{"a": 1.0}, map[string]any{"b": 2.0}}}},
		"a.b":    "dotted", "tables": []any{map[string]any{"n": 1.0}},
	}
	if diff := cmp.Diff(want, c.Apps[0].Tests[0].Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

// TestIgnoreCasePerIssuer: the same person in the same app gets in only by the
// issuer that is said to be careless about case.
func TestIgnoreCasePerIssuer(t *testing.T) {
	c, err := Load(write(t, map[string]string{"config.toml": `
[issuer.pomerium]
jwks_url = "https://grafana.example.com/.well-known/pomerium/jwks.json"
[issuer.entra]
jwks_url    = "https://entra.example.com/.well-known/pomerium/jwks.json"
ignore_case = true
[app.grafana]
host     = "grafana.example.com"
upstream = "http://127.0.0.1:3000"
issuers  = ["pomerium", "entra"]
adapter  = "grafana"
rule     = [{ role = "Viewer", groups = ["sre"] }]
test     = [
  { issuer = "entra", groups = ["SRE"], want = "Viewer" },
  { issuer = "pomerium", groups = ["SRE"], want = "deny" },
  { groups = ["SRE"], want = "deny" },
]
`}))
	if err != nil {
		t.Fatal(err)
	}
	if failed := c.FailedTests(time.Now()); len(failed) > 0 {
		t.Error(failed)
	}
	app := c.Apps[0]
	if app.MapperOf(c.Issuers[0]) == app.MapperOf(c.Issuers[1]) || app.Mapper != app.MapperOf(app.Issuers[0]) || app.Policy.IgnoreCase {
		t.Error("Mapper and Policy are not those of the first issuer, or shared by both")
	}
}

// TestOddDirectory: a directory's name is no pattern.
func TestOddDirectory(t *testing.T) {
	path := write(t, map[string]string{
		"a[b]*?/config.toml":      `include = ["apps/?.toml"]`,
		"a[b]*?/apps/1.toml":      minimal,
		"a[b]*?/apps/readme.text": "no TOML",
	})
	if _, err := Load(filepath.Join(filepath.Dir(path), "a[b]*?", "config.toml")); err != nil {
		t.Error(err)
	}
}

// TestHTTPToLoopback: plain http is for this machine, or where somebody says so.
func TestHTTPToLoopback(t *testing.T) {
	for url, ok := range map[string]bool{
		"http://127.0.0.1:8000/jwks":    true,
		"http://[::1]:8000/jwks":        true,
		"http://[::ffff:127.0.0.1]/":    true,
		"http://localhost/jwks":         true,
		"http://pomerium.localhost":     true,
		"HTTPS://pomerium.example.com":  true,
		"http://127.0.0.1.example.com/": false,
		"http://localhost.example.com/": false,
		"http://10.0.0.1/":              false,
		"http://0.0.0.0/":               false,
	} {
		toml := strings.Replace(minimal, "https://grafana.example.com/.well-known/pomerium/jwks.json", url, 1)
		if _, err := Load(write(t, map[string]string{"config.toml": toml})); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
		toml = strings.Replace(toml, "[app.", "insecure_http = true\n[app.", 1)
		if _, err := Load(write(t, map[string]string{"config.toml": toml})); err != nil {
			t.Errorf("%s with insecure_http: %v", url, err)
		}
	}
}

// TestSpoiltKeys: a key that is misspelt is not missing as well, and what is
// wrong elsewhere is still said.
func TestSpoiltKeys(t *testing.T) {
	_, err := Load(write(t, map[string]string{"config.toml": `
[issuer.pomerium]
jwks_uri = "https://grafana.example.com/.well-known/pomerium/jwks.json"
"jwkſ_url" = "https://grafana.example.com/.well-known/pomerium/jwks.json"
[app.grafana]
hosts    = "grafana.example.com"
adapter  = "grafana"
[[app.grafana.rule]]
role = "Viewer"
`}))
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var keys []string
	for _, p := range problems {
		keys = append(keys, p.Key)
	}
	want := []string{"issuer.pomerium.jwks_uri", `issuer.pomerium."jwkſ_url"`, "app.grafana.upstream", "app.grafana.hosts"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("keys with problems (-want +got):\n%s\n%v", diff, err)
	}
}
