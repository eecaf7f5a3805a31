package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// RuleError is one thing wrong with a policy.
type RuleError struct {
	// List is the named list, or Rule the rule's number counted from 1; neither:
	// the policy as a whole.
	List string
	Rule int
	// Path is the TOML key below that, such as {"claims", "department"}; may be
	// empty.
	Path []string
	// Item is the number of the item that is wrong in the list at Path, counted
	// from 1; 0: not one item.
	Item int
	// Unknown is the "@name" for which there is no list, if that is the problem.
	Unknown string
	// Problem says what is wrong and what would be right.
	Problem string
}

func (e *RuleError) Error() string {
	path := slices.Clone(e.Path)
	switch {
	case e.Rule > 0:
		path = slices.Insert(path, 0, fmt.Sprintf("rule[%d]", e.Rule))
	case e.List != "":
		path = slices.Insert(path, 0, "groups", e.List)
	}
	if len(path) == 0 {
		return e.Problem
	}
	return strings.Join(path, ".") + ": " + e.Problem
}

// Compile checks a policy and prepares it. Its error joins one *RuleError for
// everything that is wrong; then there is no Mapper, since a rule that lost a
// condition would let in more people than were meant.
func Compile(p Policy) (*Mapper, error) {
	c := &compiler{lists: p.Lists, m: newMapper(p), table: &nameTable{}, uses: make(map[string][]listUse)}
	c.lists.check(func(e RuleError) { c.errs = append(c.errs, &e) })
	c.checkPolicy(p)
	c.m.rules = make([]rule, len(p.Rules))
	for i := range p.Rules {
		c.number = i + 1
		c.m.rules[i] = c.rule(&p.Rules[i])
	}
	c.joinLists()
	c.m.names = c.table.names
	c.m.index = newRuleIndex(c.m.rules, len(c.m.names))
	c.checkContradictions()
	if c.errs != nil {
		return nil, errors.Join(c.errs...)
	}
	return c.m, nil
}

type compiler struct {
	lists  listSet
	m      *Mapper
	table  *nameTable
	number int // of the rule at hand
	errs   []error
	// uses are what lists are used for, by their name.
	uses map[string][]listUse
	// expressions are the compiled ones.
	expressions map[meant]*expression
}

func (c *compiler) fail(problem string, path ...string) {
	c.failItem(0, problem, path...)
}

// failItem is fail for the item at index item-1 of a list.
func (c *compiler) failItem(item int, problem string, path ...string) {
	c.errs = append(c.errs, &RuleError{Rule: c.number, Path: path, Item: item, Problem: problem})
}

// checkPolicy checks what concerns the rules together.
func (c *compiler) checkPolicy(p Policy) {
	if c.m.match != MatchFirst && c.m.match != MatchAll {
		c.fail(fmt.Sprintf(`is %q: write "first" or "all"`, p.Match), "match")
	}
	grants := slices.ContainsFunc(p.Rules, func(r Rule) bool { return !r.Deny && (r.Attributes == nil || r.Grants() != nil) })
	switch {
	case len(p.Rules) == 0 && p.DefaultRole == "":
		c.fail("no rule, so nobody could enter: add one that grants a role")
	case !grants && p.DefaultRole == "":
		c.fail("no rule grants a role, so nobody could enter: add one that does, or a default_role")
	}
	for i := range p.Rules {
		c.number = i + 1
		if r := &p.Rules[i]; !r.Conditional() {
			c.checkUnconditional(r, c.number == len(p.Rules))
		}
	}
	c.number = 0
}

// checkUnconditional refuses a rule without conditions wherever it would make
// something else that is written meaningless.
func (c *compiler) checkUnconditional(r *Rule, last bool) {
	key := "role"
	switch {
	case r.Deny:
		key = "deny"
	case r.Roles != nil:
		key = "roles"
	case r.Role == "" && r.Attributes != nil:
		key = "attributes"
	}
	switch first := c.m.match == MatchFirst; {
	case first && !last:
		c.fail("a rule without conditions matches everybody, so no later rule could match: "+
			"give it a condition, or put it last", key)
	case c.m.defaultRole != "" && (first || r.Grants() != nil):
		c.fail("a rule without conditions matches everybody, so default_role could never apply: keep one of them", key)
	case !first && r.Deny:
		c.fail("a rule without conditions denies everybody: give it a condition", key)
	}
}

