package proxy

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// AnyOrigin in a list of origins lets everybody's pages open WebSockets.
const AnyOrigin = "*"

// SameSite reports whether a request may become a WebSocket, as far as the page is
// concerned that asks for it. Browsers open WebSockets across origins, with cookies,
// and show the page what comes (RFC 6455 §10.2): Origin is all that tells an app's
// own page from another. Requests without one are no browser's. host is the app's,
// without port; allowed are further origins as browsers write them.
func SameSite(r *http.Request, host string, allowed []string) bool {
	if !asksForWebSocket(r) || slices.Contains(allowed, AnyOrigin) {
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
	origin := strings.ToLower(origins[0])
	if slices.Contains(allowed, origin) {
		return true
	}
	u, err := url.Parse(origin) // "null" has no host
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && strings.TrimSuffix(u.Hostname(), ".") == host
}
