package policytest

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// WriteJUnit writes the report in the XML of JUnit, as Jenkins, GitLab and GitHub
// actions read it: a suite for each app. What XML cannot hold is escaped before.
func (r *Report) WriteJUnit(w io.Writer) error {
	x := junitReport{Name: "ssobridge test"}
	if len(r.Problems) > 0 {
		x.Suites = append(x.Suites, r.junitProblems())
	}
	for _, t := range r.Tests {
		i := slices.IndexFunc(x.Suites, func(s junitSuite) bool { return s.Name == t.App.Name })
		if i < 0 {
			i = len(x.Suites)
			x.Suites = append(x.Suites, junitSuite{Name: t.App.Name})
		}
		x.Suites[i].Cases = append(x.Suites[i].Cases, t.junit())
	}
	if r.Coverage != nil {
		x.Suites = append(x.Suites, r.Coverage.junit())
	}
	x.count()
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(x); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type junitReport struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	junitCounts
	Suites []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name string `xml:"name,attr"`
	junitCounts
	Cases []junitCase `xml:"testcase"`
	Out   *junitText  `xml:"system-out"`
}

type junitCounts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Time     int `xml:"time,attr"` // readers expect one
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Time    int           `xml:"time,attr"`
	Failure *junitProblem `xml:"failure"`
	Error   *junitProblem `xml:"error"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",cdata"`
}

type junitText struct {
	Text string `xml:",cdata"`
}

func (x *junitReport) count() {
	for i := range x.Suites {
		s := &x.Suites[i]
		for _, c := range s.Cases {
			s.Tests++
			if c.Failure != nil {
				s.Failures++
			}
			if c.Error != nil {
				s.Errors++
			}
		}
		x.Tests += s.Tests
		x.Failures += s.Failures
		x.Errors += s.Errors
	}
}

func (t Result) junit() junitCase {
	c := junitCase{Name: fmt.Sprintf("test[%d]", t.Number), Class: "app." + t.App.Name}
	if t.Test.Name != "" {
		c.Name += " " + wording.Visible(t.Test.Name)
	}
	file, line := fileLine(t.Test.Source)
	c.File, c.Line = wording.Visible(file), line
	if !t.Passed() {
		lines := append([]string{t.String()}, t.Advice()...)
		c.Failure = &junitProblem{Message: wording.Visible(t.Problem), Type: "policy", Text: strings.Join(lines, "\n")}
	}
	return c
}

// junitProblems is a suite that fails for what is wrong with the file: an empty
// report would pass.
func (r *Report) junitProblems() junitSuite {
	s := junitSuite{Name: "configuration"}
	for _, p := range r.Problems {
		name := p.Key
		if name == "" {
			name = p.File
		}
		s.Cases = append(s.Cases, junitCase{
			Name: wording.Visible(name), Class: "configuration", File: wording.Visible(p.File), Line: p.Line,
			Error: &junitProblem{Message: wording.Visible(p.Message), Type: "configuration", Text: wording.Visible(problemLine(p))},
		})
	}
	return s
}

func (c *Coverage) junit() junitSuite {
	var lines []string
	for _, a := range c.Apps {
		lines = append(lines, a.Summary())
		for _, gap := range a.Gaps() {
			lines = append(lines, "  "+gap)
		}
	}
	text := strings.Join(append(lines, c.Summary()), "\n")
	s := junitSuite{Name: "coverage"}
	if c.Minimum > 0 {
		s.Cases = []junitCase{{Name: c.Wanted(), Class: "coverage"}}
	}
	if c.OK() {
		s.Out = &junitText{text}
	} else {
		s.Cases[0].Failure = &junitProblem{Message: c.Summary(), Type: "coverage", Text: text}
	}
	return s
}
