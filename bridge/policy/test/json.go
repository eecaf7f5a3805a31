package policytest

import (
	"time"

	"github.com/ssobridge/ssobridge/mapping"
)

// JSON returns the report in its JSON form, which is an interface: fields are
// added, never renamed.
func (r *Report) JSON() any {
	out := jsonReport{
		OK: r.OK(), Config: r.Config, Passed: len(r.Tests) - r.Failed(), Failed: r.Failed(),
		Problems: []jsonProblem{}, Tests: []jsonTest{},
	}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, jsonProblem(p))
	}
	for _, t := range r.Tests {
		out.Tests = append(out.Tests, t.json())
	}
	if r.Coverage != nil {
		out.Coverage = r.Coverage.json()
	}
	return out
}

type jsonReport struct {
	OK       bool          `json:"ok"`
	Config   string        `json:"config"`
	Passed   int           `json:"passed"`
	Failed   int           `json:"failed"`
	Problems []jsonProblem `json:"problems"`
	Tests    []jsonTest    `json:"tests"`
	Coverage *jsonCoverage `json:"coverage,omitempty"`
}

type jsonProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // 0: the file as a whole
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
}

type jsonTest struct {
	App    string    `json:"app"`
	Test   int       `json:"test"`
	Name   string    `json:"name,omitempty"`
	Source string    `json:"source"`
	At     time.Time `json:"at"`
	Passed bool      `json:"passed"`
	// Want and Got are roles; empty: denied.
	Want           []string          `json:"want"`
	Got            []string          `json:"got"`
	WantAttributes map[string]string `json:"want_attributes,omitempty"`
	GotAttributes  map[string]string `json:"got_attributes,omitempty"`
	Rule           string            `json:"rule"`
	RuleSource     string            `json:"rule_source,omitempty"`
	Problem        string            `json:"problem,omitempty"`
	Why            []string          `json:"why,omitempty"`
	Explain        string            `json:"explain,omitempty"`
}

type jsonCoverage struct {
	OK        bool              `json:"ok"`
	Exercised int               `json:"exercised"`
	Rules     int               `json:"rules"`
	Percent   int               `json:"percent"`
	Minimum   int               `json:"minimum"`
	Apps      []jsonAppCoverage `json:"apps"`
}

type jsonAppCoverage struct {
	App              string     `json:"app"`
	Exercised        int        `json:"exercised"`
	Rules            int        `json:"rules"`
	NotExercised     []jsonRule `json:"not_exercised"`
	DefaultExercised bool       `json:"default_exercised"` // or nobody gets there
	RolesNotWanted   []string   `json:"roles_not_wanted"`
	DenyWanted       bool       `json:"deny_wanted"` // or nobody is denied
}

type jsonRule struct {
	Rule   string   `json:"rule"`
	Roles  []string `json:"roles"`
	Deny   bool     `json:"deny,omitempty"`
	Source string   `json:"source"`
}

func (t Result) json() jsonTest {
	return jsonTest{
		App: t.App.Name, Test: t.Number, Name: t.Test.Name, Source: t.Test.Source, At: t.At.UTC(), Passed: t.Passed(),
		Want: notNil(t.Test.Want), Got: notNil(t.Got.Roles),
		WantAttributes: t.Test.Attributes, GotAttributes: t.Got.Attributes,
		Rule: t.Got.RuleName(), RuleSource: t.Got.Source, Problem: t.Problem, Why: t.Why, Explain: t.Explain,
	}
}

func (c *Coverage) json() *jsonCoverage {
	exercised, all := c.Rules()
	out := &jsonCoverage{
		OK: c.OK(), Exercised: exercised, Rules: all, Percent: c.Percent(), Minimum: c.Minimum, Apps: []jsonAppCoverage{},
	}
	for _, a := range c.Apps {
		rules := a.App.Policy.Rules
		app := jsonAppCoverage{
			App: a.App.Name, Exercised: len(rules) - len(a.Untested), Rules: len(rules), NotExercised: []jsonRule{},
			DefaultExercised: !a.DefaultUntested, RolesNotWanted: notNil(a.NotWanted), DenyWanted: !a.DenyNotWanted,
		}
		for _, n := range a.Untested {
			rule := rules[n-1]
			app.NotExercised = append(app.NotExercised, jsonRule{
				mapping.Decision{Rule: n}.RuleName(), notNil(rule.Grants()), rule.Deny, rule.Source,
			})
		}
		out.Apps = append(out.Apps, app)
	}
	return out
}

// notNil makes an empty list of none.
func notNil(list []string) []string { return append([]string{}, list...) }
