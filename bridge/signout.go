package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/verifier"
)

// signOutAt is where people sign out of an app and of Pomerium, below ownPath: GET
// asks them whether they mean it, POST does it.
const signOutAt = "sign_out"

// appLogoutTimeout is how long an app may take to end a session.
const appLogoutTimeout = 5 * time.Second

var crossOrigin = http.NewCrossOriginProtection()

// isSignOut reports whether a request is at signOutAt.
func isSignOut(r *http.Request) bool {
	path, own := strings.CutPrefix(r.URL.Path, ownPath)
	return own && path == signOutAt && r.URL.Opaque == ""
}

// signOut ends a person's session with an app, and sends them on to Pomerium, which
// ends its own. It needs an assertion and no role: who has lost theirs can sign out
// too. No step that fails keeps the next from being taken.
func (b *Bridge) signOut(w http.ResponseWriter, r *http.Request, app *App, now time.Time) {
	p, from, err := app.verify(r.Context(), r.Header)
	if err != nil {
		b.refuse(w, r, app, refusalOf(err))
		return
	}
	if ref := b.admit(app, &grant{principal: p, source: from}, now); ref != nil {
		b.refuse(w, r, app, ref)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		proxy.LeaveBody(w, r)
		person := p.Email
		if person == "" {
			person = p.Subject
		}
		hardenAnswer(w.Header())
		writeHTML(w, http.StatusOK, pageData{
			Title: "Sign out?", Text: "This ends your session here and everywhere that you have signed in to by the same account.",
			Person: person, Confirm: ownPath + signOutAt,
		})
		return
	case http.MethodPost:
	default:
		b.refuse(w, r, app, &refusal{reason: reasonMethod, principal: p})
		return
	}
	if err := crossOrigin.Check(r); err != nil {
		b.refuse(w, r, app, &refusal{reason: reasonCrossSite, principal: p, err: err})
		return
	}
	proxy.LeaveBody(w, r)
	b.endSessionOf(p, from.issuer)
	in := adapter.Input{Principal: p, Decision: from.mapper.Map(p, now), Request: r, Time: now}
	lines, err := app.endSession(r.Context(), in)
	if err != nil {
		b.log.LogAttrs(r.Context(), slog.LevelWarn, "signed out here, but perhaps not in the app",
			slog.String("app", app.name), slog.String("subject", p.Subject), slog.Any("error", err))
	}
	for _, line := range lines {
		w.Header().Add("Set-Cookie", line)
	}
	hardenAnswer(w.Header())
	w.Header().Set("Location", signOutPath)
	w.WriteHeader(http.StatusSeeOther)
	app.metrics.Allowed()
}

// endSessionOf ends what is under way, in all apps, of the session at Pomerium that p is
// of.
func (b *Bridge) endSessionOf(p *verifier.Principal, issuer string) {
	b.underWay.end(endSignedOut, func(o *ongoing) bool {
		whose := o.grant.principal
		return o.grant.source.issuer == issuer && whose.Subject == p.Subject && whose.SessionID == p.SessionID
	})
}

// endSession ends the person's session in the app, by the app's own way if it is
// known, and returns the Set-Cookies that rid the browser of it.
func (a *App) endSession(ctx context.Context, in adapter.Input) (lines []string, err error) {
	if a.sessions == nil {
		return nil, a.logOut(ctx, in, nil)
	}
	visit, notFound := a.sessions.Look(ctx, in, in.Request.Header["Cookie"])
	loggedOut := a.logOut(ctx, in, visit.Cookies())
	lines, err = visit.End(ctx)
	return lines, errors.Join(notFound, loggedOut, err)
}

// logOut asks the app to end a session. Somebody without a role has none, nor does
// somebody without its cookies if it has any.
func (a *App) logOut(ctx context.Context, in adapter.Input, cookies []string) error {
	if a.logout.Path == "" || !in.Decision.Allowed() || a.sessions != nil && len(cookies) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, appLogoutTimeout)
	defer cancel()
	method := a.logout.Method
	if method == "" {
		method = http.MethodGet
	}
	target := &url.URL{Path: a.logout.Path}
	r := (&http.Request{Method: method, URL: target, Header: http.Header{}, Host: a.host}).WithContext(ctx)
	asked := in.Request
	in.Request = r
	output, err := a.adapt(ctx, in)
	if err != nil {
		return err
	}
	(&grant{output: output}).apply(r.Header)
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(slices.Concat(r.Header["Cookie"], cookies), "; "))
	}
	answer, err := a.caller(asked).Do(r)
	if err != nil {
		return fmt.Errorf("asking the app to sign out: %w", err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	_ = answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("asking the app to sign out: status %d", answer.StatusCode)
	}
	return nil
}

// signsOutOf reports whether an answer is the app's to somebody who has signed out
// of it and shall be signed out of Pomerium as well: a redirect, as the browser then
// follows.
func (a *App) signsOutOf(r *http.Request, answer *http.Response) bool {
	return a.logout.Everywhere && r.URL.Path == a.logout.Path && (a.logout.Method == "" || r.Method == a.logout.Method) &&
		answer.StatusCode >= http.StatusMultipleChoices && answer.StatusCode < http.StatusBadRequest && answer.Header.Get("Location") != ""
}

// caller sends the app requests because of r.
func (a *App) caller(r *http.Request) adapter.Caller {
	return proxy.Caller{Upstream: a.upstream, Host: a.host, In: r}
}

// openSessions prepares what carries the app's sessions, if there are any.
func (a *App) openSessions(keeper *session.Keeper, guarded []string) {
	if s, ok := a.adapter.(adapter.SignsOut); ok {
		a.logout = s.Logout()
	}
	switch s, ok := a.adapter.(adapter.SessionStarter); {
	case ok:
		a.sessions = keeper.Open(a.name, s, a.caller)
	case len(guarded) > 0:
		a.sessions = keeper.Guard(a.name, guarded, guardLifetime)
	default:
		return
	}
	a.owned.session = a.sessions.OwnsCookie
}

// guardLifetime is how long a session that an app has begun by itself may last: then
// the app begins another.
const guardLifetime = 24 * time.Hour
