package bridge

import (
	"context"
	"errors"
	"net/http"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/session"
)

// carry takes a granted request to its app, and the answer back.
func (b *Bridge) carry(w http.ResponseWriter, x *exchange) {
	o, r := b.begin(x)
	defer o.over()
	failed := false
	x.app.Upstream.Serve(w, r, proxy.Exchange{
		Anybodys: x.grant.Public,
		Rewrite:  x.outgoing,
		Answer: func(answer *http.Response) error {
			o.answered(answer)
			return x.answered(answer)
		},
		Fail: func(err error) {
			failed = true
			b.refuse(w, x, failure(r, x.grant, err))
		},
		Tunnel: o.becomes,
	})
	switch {
	case failed:
	case x.grant.Own != nil:
		x.app.Metrics.OwnCredential()
	case x.grant.Public:
		x.app.Metrics.Public()
	default:
		x.app.Metrics.Allowed()
	}
}

// answered edits an app's answer before it is passed on.
func (x *exchange) answered(answer *http.Response) error {
	if x.grant.Public || x.grant.Own != nil {
		// A session that begins here would be nobody's, in place of the browser's own.
		answer.Header.Del("Set-Cookie")
		return nil
	}
	if x.grant.Session != nil {
		if err := x.grant.Session.Answer(x.In.Context(), answer.StatusCode, answer.Header); err != nil {
			return err
		}
	}
	if x.signsOut(answer) {
		answer.Header.Set("Location", signOutPath)
	}
	return nil
}

// failure returns why a granted request has no answer of the app.
func failure(r *http.Request, g *decision.Grant, err error) *decision.Refusal {
	ref := &decision.Refusal{Reason: decision.ReasonUpstreamUnreachable, Err: proxy.Unquoted(err), Principal: g.Principal, Decision: g.Decision}
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	broken, isBody := errors.AsType[*proxy.BodyError](err)
	switch {
	case errors.Is(err, session.ErrStore):
		ref.Reason = decision.ReasonSessionsUnavailable
	case tooLarge:
		ref.Reason = decision.ReasonBody
	case errors.Is(err, proxy.ErrStalled):
		ref.Reason = decision.ReasonClientStalled
	case errors.Is(context.Cause(r.Context()), errUngranted):
		ref.Reason = decision.ReasonChanged
	case r.Context().Err() != nil:
		// The client has gone. The status is for the record only.
		ref.Reason = decision.ReasonClientGone
	case isBody && broken.Incomplete():
		ref.Reason, ref.Err = decision.ReasonBodyIncomplete, broken
	case isBody:
		ref.Reason, ref.Err = decision.ReasonBodyMalformed, broken
	case proxy.IsTimeout(err):
		ref.Reason = decision.ReasonUpstreamTimeout
	}
	return ref
}

// abortOnPanic ends the connection of a request that panicked after its decision, without
// a word to the client, which may have had half an answer.
func (b *Bridge) abortOnPanic(x *exchange) {
	p := recover()
	if p == nil {
		return
	}
	reason := decision.ReasonAnswerAborted // ReverseProxy panics if a side goes away amid the answer
	switch {
	case p != http.ErrAbortHandler: //nolint:errorlint // net/http compares so too
		reason = decision.ReasonPanic
		decision.LogPanic(x.In.Context(), b.log, x.name(), p)
	case x.In.Context().Err() == nil: // the app has gone, and the client has not
		b.logBrokenAnswer(x, reason)
	}
	x.metrics().Refused(outcomeFailed, string(reason))
	panic(http.ErrAbortHandler)
}
