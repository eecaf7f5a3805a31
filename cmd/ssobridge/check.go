package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

func newCheck() *cobra.Command {
	var (
		path   string
		strict bool
	)
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration and run its policy tests",
		Long: `Check a configuration as serve would load it, and run its policy tests.

Every problem is printed at once, as file:line: key: what is wrong and what would
be right. A warning is about something that works and is probably not meant. A
comment right above its line silences it, by the code at its end:

  # ssobridge:ignore CODE: why it is meant

Exit code 2 means that the configuration is wrong, 1 that a policy test failed,
or with --strict that there is a warning.`,
		Example: "  ssobridge check --config ssobridge.toml\n  ssobridge check --strict --format json",
		Args:    cobra.NoArgs,
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with 1 if there is a warning")
	asJSON := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		structured, err := asJSON()
		if err != nil {
			return err
		}
		r, err := check(path, strict)
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
		case !r.OK:
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
	Warnings []checkWarning `json:"warnings"`
	Failures []failedTest   `json:"failed_tests"`
	strict   bool
	problems config.Problems
	warnings []config.Warning
	failures []config.TestResult
}

type checkProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"` // 0: the file as a whole
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
}

type checkWarning struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Key     string `json:"key,omitempty"` // of a comment: none
	Code    string `json:"code"`
	Message string `json:"message"`
}

type failedTest struct {
	App    string   `json:"app"`
	Test   int      `json:"test"`
	Name   string   `json:"name,omitempty"`
	Source string   `json:"source"`
	Want   []string `json:"want"` // empty: denied
	Got    []string `json:"got"`
	Rule   string   `json:"rule"`
}

// check loads the configuration. The error is one of reading it; problems in it
// are a result.
func check(path string, strict bool) (checkResult, error) {
	r := checkResult{Config: path, strict: strict, Problems: []checkProblem{}, Warnings: []checkWarning{}, Failures: []failedTest{}}
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
		r.Rules += len(a.Policy.Rules)
		r.Tests += len(a.Tests)
	}
	now := time.Now()
	r.warnings = c.Warnings(now)
	for _, w := range r.warnings {
		r.Warnings = append(r.Warnings, checkWarning(w))
	}
	r.failures = c.FailedTests(now)
	for _, f := range r.failures {
		r.Failures = append(r.Failures, failedTest{
			f.App.Name, f.Number, f.Test.Name, f.Test.Source,
			append([]string{}, f.Test.Want...), append([]string{}, f.Got.Roles...), f.Got.RuleName(),
		})
	}
	r.OK = len(r.failures) == 0 && (len(r.warnings) == 0 || !strict)
	return r, nil
}

func (r *checkResult) print(w io.Writer) error {
	p := printer{w: w}
	for _, problem := range r.problems {
		p.printf("%s\n", problem)
	}
	for _, warning := range r.warnings {
		p.printf("%s\n", warning)
	}
	for _, failure := range r.failures {
		p.printf("%s\n", failure)
	}
	p.printf("%s\n", r.summary())
	return p.err
}

func (r *checkResult) summary() string {
	if n := len(r.problems); n > 0 {
		mended := "they are"
		if n == 1 {
			mended = "it is"
		}
		return wording.Count(n, "problem") + "; warnings are shown once " + mended + " mended"
	}
	var parts []string
	if n := len(r.failures); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s failed", n, wording.Count(r.Tests, "policy test")))
	} else {
		parts = append(parts, wording.Count(r.Apps, "app"), wording.Count(r.Rules, "rule"), wording.Count(r.Tests, "policy test")+" passed")
	}
	if n := len(r.warnings); n > 0 {
		warnings := wording.Count(n, "warning")
		if r.strict {
			warnings += ", which --strict does not allow"
		}
		parts = append(parts, warnings)
	}
	outcome := ""
	if r.OK {
		outcome = "ok: "
	}
	return r.Config + ": " + outcome + strings.Join(parts, ", ")
}