func (c *compiler) rule(r *Rule) rule {
	c.checkGrants(r)
	if !r.After.IsZero() && !r.Until.IsZero() && !r.After.Before(r.Until) {
		c.fail("not later than after, so the rule never holds: swap them, or write a later time", "until")
	}
	compiled := rule{
		source: r.Source, grants: slices.Clip(slices.Clone(r.Grants())), attributes: maps.Clone(r.Attributes), deny: r.Deny,
		after: r.After, until: r.Until, when: c.expression(r.When, r.Deny),
	}
	add := func(key string, not bool, names []int32) {
		if len(names) > 0 {
			compiled.conditions = append(compiled.conditions, condition{key, names, not})
		}
	}
	// What keeps people out is a denial: the conditions of a rule that denies, and the
	// exclusions of one that grants. Whom a rule that denies excludes, it spares.
	asks, excludes := c.with(r.Deny), c.with(!r.Deny)
	add("groups", false, asks.groupNames(r.Groups, "groups"))
	for _, n := range asks.groupNames(r.AllGroups, "all_groups") {
		add("all_groups", false, []int32{n})
	}
	add("not_groups", true, excludes.groupNames(r.NotGroups, "not_groups"))
	email, domain, notEmail := checkTightEmail, checkTightDomain, checkEmail
	if r.Deny {
		email, domain, notEmail = checkEmail, checkDomain, checkTightEmail
	}
	add("emails", false, asks.namesOf(c.m.emails, r.Emails, email, "email addresses", "emails"))
	add("not_emails", true, excludes.namesOf(c.m.emails, r.NotEmails, notEmail, "email addresses", "not_emails"))
	add("domains", false, asks.namesOf(c.m.domains, r.Domains, domain, "domains", "domains"))
	add("subjects", false, asks.namesOf(c.m.subjects, r.Subjects, nil, "subjects", "subjects"))
	if r.Claims != nil && len(r.Claims) == 0 {
		c.fail(`empty table: name a claim, such as { department = ["support"] }, or leave the key out`, "claims")
	}
	for _, claim := range slices.Sorted(maps.Keys(r.Claims)) {
		if claim == "" {
			c.fail("a claim without a name: give it one, or remove it", "claims")
			continue
		}
		if problem := claimProblem(claim); problem != "" {
			c.fail(problem, "claims", claim)
			continue
		}
		values := r.Claims[claim]
		if values == nil {
			values = []string{} // unlike other lists, this one cannot be absent
		}
		k := c.claim(claim)
		add("claims", false, asks.valuesOf(k, values, "claims", claim))
	}
	return compiled
}

func (c *compiler) checkGrants(r *Rule) {
	switch {
	case r.Deny && (r.Role != "" || r.Roles != nil || r.Attributes != nil):
		c.fail("a rule that denies grants nothing: remove role, roles and attributes, or deny", "deny")
	case r.Deny:
	case r.Role != "" && r.Roles != nil:
		c.fail("there is role, too: keep one of them", "roles")
	case r.Roles != nil && len(r.Roles) == 0:
		c.fail(`empty list: name roles, or write role = "..."`, "roles")
	case r.Role == "" && r.Roles == nil && c.m.match == MatchAll && len(r.Attributes) > 0:
	case r.Role == "" && r.Roles == nil && len(r.Attributes) > 0:
		c.fail(`missing: say which role the rule grants, or write match = "all" for rules that only add attributes`, "role")
	case r.Role == "" && r.Roles == nil:
		c.fail(`missing: say which role the rule grants, such as role = "Viewer", or deny = true`, "role")
	}
	for i, role := range r.Roles {
		switch {
		case role == "":
			c.failItem(i+1, "an empty role: name one, or remove it", "roles")
		case slices.Contains(r.Roles[:i], role):
			c.failItem(i+1, fmt.Sprintf("%q is there twice: remove one", role), "roles")
		}
	}
	if r.Attributes != nil && len(r.Attributes) == 0 {
		c.fail(`empty table: name an attribute, such as { org_id = "2" }, or leave the key out`, "attributes")
	}
	for _, key := range slices.Sorted(maps.Keys(r.Attributes)) {
		switch {
		case key == "":
			c.fail("an attribute without a name: give it one, or remove it", "attributes")
		case r.Attributes[key] == "":
			c.fail("empty: give it a value, or leave it out", "attributes", key)
		}
	}
}

// claim returns the kind of a claim's values.
func (c *compiler) claim(claim string) *kind {
	i, found := slices.BinarySearchFunc(c.m.claims, claim, func(k *kind, claim string) int { return cmp.Compare(k.claim, claim) })
	if !found {
		k := newKind(same, Lenient, matchPattern)
		k.claim, k.joined = claim, c.m.reading.splits(claim)
		c.m.claims = slices.Insert(c.m.claims, i, k)
	}
	return c.m.claims[i]
}

// mayBeJoined reports whether Pomerium may write a list as the claim. It puts these
// itself.
func mayBeJoined(claim string) bool {
	return !slices.Contains([]string{"name", "user", "iss", "aud"}, claim)
}

// checkValue says what is wrong with a value of a claim.
func (k *kind) checkValue(written string) error {
	if k.joined && isPattern(written) && strings.Contains(written, ",") {
		return errors.New("is a pattern with a comma, and commas stand between items: write a pattern for an item, or the text without *")
	}
	return nil
}

// claimProblem says why a claim cannot be asked for under its name.
func claimProblem(claim string) string {
	switch claim {
	case "email":
		return "write emails = [...], which matches only an email that is verified"
	case "groups":
		return "write groups = [...]"
	case "sub":
		return "write subjects = [...]"
	case "exp", "iat", "nbf", "jti":
		return "differs from request to request, so no value of it can be written down: for times there are after and until"
	}
	return ""
}
