package policytest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// hostileNames are names of tests that would be something else in a report.
var hostileNames = []string{
	"plain",
	"not ok",
	"x # SKIP",
	"# TODO later",
	"\nok 99 - smuggled\n1..1\nBail out!",
	"\r\nnot ok 1\r\n",
	"\n  ...\nok 98",
	`back\slash\`,
	`\# escaped \\`,
	`quotes " and '`,
	`<b>&amp;</b> ]]> <![CDATA[ <!-- -- -->`,
	`</failure></testcase><testcase name="x"/>`,
	"\x00\x01\x1b[31mred\x7f\u0085\u009b",
	"\u2028\u2029\u202e\ufeff\u00a0",
	"\ufffe\uffff\U0001fffe\ufffd",
	"é 日本 🙂",
	": - {}[]*&!|>%@`",
	"::error file=x::smuggled",
}

// hostileTests are two tests of each name: one that passes, one that fails.
var hostileTests = func() string {
	var b strings.Builder
	for _, name := range hostileNames {
		for _, want := range []string{"guest", "deny"} {
			fmt.Fprintf(&b, "[[app.wiki.test]]\nname = %s\nwant = %q\nclaims = { hostile = %s }\n", tomlString(name), want, tomlString(name))
		}
	}
	return b.String()
}()

func tomlString(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '"' || r == '\\' || r < ' ' || r == 0x7f {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// tapResult is one test point.
type tapResult struct {
	ok          bool
	description string
	diagnostic  []string // lines of YAML, without the indentation
}

var tapPoint = regexp.MustCompile(`^(ok|not ok) ([0-9]+) - (.*)$`)

// parseTAP reads version 14 of the protocol, and refuses whatever it does not
// know.
func parseTAP(text string) (results []tapResult, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "TAP version 14" {
		return nil, fmt.Errorf("no version but %q", lines[0])
	}
	plan := -1
	for i := 1; i < len(lines); i++ {
		line := lines[i]
		switch m := tapPoint.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "#"):
		case m != nil:
			description, err := tapDescription(m[3])
			if err != nil {
				return nil, err
			}
			if m[2] != strconv.Itoa(len(results)+1) {
				return nil, fmt.Errorf("point %q is not number %d", line, len(results)+1)
			}
			results = append(results, tapResult{ok: m[1] == "ok", description: description})
		case line == "  ---" && len(results) > 0 && results[len(results)-1].diagnostic == nil:
			last := &results[len(results)-1]
			for i++; lines[i] != "  ..."; i++ {
				inner, ok := strings.CutPrefix(lines[i], "  ")
				if !ok {
					return nil, fmt.Errorf("diagnostic ends in %q", lines[i])
				}
				last.diagnostic = append(last.diagnostic, inner)
			}
		case strings.HasPrefix(line, "1..") && plan < 0:
			number, _, _ := strings.Cut(line[3:], " ")
			if plan, err = strconv.Atoi(number); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("unknown line %q", line)
		}
	}
	if plan != len(results) {
		return nil, fmt.Errorf("%d points, and a plan of %d", len(results), plan)
	}
	return results, nil
}

