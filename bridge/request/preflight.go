package request

import (
	"net/http"

	"golang.org/x/net/http/httpguts"
)

// IsPreflight reports whether a request is a CORS preflight (Fetch standard §4.8): the
// question of a browser whether a page of another origin may send some request. Browsers
// send it without credentials and without a body. So a request that has any is no
// preflight, whatever else it says.
func IsPreflight(r *http.Request) bool {
	origin, method := r.Header["Origin"], r.Header["Access-Control-Request-Method"]
	return r.Method == http.MethodOptions &&
		len(origin) == 1 && origin[0] != "" &&
		len(method) == 1 && httpguts.ValidHeaderFieldName(method[0]) && // the same token as a method's
		r.Header["Cookie"] == nil && r.Header["Authorization"] == nil &&
		r.ContentLength == 0 && r.TransferEncoding == nil && r.Header["Upgrade"] == nil
}
