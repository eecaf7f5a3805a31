package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// syntaxProblem says what keeps a file from being TOML, and for the usual
// mistakes what would be right.
func syntaxProblem(name string, data []byte, err error) *Problem {
	p := &Problem{File: name, Line: 1, Message: err.Error()}
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		// At the end of a file the parser may be one line past it.
		p.Line = min(max(parse.Position.Line, 1), 1+bytes.Count(data, []byte("\n")))
		p.Message = cmp.Or(parse.Message, p.Message)
	}
	lines := strings.Split(string(data), "\n")
	if header := openHeader(lines, p.Line); header > 0 {
		p.Line = header
	}
	text := strings.TrimSuffix(strings.ReplaceAll(p.Message, "\n", " "), ".")
	if second := text[1:2]; strings.ToLower(second) == second {
		text = strings.ToLower(text[:1]) + text[1:]
	}
	line := strings.TrimSpace(lines[p.Line-1])
	p.Key = keyAt(lines, p.Line)
	p.Message = "invalid TOML: " + withoutFound(text, line)
	if hint := syntaxHint(text, line); hint != "" {
		p.Message += ": " + hint
	}
	return p
}

// found is what the parser says it has come across: a text, or its first character.
var found = regexp.MustCompile(`,? but (?:found|got) (?:"[^"]*"|'[^'\\[\]{}=.,#"]') instead`)

// quoted is a text that the parser repeats.
var quoted = regexp.MustCompile(`:? (?:"[^"]+"|'[^']*[0-9A-Za-z][^']*')`)

// withoutFound leaves out what the parser repeats of a line's value: it may be the
// beginning of a password without quotes.
func withoutFound(text, line string) string {
	_, value, _ := strings.Cut(line, "=")
	return quoted.ReplaceAllStringFunc(found.ReplaceAllString(text, ""), func(q string) string {
		if strings.Contains(value, strings.Trim(q, `: "'`)) {
			return ""
		}
		return q
	})
}

// openHeader returns the line of a table's name without its last bracket, if that
// is what the parser has found on the next one; 0: it is not.
func openHeader(lines []string, line int) int {
	for _, n := range []int{line, line - 1} {
		if n < 1 {
			break
		}
		text := withoutComment(lines[n-1])
		brackets := len(text) - len(strings.TrimLeft(text, "["))
		if (brackets == 1 || brackets == 2) && !strings.ContainsAny(text, `="',`) && strings.Count(text, "]") < brackets {
			return n
		}
	}
	return 0
}

// keyAt is the path of the key that a line begins with; empty: it does not, or
// what stands before is no TOML either.
func keyAt(lines []string, line int) string {
	key := keyOfLine.FindStringSubmatch(lines[line-1])
	if key == nil {
		return ""
	}
	before := strings.Join(lines[:line-1], "\n")
	index, _ := indexLines([]byte(before + "\n" + key[1] + " = 0\n"))
	if line == 1 {
		index, _ = indexLines([]byte(key[1] + " = 0\n"))
	}
	path := ""
	for at, n := range index {
		if n == line && len(at) > len(path) {
			path = at
		}
	}
	return path
}

var (
	keyOfLine  = regexp.MustCompile(`^\s*([\w.-]+)\s*=`)
	unquoted   = regexp.MustCompile(`^\s*[\w.-]+\s*=\s*([\w@/*][^"'\[\]{}]*)$`)
	sizeOfLine = regexp.MustCompile(`^\s*\w+_bytes\s*=\s*\d+\w`)
	bareTable  = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	looseDate  = regexp.MustCompile(`^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:$|[T ])`)
)

// syntaxHint is what to write in place of a line that the parser has said
// something about.
func syntaxHint(message, line string) string {
	value := ""
	if m := unquoted.FindStringSubmatch(line); m != nil {
		value = withoutComment(m[1])
	}
	says := func(text string) bool { return strings.Contains(message, text) }
	seen := strings.Trim(between(message, "found ", " instead"), `"'`)
	switch {
	case says("table name") || says("table array name"):
		name := strings.Trim(withoutComment(line), "[] \t")
		if !bareTable.MatchString(name) {
			name = "app.NAME"
		}
		if strings.HasPrefix(line, "[[") {
			return fmt.Sprintf("write [[%s]]", name)
		}
		return fmt.Sprintf("write [%s]", name)
	case says("already been defined"):
		return "keep one of them"
	case says("invalid escape"):
		return `write \\ for a backslash, or the text in single quotes`
	case says("strings cannot contain newlines"):
		return "close the quotes on the same line"
	case says("control characters"):
		return "write the file as text, in UTF-8"
	case sizeOfLine.MatchString(line):
		return "write the number of bytes, such as 131072"
	case says("terminator"):
		return "" // of an array or a table that began before
	case says("expected '.' or '='"):
		return "write a line as KEY = VALUE"
	case strings.HasSuffix(withoutComment(line), "="):
		return "write a value after the ="
	case value == "" || seen != "" && !strings.HasPrefix(value, seen):
		return "" // it is not about the value
	case looseDate.MatchString(value):
		return "write a date like 2027-01-31T18:00:00Z"
	case strings.EqualFold(value, "true") || strings.EqualFold(value, "false"):
		return "write " + strings.ToLower(value)
	case says("invalid") || says("expected value") || says("to end with a newline"):
		return "write text in quotes" // and not the value again: it may be a password
	}
	return ""
}

func withoutComment(line string) string {
	line, _, _ = strings.Cut(line, "#")
	return strings.TrimSpace(line)
}

// between returns what stands in s between two texts; empty: nothing does.
func between(s, before, behind string) string {
	_, rest, _ := strings.Cut(s, before)
	inner, _, ok := strings.Cut(rest, behind)
	if !ok {
		return ""
	}
	return inner
}
