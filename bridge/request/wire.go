package request

import (
	"errors"
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// The errors of CheckWire. Each is a reason of its own to refuse a request.
var (
	// ErrMethod says that the method is never served.
	ErrMethod = errors.New("the method is not served")
	// ErrMethodCase says that the method differs from a known one in case only.
	ErrMethodCase = errors.New("the method is a known one in another case")
	// ErrFields says that there are more than MaxFields header fields.
	ErrFields = errors.New("too many header fields")
	// ErrHeader says that a header can be read in more than one way.
	ErrHeader = errors.New("a header can be read in more than one way")
)

// framing are headers that say how a request is to be read. CGI and WSGI servers take
// a header that is only spelt like one, such as Content_Length, for the real one.
var framing = map[string]struct{}{
	"content-length": {}, "content-type": {}, "content-encoding": {}, "transfer-encoding": {},
	"host": {}, "connection": {}, "upgrade": {}, "te": {}, "trailer": {}, "expect": {},
}

// MaxFields is the most header fields that a request may have. Browsers send some 20,
// and Pomerium adds as many. Each field costs more memory than the bytes that
// max_header_bytes counts.
const MaxFields = 200

// CheckWire looks for what net/http lets pass and servers behind the bridge read in
// different ways. net/http hides a Content-Length beside Transfer-Encoding, folded
// lines and trailers: only what it made of them is left, and only that goes on.
func CheckWire(r *http.Request) error {
	switch {
	case !IsMethod(r.Method):
		return ErrMethod
	case isMiscased(r.Method):
		return ErrMethodCase
	case countFields(r.Header) > MaxFields:
		return ErrFields
	case len(r.Header["Content-Type"]) > 1: // RFC 9110 §8.3 does not say which one counts
		return ErrHeader
	}
	for name := range r.Header {
		if strings.IndexFunc(name, IsAlias) < 0 {
			continue
		}
		if _, is := framing[adapter.FoldName(name)]; is {
			return ErrHeader
		}
	}
	return nil
}

// IsAlias reports whether a character makes one name look like another to servers that
// fold names.
func IsAlias(c rune) bool {
	return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

func countFields(h http.Header) int {
	n := 0
	for _, values := range h {
		n += len(values)
	}
	return n
}
