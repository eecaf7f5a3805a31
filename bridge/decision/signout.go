package decision

import (
	"context"
	"time"

	"github.com/ssobridge/ssobridge/bridge/session"
)

// leastAssertionLife is how long assertions are taken to be valid at least, whatever the
// one at hand says: Pomerium's live five minutes.
const leastAssertionLife = 5 * time.Minute

// signIn names the sign-in that an identity comes from.
func (i Identity) signIn() session.SignIn {
	return session.SignIn{Issuer: i.Issuer, Subject: i.Principal.Subject, SessionID: i.Principal.SessionID}
}

// SignOut makes sure that no assertion of the same sign-in counts any more, in no app and
// at no replica that shares the store of sessions, for as long as such an assertion can
// be valid. With an error, only this process knows.
func (a *App) SignOut(ctx context.Context, who Identity) error {
	life := max(leastAssertionLife, who.Principal.ExpiresAt.Sub(who.Principal.IssuedAt))
	return a.keeper.SignOut(ctx, who.signIn(), life)
}

// SignedOut reports whether somebody has signed out since their assertion was issued. An
// error says that nobody knows.
func (a *App) SignedOut(ctx context.Context, who Identity) (bool, error) {
	if a.keeper == nil {
		return false, nil
	}
	return a.keeper.SignedOut(ctx, who.signIn(), who.Principal.IssuedAt)
}

// refuseSignedOut refuses somebody who has signed out, and everybody while the store of
// sessions cannot say who has.
func (a *App) refuseSignedOut(ctx context.Context, g *Grant) *Refusal {
	out, err := a.SignedOut(ctx, g.Identity)
	switch {
	case err != nil:
		ref := RefusalOf(err)
		ref.Principal = g.Principal
		return ref
	case out:
		return &Refusal{Reason: ReasonSignedOut, Principal: g.Principal}
	default:
		return nil
	}
}
