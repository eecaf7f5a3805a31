package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
)

// columns is how wide explanations are, as far as names let them.
const columns = 100

func printExplanation(p *printer, e *explain.Explanation) {
	p.paragraph("", e.App+": "+e.Summary)
	if len(e.OtherIssuers) > 0 {
		p.paragraph("", fmt.Sprintf("This is for people from issuer %s; --issuer asks about those from %s.", e.Issuer, strings.Join(e.OtherIssuers, ", ")))
	}
	if len(e.Steps) > 0 || e.DefaultRole != "" {
		heading := "Rules, in order; the first that matches decides:"
		if e.Match == mapping.MatchAll {
			heading = "Rules; all that match add up, and one that denies outweighs them:"
		}
		p.printf("\n%s\n", heading)
		p.table(columns, ruleRows(e))
	}
	if e.Allowed() {
		printReceived(p, e)
	}
	p.printf("\n")
	p.paragraph("", "Removed from every request, in any spelling: "+strings.Join(e.Strip, ", "))
	if len(e.StripCookies) > 0 {
		p.paragraph("", "Cookies removed from every request: "+strings.Join(e.StripCookies, ", "))
	}
	if len(e.StripQuery) > 0 {
		p.paragraph("", "Removed from the query of every address: "+strings.Join(e.StripQuery, ", "))
	}
}

// ruleRows are the rules of an explanation. Many that were not asked are one row.
func ruleRows(e *explain.Explanation) [][]string {
	const many = 10
	var rows [][]string
	asked := slices.IndexFunc(e.Steps, func(s explain.Step) bool { return s.Verdict == mapping.NotReached })
	if asked < 0 || len(e.Steps)-asked <= many {
		asked = len(e.Steps)
	}
	for i := range e.Steps[:asked] {
		s := &e.Steps[i]
		rows = append(rows, []string{s.Rule, s.Source, outcome(s.Roles, s.Deny), string(s.Verdict), detail(s)})
	}
	if rest := e.Steps[asked:]; len(rest) > 0 {
		rows = append(rows, []string{rest[0].Rule, rest[0].Source, "", string(mapping.NotReached),
			fmt.Sprintf("%s; likewise for %d more rules", rest[0].Detail, len(rest)-1)})
	}
	if e.DefaultRole != "" {
		verdict := "not used"
		if e.Rule == "default" {
			verdict = "applies"
		}
		rows = append(rows, []string{"default_role", "", e.DefaultRole, verdict, ""})
	}
	return rows
}

func detail(s *explain.Step) string {
	if s.Condition == "" {
		return s.Detail
	}
	return s.Condition + ": " + s.Detail
}

// outcome is what a rule gives.
func outcome(roles []string, deny bool) string {
	if deny {
		return "denies"
	}
	return cmp.Or(strings.Join(roles, ", "), "attributes")
}

func printReceived(p *printer, e *explain.Explanation) {
	if len(e.Attributes) > 0 {
		p.printf("\nAttributes:\n")
		for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
			p.printf("  %s = %q\n", wording.Visible(name), e.Attributes[name])
		}
	}
	p.printf("\n%s receives:\n", wording.Visible(e.Upstream))
	if len(e.Header)+len(e.Cookies)+len(e.NotSent) == 0 && e.SignIn == nil && e.Session == nil {
		p.printf("  nothing of the person\n")
	}
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		for _, value := range e.Header[name] {
			p.printf("  %s: %s\n", name, wording.Visible(value))
		}
	}
	for _, name := range e.Cookies {
		p.printf("  cookie %s\n", name)
	}
	printSignIn(p, e.SignIn)
	printSession(p, e.Session)
	for _, name := range slices.Sorted(maps.Keys(e.NotSent)) {
		p.paragraph("  ", fmt.Sprintf("%s: not sent: %s", name, e.NotSent[name]))
	}
}

