package bridge

import (
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
)

// What net/http lets pass, and servers behind read differently. It does not show
// everything: of Content-Length beside Transfer-Encoding, of folded lines and of
// trailers only what it made of them is left, which is what goes on.

// framing are headers that say how a request is to be read. CGI and WSGI take what is
// only spelt like one, such as Content_Length, for it.
var framing = map[string]struct{}{
	"content-length": {}, "content-type": {}, "content-encoding": {}, "transfer-encoding": {},
	"host": {}, "connection": {}, "upgrade": {}, "te": {}, "trailer": {}, "expect": {},
}

// maxFields is far more header fields than there are in a request: browsers send some 20,
// Pomerium adds as many. Each costs more than the bytes that max_header_bytes counts.
const maxFields = 200

// checkWire refuses such requests.
func checkWire(r *http.Request) *refusal {
	switch {
	case !isMethod(r.Method):
		return &refusal{reason: reasonMethod}
	case isMiscased(r.Method):
		return &refusal{reason: reasonMethodCase}
	case countFields(r.Header) > maxFields:
		return &refusal{reason: reasonFields}
	case len(r.Header["Content-Type"]) > 1: // RFC 9110 §8.3: which one counts?
		return &refusal{reason: reasonHeader}
	}
	for name := range r.Header {
		if strings.IndexFunc(name, isAliased) < 0 {
			continue
		}
		if _, is := framing[adapter.FoldName(name)]; is {
			return &refusal{reason: reasonHeader}
		}
	}
	return nil
}

// isAliased reports whether a character makes one name look like another.
func isAliased(c rune) bool {
	return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// maxMethod is far longer than any that is registered.
const maxMethod = 32

// isMethod reports whether a method is served: as all of IANA's registry are written, but
// for its "*"; tokens may also be "$_GET|". Methods that tell the client what the bridge
// has added to a request (TRACE, RFC 9110 §9.3.8; IIS's TRACK) are not, in whatever case.
func isMethod(method string) bool {
	for _, never := range [...]string{http.MethodConnect, http.MethodTrace, "TRACK"} {
		if strings.EqualFold(method, never) {
			return false
		}
	}
	return len(method) <= maxMethod && strings.IndexFunc(method, isAliased) < 0
}

// isMiscased reports whether a method is one of those that rules are about, but for its
// case: another method (RFC 9110 §9.1), and yet the same to servers that fold it.
func isMiscased(method string) bool {
	upper := strings.ToUpper(method)
	return upper != method && config.KnowsMethod(upper)
}

func countFields(h http.Header) int {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	return n
}
