package server

import (
	"net/http"
	"time"

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
		leaveBody(w, r)
		http.Error(w, text, status)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header["Upgrade"] == nil && s.shutdown.asksToLeave() {
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

// withoutBodies is for handlers that read none.
func withoutBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaveBody(w, r)
		next.ServeHTTP(w, r)
	})
}

// unreadBodyTimeout is how long a body may take that nobody reads.
const unreadBodyTimeout = time.Second

// leaveBody is for answers that do not wait for the request's body. net/http reads on
// before it answers, to keep the connection: whoever announces a body and never sends it
// would hold it for ever.
func leaveBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadBodyTimeout)) // an error: nothing to read from
	}
}
