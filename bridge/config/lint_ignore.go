package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// ignore is a comment that silences warnings of a code about a line.
type ignore struct {
	file string
	line int
	code string
	used bool
	at   int // the comment's own line
}

// silence takes out the warnings that comments silence, and warns of comments
// that are wrong or silence nothing: they hide that nobody has looked.
func (l *linter) silence() {
	var ignores []*ignore
	var wrong []Warning
	for _, file := range l.config.files {
		for _, c := range file.comments {
			code, problem := c.ignores()
			if problem != "" {
				wrong = append(wrong, Warning{file.name, c.line, "", LintBadIgnore, problem})
				continue
			}
			ignores = append(ignores, &ignore{file: file.name, line: c.below, code: code, at: c.line})
		}
	}
	l.warnings = slices.DeleteFunc(l.warnings, func(w Warning) bool {
		i := slices.IndexFunc(ignores, func(i *ignore) bool { return i.file == w.File && i.line == w.Line && i.code == w.Code })
		if i >= 0 {
			ignores[i].used = true
		}
		return i >= 0
	})
	for _, i := range ignores {
		if !i.used {
			wrong = append(wrong, Warning{i.file, i.at, "", LintUnusedIgnore,
				fmt.Sprintf("the line below has no warning %s: remove the comment", i.code)})
		}
	}
	l.warnings = append(l.warnings, wrong...)
}

// ignores returns the code that the comment silences, or says what is wrong
// with it.
func (c comment) ignores() (code, problem string) {
	const form = "# " + commentMark + "ignore CODE: REASON"
	directive, reason, found := strings.Cut(c.text, ":")
	verb, code, _ := strings.Cut(directive, " ")
	code, reason = strings.TrimSpace(code), strings.TrimSpace(reason)
	switch {
	case verb != "ignore" || code == "":
		return "", "a comment to ssobridge has the form " + form
	case code == LintBadIgnore || code == LintUnusedIgnore:
		return "", fmt.Sprintf("%s cannot be silenced: correct the comment that it is about", code)
	case !slices.Contains(lints(), strings.Fields(code)[0]):
		return "", fmt.Sprintf("no warning has the code %q%s", strings.Fields(code)[0], wording.Instead(strings.Fields(code)[0], lints()))
	case !found || strings.ContainsAny(code, " \t"):
		return "", "silences nothing, for want of a colon after the code: write " + form
	case reason == "":
		return "", "silences nothing without a reason: write " + form
	case c.behind:
		return "", "silences nothing behind a value: put it on a line of its own, above"
	case c.below == 0:
		return "", "silences nothing above an empty line: put it right above the line that the warning names"
	}
	return code, ""
}
