package policytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
)

// maxReasons bounds what is said of one failure.
const maxReasons = 8

// reasons says which rules decided otherwise than the test wants, and what kept
// those back that would have decided so.
func (r Result) reasons() []string {
	m := r.App.MapperOf(r.Test.Issuer)
	_, steps := m.Explain(r.App.Person(r.Test), r.At)
	var decided, kept []string
	for _, s := range steps {
		lines := &kept
		if s.Verdict == mapping.Matched {
			lines = &decided
		}
		if r.concerns(s) && len(*lines) <= maxReasons {
			*lines = append(*lines, r.sentence(m, s))
		}
	}
	lines := append(r.listsAsGroups(), firstOf(decided)...)
	lines = append(lines, firstOf(kept)...)
	lines = append(lines, r.notWritten(m)...)
	return append(lines, r.ofDefault()...)
}

func firstOf(lines []string) []string {
	if len(lines) <= maxReasons {
		return lines
	}
	return append(lines[:maxReasons], "and more such rules")
}

// listsAsGroups says which groups of the test's person are called like a list of
// the configuration: rules ask for its groups, and nobody is in it.
func (r Result) listsAsGroups() []string {
	var lines []string
	for _, group := range r.Test.Groups {
		list, isList := strings.CutPrefix(group, "@")
		if _, known := r.App.Policy.Lists[list]; !isList || !known {
			continue
		}
		such := ""
		for _, member := range r.App.Policy.Members(list) {
			if !strings.Contains(member, "*") {
				such = fmt.Sprintf(", such as %q", member)
				break
			}
		}
		lines = append(lines, fmt.Sprintf("%q is a list, and people are in groups: name one of its groups in the test%s", group, such))
	}
	return lines
}

// notWritten says which of the wanted no rule gives.
func (r Result) notWritten(m *mapping.Mapper) []string {
	var lines []string
	lacks := missing(r.Test.Want, r.Got.Roles)
	for _, role := range lacks {
		if !slices.Contains(m.Roles(), role) {
			lines = append(lines, fmt.Sprintf("no rule grants %q", role))
		}
	}
	if lacks != nil {
		return lines
	}
	for _, name := range r.Test.OtherAttributes(r.Got) {
		value := r.Test.Attributes[name]
		if value != "" && !slices.ContainsFunc(r.App.Policy.Rules, func(r mapping.Rule) bool { return r.Attributes[name] == value }) {
			lines = append(lines, fmt.Sprintf("no rule sets %s = %q", name, value))
		}
	}
	return lines
}

// concerns reports whether what a rule said has to do with the failure.
func (r Result) concerns(s mapping.Step) bool {
	lacks, more := missing(r.Test.Want, r.Got.Roles), missing(r.Got.Roles, r.Test.Want)
	grantsOneOf := func(roles []string) bool {
		return slices.ContainsFunc(s.Roles, func(role string) bool { return slices.Contains(roles, role) })
	}
	matched := s.Verdict == mapping.Matched
	switch {
	case s.Deny:
		return matched || len(r.Test.Want) == 0
	case lacks != nil || more != nil:
		return grantsOneOf(lacks) || matched && grantsOneOf(more)
	}
	attributes := r.App.Policy.Rules[s.Rule-1].Attributes
	return slices.ContainsFunc(r.Test.OtherAttributes(r.Got), func(name string) bool {
		value, sets := attributes[name]
		return sets && (matched || value == r.Test.Attributes[name])
	})
}

// sentence says what one rule said.
func (r Result) sentence(m *mapping.Mapper, s mapping.Step) string {
	rule := fmt.Sprintf("rule[%d] (%s)", s.Rule, s.Source)
	switch s.Verdict {
	case mapping.Matched:
		return fmt.Sprintf("%s %s, because it matches: %s", rule, r.effect(s, "denies", "grants", "sets"), detail(s))
	case mapping.NotReached:
		text := fmt.Sprintf("%s %s, but is not reached: %s", rule, r.effect(s, "would deny", "would grant", "would set"), detail(s))
		switch alone := m.Ask(s.Rule, r.App.Person(r.Test), r.At); {
		case !r.App.Policy.Rules[s.Rule-1].Conditional(): // nobody needs to be told what it says
		case alone.Verdict == mapping.Matched:
			text += "; put before that rule, it would match: " + detail(alone)
		default:
			text += "; nor would it match: " + detail(alone)
		}
		return text
	default:
		return fmt.Sprintf("%s %s, but does not match: %s", rule, r.effect(s, "would deny", "would grant", "would set"), detail(s))
	}
}

