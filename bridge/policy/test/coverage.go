package policytest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
)

// Coverage says what policy tests exercise. A rule is exercised when it has a
// part in a test's decision, whether the test passes or not.
type Coverage struct {
	Apps []AppCoverage
	// Minimum is how much was asked for, in percent of the rules.
	Minimum int
}

// AppCoverage is the coverage of one app.
type AppCoverage struct {
	App *config.App
	// Tests counts those that were run.
	Tests int
	// Untested are the numbers of the rules that no test exercises, from 1.
	Untested []int
	// DefaultUntested: no test asks for somebody whom no rule decides about,
	// though there may be such people.
	DefaultUntested bool
	// NotWanted are the roles that the rules may grant and no test wants.
	NotWanted []string
	// DenyNotWanted: no test wants somebody to be denied, though some are.
	DenyNotWanted bool
}

// cover tells what tests exercise of apps.
func cover(apps []*config.App, tests []Result, minimum int) *Coverage {
	type seen struct {
		tests  int
		rules  map[int]bool
		wanted map[string]bool
	}
	of := map[*config.App]*seen{}
	for _, app := range apps {
		of[app] = &seen{rules: map[int]bool{}, wanted: map[string]bool{}}
	}
	for _, t := range tests {
		s := of[t.App]
		s.tests++
		s.rules[t.Got.Rule] = true // 0: the default
		for _, n := range t.Got.Also {
			s.rules[n] = true
		}
		for _, role := range t.Test.Want {
			s.wanted[role] = true
		}
		if len(t.Test.Want) == 0 {
			s.wanted[config.Deny] = true
		}
	}
	c := &Coverage{Minimum: minimum}
	for _, app := range apps {
		s := of[app]
		a := AppCoverage{App: app, Tests: s.tests}
		for n := range app.Policy.Rules {
			if !s.rules[n+1] {
				a.Untested = append(a.Untested, n+1)
			}
		}
		hasDefault, denies := outcomes(app)
		a.DefaultUntested = hasDefault && !s.rules[0]
		a.DenyNotWanted = denies && !s.wanted[config.Deny]
		a.NotWanted = missing(app.Mapper.Roles(), slices.Collect(maps.Keys(s.wanted)))
		c.Apps = append(c.Apps, a)
	}
	return c
}

// outcomes reports whether there may be people whom no rule decides about, and
// some who are denied.
func outcomes(a *config.App) (hasDefault, denies bool) {
	hasDefault = !slices.ContainsFunc(a.Policy.Rules, func(r mapping.Rule) bool {
		return !r.Conditional() && (r.Deny || r.Grants() != nil)
	})
	denies = hasDefault && a.Policy.DefaultRole == "" ||
		slices.ContainsFunc(a.Policy.Rules, func(r mapping.Rule) bool { return r.Deny })
	return hasDefault, denies
}

// Rules counts the rules, and those that are exercised.
func (c *Coverage) Rules() (exercised, all int) {
	for _, a := range c.Apps {
		all += len(a.App.Policy.Rules)
		exercised += len(a.App.Policy.Rules) - len(a.Untested)
	}
	return exercised, all
}

// Percent is how much of the rules is exercised, rounded down, so that 100 means
// all.
func (c *Coverage) Percent() int {
	exercised, all := c.Rules()
	if all == 0 {
		return 100
	}
	return 100 * exercised / all
}

// OK reports whether enough of the rules is exercised.
func (c *Coverage) OK() bool { return c.Percent() >= c.Minimum }

// Wanted is the minimum as a test's name.
func (c *Coverage) Wanted() string {
	return fmt.Sprintf("at least %d %% of the rules are exercised", c.Minimum)
}

// Summary is the coverage in one line: "coverage: 5 of 6 rules, 83 %".
func (c *Coverage) Summary() string {
	exercised, all := c.Rules()
	s := fmt.Sprintf("coverage: %d of %s, %d %%", exercised, wording.Count(all, "rule"), c.Percent())
	if !c.OK() {
		s += fmt.Sprintf("; %d %% are wanted", c.Minimum)
	}
	return s
}

// Summary is the app's coverage in one line.
func (a AppCoverage) Summary() string {
	all := len(a.App.Policy.Rules)
	return fmt.Sprintf("%s: %d of %s exercised", a.App.Name, all-len(a.Untested), wording.Count(all, "rule"))
}

// Gaps says what the app's tests leave out, in lines.
func (a AppCoverage) Gaps() []string {
	switch n := len(a.App.Tests); {
	case n == 0:
		return []string{"no policy test"}
	case a.Tests == 0 && n == 1:
		return []string{"its policy test was not run"}
	case a.Tests == 0:
		return []string{fmt.Sprintf("none of its %d policy tests was run", n)}
	}
	var gaps []string
	for _, n := range a.Untested {
		rule := a.App.Policy.Rules[n-1]
		gaps = append(gaps, wording.Visible(fmt.Sprintf("%s: not exercised: rule[%d], which %s", rule.Source, n, gives(rule))))
	}
	if a.DefaultUntested {
		whom := "denied"
		if role := a.App.Policy.DefaultRole; role != "" {
			whom = fmt.Sprintf("granted default_role %q", role)
		}
		gaps = append(gaps, "not exercised: default, somebody whom no rule matches and who is "+whom)
	}
	for _, role := range a.NotWanted {
		gaps = append(gaps, fmt.Sprintf("no test wants %q", role))
	}
	if a.DenyNotWanted {
		gaps = append(gaps, fmt.Sprintf("no test wants %q", config.Deny))
	}
	return gaps
}

// gives is what a rule does.
func gives(r mapping.Rule) string {
	switch {
	case r.Deny:
		return "denies"
	case r.Grants() == nil:
		return "adds attributes"
	}
	return "grants " + wording.Quoted(r.Grants())
}
