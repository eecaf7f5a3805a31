package config

import (
	"slices"
	"strings"
)

// paths warns of public paths that are none, and of what makes them look like less than
// they are.
func (l *linter) paths(a *App) {
	for i := range a.Paths.Public {
		r := &a.Paths.Public[i]
		if d := covering(r, a.Paths.Deny, true); d != nil {
			l.warn(r.at, LintShadowedPath, "is never public: %s (%s) denies it; remove one of them", d.at.path, d.Source)
		} else if p := covering(r, a.Paths.Public, false); p != nil {
			l.warn(r.at, LintShadowedPath, "changes nothing: %s (%s) makes it public already; remove it", p.at.path, p.Source)
		}
		if r.Methods != nil && slices.ContainsFunc(r.Methods, unsafe) && r.Prefix != "" {
			l.warn(r.at, LintPublicWrites, "lets everybody change what is below %q, as far as the app itself lets them: name single paths, or leave methods out", r.Prefix)
		}
	}
	for i := range a.Paths.Deny {
		r := &a.Paths.Deny[i]
		if d := covering(r, a.Paths.Deny, true); d != nil {
			l.warn(r.at, LintShadowedPath, "changes nothing: %s (%s) denies it already; remove it", d.at.path, d.Source)
		}
	}
}

// covering returns one of others that is about all that r is about. Of two that are
// about the same, the first is the one that counts.
func covering(r *PathRule, others []PathRule, fold bool) *PathRule {
	for i := range others {
		if o := &others[i]; o.at != r.at && o.covers(r, fold) && (!r.covers(o, fold) || o.at.compare(r.at) < 0 || !sameKind(o, r)) {
			return o
		}
	}
	return nil
}

// sameKind reports whether two rules are of one list.
func sameKind(a, b *PathRule) bool {
	return a.at.path[:strings.LastIndex(a.at.path, "[")] == b.at.path[:strings.LastIndex(b.at.path, "[")]
}

func (r *PathRule) covers(o *PathRule, fold bool) bool {
	mine, other := r.Path+r.Prefix, o.Path+o.Prefix
	if fold {
		mine, other = strings.ToLower(mine), strings.ToLower(other)
	}
	if r.Prefix == "" && (o.Prefix != "" || mine != other) || !strings.HasPrefix(other, mine) {
		return false
	}
	return r.Methods == nil || o.Methods != nil && !slices.ContainsFunc(o.Methods, func(m string) bool {
		return !slices.Contains(r.Methods, m) && (m != "HEAD" || !slices.Contains(r.Methods, "GET"))
	})
}

// unsafe reports whether a method is not safe (RFC 9110 §9.2.1).
func unsafe(method string) bool {
	return !slices.Contains([]string{"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "SEARCH", "QUERY"}, method)
}
