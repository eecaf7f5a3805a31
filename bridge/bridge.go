package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// Bridge is the request path as an http.Handler. It is safe for concurrent use.
type Bridge struct {
	snapshot atomic.Pointer[Snapshot]
	log      *slog.Logger
	now      func() time.Time
	after    func(time.Duration, func()) (stop func() bool)
	underWay underWay
	loads    loads
}

// New returns a Bridge that serves the snapshot s.
func New(s *Snapshot, d Deps) *Bridge {
	d = d.withDefaults()
	b := &Bridge{log: d.Log, now: d.Now, after: d.After}
	b.underWay.after, b.underWay.review = d.After, b.review
	b.snapshot.Store(s)
	return b
}

// Swap makes s the snapshot of every request that comes from now on. Requests
// under way finish on the one they began with; WebSockets and streams that s would not
// have begun are ended.
func (b *Bridge) Swap(s *Snapshot) {
	b.snapshot.Store(s)
	b.endUngranted(s)
	b.loads.keep(s)
}

// ServeHTTP answers one request.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := b.now()
	s := b.snapshot.Load()
	app, host := s.app(r.Host)
	r.Host = host
	defer b.abortOnPanic(r, cmp.Or(app, s.noApp))
	if app != nil {
		if ref := checkWire(r); ref != nil {
			b.refuse(w, r, app, ref)
			app.metrics.Answered(b.now().Sub(start))
			return
		}
	}
	if served := s.serveOwn(w, r, app); served {
		return
	}
	if app == nil {
		b.refuse(w, r, s.noApp, &refusal{reason: reasonUnknownHost, err: unknownHost(r.Host)})
		return
	}
	defer func() { app.metrics.Answered(b.now().Sub(start)) }()
	if isSignOut(r) {
		b.signOut(w, r, app, start)
		return
	}
	granted, ref := b.decide(r, app, start)
	if ref != nil {
		b.refuse(w, r, app, ref)
		return
	}
	defer granted.leave()
	app.metrics.Decided(b.now().Sub(start))
	if granted.output.Redirect != "" || granted.output.Form != nil {
		answerSignIn(w, r, &granted.output)
		app.metrics.Allowed()
		return
	}
	proxy.DropForeignUpgrade(r)
	if granted.public {
		r.Header.Del("Upgrade") // a tunnel would carry what nobody decides about
	}
	app.limitBody(r)
	o, r := b.begin(r, app, granted, start)
	defer o.over()
	failed := false
	app.upstream.Serve(w, app.owned.stripQuery(r), proxy.Exchange{
		Anybodys: granted.public,
		Edit: func(h http.Header) {
			app.owned.strip(h)
			app.paths.stripOverrides(h, granted.public)
			granted.apply(h)
		},
		Answer: func(answer *http.Response) error {
			o.answered(answer)
			return app.answered(r, granted, answer)
		},
		Fail: func(err error) {
			failed = true
			b.upstreamFailed(w, r, app, granted, err)
		},
		Tunnel: o.becomes,
	})
	switch {
	case failed:
	case granted.public:
		app.metrics.Public()
	default:
		app.metrics.Allowed()
	}
}

// answered edits an app's answer before it is passed on.
func (a *App) answered(r *http.Request, g *grant, answer *http.Response) error {
	if g.public {
		a.anonymous(answer)
		return nil
	}
	if g.visit != nil {
		if err := g.visit.Answer(r.Context(), answer.StatusCode, answer.Header); err != nil {
			return err
		}
	}
	if a.signsOutOf(r, answer) {
		answer.Header.Set("Location", signOutPath)
	}
	return nil
}

// grant is what a request goes on with.
type grant struct {
	principal *verifier.Principal
	decision  mapping.Decision
	source    *source
	output    adapter.Output
	visit     *session.Visit // nil: the app has no sessions that are ours to carry
	// public: it is nobody's, and the rest is empty.
	public  bool
	counted *atomic.Int64 // among those at the same time; nil: not
}

