package bridge

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
)

// names are the header and cookie names that clients may not speak for, folded
// as adapter.FoldName does.
type names struct {
	headers  map[string]struct{}
	prefixes [][]byte
	cookies  map[string]struct{}
	// cookiePrefixes are beginnings of cookie names, query the names of parameters.
	cookiePrefixes [][]byte
	query          map[string]struct{}
	// lists may be set several times, secrets are for nobody's eyes.
	lists, secrets map[string]struct{}
	// session reports whether a cookie is, by its exact name, of a session that is
	// carried; nil: none is.
	session func(name string) bool
}

// alwaysOwned are removed for every app, besides everything that begins as
// Pomerium's own headers do: among those are the assertion, which the app must
// not be able to replay, claims that nobody has signed, and a copy of what the
// client itself sent as an assertion. "Proxy" becomes HTTP_PROXY in CGI programs.
var alwaysOwned = []string{"Proxy"}

var pomeriumPrefix = []byte("x-pomerium-")

// forwarding are headers that a proxy in front says things with: where a request
// comes from and what it asked for. They count only from a trusted proxy, and in
// their own spelling.
var forwarding = map[string]struct{}{
	"forwarded": {}, "x-real-ip": {}, "x-client-ip": {}, "true-client-ip": {},
	"x-original-url": {}, "x-rewrite-url": {}, "x-host": {},
}

var forwardedPrefix = []byte("x-forwarded-")

func ownedNames(a *config.App) names {
	o := a.Adapter.Owns()
	n := names{
		headers: folded(alwaysOwned, assertionHeaders(a), o.Headers),
		cookies: folded(o.Cookies), lists: folded(o.Lists), secrets: folded(o.Secrets), query: folded(o.Query),
	}
	for _, prefix := range o.Prefixes {
		n.prefixes = append(n.prefixes, adapter.AppendFolded(nil, prefix))
	}
	for _, prefix := range o.CookiePrefixes {
		n.cookiePrefixes = append(n.cookiePrefixes, adapter.AppendFolded(nil, prefix))
	}
	return n
}

func folded(lists ...[]string) map[string]struct{} {
	set := make(map[string]struct{})
	for _, name := range slices.Concat(lists...) {
		set[adapter.FoldName(name)] = struct{}{}
	}
	return set
}

// assertionHeaders are the headers in which a's issuers send their assertions.
func assertionHeaders(a *config.App) []string {
	var headers []string
	for _, i := range a.Issuers {
		if !slices.Contains(headers, i.Header) {
			headers = append(headers, i.Header)
		}
	}
	return headers
}

func (n *names) hasHeader(name string) bool {
	_, ok := n.headers[adapter.FoldName(name)]
	return ok
}

// takes reports whether a header may be set to these values.
func (n *names) takes(name string, values []string) bool {
	if len(values) == 1 {
		return n.hasHeader(name)
	}
	_, list := n.lists[adapter.FoldName(name)]
	return list && len(values) > 0 && n.hasHeader(name)
}

// shown are the values of a header as people may see them.
func (n *names) shown(name string, values []string) []string {
	if _, secret := n.secrets[adapter.FoldName(name)]; secret {
		return []string{adapter.HiddenSecret}
	}
	return values
}

func (n *names) hasCookie(name string) bool {
	_, ok := n.cookies[adapter.FoldName(name)]
	return ok
}

// strip removes every owned name, in any spelling, from h, and what only a
// trusted proxy may say. The X-Forwarded-* headers that remain are set anew by
// package proxy.
func (n *names) strip(h http.Header, trustedPeer bool) {
	var buf [64]byte
	for name := range h {
		folded := adapter.AppendFolded(buf[:0], name)
		if n.strips(folded, name, trustedPeer) {
			delete(h, name)
		}
	}
	if len(n.cookies) > 0 || n.cookiePrefixes != nil || n.session != nil {
		n.stripCookies(h)
	}
}

func (n *names) strips(folded []byte, name string, trustedPeer bool) bool {
	if _, owned := n.headers[string(folded)]; owned || bytes.HasPrefix(folded, pomeriumPrefix) {
		return true
	}
	for _, prefix := range n.prefixes {
		if bytes.HasPrefix(folded, prefix) {
			return true
		}
	}
	if _, is := forwarding[string(folded)]; !is && !bytes.HasPrefix(folded, forwardedPrefix) {
		return false
	}
	return !trustedPeer || http.CanonicalHeaderKey(string(folded)) != name
}

func (n *names) stripsCookie(name string) bool {
	var buf [64]byte
	folded := adapter.AppendFolded(buf[:0], name)
	if _, owned := n.cookies[string(folded)]; owned {
		return true
	}
	for _, prefix := range n.cookiePrefixes {
		if bytes.HasPrefix(folded, prefix) {
			return true
		}
	}
	return false
}

// apply sets what the adapter returned. Every name in it is owned, so strip has
// removed whatever else there was: the app sees what the adapter said, and but
// for lists exactly one value.
func (g *grant) apply(h http.Header) {
	for name, values := range g.output.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	var set []string
	for _, c := range g.output.Cookies {
		set = append(set, c.Name+"="+c.Value)
	}
	if g.visit != nil {
		set = append(set, g.visit.Cookies()...)
	}
	if set != nil {
		h["Cookie"] = []string{strings.Join(append(h["Cookie"], set...), "; ")}
	}
}
