package decision

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// source is one issuer whose assertions an app accepts.
type source struct {
	issuer   string
	header   string // canonical
	bearer   bool   // the assertion follows "Bearer "
	verifier *verifier.Verifier
	mapper   *mapping.Mapper // of the app, for this issuer's people
	// trust identifies what an assertion must satisfy: issuer, audience, algorithms and
	// keys. Two sources with different trust never share a running request, even under
	// the same issuer name.
	trust string
}

// bearerPrefix is compared without case (RFC 9110 §11.1).
const bearerPrefix = "Bearer "

// present reports whether a request has something for this source to verify. An
// Authorization header of another scheme is none of its business.
func (s *source) present(h http.Header) bool {
	values := h[s.header]
	if !s.bearer {
		return len(values) > 0
	}
	return slices.ContainsFunc(values, func(v string) bool {
		return len(v) >= len(bearerPrefix) && strings.EqualFold(v[:len(bearerPrefix)], bearerPrefix)
	})
}

func (s *source) verify(ctx context.Context, h http.Header) (*verifier.Principal, error) {
	values := h[s.header]
	switch {
	case !s.bearer:
		return s.verifier.VerifyHeader(ctx, h, s.header)
	case len(values) > 1:
		return nil, &verifier.Error{Reason: verifier.ReasonDuplicate, Err: fmt.Errorf("%d values of the assertion header", len(values))}
	case !s.present(h):
		return nil, &verifier.Error{Reason: verifier.ReasonMissing, Err: errors.New("no bearer credentials")}
	}
	// RFC 9110 §11.4 has one space or more behind the scheme.
	return s.verifier.Verify(ctx, strings.TrimLeft(values[0][len(bearerPrefix):], " "))
}

func openSources(c *config.Config, a *config.App, d Deps) ([]source, error) {
	sources := make([]source, len(a.Issuers))
	for n, i := range a.Issuers {
		keys, err := d.Keys(i)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
		}
		v, err := NewVerifier(keys, c, a, i, d.Now)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
		}
		trust, err := trustIn(c, a, i)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", i.Name, err)
		}
		sources[n] = source{i.Name, http.CanonicalHeaderKey(i.Header), i.Bearer, v, a.MapperOf(i), trust}
	}
	return sources, nil
}

// NewVerifier returns the verifier of a for assertions of i.
func NewVerifier(keys verifier.KeySource, c *config.Config, a *config.App, i *config.Issuer, now func() time.Time) (*verifier.Verifier, error) {
	keys = withoutOwn(keys, c)
	if i.DiscoveryURL != "" {
		return verifier.NewOIDC(keys, VerifierOptions(c, a, i, now))
	}
	return verifier.New(keys, VerifierOptions(c, a, i, now))
}

// VerifierOptions are what a insists on in assertions of i.
func VerifierOptions(c *config.Config, a *config.App, i *config.Issuer, now func() time.Time) verifier.Options {
	leeway := i.Leeway
	if leeway == 0 {
		leeway = -1 // none: the configuration has its own default
	}
	return verifier.Options{
		Issuer:        i.ExpectedIssuer(a.Host),
		Audience:      []string{a.AudienceOf(i)},
		Algorithms:    i.Algorithms,
		Leeway:        leeway,
		TrustEmail:    i.TrustEmail,
		MaxLifetime:   i.MaxLifetime,
		GoogleIAP:     i.GoogleIAP,
		MaxBytes:      c.Server.MaxAssertionBytes,
		StandardECDSA: !c.Server.FastES256,
		Now:           now,
	}
}

// trustIn describes whose assertions are accepted, for whom, and by which keys or from
// where those come.
func trustIn(c *config.Config, a *config.App, i *config.Issuer) (string, error) {
	o := VerifierOptions(c, a, i, nil)
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %q %v %q %q", o.Issuer, o.Audience, o.Algorithms, o.TrustEmail, i.JWKSURL, i.DiscoveryURL)
	for _, k := range i.Static {
		public, err := x509.MarshalPKIXPublicKey(k.Public)
		if err != nil {
			return "", fmt.Errorf("key %q: %w", k.ID, err)
		}
		fmt.Fprintf(&b, " %q %x", k.ID, public)
	}
	return b.String(), nil
}

// Identify returns who sends a request. Of several issuers, the first whose header is
// there decides, together with the others that use the same header: each checks the
// assertion by its own keys and nothing else, so that no issuer's key ever verifies what
// claims to be another's. Identify does not look at the other headers.
//
// An app trusts each of its issuers with emails and groups. A rule asks for the issuer
// only by claims = { iss = [...] }.
func (a *App) Identify(ctx context.Context, r *Request) (Identity, *Refusal) {
	g := new(Grant)
	_, ref := a.identify(ctx, r, g)
	return g.Identity, ref
}

// Rules returns the rules of the app for people of an issuer, or nil.
func (a *App) Rules(issuer string) *mapping.Mapper {
	if s := a.sourceOf(issuer); s != nil {
		return s.mapper
	}
	return nil
}

// Reading returns how the claims of an issuer's assertions are read.
func (a *App) Reading(issuer string) mapping.Reading {
	if m := a.Rules(issuer); m != nil {
		return m.Reading()
	}
	return mapping.Reading{}
}

// identify notes in g who sends the request, and returns the rules for people of their
// issuer.
func (a *App) identify(ctx context.Context, r *Request, g *Grant) (*mapping.Mapper, *Refusal) {
	if r.As != nil {
		s := a.sourceOf(r.As.Issuer)
		if s == nil {
			return nil, &Refusal{Reason: Reason(verifier.ReasonIssuer), Err: fmt.Errorf("issuer %s is not one of the app's", r.As.Issuer)}
		}
		g.Identity, g.trust = *r.As, s.trust
		return s.mapper, nil
	}
	p, s, err := a.verify(ctx, r.In.Header)
	if err != nil {
		return nil, RefusalOf(err)
	}
	g.Identity, g.trust = Identity{p, s.issuer}, s.trust
	return s.mapper, nil
}

func (a *App) sourceOf(issuer string) *source {
	for i := range a.sources {
		if a.sources[i].issuer == issuer {
			return &a.sources[i]
		}
	}
	return nil
}

// verify returns the principal of a request, and the source whose assertion said so.
func (a *App) verify(ctx context.Context, h http.Header) (*verifier.Principal, *source, error) {
	deciding := a.sources[0].header
	for i := range a.sources {
		if s := &a.sources[i]; s.present(h) {
			deciding = s.header
			break
		}
	}
	var first error
	for i := range a.sources {
		s := &a.sources[i]
		if s.header != deciding {
			continue
		}
		p, err := s.verify(ctx, h)
		if err == nil {
			return p, s, nil
		}
		if first == nil || isKeyUnknown(first) {
			// The issuer that knows the key says what is wrong.
			first = err
		}
	}
	return nil, nil, first
}

func isKeyUnknown(err error) bool {
	var e *verifier.Error
	return errors.As(err, &e) && e.Reason == verifier.ReasonKeyUnknown
}
