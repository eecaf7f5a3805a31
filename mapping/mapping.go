// Package mapping turns a principal into a decision: the roles they get in the
// app, or a denial.
//
// It is pure: no I/O, no HTTP, and no clock of its own. A [Policy] is what
// people write, [Compile] checks it and makes a [Mapper] of it, and the Mapper
// decides. The answer where no rule says otherwise is no.
//
// Rules are found by the names they ask for, not tried one after the other: a
// decision costs as much as the person has groups, however long the policy is.
package mapping

import (
	"fmt"
	"strings"
	"time"
)

// Policy is an app's rules as the configuration writes them.
type Policy struct {
	Rules []Rule
	// Lists are the named group lists; a rule refers to one as "@name", and so
	// may other lists. Whoever is in one of its groups is in the list.
	Lists map[string][]string
	// Match says which of the rules that match decide; empty: MatchFirst.
	Match Match
	// DefaultRole is the role of whoever no rule grants one or denies; empty:
	// they are denied.
	DefaultRole string
	// IgnoreCase makes the letters A to Z and a to z equal in groups and emails that
	// grant something, for identity providers that write them now so, now otherwise.
	// Letters beyond ASCII stay different: among them are some that only look alike.
	IgnoreCase bool
	// WholeTexts takes a text in a claim as one value even if it has commas, for
	// issuers whose lists are lists; see [Rule.Claims].
	WholeTexts bool
	// ListClaims are the claims that are lists besides those that are known to be; see
	// [Reading].
	ListClaims []string
}

// Reading is how the policy reads claims.
func (p *Policy) Reading() Reading { return Reading{Joined: !p.WholeTexts, Lists: p.ListClaims} }

// Match says which of the rules that match decide.
type Match string

const (
	// MatchFirst lets the first rule that matches decide alone.
	MatchFirst Match = "first"
	// MatchAll adds up the roles of all rules that match, in the order of the
	// rules; if one of them denies, the person is denied.
	MatchAll Match = "all"
)

// Rule grants roles to whoever meets all of its conditions, or denies them.
//
// In conditions, names match exactly; one with "*" is a pattern, in which "*"
// stands for any run of characters. Names that keep people out match leniently, as
// [Lenient] has it: the groups, emails, domains and claims of a rule that denies, and
// NotGroups and NotEmails of one that grants. Those whom a rule that denies excludes
// are spared, so there names match exactly. Something that the assertion lacks or holds
// empty is matched by no name and no pattern. An absent condition holds for
// everybody.
type Rule struct {
	// Role or Roles is what the rule grants; one of them, unless the rule denies
	// or, under MatchAll, only adds attributes.
	Role  string   `toml:"role"`
	Roles []string `toml:"roles"`
	// Deny makes the rule one that denies.
	Deny bool `toml:"deny"`
	// Attributes are facts for the adapter beside the roles, such as an
	// organisation. Under MatchAll, of two rules that set one, the earlier wins.
	Attributes map[string]string `toml:"attributes"`

	// Groups: the person is in at least one of these; "@name" stands for the
	// groups of a list.
	Groups []string `toml:"groups"`
	// AllGroups: the person is in every one of these; in a list or a pattern is
	// whoever is in one group of it.
	AllGroups []string `toml:"all_groups"`
	// NotGroups: the person is in none of these.
	NotGroups []string `toml:"not_groups"`
	// Emails: the person's email is one of these. The domain's case does not
	// matter (RFC 5321 §2.4), the local part's does. A "*" does not reach across
	// the "@", except that "*" alone is every email. Text that is not of the
	// form local@domain is no email. Where it lets somebody in, a pattern of
	// domains is "*" or ends in a dot and what stands behind it: "*corp.example"
	// is evilcorp.example, too.
	Emails []string `toml:"emails"`
	// NotEmails: the person's email is none of these, or they have none.
	NotEmails []string `toml:"not_emails"`
	// Domains: the part of the email after the "@" is one of these, in any case.
	// A domain does not cover those below it; "*.example.com" does, without
	// example.com itself.
	Domains []string `toml:"domains"`
	// Subjects: the "sub" claim is one of these.
	Subjects []string `toml:"subjects"`
	// Claims: each of these claims has one of its values. A claim is named as
	// [verifier.Principal.Claim] takes it; "@name" stands for what is in a list. A
	// value is the whole claim, an item of it if it is a JSON list, or, if it is a
	// text with commas and known or declared to be a list, what stands between them:
	// Pomerium writes a list ["a", "b"] as the text "a,b", and nobody can tell a
	// comma within an item from one between two. So a pattern is for what stands
	// between commas only. Under [Policy.WholeTexts], and in other claims, a comma
	// is a character like any other, but a rule that denies looks between them there,
	// too. Booleans are "true" and "false". Numbers in texts are as Pomerium writes them (1234567
	// is 1.234567e+06), in JSON as people do; those from 2^53 on, of which two
	// may look the same, only match as text.
	Claims map[string][]string `toml:"claims"`
	// After and Until bound the time in which the rule exists: from After on,
	// up to but not including Until. Zero: no bound.
	After time.Time `toml:"after"`
	Until time.Time `toml:"until"`
	// When is an expression in CEL that is true for the person; see the package's
	// when.go for what it may use. One that fails, say by asking for a claim that
	// is not there, does not let a rule grant, and does let it deny.
	When string `toml:"when"`

	// Source is where the rule stands, as "file:line", for people.
	Source string `toml:"-"`
}

