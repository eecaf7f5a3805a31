package policydiff

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// TestCodeSpans: whatever the text, it is one code span, in one cell.
func TestCodeSpans(t *testing.T) {
	check(t, 5000, func(t *rapid.T) {
		text := rapid.StringMatching("[`|\\\\ <@a\n\u202e]{0,12}").Draw(t, "text")
		span := code(text)
		fence := span[:len(span)-len(strings.TrimLeft(span, "`"))]
		content := strings.TrimSuffix(strings.TrimPrefix(span, fence), fence)
		if fence == "" || len(content) != len(span)-2*len(fence) || content == "" {
			t.Fatalf("%q: no code span", span)
		}
		for _, run := range regexp.MustCompile("`+").FindAllString(content, -1) {
			if run == fence {
				t.Fatalf("%q ends early", span)
			}
		}
		if strings.HasPrefix(content, "`") || strings.HasSuffix(content, "`") {
			t.Fatalf("%q: the fence is longer than it seems", span)
		}
		// A "|" is in the cell only after one backslash: two may mean a backslash
		// and the end of the cell.
		for i := range content {
			if content[i] == '|' && (i == 0 || content[i-1] != '\\' || i > 1 && content[i-2] == '\\') {
				t.Fatalf("%q ends the cell", span)
			}
		}
		if strings.ContainsAny(content, "\n\u202e") {
			t.Fatalf("%q has what cannot be seen", span)
		}
		plain := strings.TrimSpace(strings.NewReplacer(`\|`, "|", `\u007c`, "|").Replace(content))
		if want := strings.TrimSpace(wording.Visible(text)); plain != want {
			t.Fatalf("%q is %q, want %q", span, plain, want)
		}
	})
}

// TestMarkdownIsTame: outside code spans, there is nothing that others wrote.
func TestMarkdownIsTame(t *testing.T) {
	r := compare(t,
		app("x", `audience = "@team <img src=x>"`, "[[rule]]\nrole = \"@octocat | <b>\"\ngroups = [\"a\"]"),
		app("x", `audience = "[a](http://evil.test)"`, "[[rule]]\nrole = \"```\"\ngroups = [\"a\"]\nwhen = 'name != \"@x\"'"),
		"email,subject,groups\nann@example.com,,a\n,\"@subject|\",a\n,,\"a;x @group\nx\"\n")
	var b bytes.Buffer
	if err := r.WriteMarkdown(&b, 10); err != nil {
		t.Fatal(err)
	}
	rest := withoutCode(b.String())
	if strings.ContainsAny(rest, "@<[`\\") || strings.Contains(rest, "evil") {
		t.Errorf("outside code spans:\n%s\nof\n%s", rest, b.String())
	}
	for line := range strings.Lines(b.String()) {
		if n := strings.Count(line, "|") - strings.Count(line, `\|`); strings.HasPrefix(line, "|") && n != 6 {
			t.Errorf("%d cells: %s", n-1, line)
		}
	}
}

// TestMarkdownNotes: a note is a sentence, and only what others wrote is code.
func TestMarkdownNotes(t *testing.T) {
	r := compare(t, app("x", "", "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]"),
		app("x", "", "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\nwhen = 'name.size() > 3'"), "")
	var b bytes.Buffer
	if err := r.WriteMarkdown(&b, 0); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile("\nNote: `rule\\[1\\] at [^`]*new.toml:[0-9]+` has an expression, so people for it are guesses; --principals is exact\\.\n").MatchString(b.String()) {
		t.Error(b.String())
	}
}

// withoutCode leaves out code spans, by the rule of CommonMark: one ends at the
// next run of as many backticks as it began with.
func withoutCode(s string) string {
	var b strings.Builder
	runs := regexp.MustCompile("`+")
	for {
		at := runs.FindStringIndex(s)
		if at == nil {
			return b.String() + s
		}
		b.WriteString(s[:at[0]])
		fence := s[at[0]:at[1]]
		s = s[at[1]:]
		for _, end := range runs.FindAllStringIndex(s, -1) {
			if s[end[0]:end[1]] == fence {
				s, fence = s[end[1]:], ""
				break
			}
		}
		b.WriteString(fence) // of no code span
	}
}

// TestTextIsVisible: a name does not reach the terminal as a command.
func TestTextIsVisible(t *testing.T) {
	r := compare(t, app("x", "", "[[rule]]\nrole = \"A\\u202e\"\nemails = [\"*\"]"),
		app("x", "", "[[rule]]\nrole = \"B\"\nclaims = { team = [\"\\u001b[2J\"] }"),
		"{\"groups\":[\"\\u001b]0;x\\u0007\"],\"claims\":{\"team\":\"\\u001b[2J\"}}\n{\"email\":\"a@x\"}\n{\"subject\":\"\\u200b\"}\n")
	var text, markdown bytes.Buffer
	if err := r.WriteText(&text, 0); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteMarkdown(&markdown, 0); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{text.String(), markdown.String()} {
		if strings.ContainsAny(s, "\x1b\x07\u202e\u200b") || !strings.Contains(s, `\x1b]0;x\a`) || !strings.Contains(s, `A\u202e`) {
			t.Errorf("%q", s)
		}
	}
}

// TestJSONIsTrue: whoever reads the JSON can ask again, and get what it says.
func TestJSONIsTrue(t *testing.T) {
	before := app("x", "", "[[rule]]\nrole = \"A\"\ngroups = [\"a*\"]\nuntil = 2027-01-01T00:00:00Z\n[[rule]]\nrole = \"B\"\nclaims = { t = [\"x\", \"y\"] }")
	after := app("x", "", "[[rule]]\nrole = \"B\"\nclaims = { t = [\"x\"] }\n[[rule]]\nrole = \"A\"\ngroups = [\"a*\"]\nnot_emails = [\"*@x\"]")
	var b bytes.Buffer
	if err := compare(t, before, after, "").WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var first resultJSON
	if err := json.Unmarshal(b.Bytes(), &first); err != nil {
		t.Fatal(err)
	}
	if !first.Changed || !first.Derived || len(first.Apps) != 1 || len(first.Apps[0].Changes) < 4 {
		t.Fatalf("%s", b.String())
	}
	for _, c := range first.Apps[0].Changes {
		who, err := json.Marshal(c.Person)
		if err != nil {
			t.Fatal(err)
		}
		if c.Person.Email == "" && c.Person.Subject == "" && len(c.Person.Groups) == 0 {
			continue // a file of people has none who are known by claims alone
		}
		again := compare(t, before, after, string(who))
		found := false
		for _, g := range again.Apps[0].Groups {
			e := &g.Entries[0]
			found = found || g.Kind == c.Kind && e.Old.Rule == c.Old.Rule && e.New.Rule == c.New.Rule &&
				g.From.IsZero() == (c.From == nil) && g.Until.IsZero() == (c.Until == nil)
		}
		if !found {
			t.Errorf("%s: %s is not found again", who, c.Kind)
		}
	}
}
