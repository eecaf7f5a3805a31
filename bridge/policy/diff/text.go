package policydiff

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// WriteText writes a result for people: at most shown groups of a kind and
// people of a group; 0: all.
func (r *Result) WriteText(w io.Writer, shown int) error {
	t := writer{w: w, shown: shown}
	for _, a := range r.Apps {
		if a.shown() {
			t.app(r, a)
		}
	}
	t.printf("%s\n", r.Summary())
	return t.err
}

// shown reports whether there is anything to say of the app.
func (a *App) shown() bool { return a.Status != Same || a.Notes != nil }

// unshown says that rules differ although nobody's decisions do; empty: they do
// not, or somebody's do.
func (a *App) unshown(derived bool) string {
	switch {
	case !a.RulesDiffer || len(a.Groups) > 0:
		return ""
	case derived:
		return "rules differ; no made-up person shows how"
	}
	return "rules differ; none of these people shows how"
}

// Summary says in a few sentences what differs.
func (r *Result) Summary() string { return r.changes() + r.openedSummary() }

func (r *Result) changes() string {
	apps, changed, differ := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	people := 0
	for _, a := range r.Apps {
		apps[a.Name] = true
		people = max(people, a.Counts.People)
		if a.Status != Same && a.Status != RulesDiffer {
			changed[a.Name] = true
		}
		if a.unshown(r.Derived) != "" {
			differ[a.Name] = true
		}
	}
	maps.DeleteFunc(differ, func(name string, _ bool) bool { return changed[name] })
	if r.Derived && len(changed) == 0 && len(differ) > 0 {
		return fmt.Sprintf("the rules of %d of %s differ, and no made-up person shows how.", len(differ), wording.Count(len(apps), "app"))
	}
	s := fmt.Sprintf("%d of %s changed", len(changed), wording.Count(len(apps), "app"))
	if len(changed) == 0 {
		s = "nothing changed in " + wording.Count(len(apps), "app")
	}
	if r.Derived {
		s += ", as far as people made up from the rules of both files show"
	} else {
		s += " for " + persons(people) + r.aside()
	}
	switch n := len(differ); {
	case n == 0:
		return s + "."
	case len(changed) == 0:
		return s + ", but the rules of " + wording.Count(n, "app") + " differ."
	}
	return s + "; the rules of " + wording.Count(len(differ), "other app") + " differ, and nobody shows how."
}

// aside says what else the people's file holds.
func (r *Result) aside() string {
	var aside []string
	if r.Repeated > 0 {
		aside = append(aside, wording.Count(r.Repeated, "repetition")+" left out")
	}
	if r.Nobody > 0 {
		aside = append(aside, wording.Count(r.Nobody, "line")+" named nobody")
	}
	if aside == nil {
		return ""
	}
	return " (" + strings.Join(aside, ", ") + ")"
}

