package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
)

func (l *loader) validApp(e entry[appTable], issuers map[string]*Issuer, hosts map[string]place) *App {
	t, at := e.table, e.at
	host, aliases := l.validHosts(at, t, hosts)
	a := &App{
		Name:         e.name,
		Host:         host,
		Aliases:      aliases,
		Streams:      l.validStreams(at, t),
		Hide:         l.validHidden(at.key("hide"), t.Hide),
		Paths:        l.validPaths(at, t),
		Limits:       l.validRequestLimits(at, t),
		Issuers:      l.validAppIssuers(at, t, issuers),
		Audience:     t.Audience,
		AdapterName:  t.Adapter,
		PreserveHost: t.PreserveHost,
		Timeout:      t.Timeout,
		Policy: mapping.Policy{
			Rules: t.Rules, Lists: l.lists, Match: mapping.Match(t.Match), DefaultRole: t.DefaultRole,
		},
		Source: at.source(),
		at:     at,
	}
	l.checkNotBlank(at.key("audience"), t.Audience, "leave the key out to expect the app's host")
	l.checkNotBlank(at.key("default_role"), t.DefaultRole, "name a role, or leave the key out to deny whomever no rule grants one")
	l.checkPositive(at.key("timeout"), t.Timeout, "60s")
	l.checkAudience(at, a)
	l.checkUpstreams(at, t, a)

	for i := range a.Policy.Rules {
		rule := at.key("rule").index(i + 1)
		a.Policy.Rules[i].Source = rule.source()
		l.checkNotBlank(rule.key("when"), a.Policy.Rules[i].When, "write an expression, or leave the key out")
	}
	l.compile(at, a)
	opened := l.openAdapter(at.key("adapter"), a)
	a.Adapter, a.privileged, a.sendsNoRole = opened.adapter, opened.privileged, opened.sendsNoRole
	a.SessionCookies = opened.sessionCookies
	a.AdapterDeny = opened.deny
	a.OwnCredentials = l.validCredentials(at.key("own_credentials"), t.OwnCredentials, a, opened.tells)
	l.checkPublicLogout(a)
	if opened.oneRole {
		l.checkOneRole(at, a)
	}
	l.checkRoles(at, a, opened.roles)
	l.checkAttributes(at, a)
	a.Tests = l.validTests(at, t, a, opened.roles)
	l.checkTimeless(at.key("test"), a)
	return a
}

// validHosts returns the hosts of an app, the canonical one first.
func (l *loader) validHosts(at place, t appTable, hosts map[string]place) (canonical string, aliases []string) {
	several := at.key("hosts")
	if !at.doc.has(several.path) {
		return l.validHost(at.key("host"), t.Host, hosts), nil
	}
	if at.doc.has(at.key("host").path) {
		l.report.add(several, "beside host: keep one of them; the first of hosts is the one that redirects name")
	}
	if len(t.Hosts) == 0 {
		l.report.add(several, `empty: write the names that users open, such as ["grafana.example.com", "metrics.example.com"]`)
		return "", nil
	}
	for i, host := range t.Hosts[1:] {
		aliases = append(aliases, l.validHost(several.index(i+2), host, hosts))
	}
	return l.validHost(several.index(1), t.Hosts[0], hosts), aliases
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
	at.doc.bounds.host(at, host)
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
		case i == nil && l.partial:
		case i == nil:
			l.report.spoil(several.index(n+1), "no issuer is called %q%s", name, wording.Instead(name, sortedKeys(issuers)))
		case slices.Contains(list, i):
			l.report.add(several.index(n+1), "%q is listed twice: remove one", name)
		default:
			at.doc.bounds.issuer(several.index(n+1), i)
			list = append(list, i)
		}
	}
	return list
}

func (l *loader) validAppIssuer(at place, name string, issuers map[string]*Issuer) *Issuer {
	known := sortedKeys(issuers)
	switch {
	case issuers[name] != nil:
		at.doc.bounds.issuer(at, issuers[name])
		return issuers[name]
	case len(known) == 0, l.partial: // reported once for all apps; or what is not known here may be there
		return nil
	case name != "":
		l.report.add(at, "no issuer is called %q%s", name, wording.Instead(name, known))
		return nil
	case len(known) == 1 && !at.doc.has(at.path):
		at.doc.bounds.issuer(at, issuers[known[0]])
		return issuers[known[0]]
	}
	l.report.add(at, "missing: say whose assertions the app accepts; %s", wording.ThereAre(known))
	return nil
}

func (l *loader) openAdapter(at place, a *App) opened {
	switch {
	case a.AdapterName == "":
		l.report.add(at, `missing: say how the app is told who somebody is, such as adapter = "grafana"; `+
			"`ssobridge adapters` lists the presets")
		return opened{}
	case l.catalog.layers[a.AdapterName] == nil && l.partial:
		return opened{}
	case l.catalog.layers[a.AdapterName] == nil:
		l.report.add(at, "%s", l.catalog.unknown(a.AdapterName))
		return opened{}
	}
	if l.catalog.mayNotUse(at, a.AdapterName) {
		return opened{}
	}
	env := adapter.Env{App: a.Name, Host: a.Host, ReadSecrets: l.keys}
	if a.Mapper != nil {
		env.Grants = &adapter.Grants{Roles: a.Mapper.Roles(), SeveralRoles: a.Mapper.SeveralRoles(), Attributes: a.Mapper.Attributes()}
	}
	return l.catalog.open(a.AdapterName, env, at)
}
