package bridge

import (
	"net/http"
	"net/http/httputil"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/strip"
)

// outgoing makes the request that goes to the app. Every edit of a request stands in this
// file: address, Host, headers, cookies, query and body. It is the proxy's Rewrite:
// hop-by-hop headers, and whatever Connection nominates, are gone from pr.Out by then. So
// no client can have an identity header removed again.
func (x *exchange) outgoing(pr *httputil.ProxyRequest) {
	x.address(pr)
	x.strip(pr.Out.Header)
	tell(pr.Out.Header, x.grant)
	x.app.Upstream.Forward(pr, x.Host)
	x.boundBody(pr.Out)
}

// address sets where the request goes. The path keeps its bytes, but for those that
// have no place in a path unless they are encoded.
func (x *exchange) address(pr *httputil.ProxyRequest) {
	pr.Out.URL.RawPath = x.Path.Raw
	x.app.Upstream.Aim(pr, x.Host)
	// ReverseProxy drops query parameters that it cannot parse, for hooks that decide on
	// the query. Nothing here does, and the app is to see its own.
	pr.Out.URL.RawQuery = x.app.Names.Query(pr.In.URL.RawQuery)
}

// strip removes what nobody but the bridge may say.
func (x *exchange) strip(h http.Header) {
	var own []string
	if x.grant.Own != nil {
		own = h[x.grant.Own.Header]
	}
	x.app.Metrics.CookiesDropped(x.app.Names.Header(h))
	if x.grant.Public || own != nil {
		strip.Credentials(h)
	}
	if own != nil {
		h[x.grant.Own.Header] = own
	}
	if x.grant.Public || x.app.Paths.AboutPaths() {
		strip.Overrides(h, x.app.Paths.AboutMethods(), x.grant.Public)
	}
}

// tell sets what the adapter and the session of a grant say. Every name in it is owned, so
// strip has removed whatever else there was: the app sees what the adapter said and, but
// for lists, exactly one value.
func tell(h http.Header, g *decision.Grant) {
	for name, values := range g.Output.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	var set []string
	for _, c := range g.Output.Cookies {
		set = append(set, c.Name+"="+c.Value)
	}
	if g.Session != nil {
		set = append(set, g.Session.Cookies()...)
	}
	if set != nil {
		h["Cookie"] = []string{strings.Join(append(h["Cookie"], set...), "; ")}
	}
}

// boundBody bounds a body whose length is not announced. What exceeds the bound ends the
// request, for the upstream amid the body. The ResponseWriter is not told, because its
// header would be written to while the answer is written; package proxy closes
// connections whose body is not read to its end.
func (x *exchange) boundBody(r *http.Request) {
	// A trailer is a header that comes late (Traefik CVE-2026-88004).
	r.Trailer = nil
	if most := x.app.Limits.MaxBody; most > 0 && r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(nil, r.Body, int64(most))
	}
}
