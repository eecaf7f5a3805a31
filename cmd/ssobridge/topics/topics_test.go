package topics

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// Every page fits a terminal, but for code, and nothing of Markdown's marks is left.
func TestPagesRender(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range all {
		if place(topic.Name) == len(order) {
			t.Errorf("%s has no place in the order of the manual", topic.Name)
		}
		code := codeLines(topic.Text)
		for line := range strings.Lines(Render(topic.Text)) {
			line = strings.TrimSuffix(line, "\n")
			if code[strings.TrimSpace(line)] {
				continue
			}
			if utf8.RuneCountInString(line) > Width && strings.Contains(strings.TrimSpace(line), " ") {
				t.Errorf("%s: %d characters: %s", topic.Name, utf8.RuneCountInString(line), line)
			}
			if strings.Contains(line, "](") || strings.Contains(line, "**") || strings.Contains(line, "```") || strings.Contains(line, "<!--") {
				t.Errorf("%s: marks are left: %s", topic.Name, line)
			}
		}
	}
}

// codeLines are the lines of a page's blocks of code.
func codeLines(text string) map[string]bool {
	lines := map[string]bool{}
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			inside = !inside
		} else if inside {
			lines[line] = true
		}
	}
	return lines
}

func TestRender(t *testing.T) {
	const page = "# Title\n\nSome **bold** words with `code` and [a link](rules.md#there), which go on and on until the line\nis full.\n\n" +
		"- an item that is long enough to be broken into two lines, the second of which hangs below\n- another\n\n" +
		"<!-- a comment -->\n\n```toml\nkey = \"**\"   # stays\n```\n\n" +
		"| A | B |\n|---|---|\n| `x\\|y` | [site](https://example.com/) |\n\n" +
		"| Key | What it does | Since |\n|---|---|---|\n" +
		"| `rule` | grants a role to everyone for whom no other rule of the app matches | 1 |\n\n" +
		"| Key | What | Default | Since |\n|---|---|---|---|\n" +
		"| `default_role` | grants a role to everyone for whom no rule of the app matches | none | 1 |\n"
	const want = `Title
=====

Some bold words with ` + "`code` and a link (`ssobridge help rules`" + `), which go on and
on until the line is full.

- an item that is long enough to be broken into two lines, the second of which
  hangs below
- another

    key = "**"   # stays

A      B
-----  ---------------------------
` + "`x|y`" + `  site (https://example.com/)

Key     What it does                                                       Since
------  -----------------------------------------------------------------  -----
` + "`rule`" + `  grants a role to everyone for whom no other rule of the app        1
        matches

` + "`default_role`" + `
  What: grants a role to everyone for whom no rule of the app matches
  Default: none
  Since: 1
`
	if d := cmp.Diff(want, Render(page)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestPageWithoutSummary(t *testing.T) {
	for _, text := range []string{"", "no title\n\nbut a line\n", "# Title\n", "# Title\n\n## Section\n"} {
		if _, err := parse("x", text); err == nil {
			t.Errorf("%q is taken for a page", text)
		}
	}
}
