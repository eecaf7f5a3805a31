package mapping

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/verifier"
)

// reference decides as the doc comments of Policy and Rule say, and in no
// clever way. It shares no code with the mapper: patterns are regular
// expressions, lists are looked into item by item, and expressions are Go.
type reference struct {
	policy Policy
	// expressions are what a text in When means; see expressions.
	expressions map[string]meaning
	// exact: denials are compared like any other.
	exact bool
	// compiled spares compiling the same expression 100,000 times.
	compiled map[string]*regexp.Regexp
}

// meaning is what an expression says of somebody; an error if it cannot say.
type meaning func(r *reference, v visit) (bool, error)

func newReference(p Policy) *reference {
	return &reference{policy: p, expressions: expressions, compiled: make(map[string]*regexp.Regexp)}
}

// visit is a person at a time.
type visit struct {
	Person *verifier.Principal
	At     time.Time
	// denies: the expression that is asked about is one of a rule that denies.
	denies bool
}

func (r *reference) decide(v visit) Decision {
	var matched []int
	for i, rule := range r.policy.Rules {
		if len(r.failing(rule, v)) == 0 {
			matched = append(matched, i+1)
		}
	}
	if r.policy.Match != MatchAll && len(matched) > 1 {
		matched = matched[:1]
	}
	for _, number := range matched {
		if rule := r.policy.Rules[number-1]; rule.Deny {
			return Decision{Rule: number, Source: rule.Source}
		}
	}
	d := Decision{Attributes: map[string]string{}}
	for _, number := range matched {
		rule := r.policy.Rules[number-1]
		roles := rule.Roles
		if rule.Role != "" {
			roles = []string{rule.Role}
		}
		if len(roles) > 0 && d.Rule == 0 {
			d.Rule, d.Source = number, rule.Source
		}
		for _, role := range roles {
			if !slices.Contains(d.Roles, role) {
				d.Roles = append(d.Roles, role)
			}
		}
		for key, value := range rule.Attributes {
			if _, taken := d.Attributes[key]; !taken {
				d.Attributes[key] = value
			}
		}
	}
	if d.Roles == nil && r.policy.DefaultRole != "" {
		d.Roles = []string{r.policy.DefaultRole}
	}
	if d.Roles == nil {
		return Decision{}
	}
	for _, number := range matched {
		if number != d.Rule {
			d.Also = append(d.Also, number)
		}
	}
	return d
}

