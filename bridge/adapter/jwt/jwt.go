// Package jwt is the adapter kind for apps that read who somebody is from a
// signed token (RFC 7519). It mints one for each request, or with reuse for each
// half minute or so of a person's requests, with a key of the bridge's own.
//
// # What keeps a token from passing for something else
//
// An app that is given a token holds a credential, and must be able to enter
// nothing with it but itself:
//
//   - It is signed with a key that no issuer has; package config compares them.
//   - Its audience is the app's name, and never the app's host, which is the
//     audience of assertions; likewise its issuer.
//   - Its typ is "ssobridge+jwt", which package verifier refuses, as it does
//     every typ but JWT. An app that insists on "JWT" is left with the two above.
//   - It lives for a minute and never longer than the assertion it was made for.
//   - A secret that signs is one app's alone; package config compares them.
//
// # Claims
//
// The vocabulary is closed, as that of package headers: a claim has a source,
// the app's words for it, a type, and what to do with values that do not fit.
// There are no templates, so that nothing in an assertion can become structure.
package jwt

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/jws"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Options are the kind's options in a preset or under [adapter.NAME].
type Options struct {
	// Header is the header that carries the token, or Cookie the cookie.
	Header string `toml:"header"`
	Cookie string `toml:"cookie"`
	// Prefix stands before the token in the header, such as "Bearer ".
	Prefix string `toml:"prefix"`

	// Keys are the bridge's keys, one PEM file each: P-256 (ES256), RSA (RS256)
	// or Ed25519 (EdDSA). The first signs; all are published, so that apps know a
	// new key before it signs and an old one while its tokens live. All but the
	// first may be public keys.
	Keys []adapter.PrivateKey `toml:"keys"`
	// KeyTypes are the types of keys that the app reads, as JWKs name them: "EC",
	// "OKP" (Ed25519), "RSA"; empty: all. One of another type among the published
	// keys can be enough for an app to read none.
	KeyTypes []string `toml:"key_types"`
	// Secret, instead of Keys, is a text of at least 32 bytes that the app and the
	// bridge share (HS256). The app could then sign too: prefer Keys.
	Secret adapter.Secret `toml:"secret"`

	// Issuer is the "iss" claim; empty: "ssobridge".
	Issuer string `toml:"issuer"`
	// Audience is the "aud" claim; empty: the app's name.
	Audience string `toml:"audience"`
	// Type is the header's typ; empty: "ssobridge+jwt". It is for apps that insist
	// on another one, such as "JWT".
	Type string `toml:"type"`
	// Lifetime is how long a token is good for, unless its assertion ends before;
	// 0: one minute.
	Lifetime time.Duration `toml:"lifetime"`
	// Backdate makes "iat" earlier, for apps that refuse tokens which by their own
	// clock were made a moment from now; 0: it is when the token is made.
	Backdate time.Duration `toml:"backdate"`
	// Reuse is for how long the same token is sent again to who would be sent the
	// same claims, for apps that keep what they know of a token, and where
	// signatures are slow (RSA); 0: each request has its own. At most half of
	// Lifetime.
	Reuse time.Duration `toml:"reuse"`

	// Claims are the claims by name, besides iss, aud, iat, exp and jti. Without
	// "sub" there, it is the subject.
	Claims map[string]Claim `toml:"claims"`
	// Omit names claims of the preset that are not to be sent.
	Omit []string `toml:"omit"`
	// Domains are the email domains whose addresses may be shortened to their
	// local part (from = "email_local").
	Domains []string `toml:"domains"`
	// OneNamespace says of several Domains that a local part is the same person in each.
	OneNamespace bool `toml:"one_namespace"`

	// Strip names headers that are removed from every request although the adapter
	// never sets them, "X-Extra-*" all that begin so; StripCookies cookies.
	Strip        []string `toml:"strip"`
	StripCookies []string `toml:"strip_cookies"`
	// StripQuery names query parameters that are removed from every address.
	StripQuery []string `toml:"strip_query"`
}

const (
	defaultIssuer   = "ssobridge"
	defaultType     = "ssobridge+jwt"
	defaultLifetime = time.Minute
	minLifetime     = 10 * time.Second
	maxLifetime     = time.Hour
	maxBackdate     = time.Minute
	minReuse        = time.Second
)

// New returns empty options for package config to decode into.
func New() adapter.Options { return &Options{} }

