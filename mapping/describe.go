package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Condition is one condition of a rule, in words.
type Condition struct {
	// Key is the condition's TOML key; that of a claim is "claims.NAME".
	Key string `json:"key"`
	// Words say what it asks for, such as `in one of @sre, "ops"`.
	Words string `json:"words"`
	// Names are the names it asks for, as they are written: a group may be a
	// pattern, or the "@name" of a list. Those of an expression are the ones in
	// its member("NAME").
	Names []string `json:"names,omitempty"`
}

// Lists returns those of Names that are lists, "@name".
func (c *Condition) Lists() []string {
	if !takesLists(c.Key) {
		return nil // elsewhere an "@" is a character like any other
	}
	return slices.DeleteFunc(slices.Clone(c.Names), func(name string) bool { return !strings.HasPrefix(name, "@") })
}

func takesLists(key string) bool {
	return slices.Contains([]string{"groups", "all_groups", "not_groups", "when"}, key) || strings.HasPrefix(key, "claims.")
}

// Describe puts the rule's conditions in words. A rule with none of them matches
// everybody.
func (r *Rule) Describe() []Condition {
	var all []Condition
	add := func(key string, names []string, one, like, several string) {
		if len(names) > 0 {
			all = append(all, Condition{key, inWords(key, names, one, like, several), names})
		}
	}
	add("groups", r.Groups, "in", "in a group like", "in one of")
	add("all_groups", r.AllGroups, "in", "in a group like", "in each of")
	add("not_groups", r.NotGroups, "not in", "in no group like", "in none of")
	add("emails", r.Emails, "email is", "email is like", "email is one of")
	add("not_emails", r.NotEmails, "email is not", "email is not like", "email is none of")
	add("domains", r.Domains, "email's domain is", "email's domain is like", "email's domain is one of")
	add("subjects", r.Subjects, "subject is", "subject is like", "subject is one of")
	for _, claim := range slices.Sorted(maps.Keys(r.Claims)) {
		has := fmt.Sprintf("claim %q has", claim)
		add("claims."+claim, r.Claims[claim], has, has+" a value like", has+" one of")
	}
	if !r.After.IsZero() {
		all = append(all, Condition{Key: "after", Words: "from " + moment(r.After) + " on"})
	}
	if !r.Until.IsZero() {
		all = append(all, Condition{Key: "until", Words: "until " + moment(r.Until)})
	}
	if r.When != "" {
		all = append(all, Condition{"when", "it is true that " + oneLine(r.When), membersOf(r.When)})
	}
	return all
}

// inWords lists the first few names, behind the words for one name, for a pattern
// or for several. Condition.Names has all of them.
func inWords(key string, names []string, one, like, several string) string {
	const most = 5
	words := one
	switch {
	case len(names) > 1:
		words = several
	case isPattern(names[0]):
		words = like
	}
	parts := make([]string, min(len(names), most))
	for i := range parts {
		if parts[i] = strconv.Quote(names[i]); strings.HasPrefix(names[i], "@") && takesLists(key) {
			parts[i] = names[i]
		}
	}
	if more := len(names) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return words + " " + strings.Join(parts, ", ")
}

// oneLine joins the lines of an expression, unless there may be a comment, which
// then would seem to reach further than it does.
func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if strings.Contains(text, "//") {
		return strings.Join(lines, "\n")
	}
	return strings.Join(lines, " ")
}

// membersOf returns the names that an expression asks for by member("NAME").
func membersOf(when string) []string {
	if !strings.Contains(when, "member") {
		return nil
	}
	env, err := environment()
	if err != nil {
		return nil
	}
	parsed, issues := env.Parse(when)
	if issues.Err() != nil {
		return nil // Compile says so
	}
	return namesOfMembers(parsed.NativeRep().Expr())
}

// Exists reports whether the rule's After and Until let it exist at a time, and
// if not, whether it has ended rather than not begun.
func (r *Rule) Exists(at time.Time) (exists, ended bool) {
	ended = !r.Until.IsZero() && !at.Before(r.Until)
	return !ended && (r.After.IsZero() || !at.Before(r.After)), ended
}

// Members returns the groups and patterns of a list of the policy, those of the
// lists it uses included.
func (p *Policy) Members(list string) []string { return listSet(p.Lists).members(list) }
