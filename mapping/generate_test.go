package mapping

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable

	"github.com/ssobridge/ssobridge/verifier"
)

// cases is how many pairs of a policy and a person each property is tried with.
var cases = flag.Int("mapping.cases", defaultCases, "pairs of a policy and a person for each property test")

const peoplePerPolicy = 20

// checkCases tries a property with the policies that make the number of cases.
func checkCases(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if err := checks.Value.Set(strconv.Itoa(max(1, *cases/peoplePerPolicy))); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = checks.Value.Set(before) }()
	rapid.Check(t, property)
}

// The names are few and alike, so that rules and people often meet. "\u212a" is
// the Kelvin sign, which Unicode folds to "k".
var (
	ruleGroups    = []string{"a", "b", "c", "ab", "A", "k", "a-1", "b-1", "*", "a*", "*-1", "A*1", "**", "@one", "@two", "@three"}
	listGroups    = []string{"a", "b", "ab", "B", "a-1", "*-1", "a*"}
	personGroups  = []string{"a", "b", "c", "ab", "A", "AB", "\u0430", "\uff41b", "a\u200b", "\uff0a", "k", "\u212a", "a-1", "b-1", "z", "ba", "", "*", "a*", "@one", "one", "a\n1", "a,b"}
	ruleEmails    = []string{"a@x", "b@x", "A@x", "a@y.x", "*@x", "*@X", "a@*", "*@*", "*", "*.z@x", "a*@y*.x", "*a*@*.x"}
	personEmails  = []string{"a@x", "\u0410@x", "B@x", "aa@y.z.x", "b@x", "a@y.x", "A@x", "a@X", "c.z@x", "aa@y.z", "", "a@x@x", "@x", "a@", "ax", "*@x", "*"}
	ruleDomains   = []string{"x", "X", "y.x", "*.x", "*", "y*.x", "y.*.x"}
	ruleSubjects  = []string{"s1", "s2", "s*", "*", "@one"}
	subjects      = []string{"s1", "s2", "S1", "t", "@one", ""}
	ruleClaims    = []string{"dept", "roles", "x.roles", "name", "level", "admin", "org.team", "org.unit.name"}
	ruleValues    = []string{"a", "b", "a,b", "true", "false", "3", "2.5", "1500000", "1.5e+06", "*", "a*", "null", "@one", " b"}
	claimTexts    = []string{"a", "b", "a,b", "b,a", ",a", "a,", ",", "", "a, b", "A", "A,B", "\uff41", "TRUE", "true", "3", "1.5e+06", "*", "@one", "null"}
	moments       = []time.Time{noon, noon.Add(time.Hour), noon.Add(2 * time.Hour)}
	grantedRoles  = []string{"Viewer", "Editor", "Admin", "Owner"}
	attributes    = []string{"org", "team"}
	expressionTxt = slices.Sorted(maps.Keys(expressions))
)

// oneOf draws true once in so many times.
func oneOf(t *rapid.T, times int) bool { return rapid.IntRange(1, times).Draw(t, "has") == 1 }

// some draws a few of names once in so many times, or else none.
func some(t *rapid.T, names []string, times int) []string {
	if !oneOf(t, times) {
		return nil
	}
	return rapid.SliceOfN(rapid.SampledFrom(names), 1, 3).Draw(t, "names")
}

// conditions draws those of one rule.
func conditions(t *rapid.T) Rule {
	r := Rule{
		Groups: some(t, ruleGroups, 2), AllGroups: some(t, ruleGroups, 5), NotGroups: some(t, ruleGroups, 4),
		Emails: some(t, ruleEmails, 4), NotEmails: some(t, ruleEmails, 7),
		Domains: some(t, ruleDomains, 7), Subjects: some(t, ruleSubjects, 7),
	}
	if oneOf(t, 4) {
		r.Claims = make(map[string][]string)
		for range rapid.IntRange(1, 2).Draw(t, "claims") {
			r.Claims[rapid.SampledFrom(ruleClaims).Draw(t, "claim")] = some(t, ruleValues, 1)
		}
	}
	if oneOf(t, 5) {
		r.When = rapid.SampledFrom(expressionTxt).Draw(t, "when")
	}
	if oneOf(t, 5) {
		r.After = rapid.SampledFrom(moments).Draw(t, "after")
	}
	if oneOf(t, 5) {
		if until := rapid.SampledFrom(moments).Draw(t, "until"); r.After.IsZero() || r.After.Before(until) {
			r.Until = until
		}
	}
	if len(conditionsOf(r)) == 0 {
		r.Groups = some(t, ruleGroups, 1)
	}
	return r
}