// printSignIn prints what an app is told by way of the browser.
func printSignIn(p *printer, fields map[string]explain.HeaderValue) {
	if fields == nil {
		return
	}
	p.printf("  nothing with requests; when it sends the browser to ask, a signed answer:\n")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		quoted := make([]string, len(fields[name]))
		for i, value := range fields[name] {
			quoted[i] = wording.Visible(value)
		}
		p.printf("    %s: %s\n", wording.Visible(name), strings.Join(quoted, ", "))
	}
}

// printSession prints how somebody comes by a session of the app.
func printSession(p *printer, lines []string) {
	if lines == nil {
		return
	}
	p.printf("  of a session that is begun for whoever has none:\n")
	for _, line := range lines {
		p.printf("    %s\n", wording.Visible(line))
	}
}

// printReach prints the apps that somebody can enter before those that they
// cannot.
func printReach(p *printer, r *explain.Reach) {
	p.paragraph("", r.Summary())
	p.printf("\n")
	rows := [][]string{{"APP", "HOST", "DECISION", "PLACE", "WHY"}}
	for _, allowed := range []bool{true, false} {
		for i := range r.Apps {
			e := &r.Apps[i]
			if e.Allowed() != allowed {
				continue
			}
			decision := "denied"
			if allowed {
				decision = strings.Join(e.Roles, ", ")
			}
			rows = append(rows, []string{e.App, e.Host, decision, cmp.Or(e.Source, "-"), e.Reason})
		}
	}
	p.table(columns, rows)
	p.printf("\nMore about one of them: --app NAME\n")
}

// printAccepted prints the explanations of the apps that accept an assertion.
func printAccepted(p *printer, r *explain.Reach, all int) {
	names := make([]string, len(r.Apps))
	for i := range r.Apps {
		names[i] = r.Apps[i].App
	}
	p.paragraph("", fmt.Sprintf("This assertion, of %s, is for %s, and none of the other %d apps accepts it.",
		&r.Person, strings.Join(names, ", "), all-len(names)))
	for i := range r.Apps {
		p.printf("\n")
		printExplanation(p, &r.Apps[i])
	}
}

func printPrivileged(p *printer, r *explain.PrivilegedRoles) {
	p.paragraph("", r.Summary())
	for _, h := range r.Roles {
		p.printf("\n")
		printRoleHolders(p, h)
	}
}

func printRoleHolders(p *printer, h *explain.RoleHolders) {
	if h.Of > 1 || h.Apps == nil {
		p.paragraph("", h.Summary())
	}
	to := ", to "
	if h.Role == config.Deny {
		to = ", "
	}
	for i := range h.Apps {
		in := &h.Apps[i]
		if h.Of > 1 || i > 0 {
			p.printf("\n")
		}
		who := ":"
		if slices.ContainsFunc(in.Rules, func(r explain.RuleInWords) bool { return r.Grants }) {
			who = to + "whoever meets every condition of one:"
		}
		p.paragraph("", in.Summary(h.Role)+who)
		for n := range in.Rules {
			if r := &in.Rules[n]; r.Grants {
				printGrant(p, h, r)
				printBefore(p, in, n)
			}
		}
		if in.DefaultRole {
			p.printf("\n  default_role\n")
			p.paragraph("    ", "whoever no rule decides about")
			printBefore(p, in, len(in.Rules))
		}
	}
	for i, note := range h.Notes() {
		if i == 0 {
			p.printf("\n")
		}
		p.paragraph("", note)
	}
}

// printGrant prints a rule with its conditions, and what is in the lists that they
// name.
func printGrant(p *printer, h *explain.RoleHolders, r *explain.RuleInWords) {
	notes := ""
	if others := slices.DeleteFunc(slices.Clone(r.Roles), func(role string) bool { return role == h.Role }); len(others) > 0 {
		notes = "  with " + strings.Join(others, ", ")
	}
	switch r.Time {
	case "ended":
		notes += "  (has ended)"
	case "not begun":
		notes += "  (has not begun)"
	}
	p.printf("\n  %s  %s%s\n", r.Rule, wording.Visible(r.Source), wording.Visible(notes))
	if len(r.Conditions) == 0 {
		p.printf("    everybody\n")
	}
	for i := range r.Conditions {
		c := &r.Conditions[i]
		and := ""
		if i > 0 {
			and = "and "
		}
		p.paragraph("    ", and+c.Words)
		for _, list := range c.Lists() {
			p.paragraph("      ", list+": "+some(h.Lists[list]))
		}
	}
}

