package request

import (
	"net/http"
	"strings"
)

// AsksForWebSocket reports whether a request offers to become a WebSocket (RFC 6455
// §4.1). Over HTTP/2, WebSockets begin with a CONNECT, which is refused.
func AsksForWebSocket(r *http.Request) bool {
	upgrade := r.Header["Upgrade"]
	return len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") && r.Method == http.MethodGet &&
		r.ProtoMajor == 1 && r.ProtoMinor == 1 && r.ContentLength == 0
}
