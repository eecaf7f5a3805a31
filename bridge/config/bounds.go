package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bounds are what the files of an include may name. The owner of the main file writes
// them. What a list does not name is not allowed, except roles: without the key, the
// files may grant every role.
type bounds struct {
	includeTable
	at     place // of the entry, in the main file
	dir    string
	report *reporter
}

// validBounds returns nil for an entry that is a plain string.
func (l *loader) validBounds(at place, t includeTable) *bounds {
	if t.plain {
		return nil
	}
	b := &bounds{includeTable: t, at: at, report: l.report}
	for _, list := range b.lists() {
		for i, pattern := range list.patterns {
			if strings.TrimSpace(pattern) != pattern || pattern == "" {
				l.report.add(at.key(list.key).index(i+1), `empty, or with white space around it: write a name, or a pattern such as "a-*"`)
			}
		}
	}
	for i, pattern := range t.Upstreams {
		if _, ok := parseUpstreamPattern(pattern); !ok {
			l.report.add(at.key("upstreams").index(i+1), `%q is no pattern of addresses: write such as "http://10.1.*", "http://app.a.svc:8080" or "unix:/run/a/*"`, pattern)
		}
	}
	if t.Secrets != "" {
		b.dir = filepath.Clean(besideFile(at, t.Secrets))
		if info, err := os.Lstat(b.dir); err == nil && info.Mode()&os.ModeSymlink != 0 {
			l.report.add(at.key("secrets"), "%s is a symbolic link: write the directory that it leads to", b.dir)
		}
	}
	return b
}

// boundList is one of the lists of bounds, with what its entries are.
type boundList struct {
	key, what string
	patterns  []string
}

func (b *bounds) lists() []boundList {
	return []boundList{
		{"apps", "app", b.Apps},
		{"hosts", "host", b.Hosts},
		{"upstreams", "upstream", b.Upstreams},
		{"env", "environment variable", b.Env},
		{"adapters", "adapter", b.Adapters},
		{"lists", "list of groups", b.Lists},
		{"issuers", "issuer", b.Issuers},
		{"roles", "role", b.Roles},
	}
}

// check reports a name that the list of bounds with this key does not have. No bounds
// allow everything.
func (b *bounds) check(at place, key, name string) bool {
	if b == nil {
		return true
	}
	i := slices.IndexFunc(b.lists(), func(l boundList) bool { return l.key == key })
	list := b.lists()[i]
	if slices.ContainsFunc(list.patterns, func(p string) bool { return globName(p, name) }) {
		return true
	}
	b.refuse(at, list, name)
	return false
}

// refuse says what the owner of the main file would have to write.
func (b *bounds) refuse(at place, list boundList, name string) {
	add := fmt.Sprintf("%s = [%q]", list.key, name)
	if len(list.patterns) > 0 {
		add = fmt.Sprintf("%q in %s", name, list.key)
	}
	b.report.add(at, "this file may not name the %s %q: to allow it, the owner of %s writes %s at %s (line %d)",
		list.what, name, b.at.doc.name, add, b.at.path, b.at.doc.line(b.at.path))
}

// name reports a table that the file may not define.
func (b *bounds) name(kind, name string, at place) {
	key := map[string]string{"app": "apps", "adapter": "adapters", "groups": "lists", "issuer": "issuers"}[kind]
	b.check(at, key, name)
}

// role reports a role that the file may not grant.
func (b *bounds) role(at place, role string) {
	if b != nil && b.Roles != nil && role != "" {
		b.check(at, "roles", role)
	}
}

// issuer reports an issuer that an app of the file may not name. Without issuers, it may
// name all that others define.
func (b *bounds) issuer(at place, i *Issuer) {
	if b != nil && b.Issuers != nil && i != nil {
		b.check(at, "issuers", i.Name)
	}
}

// host reports a host that the file may not have. A * in a bound stands for one label.
func (b *bounds) host(at place, host string) {
	if b == nil {
		return
	}
	if !slices.ContainsFunc(b.Hosts, func(p string) bool { return globHost(strings.ToLower(p), host) }) {
		b.refuse(at, boundList{"hosts", "host", b.Hosts}, host)
	}
}

// upstream reports an address that apps of the file may not have.
func (b *bounds) upstream(at place, a UpstreamAddress) {
	if b == nil {
		return
	}
	if !slices.ContainsFunc(b.Upstreams, func(text string) bool {
		p, ok := parseUpstreamPattern(text)
		return ok && p.matches(a)
	}) {
		b.refuse(at, boundList{"upstreams", "upstream", b.Upstreams}, a.Text)
	}
}

// secretKeysWithAddress are the options whose secret is an address: what it connects to,
// and which files it names, cannot be seen here.
var secretKeysWithAddress = []string{"dsn", "redis"}

