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

func ownedNames(a *config.App) names {
	o := a.Adapter.Owns()
	n := names{
		headers: folded(alwaysOwned, assertionHeaders(a), o.Headers),
		cookies: folded(o.Cookies), lists: folded(o.Lists), secrets: folded(o.Secrets), query: folded(o.Query),
	}
	n.prefixes, n.cookiePrefixes = prefixes(o.Prefixes...), prefixes(o.CookiePrefixes...)
	for _, header := range assertionHeaders(a) {
		n.cookiePrefixes = append(n.cookiePrefixes, prefixes(senderCookies[adapter.FoldName(header)]...)...)
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

// strip removes from h, in any spelling, every owned name and what only a proxy right
// before the app may say. X-Forwarded-For, -Host and -Proto are set anew by package proxy.
func (n *names) strip(h http.Header) {
	var buf [64]byte
	for name := range h {
		if n.strips(adapter.AppendFolded(buf[:0], name)) {
			delete(h, name)
		}
	}
	if len(n.cookies) > 0 || len(n.cookiePrefixes) > 0 || n.session != nil {
		n.stripCookies(h)
	}
}

func (n *names) strips(folded []byte) bool {
	if _, owned := n.headers[string(folded)]; owned {
		return true
	}
	return bytes.HasPrefix(folded, pomeriumPrefix) || beginsWith(folded, n.prefixes) || isForwarding(folded)
}

func (n *names) stripsCookie(name string) bool {
	var buf [64]byte
	folded := adapter.AppendFolded(buf[:0], name)
	if _, owned := n.cookies[string(folded)]; owned {
		return true
	}
	return beginsWith(folded, n.cookiePrefixes)
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
