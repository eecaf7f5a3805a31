package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/mapping"
)

func (l *loader) validApp(e entry[appTable], issuers map[string]*Issuer, hosts map[string]place) *App {
	t, at := e.table, e.at
	a := &App{
		Name:         e.name,
		Host:         l.validHost(at.key("host"), t.Host, hosts),
		Upstream:     l.validUpstream(at.key("upstream"), t.Upstream),
		Issuers:      l.validAppIssuers(at, t, issuers),
		Audience:     t.Audience,
		AdapterName:  t.Adapter,
		PreserveHost: t.PreserveHost,
		Timeout:      t.Timeout,
		Rules:        t.Rules,
		Source:       at.source(),
	}
	l.checkNotBlank(at.key("audience"), t.Audience, "leave the key out to expect the app's host")
	l.checkPositive(at.key("timeout"), t.Timeout, "60s")
	l.checkAudience(at, a)

	opened := l.openAdapter(at.key("adapter"), a)
	a.Adapter = opened.adapter
	for i := range a.Rules {
		rule := at.key("rule").index(i + 1)
		a.Rules[i].Source = rule.source()
		l.checkRole(rule.key("role"), a.Rules[i].Role, a.AdapterName, opened.roles)
	}
	a.Mapper = l.compile(at, a.Rules)
	a.Tests = l.validTests(at.key("test"), t, opened.roles)
	l.checkTimeless(at.key("test"), a)
	return a
}

// checkTimeless refuses tests that will fail one day by themselves: a file that
// is good today must not keep the bridge from starting the day after a grant
// has ended.
func (l *loader) checkTimeless(at place, a *App) {
	if a.Mapper == nil {
		return
	}
	for i, t := range a.Tests {
		if !t.At.IsZero() {
			continue
		}
		if change := a.changesAfter(t, l.now); !change.IsZero() {
			l.report.add(at.index(i+1), "the decision changes at %s, and the test would keep the file from loading then: "+
				"say when the person asks, such as at = %s", change.UTC().Format(time.RFC3339), l.now.UTC().Truncate(time.Hour).Format(time.RFC3339))
		}
	}
}

// validHost returns a host in the form in which requests are compared with it.
func (l *loader) validHost(at place, written string, hosts map[string]place) string {
	host := strings.ToLower(strings.TrimSuffix(written, "."))
	problem := hostProblem(host)
	switch _, rest, isURL := strings.Cut(written, "://"); {
	case written == "":
		problem = `missing: write the name that users open, such as "grafana.example.com"`
	case problem == "":
	case isURL:
		problem = "this is a URL: write the host alone" + hostIn(rest)
	case strings.Contains(written, "*"):
		problem = "no patterns: each host is an app of its own"
	case hostIn(written) != "":
		problem = "a host has no port and no path: write it alone" + hostIn(written)
	case strings.ContainsFunc(written, func(r rune) bool { return r > 127 }):
		problem = `write the name in its ASCII form, which begins with "xn--"`
	}
	if problem != "" {
		l.report.add(at, "%s", problem)
		return ""
	}
	if other, taken := hosts[host]; taken {
		l.report.add(at, "%q is also the host of %s (%s): each app needs its own", written,
			strings.TrimSuffix(other.path, ".host"), other.source())
	} else {
		hosts[host] = at
	}
	return host
}

// hostIn returns `, "name"` if text begins with a host name and goes on with a
// port or a path.
func hostIn(text string) string {
	if strings.Contains(text, "@") {
		return "" // what stands first may be a password
	}
	name := text
	if i := strings.IndexAny(text, ":/?#"); i >= 0 {
		name = text[:i]
	}
	if hostProblem(strings.ToLower(name)) != "" {
		return ""
	}
	return fmt.Sprintf(", %q", name)
}

func (l *loader) validUpstream(at place, written string) *url.URL {
	const example = "http://127.0.0.1:3000"
	u, problem := parseURL(written, example)
	switch {
	case problem != "":
	case u.RawQuery != "" || u.ForceQuery:
		problem = "an upstream has no query (?...): requests bring their own"
	case strings.Contains(written, "#"):
		problem = "an upstream has no fragment (#...): remove it"
	}
	if problem != "" {
		l.report.add(at, "%s", problem)
		return nil
	}
	return u
}

