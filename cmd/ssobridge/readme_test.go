package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/catalog"
	"github.com/ssobridge/ssobridge/bridge/config"
)

const readme = "../../README.md"

// block is one fenced block of README.md.
type block struct {
	language, text string
	line           int
}

func readmeBlocks(t *testing.T) []block {
	t.Helper()
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	var (
		blocks []block
		open   *block
		indent int
	)
	for i, line := range strings.Split(string(data), "\n") {
		trimmed := strings.TrimLeft(line, " ")
		language, fence := strings.CutPrefix(trimmed, "```")
		switch {
		case fence && open == nil:
			open, indent = &block{language: language, line: i + 1}, len(line)-len(trimmed)
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line[min(indent, len(line)-len(trimmed)):] + "\n"
		}
	}
	if open != nil {
		t.Fatalf("README.md:%d: block without end", open.line)
	}
	return blocks
}

// mainConfig is the first TOML block: the file that README's commands use.
func mainConfig(t *testing.T) string {
	t.Helper()
	for _, b := range readmeBlocks(t) {
		if b.language == "toml" {
			return b.text
		}
	}
	t.Fatal("README.md has no TOML block")
	return ""
}

// changedConfig is the main file with the change of the diff block.
func changedConfig(t *testing.T) string {
	t.Helper()
	var removed, added strings.Builder
	for _, b := range readmeBlocks(t) {
		if b.language != "diff" {
			continue
		}
		for line := range strings.Lines(b.text) {
			if rest, ok := strings.CutPrefix(line, "-"); ok {
				removed.WriteString(rest)
			} else if rest, ok := strings.CutPrefix(line, "+"); ok {
				added.WriteString(rest)
			}
		}
	}
	before := mainConfig(t)
	after := strings.Replace(before, removed.String(), added.String(), 1)
	if removed.Len() == 0 || after == before {
		t.Fatal("README.md's diff block changes nothing of its configuration")
	}
	return after
}

var adapterTable = regexp.MustCompile(`(?m)^\[adapter\.([a-z-]+)\]`)

