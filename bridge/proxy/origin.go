package proxy

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/request"
)

// AnyOrigin in a list of origins lets everybody's pages open WebSockets.
const AnyOrigin = "*"

// SameSite reports whether a request may become a WebSocket, as far as the page is
// concerned that asks for it. Browsers open WebSockets across origins, with cookies,
// and show the page what comes (RFC 6455 §10.2): Origin is all that tells an app's
// own page from another. A request without an Origin does not come from a browser. host
// is the app's host without port, and asked the same with the port that the client asked
// for, if any. allowed are further origins as browsers write them.
func SameSite(r *http.Request, host, asked string, allowed []string) bool {
	if !request.AsksForWebSocket(r) || slices.Contains(allowed, AnyOrigin) {
		return true
	}
	origins := r.Header["Origin"]
	switch len(origins) {
	case 0:
		return true
	case 1:
	default:
		return false
	}
	if strings.ContainsFunc(origins[0], func(c rune) bool { return c >= utf8.RuneSelf }) {
		return false // no browser's, and U+212A is lower-cased to "k"
	}
	origin := strings.ToLower(origins[0])
	if slices.Contains(allowed, origin) {
		return true
	}
	_, port, _ := strings.Cut(asked, ":")
	return isOriginOf(origin, host, port)
}

// isOriginOf reports whether an origin (RFC 6454 §7.1) is of the app's own pages: they
// come by https, on the port that the request came to. Another port is another origin,
// and may be another's program; without TLS, a page is whoever's who is on the way. On
// this machine nobody is, so that http serves for trying things out.
func isOriginOf(origin, host, port string) bool {
	scheme, rest, found := strings.Cut(origin, "://") // "null" has none
	name, originPort, _ := strings.Cut(rest, ":")
	if !found || strings.TrimSuffix(name, ".") != host {
		return false
	}
	switch scheme {
	case "https":
		return sansDefault(originPort, "443") == sansDefault(port, "443")
	case "http":
		return isThisMachine(host) && sansDefault(originPort, "80") == sansDefault(port, "80")
	default:
		return false
	}
}

func sansDefault(port, usual string) string {
	if port == usual {
		return ""
	}
	return port
}

// isThisMachine: names by RFC 6761 §6.3, addresses by RFC 1122 §3.2.1.3.
func isThisMachine(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