// validAppIssuers returns the issuers of "issuer", of "issuers", or the only one
// that there is.
func (l *loader) validAppIssuers(at place, t appTable, issuers map[string]*Issuer) []*Issuer {
	one, several := at.key("issuer"), at.key("issuers")
	if !at.doc.has(several.path) {
		if i := l.validAppIssuer(one, t.Issuer, issuers); i != nil {
			return []*Issuer{i}
		}
		return nil
	}
	if at.doc.has(one.path) {
		l.report.add(several, "beside issuer: keep one of them")
		return nil
	}
	if len(t.Issuers) == 0 {
		l.report.add(several, "empty: name the issuers, or leave the key out where there is only one")
	}
	var list []*Issuer
	for n, name := range t.Issuers {
		switch i := issuers[name]; {
		case i == nil:
			l.report.add(several.index(n+1), "no issuer is called %q%s", name, unknownOf(name, sortedKeys(issuers)))
		case slices.Contains(list, i):
			l.report.add(several.index(n+1), "%q is listed twice", name)
		default:
			list = append(list, i)
		}
	}
	return list
}

func (l *loader) validAppIssuer(at place, name string, issuers map[string]*Issuer) *Issuer {
	known := sortedKeys(issuers)
	switch {
	case issuers[name] != nil:
		return issuers[name]
	case len(known) == 0: // reported once for all apps
		return nil
	case name != "":
		l.report.add(at, "no issuer is called %q%s", name, unknownOf(name, known))
		return nil
	case len(known) == 1 && !at.doc.has(at.path):
		return issuers[known[0]]
	}
	l.report.add(at, "missing: say whose assertions the app accepts; %s", thereAre(known))
	return nil
}

func (l *loader) openAdapter(at place, a *App) opened {
	switch {
	case a.AdapterName == "":
		l.report.add(at, `missing: say how the app is told who somebody is, such as adapter = "grafana"; `+
			"`ssobridge adapters` lists the presets")
		return opened{}
	case l.catalog.layers[a.AdapterName] == nil:
		l.report.add(at, "%s", l.catalog.unknown(a.AdapterName))
		return opened{}
	}
	return l.catalog.open(a.AdapterName, adapter.Env{App: a.Name, Host: a.Host}, at)
}

// checkRole holds a role against the app's vocabulary: apps take a role that
// they do not know for anything from "no change" to their default.
func (l *loader) checkRole(at place, role, adapterName string, vocabulary []string) {
	switch problem := roleProblem(role); {
	case role == "": // mapping says it
	case problem != "":
		l.report.add(at, "%s", problem)
	case len(vocabulary) > 0 && !slices.Contains(vocabulary, role):
		hint := ": " + thereAre(vocabulary)
		if near, ok := nearest(role, vocabulary); ok && strings.EqualFold(role, near) {
			hint = didYouMean(role, vocabulary)
		}
		l.report.add(at, "adapter %q has no role %q%s", adapterName, role, hint)
	}
}

func (l *loader) compile(app place, rules []mapping.Rule) *mapping.Mapper {
	if len(rules) == 0 {
		l.report.add(app.key("rule"), "none, so nobody could enter: add an [[%s.rule]] with a role", app.path)
		return nil
	}
	if l.report.spoiltBelow(app.key("rule")) {
		return nil // a rule that lost a condition makes others seem unreachable
	}
	m, err := mapping.Compile(mapping.Policy{Rules: rules, Lists: l.lists})
	problems := allErrors[*mapping.RuleError](err)
	for _, e := range problems {
		at, isList := l.groups[e.Key]
		if e.Rule > 0 || !isList {
			at = app.key("rule").index(e.Rule).key(e.Key)
		}
		l.report.add(at, "%s", e.Problem)
	}
	if err != nil && problems == nil {
		l.report.add(app.key("rule"), "%v", err)
	}
	return m
}

func (l *loader) validTests(at place, t appTable, vocabulary []string) []Test {
	known := append([]string{Deny}, vocabulary...)
	for _, rule := range t.Rules {
		if !slices.Contains(known, rule.Role) {
			known = append(known, rule.Role)
		}
	}
	var tests []Test
	for i, test := range t.Tests {
		at := at.index(i + 1)
		switch {
		case test.Want == "":
			l.report.add(at.key("want"), "missing: name the role that the person shall get, or %q", Deny)
		case !slices.Contains(known, test.Want):
			l.report.add(at.key("want"), "no rule grants a role %q%s", test.Want, unknownOf(test.Want, known))
		}
		if test.Email != "" && !isEmail(test.Email) {
			l.report.add(at.key("email"), "%q is no email address, so no assertion can hold it", test.Email)
		}
		tests = append(tests, Test{
			Name: test.Name, Email: test.Email, Subject: test.Subject, Groups: test.Groups,
			At: test.At, Want: test.Want, Source: at.source(),
		})
	}
	return tests
}

// isEmail reports whether a verified principal could have this email.
func isEmail(s string) bool {
	local, domain, _ := strings.Cut(s, "@")
	return local != "" && domain != "" && !strings.Contains(domain, "@") && !strings.ContainsAny(s, " ,") &&
		!strings.ContainsFunc(s, unicode.IsControl)
}