// Every TOML block of README.md loads: those that are not whole files as part
// of one.
func TestReadmeTOML(t *testing.T) {
	const (
		issuer = "\n[issuer.pomerium]\njwks_url = \"https://app.example.com/jwks.json\"\n"
		app    = "\n[app.example]\nhost = \"app.example.com\"\nupstream = \"http://127.0.0.1:1\"\nadapter = \"%s\"\n" +
			"[[app.example.rule]]\nrole = \"%s\"\nemails = [\"*\"]\n"
	)
	for _, b := range readmeBlocks(t) {
		if b.language != "toml" {
			continue
		}
		t.Run(fmt.Sprintf("line %d", b.line), func(t *testing.T) {
			text := b.text
			if !strings.Contains(text, "[issuer.") {
				text += issuer
			}
			if !strings.Contains(text, "[app.") {
				name := "remote-user"
				if m := adapterTable.FindStringSubmatch(text); m != nil {
					name = m[1]
				}
				role := "reader"
				if strings.Contains(text, `extends = "grafana`) {
					role = "Viewer"
				} else if strings.Contains(text, `extends = "discourse`) || strings.Contains(text, `extends = "guacamole`) {
					role = "user"
				}
				text += fmt.Sprintf(app, name, role)
			}
			dir := t.TempDir()
			openssl(t, dir)
			writeShown(t, dir)
			// What an app has already: its secret, its database, and its machines' keys.
			for name, text := range map[string]string{"build.key": "a key", "notes.secret": strings.Repeat("0123456789abcdef", 2), "notes.dsn": "postgres://ssobridge:x@127.0.0.1/notes"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(dir, "ssobridge.toml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, warning := range c.Warnings(time.Now()) {
				t.Errorf("%+v", warning)
			}
		})
	}
}

var shownFile = regexp.MustCompile(`^# (\S+\.toml) \(chmod 600\)\n`)

// writeShown writes the files that README shows beside configurations.
func writeShown(t *testing.T, dir string) {
	t.Helper()
	for _, b := range readmeBlocks(t) {
		if name := shownFile.FindStringSubmatch(b.text); name != nil {
			if err := os.WriteFile(filepath.Join(dir, name[1]), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// openssl runs README's own recipe for a key.
func openssl(t *testing.T, dir string) {
	t.Helper()
	requireReal(t, "openssl")
	for _, b := range readmeBlocks(t) {
		if !strings.Contains(b.text, "$ openssl") {
			continue
		}
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

// command is one command of a console block, with what it prints.
type command struct {
	args []string
	want string
}

func transcript(text string) []command {
	var all []command
	for line := range strings.Lines(text) {
		if args, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, command{args: strings.Fields(args)})
		} else {
			all[len(all)-1].want += line
		}
	}
	return all
}

func runCommand(t *testing.T, dir string, args []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s%s", args, err, out, stderr.Bytes())
	}
	return string(out)
}

// Every command of README.md does what README.md says.
func TestReadmeCommands(t *testing.T) {
	for _, b := range readmeBlocks(t) {
		if b.language != "console" {
			continue
		}
		for _, c := range transcript(b.text) {
			t.Run(strings.Join(c.args, " "), func(t *testing.T) {
				switch line := strings.Join(c.args, " "); {
				case line == "go test ./...":
					// This is it.
				case line == "go run ./cmd/ssobridge demo":
					demoStarts(t)
				case c.args[0] == "openssl" || c.args[0] == "chmod":
					openssl(t, t.TempDir())
				case c.args[0] == "ssobridge":
					dir := t.TempDir()
					for name, text := range map[string]string{"ssobridge.toml": mainConfig(t), "new.toml": changedConfig(t)} {
						if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					var stdout, stderr bytes.Buffer
					t.Chdir(dir)
					if code := run(t.Context(), c.args[1:], strings.NewReader(""), &stdout, &stderr); code != exitOK {
						t.Fatalf("exit code %d: %s", code, stderr.Bytes())
					}
					if c.want != "" {
						if d := cmp.Diff(c.want, stdout.String()); d != "" {
							t.Errorf("README.md:%d prints something else (-README +real):\n%s", b.line, d)
						}
					}
				default:
					t.Errorf("README.md:%d: no test knows how to run this", b.line)
				}
			})
		}
	}
}

// demoStarts runs the demo, on free ports, until it says how to end it.
func demoStarts(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &waitFor{text: "Ctrl-C ends the demo.", found: cancel}
	args := []string{"demo", "--port", "0", "--bridge-port", "0", "--admin-port", "0", "--log-level", "error"}
	var stderr bytes.Buffer
	if code := run(ctx, args, strings.NewReader(""), out, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.Bytes())
	}
	printed := out.b.String()
	if !out.done {
		t.Fatalf("it ended before it said how to end it:\n%s", printed)
	}
	// README's lines for a second terminal are among those that the demo prints,
	// all of which the demo's own test runs.
	port := regexp.MustCompile(`http://grafana\.localhost:(\d+)/`).FindStringSubmatch(printed)
	if port == nil {
		t.Fatalf("it printed no address:\n%s", printed)
	}
	for _, b := range readmeBlocks(t) {
		if b.language != "sh" {
			continue
		}
		for line := range strings.Lines(b.text) {
			if want := strings.TrimSpace(strings.ReplaceAll(line, ":8000/", ":"+port[1]+"/")); !strings.Contains(printed, want) {
				t.Errorf("README.md:%d: the demo does not print %q:\n%s", b.line, want, printed)
			}
		}
	}
}

// waitFor calls found when text has been written.
type waitFor struct {
	text  string
	found func()
	mu    sync.Mutex
	b     strings.Builder
	done  bool
}

func (w *waitFor) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.b.Write(p)
	if !w.done && strings.Contains(w.b.String(), w.text) {
		w.done = true
		w.found()
	}
	return n, err
}

// The grafana.ini of README.md is the preset's own, without its comments.
func TestReadmeGrafanaIni(t *testing.T) {
	preset, err := config.LookupPreset("grafana")
	if err != nil {
		t.Fatal(err)
	}
	settings := func(text string) []string {
		var all []string
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				all = append(all, line)
			}
		}
		return all
	}
	for _, b := range readmeBlocks(t) {
		if b.language != "ini" {
			continue
		}
		if d := cmp.Diff(settings(preset.Setup), settings(b.text)); d != "" {
			t.Errorf("README.md:%d (-preset +README):\n%s", b.line, d)
		}
		return
	}
	t.Error("README.md has no ini block")
}

// The table of presets is what the program says of them; -update writes it.
func TestReadmePresets(t *testing.T) {
	const begin, end = "-run ReadmePresets -update -->\n", "<!-- end of presets -->"
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), begin)
	table, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("README.md has no table between %q and %q", begin, end)
	}
	c, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	want := "\n" + c.Markdown() + "\n"
	if *update {
		if err := os.WriteFile(readme, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("README.md's table of presets; -update writes it (-want +README):\n%s", diff)
	}
}
