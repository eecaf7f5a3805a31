package bridge

import (
	"net/http"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// ownAppPath begins, below request.OwnPath, what an app's adapter has published, on any
// host: the app itself reaches the bridge by another name than browsers do.
const ownAppPath = "app/"

// serveOwn answers a request below request.OwnPath. It needs no identity and gives
// nothing away: adapters publish what is for everybody. On an app's host, what the app's
// adapter has published lies right below request.OwnPath too.
func (x *exchange) serveOwn(w http.ResponseWriter) {
	name, path := "", x.ownPath
	if x.app != nil {
		name = x.app.Name
	}
	if rest, other := strings.CutPrefix(path, ownAppPath); other {
		name, path, _ = strings.Cut(rest, "/")
	}
	proxy.BoundUnreadBody(w, x.In)
	h := x.snapshot.Published(name, path)
	if h == nil {
		w.Header().Set("Cache-Control", "no-store")
		http.NotFound(w, x.In)
		return
	}
	h.ServeHTTP(w, x.In)
}