// decide is the straight line from a request to a grant or a refusal. It sends
// nothing of the request anywhere. A panic in it is a refusal too.
func (b *Bridge) decide(r *http.Request, app *App, now time.Time) (g *grant, ref *refusal) {
	defer func() {
		if p := recover(); p != nil {
			b.logPanic(r, app, p)
			ref = &refusal{reason: reasonPanic}
		}
		if ref != nil {
			g.leave()
			g = nil
		}
	}()
	if !app.upstream.Reaches(r.URL) {
		return nil, &refusal{reason: reasonTarget}
	}
	if g, ref = app.judge(r); ref != nil {
		return nil, ref
	}
	if g != nil {
		return g, b.enter(r, app, g)
	}
	p, from, err := app.verify(r.Context(), r.Header)
	if err != nil {
		return nil, refusalOf(err)
	}
	decision := from.mapper.Map(p, now)
	switch {
	case decision.Allowed():
	case decision.Rule > 0:
		return nil, &refusal{reason: reasonDenied, principal: p, decision: decision}
	default:
		return nil, &refusal{reason: reasonNoRole, principal: p}
	}
	if !proxy.SameSite(r, app.host, app.streams.Origins) {
		return nil, &refusal{reason: reasonCrossSite, principal: p, decision: decision}
	}
	g = &grant{principal: p, decision: decision, source: from}
	if ref = b.admit(app, g, now); ref == nil {
		ref = b.enter(r, app, g)
	}
	if ref == nil {
		ref = app.fill(r, g, now)
	}
	return g, ref
}

// fill completes a grant with what the app is told, and the session that it is told in.
func (a *App) fill(r *http.Request, g *grant, now time.Time) (ref *refusal) {
	in := adapter.Input{Principal: g.principal, Decision: g.decision, Request: r, Time: now, SignIn: a.signsIn(r)}
	var err error
	g.output, err = a.adapt(r.Context(), in)
	if err == nil && a.sessions != nil && !in.SignIn {
		g.visit, err = a.sessions.Find(r.Context(), in, r.Header["Cookie"])
	}
	if err != nil {
		ref = refusalOf(err)
		ref.principal, ref.decision = g.principal, g.decision
	}
	return ref
}

// abortOnPanic ends the connection of a request that panicked after its
// decision, without a word to the client, as it may have had half an answer.
func (b *Bridge) abortOnPanic(r *http.Request, app *App) {
	p := recover()
	if p == nil {
		return
	}
	reason := reasonAborted // by ReverseProxy: one side went away amid the answer
	switch {
	case p != http.ErrAbortHandler: //nolint:errorlint // net/http compares so too
		reason = reasonPanic
		b.logPanic(r, app, p)
	case r.Context().Err() == nil: // the client has not
		b.log.LogAttrs(r.Context(), slog.LevelWarn, "the answer broke off", slog.String("app", app.name), slog.String("reason", reason))
	}
	app.metrics.Refused(telemetry.Failed, reason)
	panic(http.ErrAbortHandler)
}

// logPanic leaves out the panic's value, which may hold what the request held;
// its type and the stack say enough.
func (b *Bridge) logPanic(r *http.Request, app *App, p any) {
	b.log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("app", app.name),
		slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
}

// adapt asks the adapter and holds it to its contract: an adapter that sets a
// name it does not own would set one that clients may set too.
func (a *App) adapt(ctx context.Context, in adapter.Input) (adapter.Output, error) {
	out, err := a.adapter.Adapt(ctx, in)
	if err != nil {
		return adapter.Output{}, &adaptError{err}
	}
	for name, values := range out.Header {
		if !a.owned.takes(name, values) {
			return adapter.Output{}, &adaptError{fmt.Errorf("header %s is not owned, or not one value", name)}
		}
	}
	for _, c := range out.Cookies {
		// Valid also checks the value: a ";" in it would begin another cookie.
		if err := c.Valid(); err != nil || !a.owned.hasCookie(c.Name) {
			return adapter.Output{}, &adaptError{fmt.Errorf("cookie %s is not owned, or not valid", c.Name)}
		}
	}
	if err := checkAnswer(in.SignIn, &out); err != nil {
		return adapter.Output{}, &adaptError{err}
	}
	return out, nil
}

// upstreamFailed answers for an upstream that did not.
func (b *Bridge) upstreamFailed(w http.ResponseWriter, r *http.Request, app *App, g *grant, err error) {
	ref := &refusal{reason: reasonUpstreamUnreachable, err: proxy.Unquoted(err), principal: g.principal, decision: g.decision}
	switch {
	case errors.Is(err, session.ErrStore):
		ref.reason = reasonSessions
	case isTooLarge(err):
		ref.reason = reasonBody
	case errors.Is(err, proxy.ErrStalled):
		ref.reason = reasonStalled
	case errors.Is(context.Cause(r.Context()), errUngranted):
		ref.reason = reasonChanged
	case r.Context().Err() != nil:
		// The client has gone; the status is for the record only.
		ref.reason = reasonClientGone
	case proxy.IsTimeout(err):
		ref.reason = reasonUpstreamTimeout
	}
	b.refuse(w, r, app, ref)
}
