// Package policytest reports what became of a configuration's policy tests, for
// people and in the formats that programs read: TAP, JUnit and JSON.
//
// Package config runs the tests, since no configuration is put in force whose
// tests fail.
package policytest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// Options says which policy tests to run, and what to report of them.
type Options struct {
	// Apps are the names of the apps; none: all.
	Apps []string
	// Run selects the tests whose name or key, "app.grafana.test[2]", it matches;
	// nil: all.
	Run *regexp.Regexp
	// At is when people ask in tests that do not say; zero: Now.
	At time.Time
	// Now is the time.
	Now time.Time
	// Coverage asks for the report's Coverage, and MinCoverage for at least so
	// much of it, in percent.
	Coverage    bool
	MinCoverage int
}

// Report is what became of policy tests. It can be written in the formats
// that programs read.
type Report struct {
	// Config is the file, as it was given to Load.
	Config string
	// Problems are what is wrong with the file; if there are any, no test has
	// been run.
	Problems config.Problems
	// Tests are the ones that were run, in the order of the file.
	Tests []Result
	// Apps are those whose tests were asked for.
	Apps []*config.App
	// Coverage is nil unless it was asked for.
	Coverage *Coverage
}

// Result is a test's result with what helps to understand a failure.
type Result struct {
	config.TestResult
	// Why are sentences about the rules that decided, and about those that were
	// expected to; nil if the test passed.
	Why []string
	// Explain is a command line for a shell that says more; empty if the test
	// passed, or if no command line can say who the person is.
	Explain string
}

// Run runs the tests that o selects. It is an error to ask for an app
// that there is not, or to select nothing where there is something: a misspelt
// name would pass for a test that passed. Apps without tests have an empty report.
func Run(c *config.Config, o Options) (*Report, error) {
	apps, err := appsNamed(c, o.Apps)
	if err != nil {
		return nil, err
	}
	at := o.At
	if at.IsZero() {
		at = o.Now
	}
	r := &Report{Config: c.Path, Apps: apps}
	for _, app := range apps {
		for i := range app.Tests {
			if !o.selects(app, i) {
				continue
			}
			t := Result{TestResult: app.RunTest(i, at)}
			if !t.Passed() {
				t.Why, t.Explain = t.reasons(), t.command(c.Path, !o.At.IsZero())
			}
			r.Tests = append(r.Tests, t)
		}
	}
	if n := testsOf(apps); len(r.Tests) == 0 && n > 0 {
		return nil, o.selectsNothing(apps, n)
	}
	if o.Coverage {
		r.Coverage = cover(apps, r.Tests, o.MinCoverage)
	}
	return r, nil
}

// NotRun is the report on a configuration that could not be loaded.
func NotRun(path string, err error) *Report {
	r := &Report{Config: path}
	if !errors.As(err, &r.Problems) {
		r.Problems = config.Problems{{File: path, Message: err.Error()}}
	}
	return r
}

// problemLine is the problem as people read it, be it one of the file as a whole.
func problemLine(p config.Problem) string {
	if p.Line == 0 {
		return p.Message
	}
	return p.String()
}

// appsNamed returns the apps of these names in the order of the file; of none,
// all.
func appsNamed(c *config.Config, names []string) ([]*config.App, error) {
	if len(names) == 0 {
		return c.Apps, nil
	}
	known := make([]string, len(c.Apps))
	for i, app := range c.Apps {
		known[i] = app.Name
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("no app %q%s", name, wording.Instead(name, known))
		}
	}
	return slices.DeleteFunc(slices.Clone(c.Apps), func(a *config.App) bool { return !slices.Contains(names, a.Name) }), nil
}

func (o *Options) selects(app *config.App, i int) bool {
	return o.Run == nil || o.Run.MatchString(app.Tests[i].Name) ||
		o.Run.MatchString(config.TestResult{App: app, Number: i + 1}.Key())
}

func testsOf(apps []*config.App) int {
	n := 0
	for _, app := range apps {
		n += len(app.Tests)
	}
	return n
}

func (o *Options) selectsNothing(apps []*config.App, n int) error {
	of := "the configuration"
	if len(o.Apps) > 0 {
		of = "app " + strings.Join(o.Apps, ", ")
	}
	return fmt.Errorf("none of the %s of %s has a name or a key, such as %q, that matches %q",
		wording.Count(n, "policy test"), of, firstKey(apps), o.Run)
}

func firstKey(apps []*config.App) string {
	i := slices.IndexFunc(apps, func(a *config.App) bool { return len(a.Tests) > 0 })
	return config.TestResult{App: apps[i], Number: 1}.Key()
}

// OK reports whether all tests passed, and enough rules were exercised.
func (r *Report) OK() bool {
	return len(r.Problems) == 0 && r.Failed() == 0 && (r.Coverage == nil || r.Coverage.OK())
}

// Failed counts the tests that failed.
func (r *Report) Failed() int {
	n := 0
	for _, t := range r.Tests {
		if !t.Passed() {
			n++
		}
	}
	return n
}

// Summary is the report in one line: "14 policy tests in 2 of 3 apps: 13 passed, 1 failed".
func (r *Report) Summary() string {
	if len(r.Problems) > 0 {
		return wording.Count(len(r.Problems), "problem")
	}
	in := wording.Count(len(r.Apps), "app")
	if len(r.Apps) == 1 {
		in = "app " + r.Apps[0].Name
	}
	if len(r.Tests) == 0 {
		return "no policy tests in " + in
	}
	tested := map[*config.App]bool{}
	for _, t := range r.Tests {
		tested[t.App] = true
	}
	if len(tested) < len(r.Apps) {
		in = fmt.Sprintf("%d of %s", len(tested), in)
	}
	failed := r.Failed()
	return fmt.Sprintf("%s in %s: %d passed, %d failed", wording.Count(len(r.Tests), "policy test"), in, len(r.Tests)-failed, failed)
}

// Advice is what follows the result of a failed test, in lines: why, and how to
// find out more.
func (t Result) Advice() []string {
	var lines []string
	for _, why := range t.Why {
		lines = append(lines, wording.Visible(why))
	}
	if t.Explain != "" {
		lines = append(lines, "look closer: "+t.Explain)
	}
	return lines
}

// fileLine takes "file:line" apart.
func fileLine(source string) (file string, line int) {
	i := strings.LastIndexByte(source, ':')
	if i < 0 {
		return source, 0
	}
	line, err := strconv.Atoi(source[i+1:])
	if err != nil {
		return source, 0
	}
	return source[:i], line
}
