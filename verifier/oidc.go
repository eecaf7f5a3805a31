package verifier

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// NewOIDC returns a Verifier for the ID tokens of an OpenID provider, for
// machine clients and for identity-aware proxies other than Pomerium. keys is
// usually a Provider. Everything that New's Verifier does holds, except:
//
//   - Options.Issuer is the provider's issuer URL and Options.Audience are
//     client IDs; both are compared exactly, without folding case. Of several
//     audiences in one ID token, "azp" must say which one it was issued to, and
//     that must be one of Options.Audience.
//   - Options.Algorithms may be nil: then a key of either kind is accepted, with
//     the one algorithm that it is for.
//   - "iat" is required.
//   - The header may have further members, for information. Those that change
//     what is verified, or with what, are refused: crit, b64, zip, jwk, jku,
//     x5u, x5c. So is a typ that names another kind of JWT, such as at+jwt.
//   - An "email" is removed from the Principal, from its Claims too, unless
//     "email_verified" is true, or is absent and Options.TrustEmail is set: with
//     many providers anyone can register under somebody else's address.
//   - Claims are nested as the provider nests them; there are no dotted keys.
//
// "nonce" and "at_hash" belong to the sign-in of whoever requested the ID token
// and are not checked. Providers that sign access tokens with the same keys and
// do not mark them (RFC 9068 has them marked) leave only the audience to tell
// the two apart.
func NewOIDC(keys KeySource, o Options) (*Verifier, error) {
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{ES256, RS256}
	}
	if o.MaxLifetime == 0 {
		o.MaxLifetime = DefaultMaxLifetimeOIDC
	}
	v, err := New(keys, o)
	if err != nil {
		return nil, err
	}
	v.idTokens = true
	return v, nil
}

// verifyIDToken makes every check itself, strictly and with a reason, and then
// has go-oidc read the same bytes with parsers of its own. Both must agree:
// what one reader takes for something else, the other refuses.
func (v *Verifier) verifyIDToken(ctx context.Context, assertion string) (*Principal, error) {
	signed, header, refusal := splitCompact(assertion)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := signed.readIDTokenHeader(header); refusal != nil {
		return nil, refusal
	}
	if err := v.checkAlgorithm(&signed); err != nil {
		return nil, err
	}
	key, err := v.key(ctx, &signed)
	if err != nil {
		return nil, err
	}
	if err := v.checkSignature(key, &signed); err != nil {
		return nil, err
	}
	c, refusal := readClaims(signed.payload)
	if refusal != nil {
		return nil, refusal
	}
	clientID, refusal := v.checkIDToken(c)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := v.askGoOIDC(ctx, assertion, signed, c, clientID); refusal != nil {
		return nil, refusal
	}
	dropUnverifiedEmail(c.principal, v.o.TrustEmail)
	return c.principal, nil
}

// readIDTokenHeader is readHeader for the headers of real providers, which say
// more than alg, kid and typ (x5t, for one). What is not refused here is not
// looked at anywhere.
func (c *compact) readIDTokenHeader(members map[string]any) *Error {
	read := []string{"alg", "kid", "typ"}
	refused := []string{"crit", "b64", "zip", "jwk", "jku", "x5u", "x5c"}
	for name := range members {
		if isCaseVariant(name, read) {
			return refuse(ReasonMalformed, "a header member differs from a known one only by case")
		}
		for _, r := range refused {
			if strings.EqualFold(name, r) {
				return refuse(ReasonMalformed, "header has %s", r)
			}
		}
	}
	if typ, present := members["typ"]; present {
		text, isString := typ.(string)
		if !isString {
			return refuse(ReasonMalformed, "header member is not a string")
		}
		// RFC 8725 §3.11: at+jwt is an access token, logout+jwt a logout token,
		// and there will be others. An ID token has no such type.
		if strings.Contains(strings.ToLower(text), "+jwt") {
			return refuse(ReasonMalformed, "header's typ is of another kind of JWT than an ID token")
		}
	}
	maps.DeleteFunc(members, func(name string, _ any) bool { return name != "alg" && name != "kid" })
	return c.readHeader(members)
}

// oidcClaims are further claims that this file or go-oidc reads.
func oidcClaims() []string {
	return []string{"azp", "email_verified", "events", "hasgroups", "typ", "token_use", "scp", "nonce", "at_hash", "_claim_names", "_claim_sources"}
}

// checkIDToken checks the claims as OpenID Connect Core §3.1.3.7 has it, and
// returns which of our client IDs the ID token is for.
func (v *Verifier) checkIDToken(c *claims) (clientID string, _ *Error) {
	if err := checkKind(c.principal.Claims); err != nil {
		return "", refuse(ReasonClaims, "%w", err)
	}
	if c.issuer != v.o.Issuer {
		return "", refuse(ReasonIssuer, "iss is not %q", v.o.Issuer)
	}
	clientID, refusal := v.findClientID(c)
	if refusal != nil {
		return "", refusal
	}
	if c.issuedAt.IsZero() {
		return "", refuse(ReasonClaims, "iat is missing")
	}
	now := v.o.Now()
	for _, check := range []func(*claims, time.Time) *Error{v.checkExpiry, v.checkLifetime, v.checkNotBefore, v.checkIssuedAt, v.checkSubject} {
		if refusal := check(c, now); refusal != nil {
			return "", refusal
		}
	}
	return clientID, nil
}

