package proxy

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
)

// Forward sets X-Forwarded-For, -Host and -Proto of the outgoing request. What the client
// sent of X-Forwarded-* has been removed by then. Trusted proxies are believed about where
// a request is from and whether it came by TLS. They may have anything else from the
// client, and host is what was decided about.
func (u *Upstream) Forward(pr *httputil.ProxyRequest, host string) {
	trusted := u.Trusts(pr.In)
	before := pr.In.Header["X-Forwarded-For"]
	if trusted {
		pr.Out.Header["X-Forwarded-For"] = before
	}
	pr.SetXForwarded()
	if pr.In.Host != host {
		pr.Out.Header["X-Forwarded-Host"] = []string{host}
	}
	if onUnixSocket(pr.In) {
		// SetXForwarded adds what it takes for the peer's address, or removes all.
		delete(pr.Out.Header, "X-Forwarded-For")
		if trusted && len(before) > 0 {
			pr.Out.Header["X-Forwarded-For"] = before
		}
	}
	if proto := pr.In.Header["X-Forwarded-Proto"]; trusted && len(proto) == 1 && (proto[0] == "http" || proto[0] == "https") {
		pr.Out.Header["X-Forwarded-Proto"] = proto
	}
}

// Trusts reports whether the peer that sent r is one of TrustedProxies, or on a Unix
// socket and these are trusted.
func (u *Upstream) Trusts(r *http.Request) bool {
	if onUnixSocket(r) {
		return u.TrustUnix
	}
	if len(u.TrustedProxies) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	for _, p := range u.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// onUnixSocket goes by the listener: what a peer there calls itself is a path of its
// choice, which may read like an address ("10.0.0.7:80", unix(7)).
func onUnixSocket(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && local.Network() == "unix"
}