// likeness draws a rule that asks for about what an earlier one asks for, so
// that rules are in each other's way.
func likeness(t *rapid.T, r Rule) Rule {
	other := conditions(t)
	if oneOf(t, 3) {
		r.Groups = other.Groups
	}
	if r.NotGroups == nil || oneOf(t, 3) {
		r.NotGroups = other.NotGroups
	}
	if r.Emails == nil || oneOf(t, 3) {
		r.Emails, r.Domains = other.Emails, other.Domains
	}
	if r.Claims == nil {
		r.Claims = other.Claims
	}
	if oneOf(t, 4) {
		r.After, r.Until = other.After, other.Until
	}
	if r.When == "" || oneOf(t, 3) {
		r.When = other.When
	}
	if len(conditionsOf(r)) == 0 {
		r.Groups = some(t, ruleGroups, 1)
	}
	return r
}

// grants draws what a rule does. Under MatchAll it may add attributes only.
func grants(t *rapid.T, r *Rule, match Match) {
	r.Role, r.Roles, r.Deny, r.Attributes = "", nil, false, nil
	if r.Deny = oneOf(t, 6); r.Deny {
		return
	}
	for _, key := range attributes {
		if oneOf(t, 4) {
			if r.Attributes == nil {
				r.Attributes = make(map[string]string)
			}
			r.Attributes[key] = rapid.SampledFrom([]string{"1", "2"}).Draw(t, key)
		}
	}
	switch {
	case match == MatchAll && r.Attributes != nil && oneOf(t, 3):
	case oneOf(t, 3):
		r.Roles = rapid.SliceOfNDistinct(rapid.SampledFrom(grantedRoles), 1, 3, rapid.ID[string]).Draw(t, "roles")
	default:
		r.Role = rapid.SampledFrom(grantedRoles).Draw(t, "role")
	}
}

func policies() *rapid.Generator[Policy] {
	list := rapid.SliceOfN(rapid.SampledFrom(listGroups), 1, 3)
	return rapid.Custom(func(t *rapid.T) Policy {
		p := Policy{
			Match:      rapid.SampledFrom([]Match{"", MatchFirst, MatchAll, MatchAll}).Draw(t, "match"),
			IgnoreCase: oneOf(t, 3), WholeTexts: oneOf(t, 3),
			Lists: map[string][]string{"one": list.Draw(t, "one")},
		}
		if oneOf(t, 3) {
			p.ListClaims = []string{"dept"}
		}
		p.Lists["two"] = append(list.Draw(t, "two"), "@one")
		p.Lists["three"] = append([]string{"@two", "@one"}, list.Draw(t, "three")...)
		if oneOf(t, 3) {
			p.DefaultRole = rapid.SampledFrom(append(grantedRoles[:2:2], "Guest")).Draw(t, "default")
		}
		for i := range rapid.IntRange(1, 6).Draw(t, "rules") {
			var r Rule
			if i > 0 && oneOf(t, 3) {
				r = likeness(t, p.Rules[rapid.IntRange(0, i-1).Draw(t, "like")])
			} else {
				r = conditions(t)
			}
			grants(t, &r, p.Match)
			r.Source = fmt.Sprintf("test:%d", i+1)
			p.Rules = append(p.Rules, r)
		}
		// One rule may be for everybody, where Compile lets it.
		last := &p.Rules[len(p.Rules)-1]
		if p.DefaultRole == "" && (p.Match != MatchAll || !last.Deny) && oneOf(t, 5) {
			*last = Rule{Role: last.Role, Roles: last.Roles, Deny: last.Deny, Attributes: last.Attributes, Source: last.Source}
		}
		if !slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Role != "" || r.Roles != nil }) {
			p.DefaultRole = "Guest"
			if len(conditionsOf(*last)) == 0 {
				last.Groups = []string{"a"}
			}
		}
		return p
	})
}

