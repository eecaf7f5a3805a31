package main

import (
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/config"
)

func newCheck() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration and run its policy tests",
		Long: `Check a configuration as serve would load it, and run its policy tests.

Every problem is printed at once, as file:line: key: what is wrong and what would
be right. Exit code 2 means that the configuration is wrong, 1 that a policy test
failed.`,
		Example: "  ssobridge check --config ssobridge.toml",
		Args:    cobra.NoArgs,
	}
	configFlag(cmd, &path)
	asJSON := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		r, err := check(path)
		if err != nil && structured {
			r.Problems, err = []checkProblem{{File: path, Message: err.Error()}}, nil
			r.problems = config.Problems{{File: path}} // for the exit code
		}
		if err != nil {
			return &exit{exitUsage, err}
		}
		if structured {
			err = writeJSON(cmd.OutOrStdout(), r)
		} else {
			err = r.print(cmd.OutOrStdout())
		}
		switch {
		case err != nil:
			return &exit{exitNo, err}
		case len(r.Problems) > 0:
			return &exit{exitUsage, nil}
		case len(r.Failures) > 0:
			return &exit{exitNo, nil}
		}
		return nil
	}
	return cmd
}

// checkResult is the JSON form of a check.
type checkResult struct {
	OK       bool           `json:"ok"`
	Config   string         `json:"config"`
	Apps     int            `json:"apps"`
	Rules    int            `json:"rules"`
	Tests    int            `json:"tests"`
	Problems []checkProblem `json:"problems"`
	Failures []failedTest   `json:"failed_tests"`
	failures []config.TestFailure
	problems config.Problems
}

type checkProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // 0: the file as a whole
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
}

type failedTest struct {
	App    string `json:"app"`
	Test   int    `json:"test"`
	Name   string `json:"name,omitempty"`
	Source string `json:"source"`
	Want   string `json:"want"`
	Got    string `json:"got"`
	Rule   string `json:"rule"`
}

// check loads the configuration. The error is one of reading it; problems in it
// are a result.
func check(path string) (checkResult, error) {
	r := checkResult{Config: path, Problems: []checkProblem{}, Failures: []failedTest{}}
	c, err := config.Load(path)
	if errors.As(err, &r.problems) {
		for _, p := range r.problems {
			r.Problems = append(r.Problems, checkProblem(p))
		}
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.Apps = len(c.Apps)
	for _, a := range c.Apps {
		r.Rules += len(a.Rules)
		r.Tests += len(a.Tests)
	}
	r.failures = c.RunTests(time.Now())
	for _, f := range r.failures {
		got := config.Deny
		if f.Got.Allowed() {
			got = f.Got.Role
		}
		r.Failures = append(r.Failures, failedTest{f.App, f.Number, f.Test.Name, f.Test.Source, f.Test.Want, got, f.Got.RuleName()})
	}
	r.OK = len(r.failures) == 0
	return r, nil
}

func (r *checkResult) print(w io.Writer) error {
	p := printer{w: w}
	for _, problem := range r.problems {
		p.printf("%s\n", problem)
	}
	for _, failure := range r.failures {
		p.printf("%s\n", failure)
	}
	switch {
	case len(r.problems) > 0:
		p.printf("%s\n", plural(len(r.problems), "problem"))
	case len(r.failures) > 0:
		p.printf("%d of %s failed\n", len(r.failures), plural(r.Tests, "policy test"))
	default:
		p.printf("%s: ok: %s, %s, %s passed\n", r.Config, plural(r.Apps, "app"), plural(r.Rules, "rule"), plural(r.Tests, "policy test"))
	}
	return p.err
}
