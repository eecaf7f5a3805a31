package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/cmd/ssobridge/internal/catalog"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/topics"
)

const (
	readme    = "../../README.md"
	topicsDir = "topics"
)

// page is README.md or a topic: what users read.
type page struct {
	path   string
	lines  []string
	blocks []block
}

// block is one fenced block of a page.
type block struct {
	language, text string
	line           int    // of its fence
	indent         string // of its lines
	page           *page
}

func (b *block) place() string {
	return fmt.Sprintf("%s:%d", strings.TrimPrefix(b.page.path, "../../"), b.line)
}

// readPages reads README.md and every topic.
func readPages(t *testing.T) []*page {
	t.Helper()
	paths, err := filepath.Glob(topicsDir + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var pages []*page
	for _, path := range append([]string{readme}, paths...) {
		pages = append(pages, readPage(t, path))
	}
	return pages
}

func readPage(t *testing.T, path string) *page {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{path: path, lines: strings.Split(string(data), "\n")}
	var open *block
	for i, line := range p.lines {
		trimmed := strings.TrimLeft(line, " ")
		language, fence := strings.CutPrefix(trimmed, "```")
		switch {
		case fence && open == nil:
			open = &block{language: language, line: i + 1, indent: line[:len(line)-len(trimmed)], page: p}
		case fence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, open.indent) + "\n"
		}
	}
	if open != nil {
		t.Fatalf("%s: block without end", open.place())
	}
	return p
}

// blocksOf returns the blocks of all pages in a language.
func blocksOf(t *testing.T, language string) []block {
	t.Helper()
	var all []block
	for _, p := range readPages(t) {
		for _, b := range p.blocks {
			if b.language == language {
				all = append(all, b)
			}
		}
	}
	return all
}

// Every block says what it is, so that none escapes the tests.
func TestPagesBlocks(t *testing.T) {
	known := map[string]bool{"toml": true, "console": true, "sh": true, "yaml": true, "ini": true, "go": true, "diff": true, "json": true, "text": true}
	for _, p := range readPages(t) {
		for i := range p.blocks {
			b := &p.blocks[i]
			picture := b.language == "" && p.path == readme && b.line < 20
			if !known[b.language] && !picture {
				t.Errorf("%s: no test knows what to do with a block of %q", b.place(), b.language)
			}
		}
	}
}

// Every topic is in README.md and in the list that ssobridge help prints, with a line
// that says what it is about.
func TestTopicsAreListed(t *testing.T) {
	all, err := topics.All()
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(topicsDir + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(paths) {
		t.Errorf("%d topics are embedded, %d files are there", len(all), len(paths))
	}
	index := strings.Join(readPage(t, readme).lines, "\n")
	list := topicList()
	for _, topic := range all {
		if want := "[" + topic.Name + "](cmd/ssobridge/topics/" + topic.Name + ".md)"; !strings.Contains(index, want) {
			t.Errorf("README.md has no %s", want)
		}
		if !strings.Contains(list, "\n  "+topic.Name+" ") {
			t.Errorf("ssobridge help does not list %s", topic.Name)
		}
		if len(topic.Summary) > 100 {
			t.Errorf("topics/%s.md: the line below the title has %d characters; at most 100 fit a list", topic.Name, len(topic.Summary))
		}
	}
}

var (
	markdownLink = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	codeSpan     = regexp.MustCompile("`[^`]*`")
)

// Every link leads to a file of the repository or to a heading that is there.
func TestLinks(t *testing.T) {
	pages := readPages(t)
	for _, other := range []string{"../../deploy/README.md", "../../deploy/compose/README.md"} {
		pages = append(pages, readPage(t, other))
	}
	for _, p := range pages {
		for n, line := range prose(p) {
			for _, m := range markdownLink.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
				target, anchor, _ := strings.Cut(m[1], "#")
				if strings.HasPrefix(target, "https://") || strings.HasPrefix(target, "http://") {
					continue
				}
				file := p.path
				if target != "" {
					file = filepath.Join(filepath.Dir(p.path), target)
				}
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s:%d: %s leads nowhere", p.path, n+1, m[1])
				} else if anchor != "" && !anchors(readPage(t, file))[anchor] {
					t.Errorf("%s:%d: %s has no heading #%s", p.path, n+1, file, anchor)
				}
			}
		}
	}
}

// prose is a page by its lines' indexes, without blocks of code.
func prose(p *page) map[int]string {
	lines := map[int]string{}
	inside := false
	for i, line := range p.lines {
		fence := strings.HasPrefix(strings.TrimLeft(line, " "), "```")
		if fence {
			inside = !inside
		}
		if !fence && !inside {
			lines[i] = line
		}
	}
	return lines
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)

// anchors are a page's headings as GitHub names them in addresses.
func anchors(p *page) map[string]bool {
	all := map[string]bool{}
	for _, line := range prose(p) {
		if strings.HasPrefix(line, "#") {
			heading := strings.TrimSpace(strings.TrimLeft(line, "#"))
			name := strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
			all[name] = true
		}
	}
	return all
}

// The table of presets is what the program says of them; -update writes it.
func TestTopicsPresets(t *testing.T) {
	const path, begin, end = topicsDir + "/adapters.md", "<!-- presets: go test ./cmd/ssobridge -run TopicsPresets -update -->\n", "<!-- end of presets -->"
	before, rest, found := strings.Cut(strings.Join(readPage(t, path).lines, "\n"), begin)
	table, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s has no table between %q and %q", path, begin, end)
	}
	c, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	want := "\n" + c.Markdown() + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("the table of presets in %s; -update writes it (-want +page):\n%s", path, diff)
	}
}
