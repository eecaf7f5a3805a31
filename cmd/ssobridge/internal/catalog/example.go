package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
)

// Example is a whole configuration with a preset, and what the app receives by it
// for somebody who is made up.
type Example struct {
	Config string `json:"config"`
	// Files are those that Config names.
	Files []File `json:"files"`
	// Person is who asks, Received what the app then receives.
	Person   explain.Person                 `json:"person"`
	Roles    []string                       `json:"roles"`
	Received map[string]explain.HeaderValue `json:"received"`
	Cookies  []string                       `json:"cookies"`
	// SignIn is what the app is told when it asks by way of the browser.
	SignIn map[string]explain.HeaderValue `json:"sign_in,omitempty"`
	// Session is how a session of the app is begun.
	Session []string `json:"session,omitempty"`
}

// File is a file that a configuration names.
type File struct {
	Path string `json:"path"`
	// Make is the command that makes one; empty: it holds what Holds says.
	Make  string `json:"make,omitempty"`
	Holds string `json:"holds"`
}

// examplePerson is who asks. They are in exampleGroup.
var examplePerson = explain.Person{
	Email: "ann@example.com", Subject: "4f1c2a7e", Name: "Ann Example", Groups: []string{exampleGroup, "staff@example.com"},
}

const exampleGroup = "sre@example.com"

// exampleTime is when they ask, so that the answer is always the same.
var exampleTime = time.Date(2027, time.January, 31, 12, 0, 0, 0, time.UTC)

// newExample returns an example with a preset, for an app or, if that is nil, one
// that is made up.
func newExample(ctx context.Context, p *config.Preset, app *config.App) (*Example, error) {
	e := &Example{Config: exampleConfig(p, app), Person: examplePerson, Files: []File{}}
	for _, key := range slices.Sorted(maps.Keys(p.Needs)) {
		e.Files = append(e.Files, filesIn(key, p.Needs[key], makeKey(p))...)
	}
	c, err := config.ParsePolicy("example.toml", []byte(e.Config))
	if err != nil {
		return nil, fmt.Errorf("the example for %q: %w", p.Name, err)
	}
	x := explain.ReachOf(ctx, e.Person, e.Person.Cases(c.Apps, nil), exampleTime).Apps[0]
	if !x.Allowed() {
		return nil, fmt.Errorf("the example for %q: %s", p.Name, x.Summary)
	}
	e.Roles, e.Received, e.Cookies, e.SignIn, e.Session = x.Roles, x.Header, list(x.Cookies), x.SignIn, x.Session
	return e, nil
}

// exampleConfig is the smallest configuration that makes something of a preset.
func exampleConfig(p *config.Preset, app *config.App) string {
	host, name := placeholders(p.Setup)
	if !strings.ContainsFunc(name, func(r rune) bool { return r >= 'a' }) { // "NAME" is no app's
		name = p.Name
	}
	host, upstream := cmp.Or(host, name+".example.com"), "http://127.0.0.1:3000"
	if app != nil {
		name, host, upstream = app.Name, app.Host, app.Upstream.String()
	}
	role, note := "user", "any word: the app is not told"
	switch {
	case p.Roles != nil:
		role = exampleRole(p)
		note = "or " + strings.Join(slices.DeleteFunc(slices.Clone(p.Roles), func(r string) bool { return r == role }), ", ")
		if len(p.Roles) == 1 {
			note = "the only one"
		}
	case p.SendsRoles():
		note = "any word that the app knows"
	}
	adapter := p.Name
	if p.Needs != nil {
		adapter = "our-" + p.Name
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("[issuer.pomerium]")
	line("jwks_url = %q", "https://"+host+"/.well-known/pomerium/jwks.json")
	line("")
	line("[app.%s]", name)
	line("host     = %-32q # what users open", host)
	line("upstream = %-32q # where the app listens", upstream)
	line("adapter  = %q", adapter)
	line("")
	line("[[app.%s.rule]]", name)
	line("role   = %-34s # %s", tomlString(role), note)
	line("groups = [%q]", exampleGroup)
	if p.Needs != nil {
		line("")
		line("[adapter.%s]", adapter)
		line("extends = %q", p.Name)
		for _, l := range tomlLines(p.Needs) {
			line("%s", l)
		}
	}
	return b.String()
}

// exampleRole is the highest role that people copy without harm.
func exampleRole(p *config.Preset) string {
	for _, role := range slices.Backward(p.Roles) {
		if !slices.Contains(p.Privileged, role) {
			return role
		}
	}
	return p.Roles[0]
}

// makeKey is the command that makes a key of a type that the app reads.
func makeKey(p *config.Preset) string {
	types, _ := p.Options["key_types"].([]any)
	switch {
	case len(types) == 0 || slices.Contains(types, any("EC")):
		return "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
	case types[0] == "RSA":
		return "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072"
	default:
		return "openssl genpkey -algorithm ED25519"
	}
}

// filesIn returns the files that an option names; makeKey is for those of keys.
func filesIn(key string, v any, makeKey string) []File {
	var files []File
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			files = append(files, filesIn(key, item, makeKey)...)
		}
	case []map[string]any:
		for _, item := range v {
			files = append(files, filesIn(key, item, makeKey)...)
		}
	case map[string]any:
		if path, is := v["file"].(string); is && len(v) == 1 {
			if key == "keys" {
				command := makeKey + " -out " + path
				if dir := filepath.Dir(path); dir != "." {
					command = "mkdir -p " + dir + " && " + command
				}
				return []File{{path, command, "the key that signs"}}
			}
			if key == "credentials" {
				return []File{{Path: path, Holds: `people's names and passwords there, such as [email."ann@example.com"] with username = "..." and password = "..."`}}
			}
			holds := "the secret, in one line"
			if key == "dsn" || key == "redis" {
				holds = "the address with user and password, in one line"
			}
			return []File{{Path: path, Holds: holds}}
		}
		for _, below := range slices.Sorted(maps.Keys(v)) {
			files = append(files, filesIn(below, v[below], makeKey)...)
		}
	}
	return files
}
