// Package verifier checks Pomerium's identity assertions and says whose they
// are.
//
// Pomerium signs a JWT for every request it lets through and sends it in the
// header X-Pomerium-Jwt-Assertion. [Verifier.Verify] takes that text and
// returns a [Principal], or an [*Error] with one typed [Reason]. The checks, in
// order; the first that fails decides:
//
//  1. present, once, and not over-long
//  2. strict compact serialisation (RFC 7515 §7.1): three parts of canonical
//     base64url without padding, nothing around them. JSON serialisations
//     never reach a library.
//  3. the protected header: a JSON object of alg, kid and typ, each at most
//     once and a string; so no crit, b64, jwk, jku, x5u or x5c
//  4. alg is on the list: ES256, RS256 or both, and nothing else ever
//  5. the key: an exact look-up of the key ID in the keys of this one issuer,
//     vetted when they were loaded; its own algorithm must equal the header's
//  6. the signature
//  7. the claims: JSON without duplicate or case-variant names, right types
//  8. iss and aud equal what is configured. They are never used to find keys,
//     and never taken from the first assertion that comes by.
//  9. exp (required), nbf and iat against one clock, with leeway
//  10. sub is not empty: Pomerium signs assertions for anonymous requests on
//     public routes too
//
// Keys come from a [KeySource]: [StaticKeys] from a file, [RemoteKeys] from a
// JWKS URL, or a [Provider] by OpenID discovery, fetched in the background so
// that no request waits for the network.
//
// [Verifier.Middleware] puts all of this in front of an http.Handler. [NewOIDC]
// verifies the ID tokens of an OpenID provider instead of Pomerium's assertions.
// [Inspect] makes the same checks for people to look at.
package verifier
