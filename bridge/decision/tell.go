package decision

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// sameSite refuses to open a WebSocket for another site's page.
func (a *App) sameSite(r *Request, g *Grant) *Refusal {
	if proxy.SameSite(r.In, a.Host, r.Host, a.Streams.Origins) {
		return nil
	}
	return g.refuse(ReasonCrossSite)
}

// tell notes in g what the app is told, and the session that it is told in.
func (a *App) tell(ctx context.Context, r *Request, g *Grant) *Refusal {
	in := adapter.Input{Principal: g.Principal, Decision: g.Decision, Reading: a.Reading(g.Issuer), Request: r.In, Time: r.At, SignIn: r.SignIn}
	var err error
	g.Output, err = a.Adapt(ctx, in)
	if err == nil && a.Sessions != nil && !in.SignIn {
		g.Session, err = a.Sessions.Find(ctx, in, r.In.Header["Cookie"])
	}
	if err == nil {
		return nil
	}
	ref := RefusalOf(err)
	ref.Principal, ref.Decision = g.Principal, g.Decision
	return ref
}

// Adapt asks the adapter what the app is told, and holds it to its contract: an adapter
// that set a name which it does not own would set one that clients may set too. The
// error is an *AdaptError.
func (a *App) Adapt(ctx context.Context, in adapter.Input) (adapter.Output, error) {
	out, err := a.adapter.Adapt(ctx, in)
	if err != nil {
		return adapter.Output{}, &AdaptError{err}
	}
	for name, values := range out.Header {
		if !a.Names.Takes(name, values) {
			return adapter.Output{}, &AdaptError{fmt.Errorf("header %s is not owned, or not one value", name)}
		}
	}
	for _, c := range out.Cookies {
		// Valid also checks the value: a ";" in it would begin another cookie.
		if err := c.Valid(); err != nil || !a.Names.HasCookie(c.Name) {
			return adapter.Output{}, &AdaptError{fmt.Errorf("cookie %s is not owned, or not valid", c.Name)}
		}
	}
	if err := checkAnswer(in.SignIn, &out); err != nil {
		return adapter.Output{}, &AdaptError{err}
	}
	return out, nil
}

// checkAnswer makes sure that an adapter answers the browser where the app asks for a
// sign-in, and nowhere else. Otherwise the app would be asked for what lies below
// request.OwnPath.
func checkAnswer(asked bool, out *adapter.Output) error {
	switch redirects, posts := out.Redirect != "", out.Form != nil; {
	case asked != (redirects || posts), out.ForgetStorage && !asked:
		return errors.New("an answer to a question that was not asked, or none to one that was")
	case redirects && posts:
		return errors.New("two answers to a question")
	case posts && FormOrigin(out.Form) == "":
		return errors.New("a form for no https address")
	}
	return nil
}

// FormOrigin returns the origin that a form is posted to, or "" if a form must not be
// posted there.
func FormOrigin(f *adapter.Form) string {
	u, err := url.Parse(f.Action)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(u.Host, " ;,'\"") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
