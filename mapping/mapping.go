// Package mapping turns a principal into a decision: a role in the app, or a
// denial.
//
// It is pure: no I/O, no HTTP, and no clock of its own. Rules are tried in the
// order of the file, the first that matches decides, and where none matches the
// answer is no.
package mapping

import (
	"fmt"
	"time"
)

// Policy is an app's rules as the configuration writes them.
type Policy struct {
	Rules []Rule
	// Lists are the named group lists; a rule refers to one as "@name".
	// A list may refer to others.
	Lists map[string][]string
}

// Rule grants a role to whoever meets all of its conditions. An absent
// condition holds for everybody; a rule needs at least one unless it is the
// last.
type Rule struct {
	// Role is what the rule grants; required.
	Role string `toml:"role"`
	// Groups: the person is in at least one of these. A name with "*" is a
	// pattern, in which "*" stands for any run of characters; "@name" is every
	// group of a list. A group without a name matches nothing.
	Groups []string `toml:"groups"`
	// AllGroups: the person is in every one of these, and for a pattern in at
	// least one group that it matches.
	AllGroups []string `toml:"all_groups"`
	// NotGroups: the person is in none of these.
	NotGroups []string `toml:"not_groups"`
	// Emails: the person's email is one of these. In a pattern "*" stands for any
	// run of characters other than "@"; "*" alone is every email. Without an
	// email, or with one that is not of the form local@domain, nothing matches.
	Emails []string `toml:"emails"`
	// After and Until bound the time in which the rule exists: from After on,
	// up to but not including Until. Zero: no bound.
	After time.Time `toml:"after"`
	Until time.Time `toml:"until"`
	// Source is where the rule stands, as "file:line", for people.
	Source string `toml:"-"`
}

// Decision is the answer for one principal.
type Decision struct {
	// Role is the role in the app; empty means denied.
	Role string
	// Rule is the number of the rule that decided, counted from 1; 0 when none
	// matched.
	Rule int
	// Source is where that rule stands, as "file:line".
	Source string
}

// Allowed reports whether the decision grants a role.
func (d Decision) Allowed() bool { return d.Role != "" }

// RuleName is the deciding rule's name in configuration, logs and headers:
// "rule[2]", or "none".
func (d Decision) RuleName() string {
	if d.Rule == 0 {
		return "none"
	}
	return fmt.Sprintf("rule[%d]", d.Rule)
}

// Step is what one rule said of a principal.
type Step struct {
	// Rule is the rule's number, counted from 1.
	Rule int
	// Role is what the rule would grant.
	Role string
	// Source is where the rule stands, as "file:line".
	Source string
	// Verdict is one of Matched, NotMatched and NotReached.
	Verdict Verdict
	// Condition is the TOML key of the condition that failed, or for a match
	// the ones that held, joined by ", ".
	Condition string
	// Detail says with what, in words.
	Detail string
}

// Verdict is a rule's outcome.
type Verdict string

// The verdicts.
const (
	Matched    Verdict = "matched"
	NotMatched Verdict = "not matched"
	// NotReached: an earlier rule matched, so this one was not asked.
	NotReached Verdict = "not reached"
)
