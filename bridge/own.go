package bridge

import (
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// ownPath is where the bridge answers by itself, on every host: nothing below it
// is ever asked of an app. What adapters publish is at ownPath on their app's
// host and, for the app itself, which reaches the bridge by another name, at
// ownPath + "app/NAME/" on any. Where an adapter answers its app's questions is on
// the app's host only, and needs an identity.
const ownPath = "/.ssobridge/"

// serveOwn answers a request below ownPath, but for one that asks who somebody is;
// app is nil if there is none for the host. It needs no identity and gives nothing
// away: adapters publish what is for everybody.
func (s *Snapshot) serveOwn(w http.ResponseWriter, r *http.Request, app *App) (served bool) {
	path, own := strings.CutPrefix(r.URL.Path, ownPath)
	if !own || r.URL.Opaque != "" || app.signsIn(r) || app != nil && path == signOutAt {
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
	proxy.LeaveBody(w, r)
	h := s.public[name][path]
	if h == nil {
		w.Header().Set("Cache-Control", "no-store")
		http.NotFound(w, r)
		return true
	}
	h.ServeHTTP(w, r)
	return true
}

// signsIn reports whether a request is at the adapter's SignInPath.
func (a *App) signsIn(r *http.Request) bool {
	if a == nil || a.signInPath == "" {
		return false
	}
	path, own := strings.CutPrefix(r.URL.Path, ownPath)
	return own && path == a.signInPath
}
