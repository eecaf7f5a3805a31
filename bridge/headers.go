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
	headers map[string]struct{}
	cookies map[string]struct{}
}

// alwaysOwned are removed for every app: the assertion, which the app must not
// be able to replay; Pomerium's own copy of what a client sent as one; and the
// forwarding headers in spellings that the proxy does not set itself.
var alwaysOwned = []string{
	"X-Pomerium-Jwt-Assertion", "X-Pomerium-Jwt-Assertion-For",
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
}

// claimPrefix begins the headers in which Pomerium sends unsigned claims.
var claimPrefix = []byte("x-pomerium-claim-")

func ownedNames(a *config.App) names {
	o := a.Adapter.Owns()
	n := names{headers: make(map[string]struct{}), cookies: make(map[string]struct{})}
	for _, list := range [][]string{alwaysOwned, assertionHeaders(a), o.Headers} {
		for _, name := range list {
			n.headers[adapter.FoldName(name)] = struct{}{}
		}
	}
	for _, name := range o.Cookies {
		n.cookies[adapter.FoldName(name)] = struct{}{}
	}
	return n
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

func (n *names) hasCookie(name string) bool {
	_, ok := n.cookies[adapter.FoldName(name)]
	return ok
}

// strip removes every owned name, in any spelling, from h.
func (n *names) strip(h http.Header) {
	var buf [64]byte
	for name := range h {
		folded := adapter.AppendFolded(buf[:0], name)
		if _, owned := n.headers[string(folded)]; owned || bytes.HasPrefix(folded, claimPrefix) {
			delete(h, name)
		}
	}
	if len(n.cookies) > 0 {
		n.stripCookies(h)
	}
}

// stripCookies removes the owned cookies and leaves the bytes of all others
// alone: the app reads them by its own rules, not by net/http's.
func (n *names) stripCookies(h http.Header) {
	var kept []string
	for _, line := range h["Cookie"] {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(pair, "=")
			if !n.hasCookie(strings.Trim(name, " \t\"")) {
				pairs = append(pairs, strings.Trim(pair, " \t"))
			}
		}
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	if kept == nil {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = kept
}

// apply sets what the adapter returned. Every name in it is owned, so strip has
// removed whatever else there was: the app sees exactly one value.
func (g *grant) apply(h http.Header) {
	for name, values := range g.output.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	if len(g.output.Cookies) == 0 {
		return
	}
	pairs := h["Cookie"]
	for _, c := range g.output.Cookies {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	h["Cookie"] = []string{strings.Join(pairs, "; ")}
}
