package explain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/keys"
	"github.com/ssobridge/ssobridge/verifier"
)

// VerifyAssertion verifies one assertion as each of apps, which are of c, would,
// for commands, and returns those that accept it, with the issuer it is from. It
// fetches the issuers' keys first if they are not in a file.
//
// If none accepts it, the error names the app that comes nearest, which is the
// one that it was made for, and wraps that app's *verifier.Error; or it says
// which keys could not be had.
func VerifyAssertion(ctx context.Context, c *config.Config, apps []*config.App, assertion string) ([]Case, error) {
	var (
		accepted []Case
		best     *refusal
		fetched  = make(issuerKeys)
	)
	for _, a := range apps {
		p, i, ref := fetched.verify(ctx, c, a, assertion)
		switch {
		case ref == nil:
			accepted = append(accepted, Case{App: a, Issuer: i, Principal: p})
		case best == nil || ref.nearness() > best.nearness():
			best = ref
		}
	}
	switch {
	case accepted != nil || best == nil:
		return accepted, nil
	case len(apps) == 1:
		return nil, best
	}
	return nil, &nowhere{len(apps), best}
}

// nowhere is why none of several apps accepts an assertion.
type nowhere struct {
	apps int
	best *refusal
}

func (n *nowhere) Error() string {
	none := fmt.Sprintf("none of the %d apps accepts this assertion", n.apps)
	e, refused := errors.AsType[*verifier.Error](n.best.err)
	switch {
	case !refused:
		return none + "; " + n.best.Error()
	case e.Reason == verifier.ReasonMalformed: // no app is nearer than another
		return none + ": " + because(e)
	}
	return fmt.Sprintf("%s; the nearest, %s, refuses it: %s", none, n.best.app, because(e))
}

func (n *nowhere) Unwrap() error { return n.best }

// because says why an assertion is refused: "expired 10m0s ago (expired)".
func because(e *verifier.Error) string {
	if e.Err == nil {
		return string(e.Reason)
	}
	return fmt.Sprintf("%v (%s)", e.Err, e.Reason)
}

// refusal is why an app refuses an assertion, or cannot tell.
type refusal struct {
	app string
	err error
}

func (r *refusal) Error() string {
	if e, refused := errors.AsType[*verifier.Error](r.err); refused {
		return fmt.Sprintf("app %s refuses this assertion: %s", r.app, because(e))
	}
	return fmt.Sprintf("whether app %s accepts this assertion cannot be told: %v", r.app, r.err)
}

func (r *refusal) Unwrap() error { return r.err }

// nearness is how far an assertion got. One for another app is of the wrong
// issuer or for the wrong audience; where several issuers are asked, all but one
// lack its key, and that one, if its keys cannot be had, is the one to look at.
func (r *refusal) nearness() int {
	e, refused := errors.AsType[*verifier.Error](r.err)
	if !refused {
		return 1
	}
	switch e.Reason {
	case verifier.ReasonKeyUnknown:
		return 0
	case verifier.ReasonKeysUnavailable:
		return 1
	case verifier.ReasonIssuer:
		return 2
	case verifier.ReasonAudience:
		return 3
	}
	return 4
}

// issuerKeys are issuers' keys, each fetched at most once.
type issuerKeys map[*config.Issuer]func() (verifier.KeySource, error)

func (k issuerKeys) of(ctx context.Context, i *config.Issuer) (verifier.KeySource, error) {
	known, ok := k[i]
	if !ok {
		source, err := keys.Fetch(ctx, i)
		known = func() (verifier.KeySource, error) { return source, err }
		k[i] = known
	}
	return known()
}

// verify asks a's issuers in turn.
func (k issuerKeys) verify(ctx context.Context, c *config.Config, a *config.App, assertion string) (*verifier.Principal, *config.Issuer, *refusal) {
	var best *refusal
	for _, i := range a.Issuers {
		p, err := k.verifyBy(ctx, c, a, i, assertion)
		if err == nil {
			return p, i, nil
		}
		if ref := (&refusal{a.Name, err}); best == nil || ref.nearness() > best.nearness() {
			best = ref
		}
	}
	return nil, nil, best
}

func (k issuerKeys) verifyBy(ctx context.Context, c *config.Config, a *config.App, i *config.Issuer, assertion string) (*verifier.Principal, error) {
	source, err := k.of(ctx, i)
	if err != nil {
		return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
	}
	v, err := decision.NewVerifier(source, c, a, i, time.Now)
	if err != nil {
		return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
	}
	return v.Verify(ctx, assertion)
}