// checkKind refuses what is signed by the same keys but is no ID token, and ID
// tokens that leave out what decisions are made of.
func checkKind(members map[string]any) error {
	for name := range members {
		if isCaseVariant(name, oidcClaims()) {
			return errors.New("a claim's name differs from a known one only by case")
		}
	}
	// Keycloak says here, and not in the header, what it has signed: "ID",
	// "Bearer" (an access token), "Refresh", "Logout".
	if typ, present := members["typ"]; present && typ != "ID" && typ != "JWT" {
		return errors.New("typ is of another kind of JWT than an ID token")
	}
	// Cognito says so in token_use. Okta and Entra ID say nowhere that they have signed
	// an access token, but only such have scp.
	if use, present := members["token_use"]; present && use != "id" {
		return errors.New("token_use is of another kind of token than an ID token")
	}
	if _, present := members["scp"]; present {
		return errors.New("scp makes it an access token, and not an ID token")
	}
	if _, present := members["events"]; present {
		return errors.New("events makes it a logout token or another security event")
	}
	// Entra ID leaves out the groups of a person who is in many. To take that
	// for no groups would let them past every rule that names groups to refuse.
	if some := members["hasgroups"]; members["groups"] == nil && some != nil && some != false {
		return errors.New("groups are left out (hasgroups): have the provider send those assigned to the application only")
	}
	elsewhere, _ := members["_claim_names"].(map[string]any)
	for name := range elsewhere {
		if slices.ContainsFunc(known[:], func(k string) bool { return strings.EqualFold(name, k) }) {
			return errors.New("a claim is to be fetched from elsewhere (_claim_names): " +
				"have the provider send fewer groups, such as those assigned to the application only")
		}
	}
	return nil
}

// findClientID returns the first of Options.Audience that the ID token is for.
func (v *Verifier) findClientID(c *claims) (string, *Error) {
	i := slices.IndexFunc(v.o.Audience, func(ours string) bool { return slices.Contains(c.audience, ours) })
	if i < 0 {
		return "", refuse(ReasonAudience, "aud is not %q", v.o.Audience)
	}
	// Every audience of an ID token can send it on to the others. Only azp
	// tells whether it was us whom the person, or the machine, dealt with. With
	// one audience it says nothing: Google puts the requesting client there.
	if len(c.audience) > 1 {
		if azp, _ := c.principal.Claims["azp"].(string); !slices.Contains(v.o.Audience, azp) {
			return "", refuse(ReasonAudience, "aud names several, and azp is not %q", v.o.Audience)
		}
	}
	return v.o.Audience[i], nil
}

// askGoOIDC has go-oidc verify an ID token whose signature and claims have been
// checked. Its errors quote claims, so their text stays here.
func (v *Verifier) askGoOIDC(ctx context.Context, assertion string, signed compact, c *claims, clientID string) *Error {
	keys := &verifiedKeySet{assertion: assertion, payload: signed.payload}
	token, err := oidc.NewVerifier(v.o.Issuer, keys, &oidc.Config{
		ClientID:             clientID,
		SupportedSigningAlgs: v.o.Algorithms,
		// It knows no leeway for exp and five minutes for nbf, and does not
		// look at iat: checkIDToken has.
		SkipExpiryCheck: true,
	}).Verify(ctx, assertion)
	switch {
	case err != nil && !keys.asked:
		return refuse(ReasonMalformed, "go-oidc refuses the header")
	case err != nil || token.Subject != c.principal.Subject:
		return refuse(ReasonClaims, "go-oidc refuses the claims")
	}
	return nil
}

// verifiedKeySet is the oidc.KeySet of one assertion whose signature has been
// verified. oidc.RemoteKeySet would fetch keys, without bounds, for every
// assertion that fails.
type verifiedKeySet struct {
	assertion string
	payload   []byte
	asked     bool
}

// VerifySignature vouches for that one assertion only.
func (k *verifiedKeySet) VerifySignature(_ context.Context, assertion string) ([]byte, error) {
	k.asked = true
	if assertion != k.assertion {
		return nil, errors.New("not the assertion that was verified")
	}
	return k.payload, nil
}

// dropUnverifiedEmail: the address is removed from the claims, too, since rules
// and adapters can name any claim. Some providers write booleans as strings.
func dropUnverifiedEmail(p *Principal, trust bool) {
	verified, present := p.Claims["email_verified"]
	if verified == true || verified == "true" || !present && trust {
		return
	}
	p.Email = ""
	delete(p.Claims, "email")
}
