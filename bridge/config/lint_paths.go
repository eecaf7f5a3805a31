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
		if d := denier(r, slices.Concat(a.Paths.Deny, a.AdapterDeny)); d != nil {
			l.warn(r.at, LintShadowedPath, "is never public: %s (%s) denies it; remove one of them", d.name(), d.Source)
		} else if p := wider(r, a.Paths.Public, false); p != nil {
			l.warn(r.at, LintShadowedPath, "changes nothing: %s (%s) makes it public already; remove it", p.at.path, p.Source)
		}
		if r.Methods != nil && slices.ContainsFunc(r.Methods, unsafe) && r.Prefix != "" {
			l.warn(r.at, LintPublicWrites, "lets everybody change what is below %q, as far as the app itself lets them: name single paths, or leave methods out", r.Prefix)
		}
	}
	for i := range a.Paths.Deny {
		r := &a.Paths.Deny[i]
		if d := wider(r, a.Paths.Deny, true); d != nil {
			l.warn(r.at, LintShadowedPath, "changes nothing: %s (%s) denies it already; remove it", d.at.path, d.Source)
		}
	}
}

// name is what a warning calls a rule.
func (r *PathRule) name() string {
	if r.Adapter != "" {
		return "a rule of its adapter"
	}
	return r.at.path
}

// denier returns the deny rule that all of r falls under; nil: none. Denied paths have
// no case.
func denier(r *PathRule, deny []PathRule) *PathRule {
	i := slices.IndexFunc(deny, func(d PathRule) bool { return d.at != r.at && d.covers(r, true) })
	if i < 0 {
		return nil
	}
	return &deny[i]
}

// wider returns the rule of r's own list that makes r needless; nil: none. Of two that
// are about the same, the first one counts.
func wider(r *PathRule, list []PathRule, fold bool) *PathRule {
	i := slices.IndexFunc(list, func(o PathRule) bool {
		return o.at != r.at && o.covers(r, fold) && (!r.covers(&o, fold) || o.at.compare(r.at) < 0)
	})
	if i < 0 {
		return nil
	}
	return &list[i]
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