// some quotes the first of many names; JSON has all.
func some(names []string) string {
	const most = 20
	parts := make([]string, min(len(names), most))
	for i := range parts {
		parts[i] = fmt.Sprintf("%q", names[i])
	}
	if more := len(names) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// printBefore prints what may decide before rule n of an app.
func printBefore(p *printer, in *explain.RoleInApp, n int) {
	const most = 5
	before := in.Before(n)
	if len(before) == 0 {
		return
	}
	if len(before) == 1 {
		p.printf("    unless this decides first:\n")
	} else {
		p.printf("    unless one of these decides first:\n")
	}
	var rows [][]string
	for _, i := range before[:min(len(before), most)] {
		r := &in.Rules[i]
		words := make([]string, len(r.Conditions))
		for k := range words {
			words[k] = r.Conditions[k].Words
		}
		rows = append(rows, []string{"    " + r.Rule, r.Source, outcome(r.Roles, r.Deny), cmp.Or(strings.Join(words, " and "), "everybody")})
	}
	p.table(columns, rows)
	if more := len(before) - most; more > 0 {
		p.printf("      and %s more\n", wording.Count(more, "rule"))
	}
}

func printRoleOfPerson(p *printer, r *explain.RoleOfPerson) {
	p.paragraph("", r.Summary())
	for _, other := range r.OtherCase {
		p.paragraph("", other.String())
	}
	for i := range r.Apps {
		in := &r.Apps[i]
		p.printf("\n")
		p.paragraph("", in.App+": "+in.Summary)
		if len(in.Lacks) == 0 {
			continue
		}
		p.printf("What each rule that grants %s says:\n", wording.Visible(r.Role))
		var rows [][]string
		for n := range in.Lacks {
			s := &in.Lacks[n]
			rows = append(rows, []string{s.Rule, s.Source, detail(s)})
		}
		p.table(columns, rows)
	}
}

// paragraph prints text in lines of at most columns, those after the first
// indented a little more.
func (p *printer) paragraph(indent, text string) {
	for i, line := range wrap(wording.Visible(text), columns-len(indent)-2) {
		if i > 0 {
			line = "  " + line
		}
		p.printf("%s%s\n", indent, line)
	}
}

// table prints rows whose last cell is wrapped within width; where the others
// leave it too little, it stands below them.
func (p *printer) table(width int, rows [][]string) {
	const least = 30
	last := len(rows[0]) - 1
	widths := make([]int, last)
	for _, row := range rows {
		for i := range row {
			row[i] = wording.Visible(row[i])
		}
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	start := 2
	for _, w := range widths {
		start += w + 2
	}
	below := width-start < least
	if below {
		start = 6
	}
	for _, row := range rows {
		line := " "
		for i, w := range widths {
			line += fmt.Sprintf(" %-*s ", w, row[i])
		}
		if below && row[last] != "" {
			p.printf("%s\n", strings.TrimRight(line, " "))
			line = strings.Repeat(" ", start-1)
		}
		for _, text := range wrap(row[last], width-start) {
			p.printf("%s\n", strings.TrimRight(line+" "+text, " "))
			line = strings.Repeat(" ", start-1)
		}
	}
}

// wrap breaks text at spaces into lines of at most width; there is at least one.
func wrap(text string, width int) []string {
	var lines []string
	line, length := "", 0
	for word := range strings.SplitSeq(text, " ") {
		n := utf8.RuneCountInString(word)
		if length > 0 && length+1+n > width {
			lines = append(lines, line)
			line, length = "", 0
		}
		if length > 0 {
			line += " "
			length++
		}
		line += word
		length += n
	}
	return append(lines, line)
}