// jwtAdapter is the opened kind.
type jwtAdapter struct {
	header   string // canonical; empty: cookie
	cookie   string
	prefix   string
	signer   *jws.Signer // nil: opened to look at
	start    []byte      // of the payload: the claims that are always the same
	claims   *document.Document
	lifetime time.Duration
	backdate time.Duration
	reuse    *reuse // nil: each request has its own

	owned      adapter.Owned
	keys       []crypto.PublicKey
	secret     [sha256.Size]byte // its hash; zero: keys sign, or none
	public     map[string]http.Handler
	attributes []string
	told       []adapter.Told
}

var (
	_ adapter.Adapter       = (*jwtAdapter)(nil)
	_ adapter.AttributeUser = (*jwtAdapter)(nil)
	_ adapter.KeyOwner      = (*jwtAdapter)(nil)
	_ adapter.Publisher     = (*jwtAdapter)(nil)
	_ adapter.SecretSharer  = (*jwtAdapter)(nil)
	_ adapter.Identifier    = (*jwtAdapter)(nil)
)

// Open checks the options and returns the adapter.
func (o *Options) Open(env adapter.Env) (adapter.Adapter, error) {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, &adapter.OptionError{Key: key, Problem: fmt.Sprintf(format, args...)})
	}
	a := &jwtAdapter{prefix: o.Prefix, lifetime: cmp.Or(o.Lifetime, defaultLifetime), backdate: o.Backdate}
	if o.Reuse > 0 {
		a.reuse = newReuse(o.Reuse)
	}
	o.checkStanding(env, fail)
	o.carrier(a, env, fail)
	o.openKeys(a, env, fail)
	o.openClaims(a, env, fail)
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return a, nil
}

// checkStanding checks the claims that do not depend on a person.
func (o *Options) checkStanding(env adapter.Env, fail value.Fail) {
	if o.Lifetime != 0 && (o.Lifetime < minLifetime || o.Lifetime > maxLifetime) {
		fail("lifetime", `%s is not between 10 seconds and an hour; "1m" suits apps that check each request`, o.Lifetime)
	}
	if o.Backdate < 0 || o.Backdate > maxBackdate {
		fail("backdate", `%s is not between 0 and a minute; "10s" is more than clocks differ by that are set by NTP`, o.Backdate)
	}
	if most := cmp.Or(o.Lifetime, defaultLifetime) / 2; o.Reuse != 0 && (o.Reuse < minReuse || o.Reuse > most) {
		fail("reuse", `%s is not between a second and %s, half of lifetime; what is sent again must be good for a while still`, o.Reuse, value.DescribeDuration(most))
	}
	for _, text := range []struct{ key, value string }{{"issuer", o.Issuer}, {"audience", o.Audience}} {
		switch {
		case value.HasControl(text.value) || strings.TrimSpace(text.value) != text.value:
			fail(text.key, "has control characters, or white space around it")
		case text.value != "" && isHost(text.value, env.Host):
			// The app, or whoever it logs to, could bring it back as an assertion.
			fail(text.key, "%q is what assertions for this app have; a token must differ, so choose another", text.value)
		}
	}
	if strings.ContainsFunc(o.Type, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		fail("type", `%q is no media type; leave it out, or write such as "JWT" or "at+jwt"`, o.Type)
	}
	value.CheckDomains(o.Domains, o.OneNamespace, document.Uses(o.Claims, "email_local"), "claims", fail)
}

// isHost reports whether text is a host in one of the forms in which assertions
// name it.
func isHost(text, host string) bool {
	text = strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(text), "https://"), "/")
	return strings.TrimSuffix(text, ".") == host
}

// carrier sets what carries the token, and what is owned.
func (o *Options) carrier(a *jwtAdapter, env adapter.Env, fail value.Fail) {
	sent := make(map[string]string)
	switch {
	case o.Header != "" && o.Cookie != "":
		fail("cookie", "beside header: the token goes one way; keep one of them")
	case o.Cookie != "":
		if problem := value.CheckCookie(o.Cookie); problem != "" {
			fail("cookie", "%q %s", o.Cookie, problem)
		}
		if o.Prefix != "" {
			fail("prefix", "is for a header; remove it")
		}
		a.cookie = o.Cookie
		a.owned.Cookies = []string{o.Cookie}
	case o.Header == "":
		fail("header", `missing: say which header carries the token, such as "X-JWT-Assertion", or which cookie`)
	default:
		if problem := value.CheckName(o.Header); problem != "" {
			fail("header", "%q %s", o.Header, problem)
		}
		a.header = http.CanonicalHeaderKey(o.Header)
		sent[adapter.FoldName(o.Header)] = "header"
		a.owned.Headers = []string{a.header}
		if env.ReadSecrets {
			a.owned.Secrets = a.owned.Headers
		}
	}
	if strings.ContainsFunc(o.Prefix, func(r rune) bool { return r < ' ' || r > '~' }) || strings.HasPrefix(o.Prefix, " ") {
		fail("prefix", `%q; write a scheme and a space, such as "Bearer "`, o.Prefix)
	}
	value.Strip(&a.owned, o.Strip, o.StripCookies, value.NotAbove(sent, env), fail)
	value.StripQuery(&a.owned, o.StripQuery, fail)
}

