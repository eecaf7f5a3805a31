package verifier

import "fmt"

// Reason says why an assertion was refused. There is one per check, and it is
// fit for a log or a metric label: it is from a fixed set and holds nothing
// that a client sent.
type Reason string

// The reasons, in the order in which Verify checks.
const (
	// ReasonMissing: there is no assertion, or an empty one.
	ReasonMissing Reason = "assertion_missing"
	// ReasonDuplicate: the request carries more than one assertion.
	ReasonDuplicate Reason = "assertion_duplicate"
	// ReasonTooLarge: the assertion is longer than Options.MaxBytes.
	ReasonTooLarge Reason = "assertion_too_large"
	// ReasonMalformed: not a JWS in strict compact serialisation.
	ReasonMalformed Reason = "assertion_malformed"
	// ReasonAlgorithm: the header's algorithm is not one of Options.Algorithms,
	// or not the one that the key is for.
	ReasonAlgorithm Reason = "algorithm_not_allowed"
	// ReasonKeyUnknown: the issuer publishes no key of this key ID.
	ReasonKeyUnknown Reason = "key_unknown"
	// ReasonKeysUnavailable: the issuer's keys are not known, or older than
	// may be trusted. The fault is not the client's.
	ReasonKeysUnavailable Reason = "keys_unavailable"
	// ReasonSignature: the signature does not verify.
	ReasonSignature Reason = "signature_invalid"
	// ReasonClaims: the payload is not a JSON object with claims of the right
	// types, each once.
	ReasonClaims Reason = "claims_malformed"
	// ReasonIssuer: "iss" is not Options.Issuer.
	ReasonIssuer Reason = "issuer_mismatch"
	// ReasonAudience: "aud" names none of Options.Audience.
	ReasonAudience Reason = "audience_mismatch"
	// ReasonExpired: "exp" has passed.
	ReasonExpired Reason = "expired"
	// ReasonLifetime: "exp" is further away than Options.MaxLifetime.
	ReasonLifetime Reason = "lifetime_too_long"
	// ReasonNotYetValid: "nbf" or "iat" is still to come.
	ReasonNotYetValid Reason = "not_yet_valid"
	// ReasonSubjectEmpty: the assertion names nobody. Pomerium signs such
	// assertions for anonymous requests on public routes.
	ReasonSubjectEmpty Reason = "subject_empty"
	// ReasonServiceToken: the assertion is of a service token of Cloudflare Access,
	// which has a name of its own and no subject.
	ReasonServiceToken Reason = "service_token"
)

// Error is the error of every refused assertion.
type Error struct {
	Reason Reason
	// Err is the cause, for a log. It never contains the assertion, a key or a
	// claim's value.
	Err error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("verifying assertion: %s", e.Reason)
	}
	return fmt.Sprintf("verifying assertion: %s: %v", e.Reason, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

func refuse(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Err: fmt.Errorf(format, args...)}
}