func persons(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// title names the app and, if it is not about all, whose people it is about.
func (a *App) title() string {
	if a.Issuers == nil {
		return a.Name
	}
	return a.Name + " for people of " + wording.Listed(a.Issuers)
}

// grants says for an app that was added or removed what its rules grant.
func (a *App) grants() string {
	return wording.Listed(quoted(a.Roles))
}

// counts is the app's summary.
func (a *App) counts(derived bool) string {
	if derived {
		return fmt.Sprintf("%s of change, by %s made up from the rules", wording.Count(len(a.Groups), "kind"), persons(a.Counts.People))
	}
	c := a.Counts
	verb := func(n int, verb string) string {
		if n == 1 {
			verb += "s"
		}
		return fmt.Sprintf("%d %s", n, verb)
	}
	return fmt.Sprintf("%s, %s, %s, %d the same", verb(c.Gains, "gain"), verb(c.Loses, "lose"), verb(c.Changes, "change"), c.Same)
}

type writer struct {
	w     io.Writer
	err   error
	shown int
}

func (t *writer) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

func (t *writer) app(r *Result, a *App) {
	if a.Status == Added || a.Status == Removed {
		t.printf("%s: %s (%s, %s), grants %s\n\n", a.title(), a.Status, a.Host, wording.Visible(a.Source), a.grants())
	} else {
		t.printf("%s\n\n", a.title())
	}
	if len(a.Opened) > 0 {
		t.printf("  %s\n\n", a.openedText(wording.Visible))
	}
	longest := 0
	for _, s := range a.Settings {
		longest = max(longest, len(wording.Visible(s.Key)))
	}
	for _, s := range a.Settings {
		t.printf("  %-*s  %s → %s\n", longest, wording.Visible(s.Key), setting(s.Old), setting(s.New))
	}
	if len(a.Settings) > 0 {
		t.printf("\n")
	}
	if text := a.unshown(r.Derived); text != "" {
		t.printf("  %s\n\n", text)
	}
	t.groups(a, func(g *Group) {
		e := &g.Entries[0]
		t.printf("  %s: %s → %s%s\n", g.Kind, e.Old.granted(), e.New.granted(), period(g))
		t.printf("    old  %s\n", e.Old.why())
		t.printf("    new  %s\n", e.New.why())
		people, more := g.people(t.shown)
		for i, p := range people {
			label := "who"
			if i > 0 {
				label = ""
			}
			t.printf("    %-3s  %s\n", label, p.Who())
		}
		if more > 0 {
			t.printf("         and %d more\n", more)
		}
		t.printf("\n")
	}, func(kind Kind, more int) {
		t.printf("  %s: %s; --limit 0 lists all\n\n", kind, wording.Count(more, "more kind"))
	})
	for _, note := range a.Notes {
		t.printf("  note: %s\n", note)
	}
	if a.Unlisted > 0 {
		t.printf("  note: more than %d kinds of change; %s with others\n", mostKinds, persons(a.Unlisted))
	}
	if a.Notes != nil || a.Unlisted > 0 {
		t.printf("\n")
	}
	if len(a.Groups) > 0 || !r.Derived {
		t.printf("%s: %s\n\n", a.title(), a.counts(r.Derived))
	}
}

// groups calls group with those to show, and rest where there are more of a kind.
func (t *writer) groups(a *App, group func(*Group), rest func(kind Kind, more int)) {
	for _, kind := range []Kind{Gains, Loses, Changes} {
		n := 0
		for _, g := range a.Groups {
			if g.Kind != kind {
				continue
			}
			if n++; t.shown == 0 || n <= t.shown {
				group(g)
			}
		}
		if more := n - t.shown; t.shown > 0 && more > 0 {
			rest(kind, more)
		}
	}
}

// people returns the people of a group to name, and how many others there are.
// Who is named comes to it by the rules of the first one; of people made up, the
// simplest.
func (g *Group) people(most int) (shown []*Person, more int) {
	like := &g.Entries[0]
	for i := range g.Entries {
		e := &g.Entries[i]
		if (most == 0 || len(shown) < most) && e.Old.Rule == like.Old.Rule && e.New.Rule == like.New.Rule &&
			len(e.Person.facts) == len(like.Person.facts) {
			shown = append(shown, e.Person)
		}
	}
	return shown, len(g.Entries) - len(shown) + g.More
}

// granted names the roles and attributes.
func (o *Outcome) granted() string {
	if !o.Allowed {
		return "deny"
	}
	s := wording.Visible(strings.Join(o.Roles, ", "))
	if len(o.Attributes) > 0 {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(o.Attributes)) {
			parts = append(parts, wording.Visible(name+"="+o.Attributes[name]))
		}
		s += " with " + strings.Join(parts, ", ")
	}
	return s
}

// why names the rules that decided, and where they stand.
func (o *Outcome) why() string {
	switch {
	case o.Missing != "":
		return o.Missing
	case o.Sources == nil && o.Allowed:
		return "default_role"
	case o.Sources == nil:
		return "no rule matches"
	}
	s := o.Rule + " at " + wording.Visible(strings.Join(o.Sources, ", "))
	if o.Deny {
		s += " denies"
	}
	return s
}

// period says for how long a change is; nothing if from now on.
func period(g *Group) string {
	s := ""
	if !g.From.IsZero() {
		s += ", from " + moment(g.From)
	}
	if !g.Until.IsZero() {
		s += ", until " + moment(g.Until)
	}
	return s
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func setting(value string) string {
	if value == "" {
		return "(not set)"
	}
	return wording.Visible(value)
}