// Owns lists what carries the token, and what is stripped.
func (a *jwtAdapter) Owns() adapter.Owned { return a.owned }

// Attributes lists the attributes of decisions that are sent.
func (a *jwtAdapter) Attributes() []string { return a.attributes }

// Told lists the claims.
func (a *jwtAdapter) Told() []adapter.Told { return a.told }

// PublicKeys returns the keys that sign or may sign.
func (a *jwtAdapter) PublicKeys() []crypto.PublicKey { return a.keys }

// SharedSecret returns a hash of the secret that signs.
func (a *jwtAdapter) SharedSecret() (hash [sha256.Size]byte, shares bool) {
	return a.secret, a.secret != [sha256.Size]byte{}
}

// Public serves the keys.
func (a *jwtAdapter) Public() map[string]http.Handler { return a.public }

// shownStart stands before the claims where a person, not an app, reads them.
const shownStart = "(token) "

// Adapt mints a token. An adapter that was opened to look at has no key: it says
// what would be in one.
func (a *jwtAdapter) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	ends, err := a.ends(&in)
	if err != nil {
		return adapter.Output{}, err
	}
	claims, err := a.claims.Append(append(make([]byte, 0, 768), '{'), &in, nil)
	if err != nil {
		return adapter.Output{}, err
	}
	claims = append(claims, '}')
	if a.signer == nil {
		return a.output(shownStart + string(ascii(a.payload(&in, ends, claims)))), nil
	}
	if a.reuse == nil {
		text, err := a.mint(&in, ends, claims)
		return a.output(text), err
	}
	key, assertionEnds := sha256.Sum256(claims), int64(math.MaxInt64)
	if at := in.Principal.ExpiresAt; !at.IsZero() {
		assertionEnds = at.Unix()
	}
	if text, found := a.reuse.find(key, in.Time, ends, assertionEnds); found {
		return a.output(text), nil
	}
	text, err := a.mint(&in, ends, claims)
	if err == nil {
		a.reuse.keep(key, in.Time, minted{text: text, at: in.Time.Unix(), ends: ends})
	}
	return a.output(text), err
}

// mint signs a token, and returns it as it is sent.
func (a *jwtAdapter) mint(in *adapter.Input, ends int64, claims []byte) (string, error) {
	payload := a.payload(in, ends, claims)
	token := make([]byte, 0, len(a.prefix)+2*len(payload)+512)
	token, err := a.signer.Sign(append(token, a.prefix...), payload)
	return string(token), err
}

func (a *jwtAdapter) output(text string) adapter.Output {
	if text == "" {
		return adapter.Output{}
	}
	if a.header != "" {
		return adapter.Output{Header: http.Header{a.header: {text}}}
	}
	if a.signer == nil {
		text = adapter.HiddenSecret // a cookie's value has no room for claims
	}
	return adapter.Output{Cookies: []*http.Cookie{{Name: a.cookie, Value: text}}} //nolint:gosec // G124: in requests, cookies have no attributes
}

// payload returns all claims as JSON. Claims are those that say who somebody is,
// an object; the subject is always one of them.
func (a *jwtAdapter) payload(in *adapter.Input, ends int64, claims []byte) []byte {
	b := append(make([]byte, 0, len(a.start)+len(claims)+128), a.start...)
	b = document.AppendNumber(append(b, `,"iat":`...), in.Time.Add(-a.backdate).Unix())
	b = document.AppendNumber(append(b, `,"exp":`...), ends)
	if a.signer != nil {
		b = document.AppendString(append(b, `,"jti":`...), rand.Text())
	}
	return append(append(b, ','), claims[1:]...)
}

// ends returns when the token ends, in seconds. No token outlives the assertion
// that it was made for: who loses access at the identity provider loses it in the
// app.
func (a *jwtAdapter) ends(in *adapter.Input) (int64, error) {
	ends := in.Time.Add(a.lifetime)
	if assertion := in.Principal.ExpiresAt; !assertion.IsZero() && assertion.Before(ends) {
		ends = assertion
	}
	if ends.Unix() <= in.Time.Unix() {
		return 0, fmt.Errorf("%w: the assertion ends now, and a token must not outlive it", adapter.ErrUnsendable)
	}
	return ends.Unix(), nil
}
