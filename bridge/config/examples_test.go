package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// root is where the module begins.
const root = "../.."

// exampleFile has every key; people start from it.
const exampleFile = root + "/config.example.toml"

// TestShippedConfigs loads every configuration that comes with ssobridge and
// runs its policy tests: now, long after, and at every moment at which a rule
// begins or ends, since a file that people copy must not break by itself.
func TestShippedConfigs(t *testing.T) {
	for _, path := range shippedConfigs(t) {
		t.Run(strings.TrimPrefix(filepath.ToSlash(path), root+"/"), func(t *testing.T) {
			c, err := Load(withKeys(t, path))
			if err != nil {
				t.Fatal(err)
			}
			moments := []time.Time{time.Now(), time.Now().AddDate(20, 0, 0)}
			for _, app := range c.Apps {
				if len(app.Tests) == 0 {
					t.Errorf("app.%s has no policy tests, and examples are copied", app.Name)
				}
				for _, rule := range app.Policy.Rules {
					moments = append(moments, rule.After, rule.Until)
				}
			}
			for _, at := range moments {
				for _, failure := range c.FailedTests(at) {
					t.Errorf("asked at %s: %s", at.Format(time.DateOnly), failure)
				}
			}
		})
	}
}

// shippedConfigs are the example and every TOML file under deploy.
func shippedConfigs(t *testing.T) []string {
	t.Helper()
	paths := []string{exampleFile}
	err := filepath.WalkDir(root+"/deploy", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".toml" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 3 {
		t.Fatalf("found only %v", paths)
	}
	return paths
}

// withKeys copies a configuration to where the key files that it names exist: a
// key that is in a repository is nobody's key.
func withKeys(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"config.toml": string(data)}
	keyFile := regexp.MustCompile(`(?m)^(jwks_file|public_key_file) *= *"([^"]*)"`)
	for _, match := range keyFile.FindAllStringSubmatch(string(data), -1) {
		if filepath.IsAbs(match[2]) {
			t.Fatalf("%s = %q: write a path that starts at the file, so that it can be checked anywhere", match[1], match[2])
		}
		files[match[2]] = string(issuer.PublicPEM())
		if match[1] == "jwks_file" {
			files[match[2]] = string(issuer.JWKS())
		}
	}
	return write(t, files)
}

// TestExampleIsComplete: config.example.toml has every key that the decoder
// knows, switched off or not.
func TestExampleIsComplete(t *testing.T) {
	if missing := missingKeys("", []map[string]any{wholeExample(t).table}, reflect.TypeFor[fileTable]()); missing != nil {
		t.Errorf("config.example.toml does not show %s", strings.Join(missing, ", "))
	}
	// That the search finds what is not there.
	got := missingKeys("", []map[string]any{{"app": map[string]any{"a": map[string]any{"test": []map[string]any{{"at": 1}}}}}}, reflect.TypeFor[fileTable]())
	want := []string{
		"include", "server", "sessions", "issuer", "groups", "adapter",
		"app.NAME.host", "app.NAME.hosts", "app.NAME.upstream", "app.NAME.upstreams", "app.NAME.issuer",
		"app.NAME.issuers", "app.NAME.audience", "app.NAME.adapter",
		"app.NAME.preserve_host", "app.NAME.timeout", "app.NAME.match", "app.NAME.default_role", "app.NAME.rule",
		"app.NAME.test.name", "app.NAME.test.issuer", "app.NAME.test.email", "app.NAME.test.subject", "app.NAME.test.groups",
		"app.NAME.test.claims", "app.NAME.test.want", "app.NAME.test.want_attributes",
		"app.NAME.balance", "app.NAME.health", "app.NAME.upstream_tls", "app.NAME.upstream_http2",
		"app.NAME.stream_grace", "app.NAME.stream_max", "app.NAME.origins", "app.NAME.hide",
		"app.NAME.paths", "app.NAME.encoded_slash", "app.NAME.public", "app.NAME.deny", "app.NAME.cors_preflight", "app.NAME.own_credentials",
		"app.NAME.max_concurrent", "app.NAME.max_concurrent_per_person", "app.NAME.max_body_bytes", "app.NAME.rate", "app.NAME.burst",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys missing from nearly nothing (-want +got):\n%s", diff)
	}
}

