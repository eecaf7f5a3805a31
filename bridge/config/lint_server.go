package config

import (
	"net"
	"net/netip"
	"slices"
)

// server warns of a listener and of proxies that are open to more than is probably meant.
func (l *linter) server() {
	at := place{l.config.files[0], "server"}
	if network, address := SplitListen(l.config.Server.AdminListen); network == "tcp" {
		host, _, err := net.SplitHostPort(address)
		if ip, notIP := netip.ParseAddr(host); err == nil && (host == "" || notIP == nil && ip.IsUnspecified()) {
			l.warn(at.key("admin_listen"), LintAdminOpen, "listens on every address, and tells metrics and keys to anybody who reaches one: "+
				`write such as "127.0.0.1:9090", or let only operators get there and silence this`)
		}
	}
	if coversAll(l.config.Server.TrustedProxies) {
		l.warn(at.key("trusted_proxies"), LintTrustsEverybody, "hold every address together, so anybody who connects can say where a request comes from: name the proxies alone")
	}
}

// coversAll reports whether prefixes hold every address of a family together. It joins
// halves until nothing more joins.
func coversAll(written []netip.Prefix) bool {
	prefixes := make([]netip.Prefix, len(written))
	for i, p := range written {
		prefixes[i] = p.Masked()
	}
	for joined := true; joined; {
		joined = false
		slices.SortFunc(prefixes, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
		for i, p := range prefixes {
			if p.Bits() == 0 {
				return true
			}
			whole := netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
			other := slices.IndexFunc(prefixes[i+1:], func(o netip.Prefix) bool {
				return o.Bits() == p.Bits() && o != p && whole.Contains(o.Addr())
			})
			if other < 0 {
				continue
			}
			prefixes[i] = whole
			prefixes = slices.Delete(prefixes, i+1+other, i+2+other)
			joined = true
			break
		}
	}
	return false
}
