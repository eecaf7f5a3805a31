package jwt

import (
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Claim says what one claim holds. There are no lists of claims and no lookups.
type Claim = document.Field

// standing are the claims that the kind itself sets.
var standing = []string{"iss", "aud", "iat", "exp", "nbf", "jti"}

// openClaims compiles the claims.
func (o *Options) openClaims(a *jwtAdapter, env adapter.Env, fail value.Fail) {
	issuer, audience := o.Issuer, o.Audience
	if issuer == "" {
		issuer = defaultIssuer
	}
	if audience == "" {
		audience = env.App
	}
	a.start = document.AppendString([]byte(`{"iss":`), issuer)
	a.start = document.AppendString(append(a.start, `,"aud":`...), audience)

	for _, name := range o.Omit {
		if _, known := o.Claims[name]; !known || name == "sub" {
			fail("omit", "%q is no claim of this adapter that can be left out; it has %s", name, strings.Join(slices.Sorted(maps.Keys(o.Claims)), ", "))
		}
	}
	claims := maps.Clone(o.Claims)
	if claims == nil {
		claims = make(map[string]Claim, 1)
	}
	sub, has := claims["sub"]
	if !has {
		sub.From = "subject"
	}
	sub.Required = true
	claims["sub"] = sub
	c := document.NewCompiler(document.Rules{Env: env, Fail: fail, Noun: "claim", Domains: o.Domains})
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		key := "claims." + name
		claim := claims[name]
		switch {
		case slices.Contains(standing, name):
			fail(key, "%q is for the bridge to set; issuer, audience and lifetime say how", name)
			continue
		case slices.Contains(o.Omit, name):
			continue
		case name == "sub" && (claim.Type != "" && claim.Type != "string" || claim.Object != nil || claim.SendsList()):
			fail(key, "a subject is one text (RFC 7519 §4.1.2)")
		}
		c.Add(key, name, &claim)
	}
	a.claims, a.attributes = c.Document(), c.Attributes()
	a.told = document.Told("claims", claims, o.Omit, nil)
}