// secretKey reports a secret that would be an address.
func (b *bounds) secretKey(at place) bool {
	key := at.path[strings.LastIndex(at.path, ".")+1:]
	if b == nil || !slices.Contains(secretKeysWithAddress, key) {
		return true
	}
	b.report.spoil(at, "this file may not name databases, which no bound can hold: define the adapter in %s, and allow its name in adapters at %s (line %d)",
		b.at.doc.name, b.at.path, b.at.doc.line(b.at.path))
	return false
}

// env reports a variable that the file may not read.
func (b *bounds) env(at place, name string) bool {
	if b.check(at, "env", name) {
		return true
	}
	b.report.mute(at)
	return false
}

// file reports whether the file may name another. It does not look at files outside of
// secrets, so that no message tells what there is.
func (b *bounds) file(at place, file string) bool {
	switch {
	case b == nil:
		return true
	case b.dir == "":
		b.report.spoil(at, "this file may not name other files: to allow it, the owner of %s writes secrets = \"DIRECTORY\" at %s (line %d)",
			b.at.doc.name, b.at.path, b.at.doc.line(b.at.path))
	case within(b.dir, file):
		return true
	default:
		b.report.spoil(at, "this file may not name files outside of %s, also not by .. or a symbolic link: move the file there, or the owner of %s writes another directory as secrets at %s (line %d)",
			b.dir, b.at.doc.name, b.at.path, b.at.doc.line(b.at.path))
	}
	return false
}

// within reports whether a file lies in dir, by its path and by where links lead.
func within(dir, file string) bool {
	dir, errDir := filepath.Abs(dir)
	file, errFile := filepath.Abs(file)
	return errDir == nil && errFile == nil && inside(dir, file) && inside(realPath(dir), realPath(file))
}

func inside(dir, file string) bool {
	rel, err := filepath.Rel(dir, file)
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

// realPath follows the links in a path, as far as the path exists.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if target, err := os.Readlink(path); err == nil { // of a link to what does not exist
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		return filepath.Clean(target)
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(realPath(parent), filepath.Base(path))
}

// upstreamPattern is an address in which * stands for a part.
type upstreamPattern struct{ scheme, host, port, path, socket string }

func parseUpstreamPattern(text string) (p upstreamPattern, ok bool) {
	if socket, is := strings.CutPrefix(text, unixPrefix); is {
		return upstreamPattern{socket: socket}, filepath.IsAbs(socket) && filepath.Clean(socket) == socket
	}
	scheme, rest, _ := strings.Cut(text, "://")
	p.scheme = strings.ToLower(scheme)
	authority := rest
	if i := strings.Index(rest, "/"); i >= 0 {
		authority, p.path = rest[:i], rest[i:]
	}
	p.host = strings.ToLower(authority)
	if i := strings.LastIndex(authority, ":"); i > strings.LastIndex(authority, "]") {
		p.host, p.port = strings.ToLower(authority[:i]), authority[i+1:]
		if p.port == "" {
			return p, false
		}
	}
	return p, (p.scheme == "http" || p.scheme == "https") && p.host != "" && !strings.ContainsAny(rest, "@?# ")
}

// matches reports whether an address is one of the pattern's. In a host that is a name, *
// stands for one label; in an IP address, for what is left of it. Without a port, a
// pattern whose host ends with * has every port, any other the one of its scheme.
func (p upstreamPattern) matches(a UpstreamAddress) bool {
	if a.Socket != "" || p.socket != "" {
		return a.Socket != "" && p.socket != "" && glob(p.socket, a.Socket, "/")
	}
	host := strings.ToLower(a.URL.Hostname())
	return p.scheme == strings.ToLower(a.URL.Scheme) && p.matchesHost(host) && p.matchesPort(a.URL.Port()) &&
		(p.path == "" || glob(p.path, a.URL.EscapedPath(), ""))
}

func (p upstreamPattern) matchesHost(host string) bool {
	pattern := strings.Trim(p.host, "[]")
	address, err := netip.ParseAddr(host)
	switch {
	case pattern == "*":
		return true
	case err == nil:
		return address.Zone() == "" && glob(pattern, address.String(), ":")
	case strings.Trim(pattern, "0123456789.*") == "":
		return false // 10.1.* is no host called 10.1.example.com
	}
	return globHost(pattern, strings.TrimSuffix(host, "."))
}

func (p upstreamPattern) matchesPort(port string) bool {
	standard := map[string]string{"http": "80", "https": "443"}[p.scheme]
	if port == "" {
		port = standard
	}
	switch {
	case p.port == "*", p.port == "" && strings.HasSuffix(p.host, "*"):
		return true
	case p.port == "":
		return port == standard
	}
	return p.port == port
}

func globName(pattern, name string) bool { return glob(pattern, name, "") }

func globHost(pattern, host string) bool { return glob(pattern, host, ".") }

// glob reports whether text is of a pattern, in which * stands for one or more characters
// that are not in stop. A * in text is no other character.
func glob(pattern, text, stop string) bool {
	before, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, before)
	if !ok {
		return false
	}
	for i := 1; i <= len(text) && !strings.ContainsAny(text[i-1:i], stop); i++ {
		if glob(rest, text[i:], stop) {
			return true
		}
	}
	return false
}
