package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// TestResult is what became of one policy test.
type TestResult struct {
	App *App
	// Number is the test's, counted from 1 in its app.
	Number int
	Test   Test
	// At is when the person asked.
	At time.Time
	// Got is the decision.
	Got mapping.Decision
	// Problem says how Got differs from what the test wants; empty: it passed.
	Problem string
}

// Passed reports whether the decision was the wanted one.
func (r TestResult) Passed() bool { return r.Problem == "" }

// Key is the path of the test's key, "app.grafana.test[2]".
func (r TestResult) Key() string {
	return joinIndex(joinKey(joinKey("app", r.App.Name), "test"), r.Number)
}

// String is the result as people read it:
// "file:line: app.grafana.test[2]: want "Admin", got "Editor" by rule[2] (file:line)".
func (r TestResult) String() string {
	name := ""
	if r.Test.Name != "" {
		name = fmt.Sprintf(" (%s)", r.Test.Name)
	}
	return wording.Visible(fmt.Sprintf("%s: %s%s: %s", r.Test.Source, r.Key(), name, cmp.Or(r.Problem, "passed")))
}

// RunTests runs every app's policy tests, in the order of the file. Tests that
// do not say when their person asks run at now.
func (c *Config) RunTests(now time.Time) []TestResult {
	var results []TestResult
	for _, app := range c.Apps {
		for i := range app.Tests {
			results = append(results, app.RunTest(i, now))
		}
	}
	return results
}

// FailedTests returns those of the results of RunTests that are failures.
func (c *Config) FailedTests(now time.Time) []TestResult {
	return slices.DeleteFunc(c.RunTests(now), TestResult.Passed)
}

// RunTest runs the app's test of index i.
func (a *App) RunTest(i int, now time.Time) TestResult {
	t := a.Tests[i]
	r := TestResult{App: a, Number: i + 1, Test: t, At: now}
	if !t.At.IsZero() {
		r.At = t.At
	}
	r.Got = a.decide(t, r.At)
	r.Problem = t.problem(r.Got)
	return r
}

// decide decides about the test's person.
func (a *App) decide(t Test, at time.Time) mapping.Decision {
	return a.MapperOf(t.Issuer).Map(a.Person(t), at)
}

// Person is who a test is about.
func (a *App) Person(t Test) *verifier.Principal {
	return a.Describe(t.Issuer, &verifier.Principal{
		Subject: cmp.Or(t.Subject, UnknownSubject),
		Email:   t.Email,
		Groups:  t.Groups,
		Claims:  t.Claims,
	})
}

// problem says how a decision differs from what the test wants.
func (t Test) problem(got mapping.Decision) string {
	if !sameSet(t.Want, got.Roles) {
		return fmt.Sprintf("want %s, got %s %s", outcome(t.Want), outcome(got.Roles), by(got))
	}
	var problems []string
	for _, name := range t.OtherAttributes(got) {
		want, is := fmt.Sprintf("attribute %s = %q", name, t.Attributes[name]), fmt.Sprintf("%q", got.Attributes[name])
		if t.Attributes[name] == "" {
			want = "no attribute " + name
		}
		if got.Attributes[name] == "" {
			is = "none"
		}
		problems = append(problems, fmt.Sprintf("want %s, got %s", want, is))
	}
	if problems == nil {
		return ""
	}
	return strings.Join(problems, "; ") + " " + by(got)
}

// OtherAttributes names the attributes that are not as the test wants, sorted.
// No rule sets an empty one, so a test that wants one wants none.
func (t Test) OtherAttributes(got mapping.Decision) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.Attributes)), func(name string) bool {
		return got.Attributes[name] == t.Attributes[name]
	})
}

// outcome names roles, or their absence, as a test's want does.
func outcome(roles []string) string {
	if len(roles) == 0 {
		roles = []string{Deny}
	}
	return wording.Quoted(roles)
}

func by(d mapping.Decision) string {
	switch {
	case d.Rule > 0:
		return fmt.Sprintf("by %s (%s)", d.RuleName(), d.Source)
	case d.Allowed():
		return "by default_role"
	case d.Exhausted:
		return "because the app's expressions cost more than one request may"
	}
	return "because no rule matches"
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// changesAfter returns at which of the boundaries after now the outcome of the test
// becomes another;
// zero: never, as far as the bounds of rules tell.
func (a *App) changesAfter(t Test, now time.Time, boundaries []time.Time) time.Time {
	before := t.problem(a.decide(t, now))
	for _, b := range boundaries {
		if t.problem(a.decide(t, b)) != before {
			return b
		}
	}
	return time.Time{}
}

// boundariesAfter returns the times after now at which rules begin or end, sorted.
func (a *App) boundariesAfter(now time.Time) []time.Time {
	var boundaries []time.Time
	for _, r := range a.Policy.Rules {
		for _, b := range []time.Time{r.After, r.Until} {
			if b.After(now) {
				boundaries = append(boundaries, b)
			}
		}
	}
	slices.SortFunc(boundaries, time.Time.Compare)
	return slices.CompactFunc(boundaries, time.Time.Equal)
}
