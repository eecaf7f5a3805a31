package bridge

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/mapping"
)

// A WebSocket is decided upon once, when it begins, and may then last for days: this
// is what keeps it from outlasting what it was granted for.

// tunnels are the open WebSockets.
type tunnels struct {
	mu   sync.Mutex
	open map[*tunnel]struct{}
}

type tunnel struct {
	*proxy.Tunnel
	host   string // of the app
	app    string
	issuer string
	grant  *grant
}

// The reasons for which tunnels end, as their close frames say them.
const (
	tunnelExpired  = "sign-in is to be checked again"
	tunnelChanged  = "access has changed"
	tunnelDraining = "the server is stopping"
)

// watch returns what takes charge of a request's connection once it is a tunnel; nil
// if it can become none.
func (b *Bridge) watch(r *http.Request, app *App, g *grant, now time.Time) func(*proxy.Tunnel) func() {
	if r.Header["Upgrade"] == nil {
		return nil
	}
	return func(opened *proxy.Tunnel) func() {
		t := &tunnel{Tunnel: opened, host: app.host, app: app.name, issuer: app.issuerOf(g.mapper), grant: g}
		b.tunnels.add(t)
		// One that began under the snapshot before may have come too late for Swap.
		if !b.snapshot.Load().stillGrants(t, now) {
			go t.End(proxy.CloseGoingAway, tunnelChanged)
		}
		stop := b.after(app.websocketEnd(g, now).Sub(now), func() { t.End(proxy.CloseGoingAway, tunnelExpired) })
		return func() {
			stop()
			b.tunnels.remove(t)
		}
	}
}

// websocketEnd is when a WebSocket that begins now is closed: some time after its
// assertion has expired, and in any case when it has lasted long enough.
func (a *App) websocketEnd(g *grant, now time.Time) time.Time {
	end := now.Add(a.webSockets.Max)
	if expired := g.principal.ExpiresAt.Add(a.webSockets.Grace); expired.Before(end) {
		return expired
	}
	return end
}

// issuerOf names an issuer whose people m is for.
func (a *App) issuerOf(m *mapping.Mapper) string {
	for i := range a.sources {
		if a.sources[i].mapper == m {
			return a.sources[i].issuer
		}
	}
	return ""
}

// CloseTunnels ends all WebSockets, for a server that stops. Their clients are asked
// to connect again, elsewhere. It does not wait for them.
func (b *Bridge) CloseTunnels() {
	b.tunnels.end(tunnelDraining, func(*tunnel) bool { return true })
}

// closeUngranted ends the WebSockets that s would not have begun, or with other roles.
func (b *Bridge) closeUngranted(s *Snapshot) {
	now := b.now()
	b.tunnels.end(tunnelChanged, func(t *tunnel) bool { return !s.stillGrants(t, now) })
}

// stillGrants reports whether a tunnel's person has the same roles in the same app.
func (s *Snapshot) stillGrants(t *tunnel, now time.Time) bool {
	app := s.apps[t.host]
	if app == nil || app.name != t.app {
		return false
	}
	n := slices.IndexFunc(app.sources, func(s source) bool { return s.issuer == t.issuer })
	if n < 0 {
		return false
	}
	decision := app.sources[n].mapper.Map(t.grant.principal, now)
	return decision.Allowed() && slices.Equal(decision.Roles, t.grant.decision.Roles)
}

func (ts *tunnels) add(t *tunnel) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.open == nil {
		ts.open = make(map[*tunnel]struct{})
	}
	ts.open[t] = struct{}{}
}

func (ts *tunnels) remove(t *tunnel) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.open, t)
}

// end ends the tunnels that which is true of, each in a goroutine of its own: one whose
// client reads nothing takes its time.
func (ts *tunnels) end(reason string, which func(*tunnel) bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for t := range ts.open {
		if which(t) {
			go t.End(proxy.CloseGoingAway, reason)
		}
	}
}
