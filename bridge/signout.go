package bridge

import (
	"cmp"
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
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/request"
)

// signOutAt is where people sign out of an app and of Pomerium, below request.OwnPath. GET
// asks them whether they mean it, and POST does it.
const signOutAt = "sign_out"

// appLogoutTimeout is how long an app may take to end a session.
const appLogoutTimeout = 5 * time.Second

var crossOrigin = http.NewCrossOriginProtection()

// signOut ends a person's session with an app, and sends them on to Pomerium, which ends
// its own. It needs an assertion and no role, so that somebody who has lost their role can
// sign out too, and no limit holds it up. A step that fails does not keep the next from
// being taken.
func (b *Bridge) signOut(w http.ResponseWriter, x *exchange) {
	r, app := x.In, x.app
	who, ref := app.Identify(r.Context(), &x.Request)
	if ref != nil {
		b.refuse(w, x, ref)
		return
	}
	p := who.Principal
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		proxy.BoundUnreadBody(w, r)
		hardenAnswer(w.Header())
		writeHTML(w, http.StatusOK, pageData{
			Title: "Sign out?", Text: "This ends your session here and everywhere that you have signed in to by the same account.",
			Person: called(p), Confirm: request.OwnPath + signOutAt,
		})
		return
	case http.MethodPost:
	default:
		b.refuse(w, x, &decision.Refusal{Reason: decision.ReasonMethod, Principal: p})
		return
	}
	if err := crossOrigin.Check(r); err != nil {
		b.refuse(w, x, &decision.Refusal{Reason: decision.ReasonCrossSite, Principal: p, Err: err})
		return
	}
	proxy.BoundUnreadBody(w, r)
	if err := app.SignOut(r.Context(), who); err != nil {
		b.log.LogAttrs(r.Context(), slog.LevelWarn, "signed out at this replica, but perhaps not at others",
			slog.String("app", app.Name), slog.String("subject", p.Subject), slog.Any("error", err))
	}
	b.endSessionOf(who)
	in := adapter.Input{Principal: p, Decision: app.Rules(who.Issuer).Map(p, x.At), Reading: app.Reading(who.Issuer), Request: r, Time: x.At}
	lines, err := endSession(r.Context(), app, in)
	if err != nil {
		b.log.LogAttrs(r.Context(), slog.LevelWarn, "signed out here, but perhaps not in the app",
			slog.String("app", app.Name), slog.String("subject", p.Subject), slog.Any("error", err))
	}
	for _, line := range lines {
		w.Header().Add("Set-Cookie", line)
	}
	hardenAnswer(w.Header())
	w.Header().Set("Location", signOutPath)
	w.WriteHeader(http.StatusSeeOther)
	app.Metrics.Allowed()
}

// endSessionOf ends what is under way, in all apps, of the person's session at Pomerium.
func (b *Bridge) endSessionOf(who decision.Identity) {
	b.underWay.end(endSignedOut, func(o *ongoing) bool {
		whose := o.grant.Identity
		return whose.Issuer == who.Issuer && whose.Principal.Subject == who.Principal.Subject && whose.Principal.SessionID == who.Principal.SessionID
	})
}

// endSession ends the person's session in the app, by the app's own way if that is known.
// It returns the Set-Cookies that rid the browser of the session.
func endSession(ctx context.Context, app *decision.App, in adapter.Input) (lines []string, err error) {
	if app.Sessions == nil {
		return nil, logOut(ctx, app, in, nil)
	}
	visit, notFound := app.Sessions.Look(ctx, in, in.Request.Header["Cookie"])
	loggedOut := logOut(ctx, app, in, visit.Cookies())
	lines, err = visit.End(ctx)
	return lines, errors.Join(notFound, loggedOut, err)
}

// logOut asks the app to end a session. Somebody without a role has no session there,
// nor has somebody without the cookies of an app that has any.
func logOut(ctx context.Context, app *decision.App, in adapter.Input, cookies []string) error {
	if app.Logout.Path == "" || !in.Decision.Allowed() || app.Sessions != nil && len(cookies) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, appLogoutTimeout)
	defer cancel()
	target := &url.URL{Path: app.Logout.Path}
	method := cmp.Or(app.Logout.Method, http.MethodGet)
	r := (&http.Request{Method: method, URL: target, Header: http.Header{}, Host: app.Host}).WithContext(ctx)
	asked := in.Request
	in.Request = r
	output, err := app.Adapt(ctx, in)
	if err != nil {
		return err
	}
	tell(r.Header, &decision.Grant{Output: output})
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(slices.Concat(r.Header["Cookie"], cookies), "; "))
	}
	answer, err := app.Caller(asked).Do(r)
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

// signsOut reports whether an answer says that the person has signed out of an app which
// signs people out of Pomerium as well. It is a redirect, which the browser follows.
func (x *exchange) signsOut(answer *http.Response) bool {
	logout := &x.app.Logout
	return logout.Everywhere && x.In.URL.Path == logout.Path && (logout.Method == "" || x.In.Method == logout.Method) &&
		answer.StatusCode >= http.StatusMultipleChoices && answer.StatusCode < http.StatusBadRequest && answer.Header.Get("Location") != ""
}
