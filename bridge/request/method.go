package request

import (
	"net/http"
	"slices"
	"strings"
)

// maxMethod is far longer than any registered method.
const maxMethod = 32

// knownMethods are the methods that rules may name: those of RFC 9110 and RFC 5789,
// and those of WebDAV and its extensions.
var knownMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "MKCALENDAR", "ACL",
	"VERSION-CONTROL", "CHECKOUT", "CHECKIN", "UNCHECKOUT", "MERGE", "MKACTIVITY", "MKWORKSPACE", "BIND", "UNBIND", "REBIND", "QUERY",
}

// KnowsMethod reports whether rules may name a method.
func KnowsMethod(method string) bool { return slices.Contains(knownMethods, method) }

// KnownMethods returns the methods that rules may name.
func KnownMethods() []string { return slices.Clone(knownMethods) }

// IsMethod reports whether a method is served. A method has letters, digits and "-",
// as all of IANA's registry have; a token may also be "$_GET|". In whatever case, the
// methods that tell the client what the bridge has added are not served: TRACE (RFC
// 9110 §9.3.8) and IIS's TRACK. Neither is CONNECT.
func IsMethod(method string) bool {
	for _, never := range [...]string{http.MethodConnect, http.MethodTrace, "TRACK"} {
		if strings.EqualFold(method, never) {
			return false
		}
	}
	return len(method) <= maxMethod && strings.IndexFunc(method, IsAlias) < 0
}

// isMiscased reports whether a method is a known one but for its case. By RFC 9110
// §9.1 that is another method, but servers that fold case take it for the known one.
func isMiscased(method string) bool {
	upper := strings.ToUpper(method)
	return upper != method && KnowsMethod(upper)
}