// tapDescription undoes escapes. What it refuses begins a directive.
func tapDescription(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '#':
			return "", fmt.Errorf("directive in %q", s)
		case '\\':
			if i++; i == len(s) || s[i] != '\\' && s[i] != '#' {
				return "", fmt.Errorf("bad escape in %q", s)
			}
			fallthrough
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// A line of YAML of which nobody can be in doubt: a key or a "-", and then
// nothing, a plain word, or text in double quotes in which all is printable.
var yamlLine = regexp.MustCompile(`^ *(?:[a-z]+:|-)(?: ([a-z]+|[0-9]+|"(?:[^"\\[:cntrl:]]|\\.)*"|\[(?:"(?:[^"\\[:cntrl:]]|\\.)*"(?:, )?)*\]))?$`)

var yamlEscape = regexp.MustCompile(`\\(?:[abfnrtv"\\]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|(.))`)

func checkYAML(t *testing.T, lines []string) {
	t.Helper()
	for _, line := range lines {
		if !yamlLine.MatchString(line) || wording.Visible(line) != line {
			t.Errorf("no plain YAML: %q", line)
		}
		for _, m := range yamlEscape.FindAllStringSubmatch(line, -1) {
			if m[1] != "" {
				t.Errorf("YAML has no escape %q: %q", m[0], line)
			}
		}
	}
}

func TestTAPWithHostileNames(t *testing.T) {
	r := report(t, hostileTests, Options{Coverage: true, MinCoverage: 1})
	var b bytes.Buffer
	if err := r.WriteTAP(&b); err != nil {
		t.Fatal(err)
	}
	results, err := parseTAP(b.String())
	if err != nil {
		t.Fatalf("%v in:\n%s", err, b.String())
	}
	if want := 2*len(hostileNames) + 1; len(results) != want {
		t.Fatalf("%d points, want %d", len(results), want)
	}
	for i, name := range hostileNames {
		for n, got := range results[2*i : 2*i+2] {
			passed := n == 0
			want := fmt.Sprintf("app.wiki.test[%d] %s", 2*i+n+1, wording.Visible(name))
			if got.ok != passed || got.description != want || (got.diagnostic == nil) != passed {
				t.Errorf("got %+v, want %q", got, want)
			}
			checkYAML(t, got.diagnostic)
		}
	}
	// What a machine reads is the text itself.
	message := strings.TrimPrefix(results[1].diagnostic[0], "message: ")
	if text, err := strconv.Unquote(message); err != nil || text != r.Tests[1].Problem {
		t.Errorf("message is %s, want %q", message, r.Tests[1].Problem)
	}
}

// parseJUnit reads a report as strictly as XML is.
func parseJUnit(t *testing.T, text []byte) junitReport {
	t.Helper()
	if !utf8.Valid(text) {
		t.Error("not UTF-8")
	}
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in:\n%s", err, text)
		}
	}
	var x junitReport
	if err := xml.Unmarshal(text, &x); err != nil {
		t.Fatal(err)
	}
	counted := x
	counted.Suites = append([]junitSuite{}, x.Suites...)
	counted.junitCounts = junitCounts{}
	for i := range counted.Suites {
		counted.Suites[i].junitCounts = junitCounts{}
	}
	counted.count()
	if diff := cmp.Diff(counted, x, cmp.AllowUnexported(junitReport{}, junitSuite{})); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	return x
}

func TestJUnitWithHostileNames(t *testing.T) {
	r := report(t, hostileTests, Options{Coverage: true, MinCoverage: 100})
	var b bytes.Buffer
	if err := r.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	x := parseJUnit(t, b.Bytes())
	if len(x.Suites) != 2 || x.Tests != 2*len(hostileNames)+1 || x.Failures != len(hostileNames)+1 || x.Errors != 0 {
		t.Fatalf("%d suites, %+v", len(x.Suites), x.junitCounts)
	}
	seen := map[string]bool{}
	for i, c := range x.Suites[0].Cases {
		want := fmt.Sprintf("test[%d] %s", i+1, wording.Visible(hostileNames[i/2]))
		if c.Name != want || c.Class != "app.wiki" || c.File != "config.toml" || c.Line != 47+4*i || seen[c.Name] {
			t.Errorf("got %+v, want %q", c, want)
		}
		seen[c.Name] = true
		failed := i%2 == 1
		if (c.Failure != nil) != failed || c.Error != nil {
			t.Errorf("%s: failure %+v", c.Name, c.Failure)
		}
		if test := r.Tests[i]; failed && (c.Failure.Message != test.Problem || c.Failure.Text != test.String()+"\n"+strings.Join(test.Advice(), "\n")) {
			t.Errorf("%s: %+v", c.Name, c.Failure)
		}
	}
	if c := x.Suites[1].Cases[0]; c.Failure == nil || !strings.Contains(c.Failure.Text, `config.toml:33: not exercised: rule[1], which grants "reader"`) {
		t.Errorf("coverage: %+v", c)
	}
}

