package config

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

func (l *loader) validTests(app place, t appTable, a *App, vocabulary []string) []Test {
	known := l.rolesToWant(app, a, vocabulary)
	attributes := attributesOf(a.Policy.Rules)
	var tests []Test
	for i, test := range t.Tests {
		at := app.key("test").index(i + 1)
		l.checkWant(at.key("want"), test.Want, known)
		l.checkWantAttributes(at.key("want_attributes"), test, attributes, l.report.spoiltBelow(app.key("rule")))
		l.checkNotBlank(at.key("issuer"), test.Issuer, "leave the key out for the app's first issuer")
		if test.Email != "" {
			if err := verifier.CheckEmail(test.Email); err != nil {
				l.report.add(at.key("email"), "%q %v, so no assertion can hold it", test.Email, err)
			}
		}
		tests = append(tests, Test{
			Name: test.Name, Issuer: l.testIssuer(at.key("issuer"), test.Issuer, app, a),
			Email: test.Email, Subject: test.Subject, Groups: test.Groups, Claims: l.testClaims(at.key("claims"), test.Claims),
			At: test.At, Want: slices.DeleteFunc(slices.Clone(test.Want), func(w string) bool { return w == Deny }),
			Attributes: test.Attributes, Source: at.source(),
		})
	}
	return tests
}

// rolesToWant returns what a test may want; nil: what that is, is not known.
func (l *loader) rolesToWant(app place, a *App, vocabulary []string) []string {
	known := append([]string{Deny}, vocabulary...)
	if l.report.spoiltBelow(app.key("rule")) || l.report.isSpoilt(app.key("default_role")) {
		if vocabulary == nil {
			return nil
		}
		return known
	}
	for _, r := range a.Policy.Rules {
		known = append(known, r.Grants()...)
	}
	if a.Policy.DefaultRole != "" {
		known = append(known, a.Policy.DefaultRole)
	}
	slices.Sort(known)
	return slices.Compact(known)
}

func attributesOf(rules []mapping.Rule) []string {
	var names []string
	for _, r := range rules {
		names = slices.AppendSeq(names, maps.Keys(r.Attributes))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (l *loader) checkWant(at place, want, known []string) {
	if len(want) == 0 {
		l.report.add(at, "missing: name the role that the person shall get, or %q", Deny)
		return
	}
	for i, role := range want {
		at := at
		if len(want) > 1 {
			at = at.index(i + 1)
		}
		switch {
		case role == "":
			l.report.add(at, "empty: name the role that the person shall get, or %q", Deny)
		case known != nil && !slices.Contains(known, role):
			l.report.add(at, "no rule grants a role %q%s", role, wording.Instead(role, known))
		case slices.Contains(want[:i], role):
			l.report.add(at, "%q is there twice: remove one", role)
		case role == Deny && len(want) > 1:
			l.report.add(at, "%q beside a role: keep one of them", Deny)
		}
	}
}

// checkWantAttributes refuses what would never hold, or, of a person who is
// denied, always. partial is whether some rule could not be read.
func (l *loader) checkWantAttributes(at place, t testTable, known []string, partial bool) {
	if slices.Equal(t.Want, []string{Deny}) && len(t.Attributes) > 0 {
		l.report.add(at, "whoever is denied has no attributes: remove them, or want a role")
		return
	}
	for _, name := range sortedKeys(t.Attributes) {
		switch {
		case partial || slices.Contains(known, name):
		case len(known) == 0:
			l.report.add(at.key(name), "no rule of the app has attributes: remove it")
		default:
			l.report.add(at.key(name), "no rule adds an attribute %q%s", name, wording.Instead(name, known))
		}
	}
}

// testIssuer returns the issuer of a test's person: the app's first, unless the
// test says another.
func (l *loader) testIssuer(at place, name string, app place, a *App) *Issuer {
	var names []string
	for _, i := range a.Issuers {
		if i.Name == name || name == "" {
			return i
		}
		names = append(names, i.Name)
	}
	if names != nil && !l.report.spoiltBelow(app.key("issuers")) {
		l.report.add(at, "the app has no issuer %q%s", name, wording.Instead(name, names))
	}
	return nil
}

// testClaims returns the claims of a test's person as an assertion would hold
// them: in the types of JSON.
func (l *loader) testClaims(at place, claims map[string]any) map[string]any {
	for _, name := range sortedKeys(claims) {
		if problem := testClaimProblem(name); problem != "" {
			l.report.add(at.key(name), "%s", problem)
			continue
		}
		claims[name] = l.jsonValue(at.key(name), claims[name])
	}
	return claims
}

// testClaimProblem says why a test cannot choose a claim. App.Describe sets those
// that come of the issuer, and a test that seemed to say otherwise would pass for
// somebody else than it tells of.
func testClaimProblem(name string) string {
	switch folded := strings.ToLower(name); folded {
	case "email", "groups":
		return "is a key of the test itself: write " + folded + " = ... there"
	case "sub", "user":
		return "is a key of the test itself: write subject = ... there"
	case "iss", "aud":
		return `comes of the issuer and the app: write issuer = "..." in the test to choose the issuer`
	case "exp", "iat", "nbf", "jti":
		return "differs from request to request: write at = ... in the test to choose the time"
	}
	return ""
}

// jsonValue is a TOML value in the types of JSON.
func (l *loader) jsonValue(at place, v any) any {
	switch v := v.(type) {
	case string, bool:
		return v
	case int64:
		return float64(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			l.report.add(at, "no claim is infinite or not a number: write a number")
		}
		return v
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = l.jsonValue(at.index(i+1), item)
		}
		return list
	case []map[string]any: // how BurntSushi/toml decodes an array of tables
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = l.jsonValue(at.index(i+1), item)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for _, name := range sortedKeys(v) {
			object[name] = l.jsonValue(at.key(name), v[name])
		}
		return object
	}
	l.report.add(at, "no claim is %s: write a string, a number, true or false, an array or a table", typeName(v))
	return nil
}

// checkTimeless refuses tests that will fail one day by themselves: a file that
// is good today must not keep the bridge from starting the day after a grant
// has ended.
func (l *loader) checkTimeless(at place, a *App) {
	boundaries := a.boundariesAfter(l.now)
	for i, t := range a.Tests {
		if !t.At.IsZero() || l.report.spoiltBelow(at.index(i+1).key("at")) || t.Issuer == nil || a.MapperOf(t.Issuer) == nil {
			continue
		}
		if a.MapperOf(t.Issuer).AsksForTime() {
			l.report.add(at.index(i+1), "a rule's when asks for now, so the decision may change and the test would keep the file from loading then: "+
				"say when the person asks, such as at = %s", l.now.UTC().Truncate(time.Hour).Format(time.RFC3339))
			continue
		}
		if change := a.changesAfter(t, l.now, boundaries); !change.IsZero() {
			l.report.add(at.index(i+1), "the decision changes at %s, and the test would keep the file from loading then: "+
				"say when the person asks, such as at = %s", change.UTC().Format(time.RFC3339), l.now.UTC().Truncate(time.Hour).Format(time.RFC3339))
		}
	}
}