func visits() *rapid.Generator[visit] {
	groups := rapid.SliceOfN(rapid.SampledFrom(personGroups), 0, 4)
	return rapid.Custom(func(t *rapid.T) visit {
		return visit{
			Person: &verifier.Principal{
				Subject: rapid.SampledFrom(subjects).Draw(t, "subject"),
				Name:    rapid.SampledFrom([]string{"", "Ann"}).Draw(t, "name"),
				Email:   rapid.SampledFrom(personEmails).Draw(t, "email"),
				Groups:  groups.Draw(t, "groups"),
				Claims:  claims(t),
			},
			At: rapid.SampledFrom(moments).Draw(t, "moment").Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "offset"))),
		}
	})
}

// claims draws what an assertion holds, nested claims written in both ways.
func claims(t *rapid.T) map[string]any {
	if oneOf(t, 4) {
		return nil
	}
	c := make(map[string]any)
	for _, name := range ruleClaims {
		if !oneOf(t, 2) {
			continue
		}
		parts := strings.Split(name, ".")
		if oneOf(t, 2) {
			parts = []string{name}
		}
		object := c
		for _, part := range parts[:len(parts)-1] {
			inner, ok := object[part].(map[string]any)
			if !ok {
				inner = make(map[string]any)
				object[part] = inner
			}
			object = inner
		}
		object[parts[len(parts)-1]] = claimValue(t, true)
	}
	return c
}

func claimValue(t *rapid.T, lists bool) any {
	switch rapid.IntRange(0, 8).Draw(t, "type") {
	case 0:
		return rapid.Bool().Draw(t, "bool")
	case 1, 2:
		return rapid.SampledFrom([]float64{3, 2.5, 1500000, 0}).Draw(t, "number")
	case 3:
		return nil
	case 4:
		return map[string]any{"a": "a"}
	case 5, 6:
		if !lists {
			return []any{"a"} // a list in a list
		}
		var list []any
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, claimValue(t, false))
		}
		return list
	}
	return rapid.SampledFrom(claimTexts).Draw(t, "text")
}

// aim changes a visit so that it meets a rule, as far as that is easy.
func aim(t *rapid.T, p Policy, rule Rule, v *visit) {
	star := rapid.SampledFrom([]string{"", "a", "1", "-1", "a-1", "z", "x", "y"})
	fill := func(pattern string) string {
		for strings.Contains(pattern, "*") {
			pattern = strings.Replace(pattern, "*", star.Draw(t, "star"), 1)
		}
		return pattern
	}
	sample := func(names []string) string { return fill(rapid.SampledFrom(names).Draw(t, "name")) }
	var member func(written []string) string
	member = func(written []string) string {
		w := sample(written)
		if list, isList := strings.CutPrefix(w, "@"); isList {
			return member(p.Lists[list])
		}
		return w
	}
	groups := slices.Clone(v.Person.Groups[:min(1, len(v.Person.Groups))])
	for _, w := range rule.AllGroups {
		groups = append(groups, member([]string{w}))
	}
	if rule.Groups != nil {
		groups = append(groups, member(rule.Groups))
	}
	v.Person.Groups = groups
	if rule.Domains != nil {
		v.Person.Email = "a@" + sample(rule.Domains)
	}
	if rule.Emails != nil {
		v.Person.Email = sample(rule.Emails)
	}
	if rule.Subjects != nil {
		v.Person.Subject = sample(rule.Subjects)
	}
	for _, claim := range slices.Sorted(maps.Keys(rule.Claims)) {
		if v.Person.Claims == nil {
			v.Person.Claims = make(map[string]any)
		}
		v.Person.Claims[claim] = member(rule.Claims[claim])
	}
	if !rule.After.IsZero() && v.At.Before(rule.After) {
		v.At = rule.After
	}
	if !rule.Until.IsZero() && !v.At.Before(rule.Until) {
		v.At = rule.Until.Add(-1)
	}
}
