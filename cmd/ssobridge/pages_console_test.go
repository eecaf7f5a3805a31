package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// command is one command of a console block, with what it prints.
type command struct {
	args []string
	want string
}

func transcript(text string) []command {
	var all []command
	for line := range strings.Lines(text) {
		if args, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, command{args: splitWords(args)})
		} else if len(all) > 0 {
			all[len(all)-1].want += line
		}
	}
	return all
}

var quoted = regexp.MustCompile(`'([^']*)'|"([^"]*)"|(\S+)`)

// splitWords takes a command line apart as a shell does. Quotes are around whole words.
func splitWords(line string) []string {
	var words []string
	for _, m := range quoted.FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2]+m[3])
	}
	return words
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

// writeWorld writes what a page's commands work on: as ssobridge.toml the first TOML block
// that has an app, or README.md's where the page has none, and as new.toml the same with
// the changes of the page's diff block.
func writeWorld(t *testing.T, dir string, p *page) {
	t.Helper()
	before := firstConfig(p)
	if before == "" {
		before = firstConfig(readPage(t, readme))
	}
	files := map[string]string{"ssobridge.toml": before}
	for _, b := range p.blocks {
		if b.language == "diff" {
			files["new.toml"] = changed(t, &b, before)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openssl(t, dir, p)
	writeShown(t, dir, p)
	writeOwn(t, dir)
}

func firstConfig(p *page) string {
	for _, b := range p.blocks {
		if b.language == "toml" && strings.Contains(b.text, "[app.") && strings.Contains(b.text, "[issuer.") {
			return b.text
		}
	}
	return ""
}

// changed is a configuration with the change of a diff block.
func changed(t *testing.T, b *block, before string) string {
	t.Helper()
	var removed, added strings.Builder
	for line := range strings.Lines(b.text) {
		if rest, ok := strings.CutPrefix(line, "-"); ok {
			removed.WriteString(rest)
		} else if rest, ok := strings.CutPrefix(line, "+"); ok {
			added.WriteString(rest)
		}
	}
	after := strings.Replace(before, removed.String(), added.String(), 1)
	if removed.Len() == 0 || after == before {
		t.Fatalf("%s: the diff changes nothing of the configuration", b.place())
	}
	return after
}

// Every command of a page does what the page says; -update writes what it prints.
// A line "..." stands for lines that are left out.
func TestPagesCommands(t *testing.T) {
	for _, p := range readPages(t) {
		for i := range p.blocks {
			if p.blocks[i].language == "console" {
				runBlock(t, &p.blocks[i])
			}
		}
	}
}

func runBlock(t *testing.T, b *block) {
	t.Helper()
	var printed strings.Builder
	same := true
	for _, c := range transcript(b.text) {
		line := strings.Join(c.args, " ")
		got := c.want
		t.Run(b.place()+" "+line, func(t *testing.T) {
			switch {
			case line == "go test ./..." || strings.HasPrefix(line, "go build ") || strings.HasPrefix(line, "go install "):
				// The test that runs has been built by them.
			case strings.HasSuffix(line, "ssobridge demo"):
				demoStarts(t)
			case c.args[0] == "openssl" || c.args[0] == "chmod":
				openssl(t, t.TempDir(), b.page)
			case c.args[0] == "ssobridge":
				got = runHere(t, b, c)
			default:
				t.Errorf("%s: no test knows how to run this", b.place())
			}
		})
		if !printsAs(c.want, got) {
			same = false
			if !*update {
				t.Errorf("%s: %s prints something else; -update writes it (-page +real):\n%s", b.place(), line, cmp.Diff(c.want, got))
			}
		} else {
			got = c.want
		}
		printed.WriteString("$ " + commandLine(b.text, line) + "\n" + got)
	}
	if *update && !same {
		rewrite(t, b, printed.String())
	}
}

// commandLine is a command as its block has it, with its quotes.
func commandLine(text, line string) string {
	for candidate := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(candidate, "$ "); ok && strings.Join(splitWords(rest), " ") == line {
			return strings.TrimSuffix(rest, "\n")
		}
	}
	return line
}

// runHere runs a command of ssobridge in the page's world and returns what it prints,
// or what the page says if that says nothing.
func runHere(t *testing.T, b *block, c command) string {
	t.Helper()
	dir := t.TempDir()
	writeWorld(t, dir, b.page)
	t.Chdir(dir)
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), c.args[1:], strings.NewReader(""), &stdout, &stderr)
	if code != exitOK && c.want == "" && !*update {
		t.Fatalf("%s: exit code %d: %s", b.place(), code, stderr.Bytes())
	}
	if c.want == "" && !slices.Contains(c.args, "explain") {
		return ""
	}
	return stdout.String() + stderr.String()
}

// printsAs reports whether an output is what a page shows of it.
func printsAs(want, got string) bool {
	if want == "" {
		return true
	}
	var pattern strings.Builder
	for line := range strings.Lines(want) {
		if strings.TrimSpace(line) == "..." {
			pattern.WriteString(`(?:.*\n)*?`)
		} else {
			pattern.WriteString(regexp.QuoteMeta(line))
		}
	}
	return regexp.MustCompile(`\A` + pattern.String() + `\z`).MatchString(got)
}

// rewrite puts another text into a block.
func rewrite(t *testing.T, b *block, text string) {
	t.Helper()
	data, err := os.ReadFile(b.page.path)
	if err != nil {
		t.Fatal(err)
	}
	indented := func(text string) string {
		var s strings.Builder
		for line := range strings.Lines(text) {
			if line != "\n" {
				line = b.indent + line
			}
			s.WriteString(line)
		}
		return s.String()
	}
	after := strings.Replace(string(data), indented(b.text), indented(text), 1)
	if err := os.WriteFile(b.page.path, []byte(after), 0o600); err != nil {
		t.Fatal(err)
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
	// The pages' lines for a second terminal are among those that the demo prints, all of
	// which the demo's own test runs.
	port := regexp.MustCompile(`http://grafana\.localhost:(\d+)/`).FindStringSubmatch(printed)
	if port == nil {
		t.Fatalf("it printed no address:\n%s", printed)
	}
	for _, b := range blocksOf(t, "sh") {
		for line := range strings.Lines(b.text) {
			if !strings.Contains(line, ":8000/") {
				continue
			}
			if want := strings.TrimSpace(strings.ReplaceAll(line, ":8000/", ":"+port[1]+"/")); !strings.Contains(printed, want) {
				t.Errorf("%s: the demo does not print %q:\n%s", b.place(), want, printed)
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
