package mapping

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
)

// issuesInWords says what is wrong with an expression, where, and if it is one of
// the usual mistakes, what would be right.
func issuesInWords(issues *cel.Issues, text string) string {
	var parts []string
	unknown := false
	follows := map[string]bool{} // what is unknown because of an earlier mistake
	for _, e := range issues.Errors() {
		if hint, at := syntaxHint(e, text); hint != "" {
			return strings.Join(append(parts, where(at, text)+": "+hint), "; ") // the parser has lost its way
		}
		message := e.Message
		for _, w := range wordings {
			message = w.of.ReplaceAllString(message, w.by)
		}
		if name, ok := strings.CutPrefix(message, "undeclared reference to '"); ok {
			name, hint, _ := strings.Cut(name, "'")
			if follows[name] {
				continue
			}
			_, behind := around(e.Location, text)
			if call := macroCall.FindStringSubmatch(behind); call != nil {
				follows[call[1]] = true
			}
			unknown = unknown || hint == ""
		}
		parts = append(parts, where(e.Location, text)+": "+message+typeHint(message, e.Location, text))
	}
	words := strings.Join(parts, "; ")
	if unknown {
		words += ": there are " + variables
	}
	return words
}

// macroCall begins where a misspelt exists, all, filter or map is called: it is
// no macro then, and its variable not declared.
var macroCall = regexp.MustCompile(`^\(\s*(\w+)\s*,`)

// wordings put what CEL's parser and checker say into words for people who know
// neither: tokens, "_==_", and lists of everything that could follow.
var wordings = []struct {
	of *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`^Syntax error: \w+ input '<EOF>'.*`), "the expression ends too early"},
	{regexp.MustCompile(`^Syntax error: \w+ input (\S+).*`), "unexpected $1"},
	{regexp.MustCompile(`^Syntax error: token recognition error at: `), "unexpected "},
	{regexp.MustCompile(` \(in container ''\)`), ""},
	{regexp.MustCompile(`^found no matching overload for '[_@]*([^_']*)[_@]*([^']*)' applied to '(.*)'`), "$1$2 cannot be applied to $3"},
}

var (
	oneEquals  = regexp.MustCompile(`^=\s*[^=~<>\s]`)
	wordBehind = regexp.MustCompile(`^(and|or)\b`)
	notBefore  = regexp.MustCompile(`\bnot\s+$`)
)

// syntaxHint says what to write for operators of other languages, and where they
// stand, if an error of the parser is about one of them.
func syntaxHint(e *common.Error, text string) (hint string, at common.Location) {
	if !strings.HasPrefix(e.Message, "Syntax error") {
		return "", nil
	}
	before, behind := around(e.Location, text)
	if oneEquals.MatchString(behind) {
		return "unexpected =: write == to compare", e.Location
	}
	switch wordBehind.FindString(behind) {
	case "and":
		return "unexpected and: write &&", e.Location
	case "or":
		return "unexpected or: write ||", e.Location
	}
	if not := notBefore.FindStringIndex(before); not != nil {
		return "unexpected not: write !", common.NewLocation(e.Location.Line(), utf8.RuneCountInString(before[:not[0]]))
	}
	return "", nil
}

var (
	containsCall = regexp.MustCompile(`^\(\s*("[^"\\]*"|'[^'\\]*')\s*\)`)
	dateInQuotes = regexp.MustCompile(`["'](\d{4}-\d\d-\d\d)["'T]`)
)

// typeHint is what to write instead of some operations that there are not; empty:
// it depends.
func typeHint(message string, at common.Location, text string) string {
	switch {
	case strings.HasPrefix(message, "contains cannot be applied to list"):
		name := `"NAME"`
		_, behind := around(at, text)
		if call := containsCall.FindStringSubmatch(behind); call != nil {
			name = `"` + strings.Trim(call[1], `"'`) + `"`
		}
		return ": write " + name + " in groups, or member(" + name + ")"
	case strings.HasSuffix(message, "cannot be applied to (timestamp, string)"),
		strings.HasSuffix(message, "cannot be applied to (string, timestamp)"):
		return timestampHint(text)
	}
	return ""
}

// constantHint is typeHint for what evaluating a constant has said.
func constantHint(err error) string {
	if !strings.Contains(err.Error(), "timestamp") {
		return ""
	}
	return timestampHint(err.Error())
}

// timestampHint shows how to write a time, by the date in text if there is one.
func timestampHint(text string) string {
	date := "2027-01-31"
	if m := dateInQuotes.FindStringSubmatch(text); m != nil {
		date = m[1]
	}
	return `: write timestamp("` + date + `T00:00:00Z")`
}

// around returns what stands before and behind a place in an expression, in its
// line.
func around(at common.Location, text string) (before, behind string) {
	lines := strings.Split(text, "\n")
	if at.Line() < 1 || at.Line() > len(lines) {
		return "", ""
	}
	line := []rune(lines[at.Line()-1])
	column := min(max(at.Column(), 0), len(line))
	return string(line[:column]), string(line[column:])
}
