package config

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// TestFailure is a policy test that did not get what it wants.
type TestFailure struct {
	// App is the app's name.
	App string
	// Number is the test's, counted from 1 in its app.
	Number int
	Test   Test
	// Got is the decision.
	Got mapping.Decision
}

// String is the failure as people read it:
// "file:line: app.grafana.test[2]: want "Admin", got "Editor" by rule[2] (file:line)".
func (f TestFailure) String() string {
	got := Deny
	if f.Got.Allowed() {
		got = f.Got.Role
	}
	reason := "because no rule matches"
	if f.Got.Rule > 0 {
		reason = fmt.Sprintf("by %s (%s)", f.Got.RuleName(), f.Got.Source)
	}
	name := ""
	if f.Test.Name != "" {
		name = fmt.Sprintf(" (%s)", f.Test.Name)
	}
	return fmt.Sprintf("%s: %s%s: want %q, got %q %s",
		f.Test.Source, joinIndex(joinKey(joinKey("app", f.App), "test"), f.Number), name, f.Test.Want, got, reason)
}

// person is who the test is about.
func (t Test) person() *verifier.Principal {
	return &verifier.Principal{
		Subject: cmp.Or(t.Subject, t.Email, "test"), // never empty in a real one
		Email:   t.Email,
		Groups:  t.Groups,
	}
}

// changesAfter returns when, after now, the decision on the test's person
// becomes another; zero: never.
func (a *App) changesAfter(t Test, now time.Time) time.Time {
	var boundaries []time.Time
	for _, r := range a.Rules {
		for _, b := range []time.Time{r.After, r.Until} {
			if b.After(now) {
				boundaries = append(boundaries, b)
			}
		}
	}
	slices.SortFunc(boundaries, time.Time.Compare)
	role := a.Mapper.Map(t.person(), now).Role
	for _, b := range boundaries {
		if a.Mapper.Map(t.person(), b).Role != role {
			return b
		}
	}
	return time.Time{}
}

// RunTests runs every app's policy tests and returns those that fail, in the
// order of the file. Tests that do not say when their person asks run at now.
func (c *Config) RunTests(now time.Time) []TestFailure {
	var failures []TestFailure
	for _, app := range c.Apps {
		for i, t := range app.Tests {
			at := t.At
			if at.IsZero() {
				at = now
			}
			got := app.Mapper.Map(t.person(), at)
			if want := t.Want; want != got.Role && (want != Deny || got.Allowed()) {
				failures = append(failures, TestFailure{App: app.Name, Number: i + 1, Test: t, Got: got})
			}
		}
	}
	return failures
}
