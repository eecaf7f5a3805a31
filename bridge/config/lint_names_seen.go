package config

import (
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
)

// looseExpressions warns about expressions that hold for more people than they seem to.
func (l *linter) looseExpressions(rule place, r *mapping.Rule) {
	for _, words := range r.Loose() {
		l.warn(rule.key("when"), LintLooseExpression, "%s", words)
	}
}

// confusableNames warns about addresses, domains and lists that people take for others.
func (l *linter) confusableNames(rule place, r *mapping.Rule) {
	for _, list := range []struct {
		key   string
		names []string
	}{{"emails", r.Emails}, {"not_emails", r.NotEmails}, {"domains", r.Domains}} {
		for i, name := range list.names {
			l.confusable(rule.key(list.key).index(i+1), name)
		}
	}
}

func (l *linter) confusableLists() {
	for _, list := range sortedKeys(l.config.lists) {
		l.confusable(l.config.listsAt[list], list)
	}
}

func (l *linter) confusable(at place, name string) {
	if mapping.Confusable(name) {
		l.warn(at, LintConfusableLetters, "%+q has letters that look like Latin ones, or that nobody sees, and is not %q: write it anew, by keyboard",
			name, mapping.Lenient(name))
	}
}

// sharedAudiences warns about apps that accept the same assertions: nothing keeps one
// from using what it is sent at another.
func (l *linter) sharedAudiences() {
	type audience struct{ issuer, of string }
	first := map[audience]*App{}
	warned := map[*App]bool{}
	for _, a := range l.config.Apps {
		for _, i := range a.Issuers {
			k := audience{i.Name, a.AudienceOf(i)}
			other := first[k]
			if other == nil {
				first[k] = a
				continue
			}
			if warned[a] {
				continue
			}
			warned[a] = true
			at := a.at
			if a.Audience != "" {
				at = at.key("audience")
			}
			l.warn(at, LintSharedAudience, "accepts the same assertions as app %q (%s), as both have the audience %q of issuer %q: "+
				"give each app an audience of its own, or whoever runs one app can be anybody at the other",
				other.Name, other.Source, wording.Visible(k.of), i.Name)
		}
	}
}
