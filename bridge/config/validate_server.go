package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func (l *loader) validServer() Server {
	at := place{l.main, "server"}
	t := l.server
	l.checkListen(at.key("listen"), t.Listen, ":8080")
	l.checkListen(at.key("admin_listen"), t.AdminListen, "127.0.0.1:9090")
	if t.Listen == t.AdminListen && !strings.HasSuffix(t.Listen, ":0") {
		l.report.add(at.key("admin_listen"), "the same as listen: health and metrics need an address that users do not reach")
	}
	l.checkBetween(at.key("max_assertion_bytes"), t.MaxAssertionBytes, 1<<10, 1<<20, 128<<10)
	if t.ShutdownDelay < 0 {
		l.report.add(at.key("shutdown_delay"), `%s is less than 0: write such as "15s", or leave the key out`, t.ShutdownDelay)
	}
	l.checkPositive(at.key("drain_timeout"), t.DrainTimeout, "30s")
	if t.H2C && t.TLSCert != "" {
		l.report.add(at.key("h2c"), "has no effect with TLS, where HTTP/2 is on: remove it")
	}
	proxies, unixPeers := l.validProxies(at.key("trusted_proxies"), t.TrustedProxies)
	return Server{
		Listen:            t.Listen,
		AdminListen:       t.AdminListen,
		AdminHosts:        l.validAdminHosts(at.key("admin_hosts"), t.AdminHosts),
		SocketMode:        l.validSockets(at, t),
		ReusePort:         t.ReusePort,
		TLS:               l.validTLS(at, t),
		H2C:               t.H2C,
		Watch:             t.Watch,
		Limits:            l.validLimits(at, t),
		TrustedProxies:    proxies,
		TrustUnix:         unixPeers,
		MaxAssertionBytes: t.MaxAssertionBytes,
		ShutdownDelay:     t.ShutdownDelay,
		DrainTimeout:      t.DrainTimeout,
		FastES256:         t.FastES256,
		CacheDir:          l.validCacheDir(at.key("cache_dir"), t.CacheDir),
	}
}

func (l *loader) validAdminHosts(at place, written []string) []string {
	var hosts []string
	for i, text := range written {
		host := strings.ToLower(strings.TrimSuffix(text, "."))
		if hostProblem(host) != "" {
			l.report.add(at.index(i+1), `%q is no host name: write one without a port, such as "ssobridge.monitoring.svc"`, text)
		}
		hosts = append(hosts, host)
	}
	return hosts
}

func (l *loader) validLimits(at place, t serverTable) Limits {
	l.checkPositive(at.key("read_header_timeout"), t.ReadHeaderTimeout, "10s")
	l.checkPositive(at.key("idle_timeout"), t.IdleTimeout, "2m")
	l.checkPositive(at.key("stall_timeout"), t.StallTimeout, "60s")
	l.checkBetween(at.key("max_header_bytes"), t.MaxHeaderBytes, 4<<10, 1<<20, 64<<10)
	l.checkBetween(at.key("max_uri_bytes"), t.MaxURIBytes, 256, 1<<20, 16<<10)
	l.checkBetween(at.key("max_connections"), t.MaxConnections, 0, 1<<20, 10_000)
	l.checkBetween(at.key("max_concurrent_streams"), t.MaxConcurrentStreams, 1, 10_000, 250)
	return Limits{
		ReadHeaderTimeout:    t.ReadHeaderTimeout,
		IdleTimeout:          t.IdleTimeout,
		StallTimeout:         t.StallTimeout,
		MaxHeaderBytes:       t.MaxHeaderBytes,
		MaxURIBytes:          t.MaxURIBytes,
		MaxConnections:       t.MaxConnections,
		MaxConnectionsSet:    at.doc.has(at.key("max_connections").path),
		MaxConcurrentStreams: t.MaxConcurrentStreams,
	}
}

func (l *loader) checkBetween(at place, n, least, most, example int) {
	if n < least || n > most {
		l.report.add(at, "%d is not between %d and %d: write %d, or leave the key out", n, least, most, example)
	}
}

