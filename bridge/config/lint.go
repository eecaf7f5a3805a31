package config

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// Warning is something that is allowed, and probably not meant.
type Warning struct {
	// File and Line are where to change it, Key is the path of the key; empty for
	// a comment.
	File string
	Line int
	Key  string
	// Code is what kind of warning it is, one of the Lint constants.
	Code string
	// Message says what is strange and what would be right.
	Message string
}

// String is the warning as people read it:
// "file:line: warning: key: message [code]".
func (w Warning) String() string {
	key := w.Key
	if key != "" {
		key += ": "
	}
	return wording.Visible(fmt.Sprintf("%s:%d: warning: %s%s [%s]", w.File, w.Line, key, w.Message, w.Code))
}

// The codes of warnings.
const (
	// LintShadowedRule: a rule changes nothing, because of another one.
	LintShadowedRule = "shadowed-rule"
	// LintAlikeRoles: an app's own adapter sends no role, and rules grant several.
	LintAlikeRoles = "alike-roles"
	// LintExpiredUntil: a rule's until has passed.
	LintExpiredUntil = "expired-until"
	// LintGroupID: a rule names a group by its ID in a directory.
	LintGroupID = "group-id"
	// LintGroupLookalike: two groups are spelt nearly the same.
	LintGroupLookalike = "group-lookalike"
	// LintMalformedID: a group is named by what is nearly a directory's ID.
	LintMalformedID = "malformed-id"
	// LintListWithoutAt: a group is called like a list.
	LintListWithoutAt = "list-without-at"
	// LintEveryonePrivileged: everybody gets a privileged role.
	LintEveryonePrivileged = "everyone-privileged"
	// LintOpenDefault: an app with privileged roles, or that denies some people,
	// lets everybody else in.
	LintOpenDefault = "open-default"
	// LintShadowedPath: a public or denied path changes nothing, because of another.
	LintShadowedPath = "shadowed-path"
	// LintPublicWrites: everybody may change what is below a path.
	LintPublicWrites = "public-writes"
	// LintUnusedList: no rule uses a list of groups.
	LintUnusedList = "unused-list"
	// LintListInTest: a test's person is in a group that is called like a list.
	LintListInTest = "list-in-test"
	// LintLooseExpression: an expression holds for more people than it seems to.
	LintLooseExpression = "loose-expression"
	// LintConfusableLetters: an address or a list looks like another one.
	LintConfusableLetters = "confusable-letters"
	// LintSharedAudience: two apps accept the same assertions.
	LintSharedAudience = "shared-audience"
	// LintUndeclaredList: a rule may count on a claim being a list, and it is none.
	LintUndeclaredList = "undeclared-list"
	// LintTrustedInclude: nothing says what included files may name.
	LintTrustedInclude = "trusted-include"
	// LintAdminOpen: everybody reaches what is for operators.
	LintAdminOpen = "admin-open"
	// LintTrustsEverybody: everybody is a trusted proxy.
	LintTrustsEverybody = "trusts-everybody"
	// LintBadIgnore: a comment that would silence warnings is wrong.
	LintBadIgnore = "bad-ignore"
	// LintUnusedIgnore: a comment silences nothing.
	LintUnusedIgnore = "unused-ignore"
)

// lints are the codes that a comment can silence.
func lints() []string {
	return []string{
		LintAdminOpen, LintAlikeRoles, LintConfusableLetters, LintEveryonePrivileged, LintExpiredUntil, LintGroupID,
		LintGroupLookalike, LintListInTest, LintListWithoutAt, LintLooseExpression, LintMalformedID, LintOpenDefault, LintPublicWrites,
		LintShadowedPath, LintShadowedRule, LintSharedAudience, LintTrustedInclude, LintTrustsEverybody, LintUndeclaredList,
		LintUnusedList,
	}
}

// Warnings returns what in a valid configuration is probably not meant, sorted
// by file and line. A comment right above the line silences it:
//
//	# ssobridge:ignore CODE: why it is meant
func (c *Config) Warnings(now time.Time) []Warning {
	l := &linter{config: c, now: now, strangers: map[string]bool{}}
	for _, a := range c.Apps {
		l.app(a)
	}
	l.server()
	l.lists()
	l.includes()
	l.confusableLists()
	l.sharedAudiences()
	l.lookalikes()
	l.silence()
	slices.SortFunc(l.warnings, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message))
	})
	return l.warnings
}

type linter struct {
	config   *Config
	now      time.Time
	warnings []Warning
	// strangers are the answers of holdsForStrangers.
	strangers map[string]bool
}

func (l *linter) warn(at place, code, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{
		File: at.doc.name, Line: at.doc.line(at.path), Key: at.path, Code: code, Message: fmt.Sprintf(format, args...),
	})
}
