package mapping

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// reference decides as the doc comments of Policy and Rule say, and in no
// clever way. It shares no code with the mapper.
type reference struct {
	policy Policy
	// compiled spares compiling the same expression 100,000 times.
	compiled map[string]*regexp.Regexp
}

func newReference(p Policy) *reference {
	return &reference{policy: p, compiled: make(map[string]*regexp.Regexp)}
}

// decide returns the first rule all of whose conditions hold.
func (r *reference) decide(p *verifier.Principal, at time.Time) Decision {
	for i, rule := range r.policy.Rules {
		if len(r.failing(rule, p, at)) == 0 {
			return Decision{Role: rule.Role, Rule: i + 1, Source: rule.Source}
		}
	}
	return Decision{}
}

// failing returns the keys of a rule's conditions that do not hold.
func (r *reference) failing(rule Rule, p *verifier.Principal, at time.Time) []string {
	var keys []string
	if rule.Groups != nil && r.count(rule.Groups, p.Groups) == 0 {
		keys = append(keys, "groups")
	}
	if rule.AllGroups != nil && r.count(rule.AllGroups, p.Groups) < len(r.expand(rule.AllGroups)) {
		keys = append(keys, "all_groups")
	}
	if rule.NotGroups != nil && r.count(rule.NotGroups, p.Groups) > 0 {
		keys = append(keys, "not_groups")
	}
	if rule.Emails != nil && !slices.ContainsFunc(rule.Emails, func(w string) bool { return r.isEmail(w, p.Email) }) {
		keys = append(keys, "emails")
	}
	if !rule.After.IsZero() && at.UnixNano() < rule.After.UnixNano() {
		keys = append(keys, "after")
	}
	if !rule.Until.IsZero() && at.UnixNano() >= rule.Until.UnixNano() {
		keys = append(keys, "until")
	}
	return keys
}

// conditions returns the keys of a rule's conditions.
func conditions(rule Rule) []string {
	var keys []string
	for key, present := range map[string]bool{
		"groups": rule.Groups != nil, "all_groups": rule.AllGroups != nil, "not_groups": rule.NotGroups != nil,
		"emails": rule.Emails != nil, "after": !rule.After.IsZero(), "until": !rule.Until.IsZero(),
	} {
		if present {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// count returns how many of the written groups somebody in groups is in.
func (r *reference) count(written, groups []string) int {
	n := 0
	for _, w := range r.expand(written) {
		if slices.ContainsFunc(groups, func(g string) bool { return g != "" && r.expression(w, ".*").MatchString(g) }) {
			n++
		}
	}
	return n
}

// expand replaces "@name" by the list's groups.
func (r *reference) expand(written []string) []string {
	var all []string
	for _, w := range written {
		if list, isList := strings.CutPrefix(w, "@"); isList {
			all = append(all, r.expand(r.policy.Lists[list])...)
			continue
		}
		all = append(all, w)
	}
	return all
}

func (r *reference) isEmail(written, email string) bool {
	if !r.expression("*@*", "[^@]+").MatchString(email) {
		return false
	}
	return written == "*" || r.expression(written, "[^@]*").MatchString(email)
}

// expression is a pattern as a regular expression, in which "*" is star.
func (r *reference) expression(pattern, star string) *regexp.Regexp {
	text := `(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, star) + `\z`
	if r.compiled[text] == nil {
		r.compiled[text] = regexp.MustCompile(text)
	}
	return r.compiled[text]
}
