package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// validate checks the tables and builds the Config from them. What it returns
// counts only if nothing was reported.
func (l *loader) validate() *Config {
	c := &Config{Path: l.path, Server: l.validServer(), files: l.files, lists: l.lists, listsAt: l.groups, catalog: l.catalog}
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

func (l *loader) validServer() Server {
	at := place{l.main, "server"}
	t := l.server
	l.checkListen(at.key("listen"), t.Listen, ":8080")
	l.checkListen(at.key("admin_listen"), t.AdminListen, "127.0.0.1:9090")
	if t.Listen == t.AdminListen && !strings.HasSuffix(t.Listen, ":0") {
		l.report.add(at.key("admin_listen"), "the same as listen: health and metrics need an address that users do not reach")
	}
	if t.MaxAssertionBytes < 1<<10 || t.MaxAssertionBytes > 1<<20 {
		l.report.add(at.key("max_assertion_bytes"), "%d is not between 1024 and 1048576: write 131072, or leave the key out", t.MaxAssertionBytes)
	}
	l.checkPositive(at.key("drain_timeout"), t.DrainTimeout, "30s")
	return Server{
		Listen:            t.Listen,
		AdminListen:       t.AdminListen,
		TrustedProxies:    l.validProxies(at.key("trusted_proxies"), t.TrustedProxies),
		MaxAssertionBytes: t.MaxAssertionBytes,
		DrainTimeout:      t.DrainTimeout,
		CacheDir:          l.validCacheDir(at.key("cache_dir"), t.CacheDir),
	}
}

// validCacheDir returns the directory for keys. Whoever can write there can sign
// in as anyone.
func (l *loader) validCacheDir(at place, written string) string {
	if written == "" {
		return ""
	}
	dir := resolvePath(at, written)
	if !l.keys {
		return dir
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		l.report.add(at, "%v: make the directory, for ssobridge's user alone", err)
	case !info.IsDir():
		l.report.add(at, "%s is no directory: name one", dir)
	case info.Mode().Perm()&0o022 != 0:
		l.report.add(at, "%s can be written by others, who could put their own keys there: chmod 700", dir)
	}
	return dir
}

func (l *loader) checkListen(at place, address, example string) {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsAny(host, "/ ") {
		l.report.add(at, "%q is no address to listen on: write %q", address, listenExample(host, address, example))
	}
}

// listenExample is example, with the port if that is all that was written.
func listenExample(host, address, example string) string {
	if _, err := strconv.ParseUint(address, 10, 16); err != nil || host != "" {
		return example
	}
	host, _, _ = strings.Cut(example, ":")
	return host + ":" + address
}

func (l *loader) validProxies(at place, written []string) []netip.Prefix {
	var proxies []netip.Prefix
	for i, text := range written {
		prefix, problem := parseProxy(text)
		if problem != "" {
			l.report.add(at.index(i+1), "%s", problem)
			continue
		}
		proxies = append(proxies, prefix)
	}
	return proxies
}

// parseProxy reads an address or a CIDR. It refuses one that holds every
// address: whoever can reach the bridge could then say where they come from.
func parseProxy(text string) (p netip.Prefix, problem string) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), ""
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Sprintf(`%q is no address and no CIDR: write such as "10.0.0.7" or "10.0.0.0/24"`, text)
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	switch {
	case p.Bits() == 0 || p.Addr().Is4In6():
		return p, fmt.Sprintf("%q would trust everybody: name the proxies that stand before ssobridge", text)
	case p != p.Masked():
		return p, fmt.Sprintf("%q means a host and a network: write %q for the network, or %q for the host",
			text, p.Masked(), p.Addr())
	}
	return p, ""
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

// roleProblem says why a text cannot be a role.
func roleProblem(role string) string {
	switch {
	case role == "":
		return "a role without a name: name it, or remove it"
	case role == Deny:
		return fmt.Sprintf("no role can be called %q: a rule that denies says deny = true", Deny)
	case strings.ContainsFunc(role, unicode.IsControl), strings.TrimSpace(role) != role:
		return fmt.Sprintf("%q has control characters, or white space around it: remove them", role)
	}
	return ""
}
