// Package topics holds the pages of the manual: *.md files, which are embedded and which
// ssobridge help prints.
package topics

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed *.md
var files embed.FS

// Topic is one page of the manual.
type Topic struct {
	Name    string // of its file, without .md
	Title   string // its first heading
	Summary string // the line below that
	Text    string // all of it, in Markdown
}

// order is how the pages are listed: what a newcomer needs comes first.
var order = []string{
	"rules", "identity", "adapters", "own-presets", "sessions", "grafana", "pomerium",
	"teams", "diff-in-ci", "key-rotation", "replicas", "observability", "troubleshooting",
	"security", "speed", "upgrading", "faq",
}

// All returns every topic, in the order of the manual. A page without a place in it
// comes last.
func All() ([]Topic, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var all []Topic
	for _, entry := range entries {
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, err
		}
		t, err := parse(strings.TrimSuffix(path.Base(entry.Name()), ".md"), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	slices.SortStableFunc(all, func(a, b Topic) int { return place(a.Name) - place(b.Name) })
	return all, nil
}

func place(name string) int {
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return len(order)
}

// parse takes the title and the summary from the top of a page.
func parse(name, text string) (Topic, error) {
	heading, rest, _ := strings.Cut(text, "\n")
	title, isTitle := strings.CutPrefix(heading, "# ")
	summary, _, _ := strings.Cut(strings.TrimLeft(rest, "\n"), "\n")
	if !isTitle || summary == "" || strings.HasPrefix(summary, "#") {
		return Topic{}, fmt.Errorf("topics/%s.md must begin with a title and a line that sums it up", name)
	}
	return Topic{Name: name, Title: title, Summary: summary, Text: text}, nil
}
