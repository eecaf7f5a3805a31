package bridge

import (
	"cmp"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
)

// Bridge is proxy mode as an http.Handler. It is safe for concurrent use.
type Bridge struct {
	snapshot atomic.Pointer[decision.Snapshot]
	decider  *decision.Decider
	log      *slog.Logger
	now      func() time.Time
	after    func(time.Duration, func()) (stop func() bool)
	underWay underWay
}

// Options are what a Bridge works with, whatever snapshot it serves.
type Options struct {
	// Log receives refusals and failures. The default discards them.
	Log *slog.Logger
	// Now is the clock. The default is time.Now.
	Now func() time.Time
	// After calls a function after some time, unless it is stopped. The default is
	// time.AfterFunc.
	After func(time.Duration, func()) (stop func() bool)
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = func(after time.Duration, f func()) func() bool { return time.AfterFunc(after, f).Stop }
	}
	return o
}

// New returns a Bridge that serves the snapshot s.
func New(s *decision.Snapshot, o Options) *Bridge {
	o = o.withDefaults()
	b := &Bridge{log: o.Log, now: o.Now, after: o.After, decider: &decision.Decider{Loads: new(decision.Loads), Log: o.Log}}
	b.underWay.after, b.underWay.review = o.After, b.review
	b.snapshot.Store(s)
	return b
}

// Swap makes s the snapshot of every request that comes from now on. Requests under way
// finish on the snapshot that they began with. WebSockets and streams that s would not
// have begun are ended.
func (b *Bridge) Swap(s *decision.Snapshot) {
	b.snapshot.Store(s)
	b.endUngranted(s)
	b.decider.Loads.Keep(s)
}

// ServeHTTP answers one request. It is the line that the package comment draws.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := b.route(r)
	defer b.abortOnPanic(x)
	if x.door == own {
		x.serveOwn(w)
		return
	}
	if x.app != nil {
		defer func() { x.app.Metrics.Answered(b.now().Sub(x.At)) }()
	}
	switch x.door {
	case refused:
		b.refuse(w, x, x.refusal)
		return
	case signOut:
		b.signOut(w, x)
		return
	}
	var ref *decision.Refusal
	if x.grant, ref = b.decider.Decide(r.Context(), x.app, &x.Request); ref != nil { // admit → identify → map → limit → tell
		b.refuse(w, x, ref)
		return
	}
	defer x.grant.Leave()
	x.app.Metrics.Decided(b.now().Sub(x.At))
	if x.SignIn {
		answerSignIn(w, r, &x.grant.Output)
		x.app.Metrics.Allowed()
		return
	}
	b.carry(w, x) // outgoing → carry
}

// exchange is one request, and what became of it so far.
type exchange struct {
	decision.Request
	snapshot *decision.Snapshot
	app      *decision.App // nil if there is none for the host
	door     door
	ownPath  string            // the path below request.OwnPath, for own
	refusal  *decision.Refusal // for refused
	grant    *decision.Grant   // nil before the decision
}

// metrics returns the metrics that count the exchange.
func (x *exchange) metrics() *telemetry.App { return cmp.Or(x.app, x.snapshot.Unknown()).Metrics }
