package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// sampleApp is an app that shows what it receives. It reads the headers that
// the real one would.
type sampleApp struct {
	Name, Host, Title string
	About             string
	// The headers that say who somebody is. Groups may be empty: the app does
	// not read any.
	user, email, name, role, groups string
	// prefix begins the names of all headers that ssobridge sets for this app,
	// besides ruleHeader.
	prefix string
}

// ruleHeader is added by the demo's own presets.
const ruleHeader = "X-Demo-Rule"

func sampleApps() []sampleApp {
	return []sampleApp{
		{
			Name: "grafana", Host: "grafana.localhost", Title: "Grafana",
			About: "It reads what Grafana’s [auth.proxy] reads.",
			user:  "X-Webauth-User", email: "X-Webauth-Email", name: "X-Webauth-Name",
			role: "X-Webauth-Role", groups: "X-Webauth-Groups", prefix: "X-Webauth-",
		},
		{
			Name: "wiki", Host: "wiki.localhost", Title: "Wiki",
			About: "It reads Remote-User and its relatives, as many apps do.",
			user:  "Remote-User", email: "Remote-Email", name: "Remote-Name",
			role: "Remote-Role", groups: "Remote-Groups", prefix: "Remote-",
		},
		{
			Name: "gitea", Host: "gitea.localhost", Title: "Gitea",
			About: "It reads what Gitea’s reverse-proxy authentication reads: a user name, and neither roles nor groups.",
			user:  "X-Webauth-User", email: "X-Webauth-Email", name: "X-Webauth-Fullname",
			role: "X-Demo-Role", prefix: "X-Webauth-",
		},
	}
}

// upstreams are the apps' listeners by name. They are open before the
// configuration is written, which names their ports.
type upstreams map[string]net.Listener

func listenApps(ctx context.Context, apps []sampleApp) (upstreams, error) {
	u := upstreams{}
	for _, a := range apps {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return u, fmt.Errorf("starting the sample app %s: %w", a.Name, err)
		}
		u[a.Name] = l
	}
	return u, nil
}

func (u upstreams) close() {
	for _, l := range u {
		_ = l.Close()
	}
}

// appHandler serves one sample app, on every path.
type appHandler struct {
	app    sampleApp
	site   site
	config configFile
}

// appPage fills app.html.
type appPage struct {
	frame
	received
	App             sampleApp
	Switch, SignOut string
}

func (h *appHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in := h.receive(r)
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case wantsHTML(r):
		here := target{h.app, r.URL.RequestURI()}
		writePage(w, http.StatusOK, appTemplate, appPage{
			frame:    newFrame(h.site, h.app.Title, h.app.Name),
			received: in,
			App:      h.app,
			Switch:   h.site.signInURL("/", here),
			SignOut:  signOutPath,
		})
	case strings.Contains(r.Header.Get("Accept"), "application/json"):
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		_ = e.Encode(in) // the client may have gone
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		in.writeText(w, h.app)
	}
}
