package server

import (
	"net/http"

	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
)

// front refuses what the bridge is not to see: long request targets, and clients that
// would not be let in any more. While the server stops, it also asks clients to come
// back on another connection: Connection: close, for HTTP/2 a GOAWAY. The answer to an
// upgrade has a Connection of its own.
func (s *server) front(maxURI int, next http.Handler) http.Handler {
	metrics := s.metrics.App("")
	refuse := func(w http.ResponseWriter, r *http.Request, status int, reason, text string) {
		metrics.Refused(telemetry.Refused, reason)
		proxy.BoundUnreadBody(w, r)
		http.Error(w, text, status)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header["Upgrade"] == nil && s.shutdown.asksToLeave() || endIsUnsure(r) {
			w.Header().Set("Connection", "close")
		}
		switch {
		case !s.certificate.admits(r):
			w.Header().Set("Connection", "close")
			refuse(w, r, http.StatusMisdirectedRequest, "client_certificate", "This connection's certificate is no longer accepted.")
		case len(r.RequestURI) > maxURI:
			refuse(w, r, http.StatusRequestURITooLong, "uri_too_long", "The address is too long.")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// endIsUnsure reports whether a proxy in front may see another end of a request than
// net/http does. What follows the request on its connection could then be somebody else's,
// or no request at all. So nothing may follow.
//
//   - HTTP/1.0 does not know Transfer-Encoding, and net/http ignores it there (RFC 9112
//     §6.1). Other servers obey it.
//   - Beside Transfer-Encoding, Content-Length does not count, but the connection must
//     close (RFC 9112 §6.3). net/http removes Content-Length and keeps the connection, so
//     that any chunked body may have had one.
func endIsUnsure(r *http.Request) bool {
	return r.ProtoMajor == 1 && (r.ProtoMinor == 0 || r.TransferEncoding != nil)
}

// withoutBodies is for handlers that read none.
func withoutBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxy.BoundUnreadBody(w, r)
		next.ServeHTTP(w, r)
	})
}
