package bridge

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// A request is decided upon once, when it begins. A WebSocket, events, gRPC, a body
// without end may then last for days: this is what keeps them from outlasting what
// they were granted for.

// underWay are the requests, of people, that are not over.
type underWay struct {
	mu   sync.Mutex
	open map[*ongoing]struct{}
	// review is called again and again while there are any.
	review func()
	after  func(time.Duration, func()) (stop func() bool)
}

// reviewEvery is how late rules may be that begin or end at some time.
const reviewEvery = time.Minute

// briefly is how long a request may take that began before a reload and is granted no
// longer: most are over by then, and no reload shall be the end of one.
const briefly = 10 * time.Second

// ongoing is one of them; nil: nobody's.
type ongoing struct {
	bridge *Bridge
	app    *App
	grant  *grant
	began  time.Time
	// What was decided about, as it is in request, which nobody writes to.
	request *http.Request
	target  url.URL
	cancel  context.CancelCauseFunc

	mu     sync.Mutex
	tunnel *proxy.Tunnel // nil: it is none yet
	stop   func() bool   // of the timer for its end; nil: none runs
}

// errUngranted is why the context of a request ends that is granted no longer.
var errUngranted = errors.New("no longer granted")

// The reasons for which they end, as WebSockets' close frames say them.
const (
	endExpired   = "sign-in is to be checked again"
	endChanged   = "access has changed"
	endSignedOut = "signed out"
	endDraining  = "the server is stopping"
)

// begin takes charge of a request until it is over. The one returned ends with it.
func (b *Bridge) begin(r *http.Request, app *App, g *grant, now time.Time) (*ongoing, *http.Request) {
	if g.public {
		return nil, r
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	o := &ongoing{bridge: b, app: app, grant: g, began: now, request: r, target: *r.URL, cancel: cancel}
	b.underWay.add(o)
	if r.ContentLength < 0 {
		o.endInTime()
	}
	return o, r.WithContext(ctx)
}

// answered is told the app's answer: what does not say how long it is may have no end.
func (o *ongoing) answered(answer *http.Response) {
	if o != nil && answer.ContentLength < 0 && answer.StatusCode != http.StatusSwitchingProtocols {
		o.endInTime()
	}
}

// becomes is told that the connection is a WebSocket, and returns what is to be called
// when that is closed.
func (o *ongoing) becomes(t *proxy.Tunnel) (closed func()) {
	if o == nil { // the public ask for none
		go t.End(proxy.CloseGoingAway, endChanged)
		return func() {}
	}
	o.mu.Lock()
	o.tunnel = t
	o.mu.Unlock()
	// It may have come too late for Swap.
	if !o.bridge.snapshot.Load().stillGrants(o, o.began) {
		go o.end(endChanged)
	}
	o.endInTime()
	return o.over
}

// endInTime starts the timer for the end, if it does not run.
func (o *ongoing) endInTime() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stop == nil {
		waited := max(0, o.bridge.now().Sub(o.began)) // for the app; less than nothing if the clock was set back
		o.stop = o.bridge.after(o.app.streamEnd(o.grant, o.began).Sub(o.began)-waited, func() { o.end(endExpired) })
	}
}

// streamEnd is when a stream that begins now is ended: some time after its assertion
// has expired, and in any case when it has lasted long enough.
func (a *App) streamEnd(g *grant, now time.Time) time.Time {
	end := now.Add(a.streams.Max)
	if expired := g.principal.ExpiresAt.Add(a.streams.Grace); expired.Before(end) {
		return expired
	}
	return end
}

// end ends it: a WebSocket with the reason, anything else without a word.
func (o *ongoing) end(reason string) {
	o.mu.Lock()
	t := o.tunnel
	o.mu.Unlock()
	if t != nil {
		t.End(proxy.CloseGoingAway, reason)
		return
	}
	o.cancel(errUngranted)
}

// over is called when the request is over.
func (o *ongoing) over() {
	if o == nil {
		return
	}
	o.bridge.underWay.remove(o)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stop != nil {
		o.stop()
	}
	o.cancel(nil)
}

// lasts reports whether it is more than a request that is about to be over.
func (o *ongoing) lasts(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tunnel != nil || now.Sub(o.began) >= briefly
}

// CloseTunnels ends all WebSockets, for a server that stops. Their clients are asked
// to connect again, elsewhere. It does not wait for them.
func (b *Bridge) CloseTunnels() {
	b.underWay.end(endDraining, func(o *ongoing) bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.tunnel != nil
	})
}

// endUngranted ends what s would not have begun, or otherwise.
func (b *Bridge) endUngranted(s *Snapshot) {
	now := b.now()
	b.underWay.end(endChanged, func(o *ongoing) bool { return o.lasts(now) && !s.stillGrants(o, now) })
}

// review does so once more, as time may have changed what the rules say.
func (b *Bridge) review() { b.endUngranted(b.snapshot.Load()) }

// stillGrants reports whether the same request would be granted the same, as far as
// that can be said without its assertion.
func (s *Snapshot) stillGrants(o *ongoing, now time.Time) bool {
	app := s.apps[o.app.host]
	if app == nil || app.name != o.app.name {
		return false
	}
	from := o.grant.source
	n := slices.IndexFunc(app.sources, func(s source) bool { return s.issuer == from.issuer })
	if n < 0 || app.sources[n].trust != from.trust {
		return false
	}
	target := o.target
	if verdict, _ := app.paths.judge(o.request.Method, &target); verdict == pathDenied || verdict == pathRefused {
		return false
	}
	if !proxy.SameSite(o.request, app.host, app.streams.Origins) {
		return false
	}
	decision := app.sources[n].mapper.Map(o.grant.principal, now)
	return decision.Allowed() && slices.Equal(decision.Roles, o.grant.decision.Roles) &&
		maps.Equal(decision.Attributes, o.grant.decision.Attributes)
}

func (u *underWay) add(o *ongoing) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open == nil {
		u.open = make(map[*ongoing]struct{})
		u.after(reviewEvery, u.reviewAll)
	}
	u.open[o] = struct{}{}
}

func (u *underWay) remove(o *ongoing) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, o)
}

func (u *underWay) reviewAll() {
	u.mu.Lock()
	if len(u.open) == 0 {
		u.open = nil
		u.mu.Unlock()
		return
	}
	u.after(reviewEvery, u.reviewAll)
	u.mu.Unlock()
	u.review()
}

// end ends those that which is true of, each in a goroutine of its own: a WebSocket
// whose client reads nothing takes its time.
func (u *underWay) end(reason string, which func(*ongoing) bool) {
	u.mu.Lock()
	all := slices.Collect(maps.Keys(u.open))
	u.mu.Unlock() // asking takes a while
	for _, o := range all {
		if which(o) {
			go o.end(reason)
		}
	}
}
