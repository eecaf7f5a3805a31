package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier"
)

// source is one issuer whose assertions an app accepts.
type source struct {
	header   string // canonical
	verifier *verifier.Verifier
}

func openSources(c *config.Config, a *config.App, d Deps) ([]source, error) {
	sources := make([]source, len(a.Issuers))
	for n, i := range a.Issuers {
		keys, err := d.Keys(i)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
		}
		v, err := verifier.New(keys, VerifierOptions(c, a, i, d.Now))
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
		}
		sources[n] = source{http.CanonicalHeaderKey(i.Header), v}
	}
	return sources, nil
}

// VerifierOptions are what a insists on in assertions of i.
func VerifierOptions(c *config.Config, a *config.App, i *config.Issuer, now func() time.Time) verifier.Options {
	leeway := i.Leeway
	if leeway == 0 {
		leeway = -1 // none: the configuration has its own default
	}
	return verifier.Options{
		Issuer:     i.ExpectedIssuer(a.Host),
		Audience:   []string{a.Audience},
		Algorithms: i.Algorithms,
		Leeway:     leeway,
		MaxBytes:   c.Server.MaxAssertionBytes,
		Now:        now,
	}
}

// verify returns the principal of a request. Of several issuers, the first
// whose header is there decides, together with the others that use the same
// header: each checks the assertion by its own keys and nothing else, so that
// an issuer can never vouch for what only another may say. Headers that are not
// the deciding one are not looked at.
func (a *App) verify(ctx context.Context, h http.Header) (*verifier.Principal, error) {
	deciding := a.sources[0].header
	for _, s := range a.sources {
		if len(h[s.header]) > 0 {
			deciding = s.header
			break
		}
	}
	var first error
	for _, s := range a.sources {
		if s.header != deciding {
			continue
		}
		p, err := s.verifier.VerifyHeader(ctx, h, deciding)
		if err == nil {
			return p, nil
		}
		if first == nil || isKeyUnknown(first) {
			// The issuer that knows the key says what is wrong.
			first = err
		}
	}
	return nil, first
}

func isKeyUnknown(err error) bool {
	var e *verifier.Error
	return errors.As(err, &e) && e.Reason == verifier.ReasonKeyUnknown
}