// Every app is a suite.
func TestJUnitSuites(t *testing.T) {
	r := report(t, "[[app.wiki.test]]\nwant = \"guest\"\n[[app.grafana.test]]\nwant = \"Admin\"\n", Options{Coverage: true})
	var b bytes.Buffer
	if err := r.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range parseJUnit(t, b.Bytes()).Suites {
		names = append(names, fmt.Sprintf("%s %d %v", s.Name, s.Tests, s.Out != nil))
	}
	if got := strings.Join(names, ", "); got != "grafana 1 false, wiki 1 false, coverage 0 true" {
		t.Error(got)
	}
}

// A file that cannot be loaded passes no test, and is not an empty report.
func TestReportsOnWhatCannotBeLoaded(t *testing.T) {
	hostile := config.Problems{{File: "a\nb.toml", Line: 3, Key: "app.x", Message: "wrong: \"]]>\"\nok 1"}}
	for name, tc := range map[string]struct {
		err       error
		tap, test string
	}{
		"problems":   {hostile, "TAP version 14\n# a\\nb.toml:3: app.x: wrong: \"]]>\"\\nok 1\nBail out! \\#c.toml: 1 problem\n", "app.x"},
		"unreadable": {fs.ErrNotExist, "TAP version 14\n# file does not exist\nBail out! \\#c.toml: 1 problem\n", "#c.toml"},
	} {
		t.Run(name, func(t *testing.T) {
			r := NotRun("#c.toml", fmt.Errorf("loading: %w", tc.err))
			if name == "unreadable" {
				r = NotRun("#c.toml", tc.err)
			}
			if r.OK() {
				t.Error("the report is good")
			}
			var b bytes.Buffer
			if err := r.WriteTAP(&b); err != nil || b.String() != tc.tap {
				t.Errorf("TAP: %v\ngot\n%s\nwant\n%s", err, b.String(), tc.tap)
			}
			b.Reset()
			if err := r.WriteJUnit(&b); err != nil {
				t.Fatal(err)
			}
			x := parseJUnit(t, b.Bytes())
			if e := x.Suites[0].Cases[0].Error; e == nil || e.Message != wording.Visible(r.Problems[0].Message) {
				t.Errorf("error %+v", e)
			}
			if x.Errors != 1 || x.Suites[0].Cases[0].Name != tc.test {
				t.Errorf("%+v", x)
			}
		})
	}
}

// Files are included by patterns, so whoever may add one chooses its name.
func TestReportOnHostileFileName(t *testing.T) {
	const name = "a\nok 9 ]]> # SKIP \x1b[31m.toml"
	path := write(t, name, ofTests+"[[app.grafana.test]]\nwant = \"Editor\"\n")
	t.Chdir(filepath.Dir(path))
	c, err := config.LoadPolicy(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(c, Options{Now: beforeTests, Coverage: true})
	if err != nil {
		t.Fatal(err)
	}
	lines := append([]string{r.Tests[0].String()}, r.Tests[0].Advice()...)
	for _, line := range append(lines, r.Coverage.Apps[0].Gaps()...) {
		if wording.Visible(line) != line {
			t.Errorf("not one printable line: %q", line)
		}
	}
	var b bytes.Buffer
	if err := r.WriteTAP(&b); err != nil {
		t.Fatal(err)
	}
	if results, err := parseTAP(b.String()); err != nil || len(results) != 1 {
		t.Errorf("%v in:\n%s", err, b.String())
	} else {
		checkYAML(t, results[0].diagnostic)
	}
	b.Reset()
	if err := r.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	if c := parseJUnit(t, b.Bytes()).Suites[0].Cases[0]; c.File != wording.Visible(name) || c.Failure.Message != wording.Visible(r.Tests[0].Problem) {
		t.Errorf("%+v", c)
	}
}

// failingWriter is a full disk.
type failingWriter struct{}

var errFull = errors.New("no space left on device")

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

func TestReportOnFullDisk(t *testing.T) {
	r := report(t, hostileTests, Options{})
	if err := r.WriteTAP(failingWriter{}); !errors.Is(err, errFull) {
		t.Errorf("TAP: %v", err)
	}
	if err := r.WriteJUnit(failingWriter{}); !errors.Is(err, errFull) {
		t.Errorf("JUnit: %v", err)
	}
}
