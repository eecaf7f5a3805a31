package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// validate checks the tables and builds the Config from them. What it returns
// counts only if nothing was reported.
func (l *loader) validate() *Config {
	c := &Config{Path: l.path, Server: l.validServer(), Sessions: l.validSessions(), files: l.files, lists: l.lists, listsAt: l.groups, catalog: l.catalog, trusted: l.trusted}
	issuers := map[string]*Issuer{}
	for _, e := range l.issuers {
		issuers[e.name] = l.validIssuer(e)
	}
	for _, name := range sortedKeys(issuers) {
		c.Issuers = append(c.Issuers, issuers[name])
	}
	if len(l.issuers) == 0 && !l.includesLack {
		l.report.add(place{l.main, "issuer"}, "none: say whose assertions to accept, with an [issuer.NAME] and its jwks_url")
	}
	if len(l.apps) == 0 && !l.includesLack {
		l.report.add(place{l.main, "app"}, "none: the bridge needs at least one [app.NAME]")
	}
	hosts := map[string]place{}
	for _, e := range l.apps {
		c.Apps = append(c.Apps, l.validApp(e, issuers, hosts))
	}
	l.checkOwnKeys(c)
	l.catalog.openUnused()
	return c
}

func (l *loader) checkPositive(at place, d time.Duration, example string) {
	if d <= 0 {
		l.report.add(at, "%s is not longer than 0: write such as %q", d, example)
	}
}

// checkNotBlank reports a key that is written, but as "", which would be taken
// for a key that is left out.
func (l *loader) checkNotBlank(at place, value, instead string) {
	if value == "" && at.doc.has(at.path) {
		l.report.spoil(at, "empty: %s", instead)
	}
}

// parseURL reads an absolute http or https URL without a user name. Its problems
// never quote what may be a password.
func parseURL(text, example string) (u *url.URL, problem string) {
	u, err := url.Parse(text)
	scheme, _, absolute := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	switch {
	case text == "":
		problem = fmt.Sprintf("missing: write a URL such as %q", example)
	case !absolute && looksLikeHost(text):
		problem = fmt.Sprintf("%q has no scheme: write %q", text, strings.SplitAfter(example, "://")[0]+text)
	case absolute && scheme != "http" && scheme != "https":
		problem = fmt.Sprintf("%q is neither http nor https: write a URL such as %q", text, example)
	case err == nil && absolute && u.Hostname() != "" && !validPort(u) && strings.Trim(u.Port(), "0123456789") == "" && u.Port() != "":
		problem = fmt.Sprintf("the port %s is out of range: ports go from 1 to 65535", u.Port())
	case err != nil || !absolute || u.Hostname() == "" || !validPort(u):
		problem = fmt.Sprintf("%q is no URL: write such as %q", text, example)
	}
	if strings.Contains(text, "@") && (problem != "" || u.User != nil) {
		return nil, fmt.Sprintf("a URL has no user name or password here: write such as %q", example)
	}
	return u, problem
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

func looksLikeHost(text string) bool {
	host, _, _ := strings.Cut(text, "/")
	name, port, found := strings.Cut(host, ":")
	_, err := strconv.ParseUint(port, 10, 16)
	return hostProblem(name) == "" && (!found || err == nil)
}

// isLoopback reports whether a URL's host is this machine, whatever DNS says.
func isLoopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hostProblem says what is wrong with a lower-case DNS name.
func hostProblem(host string) string {
	if host == "" || len(host) > 253 {
		return "a host name has 1 to 253 characters"
	}
	for label := range strings.SplitSeq(host, ".") {
		switch {
		case label == "":
			return "a host name has no empty part between its dots"
		case len(label) > 63:
			return "a part of a host name has at most 63 characters"
		case label[0] == '-' || label[len(label)-1] == '-':
			return `a part of a host name neither begins nor ends with "-"`
		}
		if i := strings.IndexFunc(label, func(r rune) bool {
			return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
		}); i >= 0 {
			return fmt.Sprintf(`a host name is made of letters, digits, "-" and ".": %q is none`, []rune(label[i:])[0])
		}
	}
	return ""
}

// placeholder is what other programs fill with what a pattern has matched.
var placeholder = regexp.MustCompile(`\$(?:\d|\{|\()|\{\{|\\\d`)

// roleProblem says why a text cannot be a role.
func roleProblem(role string) string {
	switch {
	case role == "":
		return "a role without a name: name it, or remove it"
	case role == Deny:
		return fmt.Sprintf("no role can be called %q: a rule that denies says deny = true", Deny)
	case strings.ContainsFunc(role, unicode.IsControl), strings.TrimSpace(role) != role:
		return fmt.Sprintf("%q has control characters, or white space around it: remove them", role)
	case placeholder.MatchString(role):
		return fmt.Sprintf("%q seems to have a placeholder, and a role is a fixed text: write a rule for each role, or send the groups themselves", role)
	}
	return ""
}