// TestExampleKeysSwitchedOff: what is switched off in config.example.toml is
// spelt and typed right, and shows the default where there is one.
func TestExampleKeysSwitchedOff(t *testing.T) {
	report := newReporter()
	l := &loader{
		report: report, main: wholeExample(t), names: map[string]place{}, groups: map[string]place{},
		lists: map[string][]string{}, catalog: newCatalog(builtinKinds(), report),
	}
	if err := l.catalog.addPresets(os.DirFS(root + "/bridge/adapter")); err != nil {
		t.Fatal(err)
	}
	file := l.add(l.main)
	for name := range file.Adapters {
		l.catalog.decode(l.catalog.stack(name))
	}
	if problems := report.sorted(); problems != nil {
		t.Errorf("with every key switched on:\n%v", problems)
	}
	var (
		server   serverTable
		sessions sessionsTable
		issuer   issuerTable
		app      appTable
	)
	server.setDefaults()
	sessions.setDefaults()
	issuer.setDefaults()
	app.setDefaults()
	checkDefaults(t, "server", file.Server, server)
	checkDefaults(t, "sessions", file.Sessions, sessions)
	checkDefaults(t, "issuer.pomerium", file.Issuers["pomerium"], issuer)
	checkDefaults(t, "app.grafana", file.Apps["grafana"], app)
	health := healthTable{Path: file.Apps["grafana"].Health.Path, Interval: healthInterval, Timeout: healthTimeout}
	checkDefaults(t, "app.grafana.health", file.Apps["grafana"].Health, health)
}

// checkDefaults compares the fields that have a default. What is false unless it is
// written has one, and so has the only duration that may be none.
func checkDefaults(t *testing.T, path string, got, want any) {
	t.Helper()
	for field, value := range reflect.ValueOf(want).Fields() {
		shown := reflect.ValueOf(got).FieldByIndex(field.Index).Interface()
		has := !value.IsZero() || value.Kind() == reflect.Bool || value.Type() == reflect.TypeFor[time.Duration]()
		if has && !reflect.DeepEqual(shown, value.Interface()) {
			t.Errorf("%s shows %v, but the default is %v", joinKey(path, field.Tag.Get("toml")), shown, value)
		}
	}
}

// wholeExample is config.example.toml with every key switched on. That is no
// valid configuration: some keys exclude each other.
func wholeExample(t *testing.T) *document {
	t.Helper()
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	whole := regexp.MustCompile(`(?m)^#(\[\[include]]|[a-z0-9_]+ *= )`).ReplaceAll(data, []byte("$1"))
	doc, problem := parseDocument(exampleFile, whole)
	if problem != nil {
		t.Fatal(problem)
	}
	return doc
}

// missingKeys returns the paths of the keys of the given structs that none of
// the tables has, and of those below.
func missingKeys(path string, tables []map[string]any, structs ...reflect.Type) []string {
	var missing []string
	for _, s := range structs {
		for field := range s.Fields() {
			key := field.Tag.Get("toml")
			switch {
			case key == "" && field.Anonymous:
				missing = append(missing, missingKeys(path, tables, field.Type)...)
				continue
			case key == "" || key == "-":
				continue
			case strings.HasSuffix(path, ".header.NAME") && key == "needs": // for presets
				continue
			case strings.HasSuffix(path, ".claims.NAME") && slices.Contains([]string{"list", "lookup", "as"}, key): // not for claims
				continue
			}
			var values []any
			for _, table := range tables {
				if value, ok := table[key]; ok {
					values = append(values, value)
				}
			}
			if values == nil {
				missing = append(missing, joinKey(path, key))
				continue
			}
			missing = append(missing, missingBelow(joinKey(path, key), values, field.Type)...)
		}
	}
	return missing
}

// missingBelow looks into the values of a key of type t.
func missingBelow(path string, values []any, t reflect.Type) []string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return nil
	case t == reflect.TypeFor[map[string]map[string]any](): // adapters: their kinds know
		structs := []reflect.Type{reflect.TypeFor[optionsTable]()}
		for _, open := range builtinKinds() {
			structs = append(structs, reflect.TypeOf(open()).Elem())
		}
		return missingKeys(path+".NAME", entriesOf(values), structs...)
	case strings.HasSuffix(path, ".object"), strings.HasSuffix(path, ".json"), // whose keys are those of claims, and of forms
		strings.HasSuffix(path, ".list"), strings.HasSuffix(path, ".by"): // and of fields
		return nil
	case t.Kind() == reflect.Struct:
		return missingKeys(path, tablesOf(values), t)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return missingKeys(path, tablesOf(values), t.Elem())
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		return missingKeys(path+".NAME", entriesOf(values), t.Elem())
	}
	return nil
}

// tablesOf returns the tables that values are, or are lists of.
func tablesOf(values []any) []map[string]any {
	var tables []map[string]any
	for _, value := range values {
		switch value := value.(type) {
		case map[string]any:
			tables = append(tables, value)
		case []map[string]any:
			tables = append(tables, value...)
		}
	}
	return tables
}

// entriesOf returns the tables [kind.NAME] of values, which are their [kind]s.
func entriesOf(values []any) []map[string]any {
	var tables []map[string]any
	for _, kind := range tablesOf(values) {
		for _, key := range sortedKeys(kind) {
			tables = append(tables, tablesOf([]any{kind[key]})...)
		}
	}
	return tables
}
