package strip

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/request"
)

// Names are the header, cookie and parameter names that clients may not speak for, in
// requests to one app. It is safe for concurrent use.
type Names struct {
	headers        map[string]struct{}
	prefixes       [][]byte
	cookies        map[string]struct{}
	cookiePrefixes [][]byte
	query          map[string]struct{}
	lists          map[string]struct{} // headers that may be set several times
	secrets        map[string]struct{} // headers whose values nobody may see
	session        func(name string) bool
}

// alwaysOwned are removed for every app. "Proxy" becomes HTTP_PROXY in CGI programs.
var alwaysOwned = []string{"Proxy"}

// pomeriumPrefix begins Pomerium's own headers, which are removed for every app. Among
// them are the assertion, which the app must not be able to replay, claims that nobody
// has signed, and a copy of what the client itself sent as an assertion.
var pomeriumPrefix = []byte("x-pomerium-")

// New returns the names that an adapter owns, and those that bring its app's assertions:
// assertions are the headers in which the app's issuers send them. session reports
// whether a cookie, by its exact name, is of a session that the bridge carries; it is
// nil if the bridge carries none.
func New(o adapter.Owned, assertions []string, session func(name string) bool) *Names {
	n := &Names{
		headers: folded(alwaysOwned, assertions, o.Headers),
		cookies: folded(o.Cookies), lists: folded(o.Lists), secrets: folded(o.Secrets), query: folded(o.Query),
		session: session,
	}
	n.prefixes, n.cookiePrefixes = prefixes(o.Prefixes...), prefixes(o.CookiePrefixes...)
	for _, header := range assertions {
		n.cookiePrefixes = append(n.cookiePrefixes, prefixes(senderCookies[adapter.FoldName(header)]...)...)
	}
	return n
}

// HasHeader reports whether a header is owned.
func (n *Names) HasHeader(name string) bool {
	_, ok := n.headers[adapter.FoldName(name)]
	return ok
}

// Takes reports whether the adapter may set a header to these values: an owned one to
// exactly one value, or a list to one or more.
func (n *Names) Takes(name string, values []string) bool {
	if len(values) == 1 {
		return n.HasHeader(name)
	}
	_, list := n.lists[adapter.FoldName(name)]
	return list && len(values) > 0 && n.HasHeader(name)
}

// Shown returns the values of a header as people may see them.
func (n *Names) Shown(name string, values []string) []string {
	if _, secret := n.secrets[adapter.FoldName(name)]; secret {
		return []string{adapter.HiddenSecret}
	}
	return values
}

// HasCookie reports whether the adapter may set a cookie.
func (n *Names) HasCookie(name string) bool {
	_, ok := n.cookies[adapter.FoldName(name)]
	return ok
}

// Header removes from h, in any spelling, every owned name and everything that only a
// proxy right before the app may say. The caller sets X-Forwarded-For, -Host and -Proto
// afterwards. It returns how many cookies were dropped because servers read them in
// different ways.
func (n *Names) Header(h http.Header) (droppedCookies int) {
	var buf [64]byte
	for name := range h {
		if n.ownsHeader(adapter.AppendFolded(buf[:0], name)) {
			delete(h, name)
		}
	}
	if len(n.cookies) > 0 || len(n.cookiePrefixes) > 0 || n.session != nil {
		droppedCookies = n.stripCookies(h)
	}
	return droppedCookies
}

func (n *Names) ownsHeader(folded []byte) bool {
	if _, owned := n.headers[string(folded)]; owned {
		return true
	}
	return bytes.HasPrefix(folded, pomeriumPrefix) || beginsWith(folded, n.prefixes) || isForwarding(folded)
}

// OwnsCookie reports whether a cookie is owned, or of a session that the bridge carries.
func (n *Names) OwnsCookie(name string) bool {
	var buf [64]byte
	folded := adapter.AppendFolded(buf[:0], name)
	if _, owned := n.cookies[string(folded)]; owned {
		return true
	}
	return beginsWith(folded, n.cookiePrefixes) || n.session != nil && n.session(name)
}

// Overrides removes the headers that would make an app see another method or path than
// was decided about, where rules are about paths. methods says that methods decide too.
// public says that the request is public: then the header Destination goes as well, by
// which COPY and MOVE name a second path. A header whose name is another header's to CGI
// and WSGI is removed in any case.
func Overrides(h http.Header, methods, public bool) {
	if public {
		delete(h, "Destination")
	}
	for name := range h {
		if strings.ContainsFunc(name, request.IsAlias) {
			delete(h, name)
			continue
		}
		if _, method := otherMethods[adapter.FoldName(name)]; method && (public || methods) {
			delete(h, name)
		}
	}
}
