package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/config"
)

const observability = topicsDir + "/observability.md"

// firstCells are the names in the first column of the table below a comment.
func firstCells(t *testing.T, p *page, comment string) []string {
	t.Helper()
	_, rest, found := strings.Cut(strings.Join(p.lines, "\n"), comment)
	if !found {
		t.Fatalf("%s has no %q", p.path, comment)
	}
	var names []string
	for line := range strings.Lines(strings.TrimLeft(rest, "\n")) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if m := regexp.MustCompile("^\\| `([a-z_]+)` \\|").FindStringSubmatch(line); m != nil {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return names
}

// found are the first groups of all matches in the Go files below a folder, tests
// excepted.
func found(t *testing.T, root, pattern string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(data), -1) {
			names = append(names, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The table of reasons has every reason that a log can show, and no other.
func TestReasonTable(t *testing.T) {
	const reason = `(?m)^\tReason\w+ +(?:Reason +)?= "([a-z_]+)"`
	want := append(found(t, "../../verifier", reason), found(t, "../../bridge/decision", reason)...)
	slices.Sort(want)
	if len(want) < 30 {
		t.Fatalf("found %d reasons by %s", len(want), reason)
	}
	if d := cmp.Diff(want, firstCells(t, readPage(t, observability), "<!-- reasons: TestReasonTable holds this table to the code -->")); d != "" {
		t.Errorf("reasons in %s (-code +page):\n%s", observability, d)
	}
}

// The table of metrics has every metric, and no other.
func TestMetricTable(t *testing.T) {
	want := found(t, "../../bridge", `"(ssobridge_[a-z_]+)"`)
	if len(want) < 15 {
		t.Fatalf("found %d metrics", len(want))
	}
	if d := cmp.Diff(want, firstCells(t, readPage(t, observability), "<!-- metrics: TestMetricTable holds this table to the code -->")); d != "" {
		t.Errorf("metrics in %s (-code +page):\n%s", observability, d)
	}
}

var testLink = regexp.MustCompile(`\[(Test\w+)\]\(([^()]+\.go)\)`)

// A test that a page links to is there, in that file.
func TestLinksToTests(t *testing.T) {
	links := 0
	for _, p := range readPages(t) {
		for _, m := range testLink.FindAllStringSubmatch(strings.Join(p.lines, "\n"), -1) {
			links++
			data, err := os.ReadFile(filepath.Join(filepath.Dir(p.path), m[2]))
			if err != nil || !strings.Contains(string(data), "func "+m[1]+"(") {
				t.Errorf("%s: %s has no %s", p.path, m[2], m[1])
			}
		}
	}
	if links < 10 {
		t.Errorf("found %d links to tests", links)
	}
}

var headerOfPreset = regexp.MustCompile(`^# ssobridge adapters show (\S+)\n`)

// An ini block that says it is what a preset prints is that, without the comments;
// -update writes it.
func TestPagesIni(t *testing.T) {
	checked := 0
	for _, b := range blocksOf(t, "ini") {
		name := headerOfPreset.FindStringSubmatch(b.text)
		if name == nil {
			continue
		}
		checked++
		preset, err := config.LookupPreset(name[1])
		if err != nil {
			t.Fatal(err)
		}
		want := name[0] + withoutComments(preset.Setup)
		if want == b.text {
			continue
		}
		if *update {
			rewrite(t, &b, want)
			continue
		}
		t.Errorf("%s; -update writes it (-preset +page):\n%s", b.place(), cmp.Diff(want, b.text))
	}
	if checked < 2 {
		t.Error("the pages do not show Grafana's settings")
	}
}

var emptyLines = regexp.MustCompile(`\n{3,}`)

func withoutComments(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			kept.WriteString(line)
		}
	}
	return emptyLines.ReplaceAllString(strings.Trim(kept.String(), "\n"), "\n\n") + "\n"
}
