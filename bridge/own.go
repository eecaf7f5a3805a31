package bridge

import (
	"net/http"
	"strings"
)

// ownPath is where the bridge answers by itself, on every host: nothing below it
// is ever asked of an app. What adapters publish is at ownPath on their app's
// host and, for the app itself, which reaches the bridge by another name, at
// ownPath + "app/NAME/" on any.
const ownPath = "/.ssobridge/"

// serveOwn answers a request below ownPath; app is nil if there is none for the
// host. It needs no identity and gives nothing away: adapters publish what is for
// everybody.
func (s *Snapshot) serveOwn(w http.ResponseWriter, r *http.Request, app *App) (served bool) {
	path, own := strings.CutPrefix(r.URL.Path, ownPath)
	if !own || r.URL.Opaque != "" {
		return false
	}
	name := ""
	if app != nil {
		name = app.name
	}
	if rest, other := strings.CutPrefix(path, "app/"); other {
		name, path, _ = strings.Cut(rest, "/")
	} else if app == nil {
		return false // the host is what is wrong
	}
	leaveBody(w, r)
	h := s.public[name][path]
	if h == nil {
		w.Header().Set("Cache-Control", "no-store")
		http.NotFound(w, r)
		return true
	}
	h.ServeHTTP(w, r)
	return true
}