// Grants returns the roles that the rule grants.
func (r *Rule) Grants() []string {
	if r.Role != "" {
		return []string{r.Role}
	}
	return r.Roles
}

// Conditional reports whether the rule has a condition, be it a wrong one.
func (r *Rule) Conditional() bool {
	return r.Groups != nil || r.AllGroups != nil || r.NotGroups != nil || r.Emails != nil || r.NotEmails != nil ||
		r.Domains != nil || r.Subjects != nil || r.Claims != nil || r.When != "" || !r.After.IsZero() || !r.Until.IsZero()
}

// Decision is the answer for one principal. It is read-only; decisions share
// what they hold.
type Decision struct {
	// Roles are the roles in the app, each once, in the order of the rules that
	// grant them; none means denied.
	Roles []string
	// Attributes are what the rules add for the adapter; may be nil.
	Attributes map[string]string
	// Rule is the number of the rule that granted first or that denied, counted
	// from 1; 0 when there is none.
	Rule int
	// Also are the other rules that had a part in it, under MatchAll.
	Also []int
	// Source is where Rule stands, as "file:line".
	Source string
	// Exhausted: expressions would cost more for this person than one decision may,
	// so nothing is granted.
	Exhausted bool
}

// Allowed reports whether the decision grants a role.
func (d Decision) Allowed() bool { return len(d.Roles) > 0 }

// Role returns the role, if the decision grants exactly one. Of several, none
// may be taken for the whole.
func (d Decision) Role() (role string, one bool) {
	if len(d.Roles) != 1 {
		return "", false
	}
	return d.Roles[0], true
}

// RuleName is the deciding rule's name in configuration, logs and headers:
// "rule[2]", "rule[2]+rule[5]" of several, "default" for the default role, and
// "none" where no rule matched.
func (d Decision) RuleName() string {
	switch {
	case d.Rule == 0 && d.Allowed():
		return "default"
	case d.Rule == 0:
		return "none"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "rule[%d]", d.Rule)
	for _, n := range d.Also {
		fmt.Fprintf(&b, "+rule[%d]", n)
	}
	return b.String()
}

// Step is what one rule said of a principal.
type Step struct {
	// Rule is the rule's number, counted from 1.
	Rule int
	// Roles are what the rule would grant; Deny: it would deny.
	Roles []string
	Deny  bool
	// Source is where the rule stands, as "file:line".
	Source string
	// Verdict is one of Matched, NotMatched and NotReached.
	Verdict Verdict
	// Condition is the TOML key of the first condition that failed, or for a
	// match the ones that held, joined by ", ".
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
	// NotReached: an earlier rule has decided, so this one was not asked.
	NotReached Verdict = "not reached"
)
