package bridge

import (
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
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

// checkWire refuses such requests.
func checkWire(r *http.Request) *refusal {
	switch {
	case r.Method == http.MethodConnect, r.Method == http.MethodTrace, !isMethod(r.Method):
		return &refusal{reason: reasonMethod}
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

// isMethod reports whether a method is written as all of IANA's registry are, in
// whatever case, but for its "*". Tokens may also be "$_GET|".
func isMethod(method string) bool {
	return len(method) <= maxMethod && strings.IndexFunc(method, isAliased) < 0
}
