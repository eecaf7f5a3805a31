package policytest

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// WriteTAP writes the report in the Test Anything Protocol, version 14. Names
// are escaped: one with a line break and "ok 1" would be a result of its own.
func (r *Report) WriteTAP(w io.Writer) error {
	t := tapWriter{}
	t.line("TAP version 14")
	if len(r.Problems) > 0 {
		for _, p := range r.Problems {
			t.comment(problemLine(p))
		}
		t.line("Bail out! " + tapText(r.Config+": "+r.Summary()))
		return t.writeTo(w)
	}
	points := len(r.Tests)
	if r.Coverage != nil && r.Coverage.Minimum > 0 {
		points++
	}
	if points == 0 {
		t.line("1..0 # SKIP " + r.Summary())
	} else {
		t.line(fmt.Sprintf("1..%d", points))
	}
	for _, test := range r.Tests {
		t.test(test)
	}
	if c := r.Coverage; c != nil {
		if c.Minimum > 0 {
			t.point(c.OK(), c.Wanted())
		}
		for _, a := range c.Apps {
			t.comment(a.Summary())
			for _, gap := range a.Gaps() {
				t.comment("  " + gap)
			}
		}
		t.comment(c.Summary())
	}
	t.comment(r.Summary())
	return t.writeTo(w)
}

// tapWriter writes lines of TAP.
type tapWriter struct {
	b      strings.Builder
	points int
}

func (t *tapWriter) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, t.b.String())
	return err
}

// line writes text that is TAP already.
func (t *tapWriter) line(text string) { t.b.WriteString(text + "\n") }

func (t *tapWriter) comment(text string) { t.line("# " + wording.Visible(text)) }

func (t *tapWriter) point(ok bool, description string) {
	t.points++
	result := "ok"
	if !ok {
		result = "not ok"
	}
	t.line(fmt.Sprintf("%s %d - %s", result, t.points, tapText(description)))
}

// test writes a test, and of a failed one its diagnostics in YAML. Every text in
// them is in double quotes, where nothing has a meaning but escapes.
func (t *tapWriter) test(test Result) {
	description := test.Key()
	if test.Test.Name != "" {
		description += " " + test.Test.Name
	}
	t.point(test.Passed(), description)
	if test.Passed() {
		return
	}
	file, line := fileLine(test.Test.Source)
	t.line("  ---")
	t.line("  message: " + strconv.Quote(test.Problem))
	t.line("  severity: fail")
	t.line("  at:")
	t.line("    file: " + strconv.Quote(file))
	t.line(fmt.Sprintf("    line: %d", line))
	t.line("  wanted: " + yamlList(wanted(test.Test.Want)))
	t.line("  found: " + yamlList(wanted(test.Got.Roles)))
	t.line("  rule: " + strconv.Quote(test.Got.RuleName()))
	if len(test.Why) > 0 {
		t.line("  why:")
	}
	for _, why := range test.Why {
		t.line("    - " + strconv.Quote(why))
	}
	if test.Explain != "" {
		t.line("  explain: " + strconv.Quote(test.Explain))
	}
	t.line("  ...")
}

// wanted are roles, or their absence, as a test's want writes them.
func wanted(roles []string) []string {
	if len(roles) == 0 {
		return []string{config.Deny}
	}
	return roles
}

func yamlList(items []string) string {
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = strconv.Quote(item)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// tapText escapes what would end a description: "# SKIP" makes a failure none.
func tapText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `#`, `\#`).Replace(wording.Visible(s))
}