// validSockets checks what concerns only one of the networks, and returns the
// mode of Unix sockets.
func (l *loader) validSockets(at place, t serverTable) fs.FileMode {
	onUnix := func(address string) bool {
		network, _ := SplitListen(address)
		return network == "unix"
	}
	if t.ReusePort && onUnix(t.Listen) && onUnix(t.AdminListen) {
		l.report.add(at.key("reuse_port"), "has no effect on Unix sockets, which a new process takes over anyway: remove it")
	}
	key := at.key("socket_mode")
	if at.doc.has(key.path) && !onUnix(t.Listen) && !onUnix(t.AdminListen) {
		l.report.add(key, `has no effect without a Unix socket, such as listen = "unix:/run/ssobridge/listen.sock": remove it`)
	}
	mode, err := strconv.ParseUint(t.SocketMode, 8, 32)
	if err != nil || mode > 0o777 || mode&0o600 != 0o600 {
		l.report.add(key, `%q is no mode with which its owner can connect: write "0660" for user and group, or "0600"`, t.SocketMode)
	}
	return fs.FileMode(mode)
}

// validCacheDir returns the directory for keys. Whoever can write there can sign
// in as anyone.
func (l *loader) validCacheDir(at place, written string) string {
	if written == "" {
		return ""
	}
	dir := besideFile(at, written)
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

// unixPrefix begins the address of a Unix socket; its path follows.
const unixPrefix = "unix:"

// SplitListen returns the network and the address that a valid listen or
// admin_listen means to package net.
func SplitListen(text string) (network, address string) {
	if path, ok := strings.CutPrefix(text, unixPrefix); ok {
		return "unix", path
	}
	return "tcp", text
}

// maxSocketPath leaves room in the 104 bytes that the least of systems has for the
// path of a socket: it is made under a longer name.
const maxSocketPath = 80

func (l *loader) checkListen(at place, address, example string) {
	if network, path := SplitListen(address); network == "unix" {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path || len(path) > maxSocketPath {
			l.report.add(at, "%q is no path of a socket: write an absolute one of at most %d bytes, such as %q",
				path, maxSocketPath, unixPrefix+"/run/ssobridge/"+at.path[strings.LastIndex(at.path, ".")+1:]+".sock")
		}
		return
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if errors.Is(err, strconv.ErrRange) {
		l.report.add(at, "the port %s is out of range: ports go from 1 to 65535", port)
		return
	}
	if err != nil || strings.ContainsAny(host, "/ ") {
		l.report.add(at, "%q is no address to listen on: write %q", address, listenExample(host, address, example))
	}
}

// listenExample is example, with the port if that is all that was written.
func listenExample(host, address, example string) string {
	if addr, err := netip.ParseAddr(address); err == nil { // not on every interface, where one is meant
		_, port, _ := strings.Cut(example, ":")
		return net.JoinHostPort(addr.String(), port)
	}
	if _, err := strconv.ParseUint(address, 10, 16); err != nil || host != "" {
		return example
	}
	host, _, _ = strings.Cut(example, ":")
	return host + ":" + address
}

// trustedUnix in trusted_proxies are all peers on Unix sockets: they have no address.
const trustedUnix = "unix"

func (l *loader) validProxies(at place, written []string) (proxies []netip.Prefix, unixPeers bool) {
	for i, text := range written {
		if text == trustedUnix {
			unixPeers = true
			continue
		}
		prefix, problem := parseProxy(text)
		if problem != "" {
			l.report.add(at.index(i+1), "%s", problem)
			continue
		}
		proxies = append(proxies, prefix)
	}
	return proxies, unixPeers
}

// parseProxy reads an address or a CIDR. It refuses one that holds every
// address: whoever can reach the bridge could then say where they come from.
func parseProxy(text string) (p netip.Prefix, problem string) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), ""
	}
	p, err := netip.ParsePrefix(text)
	if strings.HasPrefix(text, unixPrefix) {
		return p, fmt.Sprintf("%q: peers on a Unix socket have no name to be told apart by: write %q for all of them, and restrict who may connect by socket_mode",
			text, trustedUnix)
	}
	if err != nil {
		return p, fmt.Sprintf(`%q is no address and no CIDR: write such as "10.0.0.7" or "10.0.0.0/24", or "unix" for peers on Unix sockets`, text)
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
