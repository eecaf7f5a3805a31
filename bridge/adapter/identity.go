package adapter

import (
	"fmt"
	"slices"
	"strings"
)

// Told is one thing that an app is told of people.
type Told struct {
	// Name is what the app calls it, Key is its option. A field within another has the
	// name of the outer one.
	Name, Key string
	// Source is where the value comes from: "email", "email_local", "subject", "name",
	// "role", "roles", "groups", "rule", "claim", "attribute", "credential", or another word
	// for what is no person's own. It is empty for a field that has no valid source.
	Source string
	// Of is the name of the claim or the attribute.
	Of string
	// List: the value is a list.
	List bool
	// Unique: whoever wrote the option says that no two people have the same value, and
	// that nobody can change theirs.
	Unique bool
	// Required: people who have no value are refused.
	Required bool
	// MayLack: people are sent without it if it cannot be written, or has no word in a map.
	MayLack bool
	// Omitted: it is not sent.
	Omitted bool
	// Always: it is what every app of the kind knows people by.
	Always bool
}

// KnownBy returns the names of what an app knows people by. Two people never become one
// in such a value, and nobody arrives without it. Named are those that the option
// known_by names; nil: all are meant that are safe. Its errors are those options that
// break the rule, for whoever wrote them.
func KnownBy(named []string, all []Told) (known []string, problems []*OptionError) {
	c := identityCheck{all: all}
	for _, t := range all {
		if t.Unique && t.Source != "" && !t.declarable() {
			c.fail(t.Key+".unique", "is for name, an attribute, and a claim that is one text; remove it")
		}
	}
	if named != nil {
		return c.named(named), c.problems
	}
	return c.unnamed(), c.problems
}

type identityCheck struct {
	all      []Told
	problems []*OptionError
}

func (c *identityCheck) fail(key, format string, args ...any) {
	c.problems = append(c.problems, &OptionError{Key: key, Problem: fmt.Sprintf(format, args...)})
}

// unnamed finds what the app may know people by.
func (c *identityCheck) unnamed() (known []string) {
	sent := slices.DeleteFunc(slices.Clone(c.all), func(t Told) bool { return t.Omitted })
	if !slices.ContainsFunc(sent, Told.personal) {
		return nil // it is told of roles, say, and not of people
	}
	for _, t := range sent {
		switch {
		case c.proven(t):
			if !slices.Contains(known, t.Name) {
				known = append(known, t.Name)
			}
		case t.Always, t.personal() && soundsLikeUser(t.Key):
			c.explain(t)
		}
	}
	if known == nil && c.problems == nil {
		c.explainBest(sent)
	}
	return known
}

// named checks what known_by names.
func (c *identityCheck) named(names []string) (known []string) {
	for n, name := range names {
		same := slices.DeleteFunc(slices.Clone(c.all), func(t Told) bool { return FoldName(t.Name) != FoldName(name) })
		sent := slices.DeleteFunc(slices.Clone(same), func(t Told) bool { return t.Omitted })
		switch {
		case len(same) == 0:
			c.fail(fmt.Sprintf("known_by[%d]", n+1), "%q is nothing that this adapter sends; it sends %s", name, strings.Join(namesOf(c.all), ", "))
		case len(sent) == 0: // whoever omits it has said that the app goes by the others
		default:
			known = append(known, sent[0].Name)
			if !slices.ContainsFunc(sent, c.proven) {
				c.explain(sent[0])
			}
		}
	}
	if known == nil && len(names) > 0 && c.problems == nil {
		c.fail("omit", "leaves nothing by which the app knows people, which is %s; keep it, or write in known_by what it goes by instead", strings.Join(names, ", "))
	}
	return known
}

func namesOf(all []Told) []string {
	var list []string
	for _, t := range all {
		if !slices.Contains(list, t.Name) {
			list = append(list, t.Name)
		}
	}
	return list
}

// personal reports whether the value is one of the person's own.
func (t Told) personal() bool {
	switch t.Source {
	case "email", "email_local", "subject", "name", "credential":
		return true
	}
	return t.Source == "claim" && !t.List
}

// declarable reports whether people can know that the value is one person's alone, and
// the adapter cannot.
func (t Told) declarable() bool {
	return !t.List && slices.Contains([]string{"name", "claim", "attribute"}, t.Source)
}

// unique reports whether no two people have the same value.
func (t Told) unique() bool {
	switch t.Source {
	case "email", "email_local", "subject", "credential":
		return !t.List
	}
	return t.Unique && t.declarable()
}

// proven reports whether the value tells everybody from everybody else. It need not be
// required where another one from the same source is, and nobody lacks a subject.
func (c *identityCheck) proven(t Told) bool {
	if t.Omitted || !t.unique() {
		return false
	}
	return t.Required || !t.MayLack && slices.ContainsFunc(c.all, func(other Told) bool {
		return (other.Required || other.Source == "subject") && !other.Omitted && other.Source == t.Source && other.Of == t.Of
	})
}

// explain says why the app cannot know people by a value.
func (c *identityCheck) explain(t Told) {
	switch {
	case t.Source == "": // which has been said
	case t.unique():
		c.fail(t.Key, "may be empty, and then somebody reaches the app as nobody: add required = true")
	case t.Source == "name":
		c.fail(t.Key+".from", `people choose how they are called, so Eve could arrive as Ann: write from = "email" or from = "subject", with required = true; `+
			`only if your identity provider gives every name once and lets nobody change theirs, add unique = true`)
	case t.Source == "claim" && !t.List:
		c.fail(t.Key+".claim", `nothing says that no two people have the same %q, or that nobody can change theirs: write from = "email" or from = "subject", with required = true; `+
			`only if your identity provider makes sure of both, add unique = true`, t.Of)
	default:
		c.fail(t.Key, `the app knows people by it, and several people may have the same value: write from = "email" or from = "subject", with required = true`)
	}
}

// explainBest says what is missing where the app could know nobody.
func (c *identityCheck) explainBest(sent []Told) {
	for _, is := range []func(Told) bool{Told.unique, Told.personal} {
		if n := slices.IndexFunc(sent, is); n >= 0 {
			c.explain(sent[n])
			return
		}
	}
}

// userWords end the names that many apps read a login name from.
var userWords = []string{"user", "username", "userid", "user-id", "login", "uid", "principal", "subject", "sub"}

// soundsLikeUser reports whether an app that reads the field at key will take it for the
// login name.
func soundsLikeUser(key string) bool {
	folded := strings.Trim(FoldName(key[strings.LastIndex(key, ".")+1:]), "-")
	return slices.ContainsFunc(userWords, func(word string) bool {
		rest, ends := strings.CutSuffix(folded, word)
		return ends && (rest == "" || strings.HasSuffix(rest, "-"))
	})
}
