package bridge

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/bridge/decision"
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

// briefly is how long a request may go on that began before a reload and is not granted
// any more. Most requests are over by then, and a reload is not to end them.
const briefly = 10 * time.Second

// ongoing is one request of a person that is under way. A nil ongoing is a request to a
// public path, which is not watched.
type ongoing struct {
	*exchange
	bridge *Bridge
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	tunnel *proxy.Tunnel // nil until the connection is a WebSocket
	stop   func() bool   // stops the timer for the end; nil if none runs
	// reviewed is what last granted the request, and reviewedAt when; nil: only the
	// request's own decision has.
	reviewed   *decision.Snapshot
	reviewedAt time.Time
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

// begin takes charge of a request until it is over. The request that it returns ends with
// the ongoing one.
func (b *Bridge) begin(x *exchange) (*ongoing, *http.Request) {
	r := x.In
	if x.grant.Public {
		return nil, r
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	o := &ongoing{exchange: x, bridge: b, cancel: cancel}
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
	if o == nil { // a public request asks for none
		go t.End(proxy.CloseGoingAway, endChanged)
		return func() {}
	}
	o.mu.Lock()
	o.tunnel = t
	o.mu.Unlock()
	// It may have come too late for Swap.
	if !o.grantedBy(o.bridge.snapshot.Load(), o.At) {
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
		waited := max(0, o.bridge.now().Sub(o.At)) // the clock may have been set back
		o.stop = o.bridge.after(o.lastsFor()-waited, func() { o.end(endExpired) })
	}
}

// lastsFor returns how long a stream may last from its beginning: until some time after
// its assertion has expired, and never longer than streams may last.
func (o *ongoing) lastsFor() time.Duration {
	streams := &o.app.Streams
	return min(streams.Max, o.grant.Principal.ExpiresAt.Add(streams.Grace).Sub(o.At))
}

// end ends the request: a WebSocket with the reason, anything else without a word.
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

// lasts reports whether the request is a WebSocket, or has gone on for long.
func (o *ongoing) lasts(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tunnel != nil || now.Sub(o.At) >= briefly
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

// endUngranted ends what s would not have begun, or would have begun differently.
func (b *Bridge) endUngranted(s *decision.Snapshot) {
	now := b.now()
	b.underWay.end(endChanged, func(o *ongoing) bool { return o.lasts(now) && !o.grantedBy(s, now) })
}

// review ends what the rules do not grant any more, because of the time.
func (b *Bridge) review() {
	b.endUngranted(b.snapshot.Load())
	b.endSignedOut()
}

// reviewTimeout bounds how long a review waits for the store of sessions.
const reviewTimeout = 10 * time.Second

// endSignedOut ends what is under way of people who have signed out at another replica.
// While the store of sessions cannot say who has, everything goes on: each request that
// begins is refused, and streams have their end.
func (b *Bridge) endSignedOut() {
	ctx, cancel := context.WithTimeout(context.Background(), reviewTimeout)
	defer cancel()
	b.underWay.end(endSignedOut, func(o *ongoing) bool {
		out, err := o.app.SignedOut(ctx, o.grant.Identity)
		return err == nil && out
	})
}

// grantedBy reports whether s would begin the request at a time. What s has granted, it
// is asked again only if rules may have begun or ended since: expressions take their time,
// and there may be many streams.
func (o *ongoing) grantedBy(s *decision.Snapshot, now time.Time) bool {
	o.mu.Lock()
	before, at := o.reviewed, o.reviewedAt
	o.mu.Unlock()
	if before == s && !s.MayChange(o.app, o.grant, at, now) {
		return true
	}
	granted := s.StillGrants(o.app, &o.Request, o.grant, now)
	if granted {
		o.mu.Lock()
		o.reviewed, o.reviewedAt = s, now
		o.mu.Unlock()
	}
	return granted
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
