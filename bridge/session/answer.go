package session

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// Answer edits the Set-Cookie headers of the app's answer: those of the session
// become the browser's, or the store's. It must be called before the answer is
// passed on, for whatever the app answers, and fails only if a session that the
// browser does not see could not be kept.
func (v *Visit) Answer(ctx context.Context, status int, h http.Header) error {
	lines := h["Set-Cookie"]
	var others []string
	set := v.read(lines, &others)
	ended := v.app.plan.Ended != nil && v.fresh == nil && v.app.plan.Ended(status, h.Get("Location"))
	if set == nil && v.fresh == nil && v.stale == nil && !ended {
		if len(others) < len(lines) {
			setLines(h, others)
		}
		return nil
	}
	held := v.cookies
	v.cookies = held.with(set)
	gone := ended || v.gone(set)
	if gone {
		v.forget()
		v.app.keeper.o.Observe(v.app.name, Gone)
	}
	if v.app.plan.Deliver == adapter.DeliverUpstream {
		setLines(h, others)
		return v.keep(ctx, held, set, ended)
	}
	mine := v.lines(set)
	if gone {
		mine = v.removals(held, set)
	}
	if len(mine) > len(set) {
		private(h)
	}
	setLines(h, append(others, mine...))
	return nil
}

// read returns the Set-Cookies of the session, of each name the last, and the other
// lines as they stand. What browsers would not read is not passed on either: others
// might.
func (v *Visit) read(lines []string, others *[]string) []setCookie {
	var set []setCookie
	for _, line := range lines {
		c, ok := parseSetCookie(line, v.in.Time)
		switch {
		case !ok || c.name == SealName || v.app.foreignName(c.name):
		case v.app.owns(c.name):
			set = slices.DeleteFunc(set, func(before setCookie) bool { return before.name == c.name })
			set = append(set, c)
		default:
			*others = append(*others, line)
		}
	}
	return set
}

// foreignName reports whether a cookie of the app's would be taken for one of the
// session's on its way back, although it is none.
func (a *App) foreignName(name string) bool {
	_, session := a.appName(name)
	return session && !a.owns(name)
}

// with returns a jar after what an app has set.
func (j jar) with(set []setCookie) jar {
	if len(set) == 0 {
		return j
	}
	after := make(jar, len(j)+len(set))
	maps.Copy(after, j)
	for _, c := range set {
		if c.removes {
			delete(after, c.name)
		} else {
			after[c.name] = c.value
		}
	}
	return after
}

// gone reports whether the app has ended the session. It has not if it removes the
// first cookie and sets others: then it has cut it into pieces.
func (v *Visit) gone(set []setCookie) bool {
	i := slices.IndexFunc(set, named(v.app.plan.Cookies[0]))
	return i >= 0 && set[i].removes && !slices.ContainsFunc(set, func(c setCookie) bool { return !c.removes })
}

func named(name string) func(setCookie) bool {
	return func(c setCookie) bool { return c.name == name }
}

// lines are the Set-Cookies for the browser, while there is a session.
func (v *Visit) lines(set []setCookie) []string {
	left := v.left()
	var lines []string
	for _, c := range slices.Concat(v.fresh, set) {
		if i := slices.IndexFunc(set, named(c.name)); i < 0 || set[i] == c {
			lines = append(lines, v.app.line(c, left))
		}
	}
	for _, name := range v.stale {
		if !slices.ContainsFunc(set, named(name)) {
			lines = append(lines, v.app.removal(name))
		}
	}
	switch {
	case v.app.reader != nil:
	case len(v.cookies) > 0 && (set != nil || v.fresh != nil):
		s := seal{v.bond, v.end()}
		lines = append(lines, v.app.sealLine(v.app.keeper.o.Keys.sealed(s, v.app.name, v.cookies)))
	case len(v.cookies) == 0 && v.sealed:
		lines = append(lines, v.app.sealLine(""))
	}
	return lines
}

// removals are the Set-Cookies that leave the browser nothing of a session.
func (v *Visit) removals(held jar, set []setCookie) []string {
	names := slices.Concat(v.stale, v.app.plan.Cookies)
	for name := range held {
		names = append(names, name)
	}
	for _, c := range set {
		names = append(names, c.name)
	}
	slices.Sort(names)
	return v.app.removeAll(slices.Compact(names))
}

func (a *App) removeAll(names []string) []string {
	var lines []string
	for _, name := range names {
		lines = append(lines, a.removal(name))
	}
	if a.reader == nil {
		lines = append(lines, a.sealLine(""))
	}
	return lines
}

// end is when the session ends, whatever the app does to it. One that the app has
// begun itself begins when it is seen.
func (v *Visit) end() time.Time {
	if v.expires.IsZero() {
		return v.in.Time.Add(v.app.plan.Lifetime)
	}
	return v.expires
}

func (v *Visit) left() time.Duration { return v.end().Sub(v.in.Time) }

func setLines(h http.Header, lines []string) {
	if len(lines) == 0 {
		h.Del("Set-Cookie")
		return
	}
	h["Set-Cookie"] = lines
}

// private keeps caches that the answer passes from giving its cookies to others.
func private(h http.Header) {
	control := strings.ToLower(strings.Join(h["Cache-Control"], ","))
	if !strings.Contains(control, "no-store") && !strings.Contains(control, "private") {
		h.Set("Cache-Control", "no-store")
	}
}