// effect is what a rule does for the person, in these verbs.
func (r Result) effect(s mapping.Step, denies, grants, sets string) string {
	if s.Deny {
		return denies
	}
	var parts []string
	if len(s.Roles) > 0 {
		parts = append(parts, grants+" "+wording.Quoted(s.Roles))
	}
	if missing(r.Test.Want, r.Got.Roles) == nil && missing(r.Got.Roles, r.Test.Want) == nil { // it is about attributes
		attributes := r.App.Policy.Rules[s.Rule-1].Attributes
		for _, name := range r.Test.OtherAttributes(r.Got) {
			if value, ok := attributes[name]; ok {
				parts = append(parts, fmt.Sprintf("%s %s = %q", sets, name, value))
			}
		}
	}
	return strings.Join(parts, " and ")
}

func detail(s mapping.Step) string {
	if s.Condition == "" || s.Verdict == mapping.Matched {
		return s.Detail
	}
	return s.Condition + ": " + s.Detail
}

// ofDefault says what default_role has to do with the failure.
func (r Result) ofDefault() []string {
	role := r.App.Policy.DefaultRole
	switch {
	case role == "":
		return nil
	case r.Got.Rule == 0 && r.Got.Allowed():
		return []string{fmt.Sprintf("default_role grants %q, because no rule grants a role or denies", role)}
	case slices.Contains(missing(r.Test.Want, r.Got.Roles), role):
		return []string{fmt.Sprintf("default_role would grant %q, but rule[%d] has decided", role, r.Got.Rule)}
	}
	return nil
}

// missing returns the items of list that other lacks.
func missing(list, other []string) []string {
	var lacks []string
	for _, item := range list {
		if !slices.Contains(other, item) {
			lacks = append(lacks, item)
		}
	}
	return lacks
}

// command returns the command line that explains the test's decision; empty if
// no command line can. at: the time is part of the question.
func (r Result) command(file string, at bool) string {
	t := r.Test
	args := []string{"ssobridge", "explain", "--config", file, "--app", r.App.Name}
	if t.Issuer != r.App.Issuers[0] {
		args = append(args, "--issuer", t.Issuer.Name)
	}
	described := len(args)
	if t.Email != "" {
		args = append(args, "--email", t.Email)
	}
	if t.Subject != "" {
		args = append(args, "--subject", t.Subject)
	}
	for _, group := range t.Groups {
		args = append(args, "--group", group)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		switch text, isText := t.Claims[name].(string); {
		case name == "name" && isText && text != "":
			args = append(args, "--name", text)
		case name == "" || name == "name" || strings.Contains(name, "="):
			return ""
		default:
			args = append(args, "--claim", name+"="+claimText(t.Claims[name]))
		}
	}
	if len(args) == described {
		args = append(args, "--subject", config.UnknownSubject)
	}
	if slices.Contains(args, "") || r.listsAsGroups() != nil {
		return "" // such as a group without a name, which explain refuses
	}
	if at || !t.At.IsZero() {
		args = append(args, "--at", r.At.UTC().Format(time.RFC3339Nano))
	}
	for i, arg := range args {
		word, ok := shellWord(arg)
		if !ok {
			return ""
		}
		args[i] = word
	}
	return strings.Join(args, " ")
}

// claimText writes a claim's value as explain reads it.
func claimText(v any) string {
	if text, ok := v.(string); ok && !json.Valid([]byte(text)) {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// shellWord quotes a word for a POSIX shell, on one line; ok is false if only some
// shells can read it so. $'...' is no way out: to dash it is a "$" and a text in
// which \' ends the quotes, so that what follows would run.
func shellWord(s string) (word string, ok bool) {
	special := func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-_+./:,@%=", r)
	}
	switch {
	case s != "" && s[0] != '=' && !strings.ContainsFunc(s, special):
		return s, true
	case wording.Visible(s) != s:
		return "", false
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", true
}