// failing returns the keys of a rule's conditions that do not hold.
func (r *reference) failing(rule Rule, v visit) []string {
	var keys []string
	check := func(key string, present, holds bool) {
		if present && !holds && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	asks, excludes := r.forms(rule.Deny), r.forms(!rule.Deny)
	check("groups", rule.Groups != nil, r.inAny(rule.Groups, v.Person, asks))
	for _, w := range rule.AllGroups {
		check("all_groups", true, r.inAny([]string{w}, v.Person, asks))
	}
	check("not_groups", rule.NotGroups != nil, !r.inAny(rule.NotGroups, v.Person, excludes))
	check("emails", rule.Emails != nil, r.isEmail(rule.Emails, v.Person.Email, asks))
	check("not_emails", rule.NotEmails != nil, !r.isEmail(rule.NotEmails, v.Person.Email, excludes))
	check("domains", rule.Domains != nil, r.isDomain(rule.Domains, v.Person.Email, asks))
	check("subjects", rule.Subjects != nil, r.matches(rule.Subjects, []string{v.Person.Subject}, []form{letters}))
	for claim, values := range rule.Claims {
		forms := []form{letters}
		if len(asks) > 1 {
			forms = append(forms, leniently)
		}
		check("claims", true, r.claimMatches(claim, values, claimOf(v.Person.Claims, claim), forms))
	}
	check("after", !rule.After.IsZero(), v.At.UnixNano() >= rule.After.UnixNano())
	check("until", !rule.Until.IsZero(), v.At.UnixNano() < rule.Until.UnixNano())
	if rule.When != "" {
		v.denies = rule.Deny
		holds, err := r.expressions[rule.When](r, v)
		check("when", true, err == nil && holds || err != nil && rule.Deny)
	}
	return keys
}

// conditionsOf returns the keys of a rule's conditions, sorted.
func conditionsOf(rule Rule) []string {
	var keys []string
	for key, present := range map[string]bool{
		"groups": rule.Groups != nil, "all_groups": rule.AllGroups != nil, "not_groups": rule.NotGroups != nil,
		"emails": rule.Emails != nil, "not_emails": rule.NotEmails != nil, "domains": rule.Domains != nil,
		"subjects": rule.Subjects != nil, "claims": rule.Claims != nil,
		"after": !rule.After.IsZero(), "until": !rule.Until.IsZero(), "when": rule.When != "",
	} {
		if present {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// form makes texts that count as equal the same.
type form func(string) string

// forms are how names are compared, in one of them at least; denies: as those are
// that keep people out.
func (r *reference) forms(denies bool) []form {
	if denies && !r.exact {
		return []form{r.fold, leniently}
	}
	return []form{r.fold}
}

// leniently is Lenient, in no clever way for the few characters of the generator.
func leniently(s string) string {
	s = strings.NewReplacer("\u212a", "k", "\u0430", "a", "\u0410", "a", "\uff41", "a", "\u200b", "").Replace(s)
	if !isASCII(s) {
		s = Lenient(s)
	}
	return asciiLower(s)
}

// in reports whether somebody is in a group, a pattern or a list, by the member(...)
// of an expression that keeps out those who are, or those who are not.
func (r *reference) in(written string, v visit, keepsOut bool) bool {
	return r.inAny([]string{written}, v.Person, r.forms(keepsOut))
}

func (r *reference) inAny(written []string, p *verifier.Principal, forms []form) bool {
	for _, w := range written {
		if list, isList := strings.CutPrefix(w, "@"); isList {
			if r.inAny(r.policy.Lists[list], p, forms) {
				return true
			}
		} else if r.matches([]string{w}, p.Groups, forms) {
			return true
		}
	}
	return false
}

func (r *reference) isEmail(written []string, email string, forms []form) bool {
	if !oneAt.MatchString(letters(email)) {
		return false
	}
	for _, f := range forms {
		normal := func(s string) string {
			local, domain, _ := strings.Cut(s, "@")
			return f(local) + "@" + asciiLower(domain)
		}
		for _, w := range written {
			if w == "*" || r.expression(normal(w), "[^@]*").MatchString(normal(email)) {
				return true
			}
		}
	}
	return false
}

func (r *reference) isDomain(written []string, email string, forms []form) bool {
	if !oneAt.MatchString(letters(email)) {
		return false
	}
	_, domain, _ := strings.Cut(email, "@")
	for _, f := range forms {
		for _, w := range written {
			if r.expression(asciiLower(f(w)), ".*").MatchString(asciiLower(f(domain))) {
				return true
			}
		}
	}
	return false
}

// matches reports whether a value is among those written.
func (r *reference) matches(written, values []string, forms []form) bool {
	for _, f := range forms {
		for _, w := range written {
			for _, value := range values {
				if value != "" && r.expression(f(w), ".*").MatchString(f(value)) {
					return true
				}
			}
		}
	}
	return false
}

// claimOf is verifier.Principal.Claim, by its doc comment.
func claimOf(claims map[string]any, claim string) any {
	if value, ok := claims[claim]; ok {
		return value
	}
	parts := strings.Split(claim, ".")
	for n := 1; n < len(parts); n++ {
		outer, inner := strings.Join(parts[:n], "."), strings.Join(parts[n:], ".")
		if object, ok := claims[outer].(map[string]any); ok {
			if value := claimOf(object, inner); value != nil {
				return value
			}
		}
	}
	return nil
}

// claimMatches reports whether a claim has one of the values written.
func (r *reference) claimMatches(name string, written []string, claim any, forms []form) bool {
	var all []string
	for _, w := range written {
		all = append(all, r.membersOf(w)...)
	}
	return r.valueMatches(name, all, claim, forms)
}

// membersOf is what a name stands for.
func (r *reference) membersOf(written string) (all []string) {
	list, isList := strings.CutPrefix(written, "@")
	if !isList {
		return []string{written}
	}
	for _, member := range r.policy.Lists[list] {
		all = append(all, r.membersOf(member)...)
	}
	return all
}

func (r *reference) valueMatches(name string, written []string, claim any, forms []form) bool {
	if list, isList := claim.([]any); isList {
		return slices.ContainsFunc(list, func(item any) bool {
			_, isList := item.([]any)
			text, isText := item.(string)
			if isText && strings.Contains(text, ",") {
				return r.textMatches(name, written, text, []string{text}, forms)
			}
			return !isList && r.valueMatches(name, written, item, forms)
		})
	}
	switch v := claim.(type) {
	case string:
		return r.textMatches(name, written, v, strings.Split(v, ","), forms)
	case bool:
		return r.matches(written, []string{map[bool]string{true: "true", false: "false"}[v]}, forms)
	case float64:
		return v < 9007199254740992 && v > -9007199254740992 && r.matches(written, []string{big.NewFloat(v).Text('f', -1)}, forms)
	}
	return false
}

// textMatches reports whether a text or, where issuers join lists, one of its
// items is among those written. No pattern is for a text of several items.
func (r *reference) textMatches(name string, written []string, text string, items []string, forms []form) bool {
	list := slices.Contains(append([]string{"roles", "x.roles"}, r.policy.ListClaims...), name)
	denies := len(forms) > 1 && name != "name"
	switch {
	case r.policy.WholeTexts || !strings.Contains(text, ",") || !list && !denies:
		return r.matches(written, []string{text}, forms)
	case !list && r.matches(written, []string{text}, forms):
		return true
	}
	for _, item := range items {
		if item != text && r.matches(written, []string{item}, forms) {
			return true
		}
	}
	return slices.ContainsFunc(forms, func(f form) bool {
		return slices.ContainsFunc(written, func(w string) bool { return f(w) == f(text) || w == "*" })
	})
}

// fold is how groups and the local parts of emails are compared.
func (r *reference) fold(s string) string {
	if r.policy.IgnoreCase {
		return asciiLower(s)
	}
	return letters(s)
}

func asciiLower(s string) string {
	const upper, lower = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
	return strings.Map(func(r rune) rune {
		if i := strings.IndexRune(upper, r); i >= 0 {
			return rune(lower[i])
		}
		return r
	}, letters(s))
}

// letters makes a letter of each byte, since regexp reads UTF-8 and patterns
// are of bytes.
func letters(s string) string {
	all := make([]rune, len(s))
	for i := range len(s) {
		all[i] = rune(s[i])
	}
	return string(all)
}

var oneAt = regexp.MustCompile(`(?s)\A[^@]+@[^@]+\z`)

// expression is a pattern as a regular expression, in which "*" is star.
func (r *reference) expression(pattern, star string) *regexp.Regexp {
	text := `(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, star) + `\z`
	if r.compiled[text] == nil {
		r.compiled[text] = regexp.MustCompile(text)
	}
	return r.compiled[text]
}

var errCannotSay = errors.New("cannot say")

// expressions are conditions in CEL and what they mean, in Go.
var expressions = map[string]meaning{
	`email.endsWith("@x")`: func(_ *reference, v visit) (bool, error) {
		return oneAt.MatchString(v.Person.Email) && strings.HasSuffix(v.Person.Email, "@x"), nil
	},
	`domain == "x"`: func(r *reference, v visit) (bool, error) {
		return r.isDomain([]string{"x"}, v.Person.Email, []form{letters}), nil
	},
	`"a" in groups`: func(_ *reference, v visit) (bool, error) { return slices.Contains(v.Person.Groups, "a"), nil },
	`groups.exists(g, g.startsWith("a"))`: func(_ *reference, v visit) (bool, error) {
		return slices.ContainsFunc(v.Person.Groups, func(g string) bool { return strings.HasPrefix(g, "a") }), nil
	},
	`size(groups) > 2`: func(_ *reference, v visit) (bool, error) { return len(v.Person.Groups) > 2, nil },
	`subject == "s1" || name == "Ann"`: func(_ *reference, v visit) (bool, error) {
		return v.Person.Subject == "s1" || v.Person.Name == "Ann", nil
	},
	`now < timestamp("2027-01-31T13:00:00Z")`: func(_ *reference, v visit) (bool, error) {
		return v.At.Before(noon.Add(time.Hour)), nil
	},
	`member("@two")`: func(r *reference, v visit) (bool, error) { return r.in("@two", v, v.denies), nil },
	`member("a*") && !member("b")`: func(r *reference, v visit) (bool, error) {
		return r.in("a*", v, v.denies) && !r.in("b", v, !v.denies), nil
	},
	`claims.dept == "a"`: func(_ *reference, v visit) (bool, error) {
		dept, ok := v.Person.Claims["dept"]
		if !ok {
			return false, errCannotSay
		}
		return dept == any("a"), nil
	},
	`has(claims.dept) && claims.dept != "a"`: func(_ *reference, v visit) (bool, error) {
		dept, ok := v.Person.Claims["dept"]
		return ok && dept != any("a"), nil
	},
	// What is true whatever the claim is, does not fail.
	`claims.dept == "a" || member("b")`: func(r *reference, v visit) (bool, error) {
		dept, ok := v.Person.Claims["dept"]
		if !ok && !r.in("b", v, v.denies) {
			return false, errCannotSay
		}
		return dept == any("a") || r.in("b", v, v.denies), nil
	},
	`items("roles").exists(r, r == "a")`: func(r *reference, v visit) (bool, error) {
		return r.valueMatches("roles", []string{"a"}, claimOf(v.Person.Claims, "roles"), []form{letters}), nil
	},
	`"a" in items("x.roles") || "a" in items("dept")`: func(r *reference, v visit) (bool, error) {
		return r.valueMatches("x.roles", []string{"a"}, claimOf(v.Person.Claims, "x.roles"), []form{letters}) ||
			r.valueMatches("dept", []string{"a"}, claimOf(v.Person.Claims, "dept"), []form{letters}), nil
	},
	`double(claims.level) > 2.0`: func(_ *reference, v visit) (bool, error) {
		switch level := v.Person.Claims["level"].(type) {
		case float64:
			return level > 2, nil
		case string:
			if number, err := strconv.ParseFloat(level, 64); err == nil {
				return number > 2, nil
			}
		}
		return false, errCannotSay
	},
	`12 / size(email) < 4`: func(_ *reference, v visit) (bool, error) {
		if !oneAt.MatchString(v.Person.Email) {
			return false, errCannotSay
		}
		return 12/utf8.RuneCountInString(v.Person.Email) < 4, nil
	},
	`"admin" in claims && string(claims.admin) == "true"`: func(_ *reference, v visit) (bool, error) {
		admin, ok := v.Person.Claims["admin"]
		switch admin.(type) {
		case []any, map[string]any, nil:
			if ok {
				return false, errCannotSay
			}
		}
		return fmt.Sprint(admin) == "true", nil
	},
}
