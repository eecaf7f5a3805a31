package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/internal/catalog"
)

var (
	adapterTable = regexp.MustCompile(`(?m)^\[adapter\.([a-z-]+)\]`)
	extends      = regexp.MustCompile(`(?m)^extends +?= "([a-z-]+)"`)
	ownRoles     = regexp.MustCompile(`(?m)^roles +?= \["([^"]+)"`)
)

// completed is a TOML block as a whole configuration: with the issuer and the app that
// it leaves out.
func completed(t *testing.T, text string) string {
	t.Helper()
	if !strings.Contains(text, "[issuer.") {
		text += "\n[issuer.pomerium]\njwks_url = \"https://app.example.com/jwks.json\"\n"
	}
	if strings.Contains(text, "[app.") {
		return text
	}
	adapter, role := "remote-user", "reader"
	if m := adapterTable.FindStringSubmatch(text); m != nil {
		adapter = m[1]
	}
	if m := ownRoles.FindStringSubmatch(text); m != nil {
		role = m[1]
	} else if m := extends.FindStringSubmatch(text); m != nil {
		role = roleOf(t, m[1], role)
	}
	return text + fmt.Sprintf("\n[app.example]\nhost = \"app.example.com\"\nupstream = \"http://127.0.0.1:1\"\nadapter = %q\n"+
		"[[app.example.rule]]\nrole = %q\nemails = [\"*@example.com\"]\n", adapter, role)
}

// roleOf is the first role that the app of a preset knows.
func roleOf(t *testing.T, preset, otherwise string) string {
	t.Helper()
	c, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Presets {
		if p := &c.Presets[i]; p.Name == preset && len(p.Roles) > 0 {
			return p.Roles[0]
		}
	}
	return otherwise
}

// Every TOML block of a page loads, without a warning: those that are not whole
// configurations as part of one.
func TestPagesTOML(t *testing.T) {
	for _, b := range blocksOf(t, "toml") {
		t.Run(b.place(), func(t *testing.T) {
			if strings.Contains(b.text, "include =") { // names files that nobody shows
				return
			}
			dir := t.TempDir()
			openssl(t, dir, b.page)
			writeShown(t, dir, b.page)
			writeOwn(t, dir)
			path := filepath.Join(dir, "ssobridge.toml")
			if err := os.WriteFile(path, []byte(completed(t, b.text)), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(path)
			if err != nil {
				t.Fatalf("%s: %v", b.place(), err)
			}
			for _, warning := range c.Warnings(time.Now()) {
				t.Errorf("%s: %+v", b.place(), warning)
			}
		})
	}
}

// writeOwn writes what people have before they read a page: the secrets of their apps, and
// the file of a team.
func writeOwn(t *testing.T, dir string) {
	t.Helper()
	own := map[string]string{
		"build.key":    "a key",
		"notes.secret": strings.Repeat("0123456789abcdef", 2),
		"notes.dsn":    "postgres://ssobridge:x@127.0.0.1/notes",
		"teams/a/apps.toml": "[app.a-wiki]\nhost = \"wiki.a.example.com\"\nupstream = \"http://10.1.0.1:3000\"\nadapter = \"remote-user\"\n" +
			"rule = [{ role = \"Viewer\", emails = [\"*@a.example.com\"] }]\n",
	}
	if err := os.MkdirAll(filepath.Join(dir, "teams", "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range own {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var shownFile = regexp.MustCompile(`^# (\S+\.\w+) \(chmod 600\)\n`)

// writeShown writes the files that a page shows beside configurations.
func writeShown(t *testing.T, dir string, p *page) {
	t.Helper()
	for _, b := range p.blocks {
		if name := shownFile.FindStringSubmatch(b.text); name != nil {
			if err := os.WriteFile(filepath.Join(dir, name[1]), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// openssl runs a page's own recipes for keys.
func openssl(t *testing.T, dir string, p *page) {
	t.Helper()
	for _, b := range p.blocks {
		if b.language != "console" || !strings.Contains(b.text, "$ openssl") {
			continue
		}
		requireReal(t, "openssl")
		for _, c := range transcript(b.text) {
			runCommand(t, dir, c.args)
		}
	}
}

// requireReal skips without a program, and fails where it must be there.
func requireReal(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
			t.Fatalf("%s is not installed, and SSOBRIDGE_REQUIRE_REAL=1", program)
		}
		t.Skipf("%s is not installed", program)
	}
}

// Every YAML block of a page is YAML.
func TestPagesYAML(t *testing.T) {
	for _, b := range blocksOf(t, "yaml") {
		var v any
		if err := yaml.Unmarshal([]byte(b.text), &v); err != nil {
			t.Errorf("%s: %v", b.place(), err)
		}
	}
}

// Every sh block of a page is one that a shell can read.
func TestPagesShell(t *testing.T) {
	requireReal(t, "sh")
	for _, b := range blocksOf(t, "sh") {
		cmd := exec.CommandContext(t.Context(), "sh", "-n")
		cmd.Stdin = strings.NewReader(b.text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", b.place(), err, out)
		}
	}
}
