package verifier

import (
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Defaults of Options.
const (
	// DefaultLeeway is how far two clocks may differ.
	DefaultLeeway = 60 * time.Second
	// DefaultMaxLifetime is far beyond the five minutes of Pomerium's assertions.
	DefaultMaxLifetime = 24 * time.Hour
	// DefaultMaxLifetimeOIDC is as long as sessions of Cloudflare Access can be.
	DefaultMaxLifetimeOIDC = 31 * 24 * time.Hour
	// DefaultMaxBytes bounds an assertion; one with 1,000 groups has 85 kB.
	DefaultMaxBytes = 128 << 10
)

// Options say what a Verifier insists on.
type Options struct {
	// Issuer is what "iss" must be; required. Pomerium writes the route's host,
	// or "https://host/" with jwt_issuer_format: uri.
	Issuer string
	// Audience is what "aud" must be, any one of these; required. Pomerium
	// writes the route's host. All routes share their keys, so the audience is
	// all that keeps one app's assertions from working at another.
	Audience []string
	// Algorithms that are accepted, from ES256 and RS256; nil: ES256.
	Algorithms []string
	// Leeway is how far the issuer's clock may be off, both ways; 0: 60 s,
	// negative: none.
	Leeway time.Duration
	// MaxLifetime is how far away "exp" may be: whoever finds an assertion in a log
	// or a backup must not be somebody for years. 0: 24 h, or of NewOIDC 31 days;
	// negative: any.
	MaxLifetime time.Duration
	// GoogleIAP: the assertions are Google's Identity-Aware Proxy's. An email counts
	// only of Google's own accounts, or if the external identity's is verified, and
	// never with the prefix that names the tenant.
	GoogleIAP bool
	// TrustEmail keeps the email of an ID token that does not say whether it is
	// verified. Only for NewOIDC, and only for a provider that lets nobody choose
	// their own: otherwise anyone can be anyone.
	TrustEmail bool
	// StandardECDSA has crypto/ecdsa check every ES256 signature. Without it, a
	// key in use gets a table of its multiples, of 0.8 MB, with which a check
	// takes less than half the time and has the same verdict. It is implied in
	// FIPS 140-3 mode: the tables are outside Go's validated module.
	StandardECDSA bool
	// MaxBytes bounds the assertion's length; 0: 128 KiB.
	MaxBytes int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Verifier verifies the assertions of one issuer for one app. It is safe for
// concurrent use.
type Verifier struct {
	keys     KeySource
	o        Options
	idTokens bool // made by NewOIDC
}

// New returns a Verifier. There is no default for issuer and audience and no
// trust on first use: without both, every app's assertions would pass.
func New(keys KeySource, o Options) (*Verifier, error) {
	if keys == nil {
		return nil, errors.New("creating verifier: no key source")
	}
	if o.Issuer == "" || len(o.Audience) == 0 || slices.Contains(o.Audience, "") {
		return nil, errors.New("creating verifier: issuer and audience are required")
	}
	return newVerifier(keys, o)
}

// newVerifier fills in the defaults.
func newVerifier(keys KeySource, o Options) (*Verifier, error) {
	o.Audience, o.Algorithms = slices.Clone(o.Audience), slices.Clone(o.Algorithms)
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{ES256}
	}
	for _, a := range o.Algorithms {
		if a != ES256 && a != RS256 {
			return nil, fmt.Errorf("creating verifier: algorithm %q is neither ES256 nor RS256", a)
		}
	}
	switch {
	case o.Leeway == 0:
		o.Leeway = DefaultLeeway
	case o.Leeway < 0:
		o.Leeway = 0
	}
	if o.MaxLifetime == 0 {
		o.MaxLifetime = DefaultMaxLifetime
	}
	o.StandardECDSA = o.StandardECDSA || fips140.Enabled()
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Verifier{keys: keys, o: o}, nil
}

// VerifyHeader verifies the assertion in a request's header. There must be
// exactly one non-empty value: of two, no choice is right. name is the
// header's canonical name.
func (v *Verifier) VerifyHeader(ctx context.Context, h http.Header, name string) (*Principal, error) {
	values := h[name]
	if len(values) > 1 {
		return nil, refuse(ReasonDuplicate, "%d values of the assertion header", len(values))
	}
	if len(values) == 0 {
		return nil, refuse(ReasonMissing, "no assertion header")
	}
	return v.Verify(ctx, values[0])
}

// Verify checks an assertion and returns its principal. The error is always an
// *Error. The order of the checks is in the package comment.
func (v *Verifier) Verify(ctx context.Context, assertion string) (*Principal, error) {
	if assertion == "" {
		return nil, refuse(ReasonMissing, "empty assertion")
	}
	if len(assertion) > v.o.MaxBytes {
		return nil, refuse(ReasonTooLarge, "%d bytes, over the limit of %d", len(assertion), v.o.MaxBytes)
	}
	if v.idTokens {
		return v.verifyIDToken(ctx, assertion)
	}
	payload, err := v.verifySignature(ctx, assertion)
	if err != nil {
		return nil, err
	}
	c, refusal := parseClaims(payload)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := v.checkClaims(c); refusal != nil {
		return nil, refusal
	}
	if v.o.GoogleIAP {
		c.principal.keepGoogleEmail()
	}
	return c.principal, nil
}

// verifySignature returns the payload that was signed.
func (v *Verifier) verifySignature(ctx context.Context, assertion string) ([]byte, error) {
	c, refusal := parseCompact(assertion)
	if refusal != nil {
		return nil, refusal
	}
	if err := v.checkAlgorithm(&c); err != nil {
		return nil, err
	}
	key, err := v.key(ctx, &c)
	if err != nil {
		return nil, err
	}
	if err := v.checkSignature(key, &c); err != nil {
		return nil, err
	}
	return c.payload, nil
}

func (v *Verifier) checkAlgorithm(c *compact) error {
	if !slices.Contains(v.o.Algorithms, c.algorithm) {
		return refuse(ReasonAlgorithm, "header's algorithm is not one of %q", v.o.Algorithms)
	}
	return nil
}

// key finds the key that the header names. It must be for the algorithm that
// the header names: an RSA key is not an HMAC secret.
func (v *Verifier) key(ctx context.Context, c *compact) (Key, error) {
	key, err := v.keys.Key(ctx, c.keyID)
	if err != nil {
		if e := (*Error)(nil); errors.As(err, &e) {
			return Key{}, e
		}
		return Key{}, &Error{Reason: ReasonKeysUnavailable, Err: err}
	}
	if key.other != nil && key.other.Algorithm == c.algorithm {
		key = *key.other
	}
	if key.Algorithm != c.algorithm {
		return Key{}, refuse(ReasonAlgorithm, "key is for %s, header says otherwise", key.Algorithm)
	}
	return key, nil
}

func (v *Verifier) checkSignature(key Key, c *compact) error {
	check := checkSignature
	if key.fast.isFor(key) && !v.o.StandardECDSA {
		check = key.fast.check
	}
	if err := check(key, c.signingInput, c.signature); err != nil {
		return refuse(ReasonSignature, "signature does not verify")
	}
	return nil
}

func (v *Verifier) checkClaims(c *claims) *Error {
	now := v.o.Now()
	for i := range claimChecks {
		if err := claimChecks[i].check(v, c, now); err != nil {
			return err
		}
	}
	return nil
}

// claimCheck is one check of the claims of an assertion whose signature is good.
type claimCheck struct {
	name  string
	check func(v *Verifier, c *claims, now time.Time) *Error
}

// claimChecks are asked in this order.
var claimChecks = [...]claimCheck{
	{"issuer", (*Verifier).checkIssuer},
	{"audience", (*Verifier).checkAudience},
	{"expiry", (*Verifier).checkExpiry},
	{"lifetime", (*Verifier).checkLifetime},
	{"not before", (*Verifier).checkNotBefore},
	{"issued at", (*Verifier).checkIssuedAt},
	{"subject", (*Verifier).checkSubject},
}

func (v *Verifier) checkIssuer(c *claims, _ time.Time) *Error {
	if !equalHost(c.issuer, v.o.Issuer) {
		return refuse(ReasonIssuer, "iss is not %q", v.o.Issuer)
	}
	return nil
}

func (v *Verifier) checkAudience(c *claims, _ time.Time) *Error {
	if !slices.ContainsFunc(c.audience, func(a string) bool {
		return slices.ContainsFunc(v.o.Audience, func(want string) bool { return equalHost(a, want) })
	}) {
		return refuse(ReasonAudience, "aud is not %q", v.o.Audience)
	}
	return nil
}

func (v *Verifier) checkExpiry(c *claims, now time.Time) *Error {
	switch {
	case c.expires.IsZero():
		return refuse(ReasonClaims, "exp is missing")
	case !now.Before(c.expires.Add(v.o.Leeway)):
		return refuse(ReasonExpired, "expired %s ago", now.Sub(c.expires).Round(time.Second))
	}
	return nil
}

func (v *Verifier) checkLifetime(c *claims, now time.Time) *Error {
	if v.o.MaxLifetime > 0 && c.expires.After(now.Add(v.o.MaxLifetime+v.o.Leeway)) {
		return refuse(ReasonLifetime, "exp is %s ahead, and at most %s is accepted", c.expires.Sub(now).Round(time.Second), v.o.MaxLifetime)
	}
	return nil
}

func (v *Verifier) checkNotBefore(c *claims, now time.Time) *Error {
	if now.Add(v.o.Leeway).Before(c.notBefore) {
		return refuse(ReasonNotYetValid, "nbf is %s ahead", c.notBefore.Sub(now).Round(time.Second))
	}
	return nil
}

func (v *Verifier) checkIssuedAt(c *claims, now time.Time) *Error {
	if now.Add(v.o.Leeway).Before(c.issuedAt) {
		return refuse(ReasonNotYetValid, "iat is %s ahead", c.issuedAt.Sub(now).Round(time.Second))
	}
	return nil
}

func (v *Verifier) checkSubject(c *claims, _ time.Time) *Error {
	if strings.ContainsFunc(c.principal.Subject, seen) {
		return nil
	}
	if name, _ := c.principal.Claims["common_name"].(string); name != "" && c.principal.Subject == "" {
		return refuse(ReasonServiceToken, "sub is empty, and common_name is not: a service token of Cloudflare Access, which is nobody's")
	}
	if c.principal.Subject != "" {
		return refuse(ReasonSubjectEmpty, "sub has nothing in it that can be seen")
	}
	return refuse(ReasonSubjectEmpty, "sub is empty: it names nobody, as Pomerium's do for anonymous requests on a public route")
}

// seen is true of characters that somebody can see.
func seen(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) &&
		!unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// equalHost compares as host names are compared: ASCII letters without case,
// everything else exactly. Pomerium copies the host as the client spelt it.
// strings.EqualFold would let "K" (U+212A) stand for "k".
func equalHost(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerASCII(a[i]) != lowerASCII(b[i]) {
			return false
		}
	}
	return true
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
