package policydiff

import (
	"fmt"
	"io"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// WriteMarkdown writes a result for a pull request: at most shown groups of a
// kind and people of a group; 0: all. Whatever others wrote is in code spans,
// where it is neither markup nor a mention that notifies somebody.
func (r *Result) WriteMarkdown(w io.Writer, shown int) error {
	t := writer{w: w, shown: shown}
	t.printf("### Access: %s\n", r.Summary())
	for _, a := range r.Apps {
		if a.shown() {
			t.markdownApp(r, a)
		}
	}
	return t.err
}

func (t *writer) markdownApp(r *Result, a *App) {
	t.printf("\n#### %s\n\n", code(a.title()))
	if a.Status == Added || a.Status == Removed {
		t.printf("The app was %s: %s at %s, grants %s.\n", a.Status, code(a.Host), code(a.Source), codes(a.Roles))
		if !r.Derived {
			t.printf("\n")
		}
	}
	if len(a.Opened) > 0 {
		t.printf("**%s.**\n\n", a.openedText(code))
	}
	for _, s := range a.Settings {
		t.printf("- %s: %s → %s\n", s.label(), code(setting(s.Old)), code(setting(s.New)))
	}
	if len(a.Groups) > 0 {
		if len(a.Settings) > 0 {
			t.printf("\n")
		}
		t.markdownTable(a)
	}
	if text := a.unshown(r.Derived); text != "" {
		if len(a.Settings) > 0 {
			t.printf("\n")
		}
		t.printf("%s%s.\n", strings.ToUpper(text[:1]), text[1:])
	}
	for _, note := range a.Notes {
		t.printf("\nNote: %s.\n", note.markdown())
	}
	if a.Unlisted > 0 {
		t.printf("\nNote: more than %d kinds of change; %s with others.\n", mostKinds, persons(a.Unlisted))
	}
	if len(a.Groups) > 0 || !r.Derived {
		t.printf("\n%s.\n", a.counts(r.Derived))
	}
}

// label is the key, in a code span if it holds names that others wrote.
func (s Setting) label() string {
	if strings.ContainsAny(s.Key, " .") {
		return code(s.Key)
	}
	return s.Key
}

func (n Note) markdown() string {
	if n.Place == "" {
		return n.Text
	}
	return code(n.Place) + " " + n.Text
}

func (t *writer) markdownTable(a *App) {
	t.printf("| | Who | Old | New | When |\n|---|---|---|---|---|\n")
	t.groups(a, func(g *Group) {
		people, more := g.people(t.shown)
		var who []string
		for _, p := range people {
			who = append(who, code(p.Who()))
		}
		names := strings.Join(who, ", ")
		if more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		e := &g.Entries[0]
		t.printf("| %s | %s | %s | %s | %s |\n", g.Kind, names, e.Old.markdown(), e.New.markdown(),
			strings.TrimPrefix(period(g), ", "))
	}, func(kind Kind, more int) {
		t.printf("| %s | %s | | | |\n", kind, wording.Count(more, "more kind"))
	})
}

func (o *Outcome) markdown() string {
	granted := "deny"
	if o.Allowed {
		granted = code(o.granted())
	}
	why := o.why()
	if o.Sources != nil {
		why = code(why)
	}
	return granted + ": " + why
}

func codes(texts []string) string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = code(text)
	}
	return wording.Listed(list)
}

// code makes text a code span that is also fit for a cell of a table.
func code(text string) string {
	text = wording.Visible(text)
	longest, run := 0, 0
	var b strings.Builder
	before := rune(0)
	for _, r := range text {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
		switch {
		case r == '|' && before == '\\':
			b.WriteString(`\u007c`) // readers disagree about what a backslash before one means
		case r == '|':
			b.WriteString(`\|`)
		default:
			b.WriteRune(r)
		}
		before = r
	}
	text = b.String()
	if text == "" || strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") ||
		strings.HasPrefix(text, " ") && strings.HasSuffix(text, " ") {
		text = " " + text + " " // one space on each side is not shown
	}
	fence := strings.Repeat("`", longest+1)
	return fence + text + fence
}
