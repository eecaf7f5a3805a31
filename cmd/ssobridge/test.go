package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/config"
	policytest "github.com/ssobridge/ssobridge/bridge/policy/test"
)

// testFlags are the flags of test.
type testFlags struct {
	config, run, at, format string
	apps                    []string
	verbose, coverage       bool
	minCoverage             percent
}

func newTest() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Run a configuration's policy tests",
		Long: `Run a configuration's policy tests, the [[app.NAME.test]] tables, and say of each
that fails which rules decided, and what kept the expected ones back.

Key files need not be there: a policy can be tested where it is reviewed. check
and serve run the same tests. Exit code 1 means that a test failed or that
--min-coverage is not met, 2 that the configuration or the command line is wrong.`,
		Example: `  ssobridge test --config ssobridge.toml
  ssobridge test --app grafana --run contractors --verbose
  ssobridge test --min-coverage 100
  ssobridge test --format junit > report.xml`,
	}
	configFlag(cmd, &f.config)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.apps, "app", nil, "run the tests of the app `NAME` only; repeatable")
	flags.StringVar(&f.run, "run", "", "run only tests whose name, or key such as app.grafana.test[2], matches `REGEXP`")
	flags.StringVar(&f.format, "format", "text", "output `FORMAT`: text, tap, junit or json")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "list the tests that pass, too (format text)")
	flags.BoolVar(&f.coverage, "coverage", false, "say which rules no test exercises, and which roles none wants")
	flags.Var(&f.minCoverage, "min-coverage", "fail if less than `PERCENT` of all rules are exercised; implies --coverage")
	flags.StringVar(&f.at, "at", "", "run tests that say no time as at this `TIME`, such as 2027-01-31T18:00:00Z; default: now")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o, err := f.options()
		if err != nil {
			return &exit{exitUsage, err}
		}
		return f.test(cmd.OutOrStdout(), o)
	}
	return cmd
}

// options checks the flags.
func (f *testFlags) options() (policytest.Options, error) {
	o := policytest.Options{
		Apps: f.apps, Now: time.Now(), Coverage: f.coverage || f.minCoverage > 0, MinCoverage: int(f.minCoverage),
	}
	switch f.format {
	case "text", "tap", "junit", "json":
	default:
		return o, fmt.Errorf("--format is %q; choose text, tap, junit or json", f.format)
	}
	var err error
	if f.at != "" {
		if o.At, err = time.Parse(time.RFC3339, f.at); err != nil {
			return o, fmt.Errorf("--at is %q; write a time such as 2027-01-31T18:00:00Z", f.at)
		}
	}
	if f.run != "" {
		if o.Run, err = regexp.Compile(f.run); err != nil {
			return o, fmt.Errorf("--run is %q, no regular expression: %w", f.run, err)
		}
	}
	return o, nil
}

func (f *testFlags) test(w io.Writer, o policytest.Options) error {
	var problems config.Problems
	c, err := config.LoadPolicy(f.config)
	if err != nil {
		if !errors.As(err, &problems) && f.format == "text" {
			return &exit{exitUsage, err}
		}
		return &exit{exitUsage, f.print(w, policytest.NotRun(f.config, err))}
	}
	r, err := policytest.Run(c, o)
	if err != nil {
		return &exit{exitUsage, err}
	}
	if err := f.print(w, r); err != nil || !r.OK() {
		return &exit{exitNo, err}
	}
	return nil
}

func (f *testFlags) print(w io.Writer, r *policytest.Report) error {
	switch f.format {
	case "tap":
		return r.WriteTAP(w)
	case "junit":
		return r.WriteJUnit(w)
	case "json":
		return writeJSON(w, r.JSON())
	}
	p := printer{w: w}
	for _, problem := range r.Problems {
		p.printf("%s\n", problem)
	}
	for _, t := range r.Tests {
		if !t.Passed() || f.verbose {
			p.printf("%s\n", t)
		}
		for _, line := range t.Advice() {
			p.printf("  %s\n", line)
		}
	}
	if r.Coverage != nil {
		for _, a := range r.Coverage.Apps {
			p.printf("%s\n", a.Summary())
			for _, gap := range a.Gaps() {
				p.printf("  %s\n", gap)
			}
		}
		p.printf("%s\n", r.Coverage.Summary())
	}
	p.printf("%s\n", r.Summary())
	return p.err
}
