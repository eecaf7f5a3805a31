package decision

import (
	"context"
	"errors"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/request"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// Reason is why a request is refused. It goes to the log and the metrics. The reasons
// of package verifier count as well, under their own names.
type Reason string

// The reasons. Some are found out by whoever carries a granted request.
const (
	ReasonUnknownHost         Reason = "unknown_host"
	ReasonMethod              Reason = "method_not_allowed"
	ReasonMethodCase          Reason = "method_refused"
	ReasonTarget              Reason = "target_refused"
	ReasonHeader              Reason = "header_refused"
	ReasonFields              Reason = "too_many_headers"
	ReasonPathDenied          Reason = "path_denied"
	ReasonAppBusy             Reason = "app_busy"
	ReasonRate                Reason = "rate_limited"
	ReasonTooManyAtOnce       Reason = "too_many_at_once"
	ReasonBody                Reason = "body_too_large"
	ReasonBodyMalformed       Reason = "body_malformed"
	ReasonBodyIncomplete      Reason = "body_incomplete"
	ReasonSignedOut           Reason = "signed_out"
	ReasonNoRole              Reason = "no_role"
	ReasonDeniedByRule        Reason = "denied_by_rule"
	ReasonRulesExhausted      Reason = "rules_exhausted"
	ReasonChanged             Reason = "access_changed"
	ReasonUnsendable          Reason = "identity_unsendable"
	ReasonSignInRefused       Reason = "sign_in_refused"
	ReasonAdapterFailed       Reason = "adapter_failed"
	ReasonAppSignInFailed     Reason = "app_sign_in_failed"
	ReasonAppSignInBusy       Reason = "app_sign_in_busy"
	ReasonSessionsUnavailable Reason = "sessions_unavailable"
	ReasonCrossSite           Reason = "cross_site"
	ReasonPanic               Reason = "panic"
	ReasonUpstreamUnreachable Reason = "upstream_unreachable"
	ReasonUpstreamTimeout     Reason = "upstream_timeout"
	ReasonClientStalled       Reason = "client_stalled"
	ReasonClientGone          Reason = "client_gone"
	ReasonAnswerAborted       Reason = "answer_aborted" // nobody is left to be answered
)

// Refusal says that a request goes no further.
type Refusal struct {
	Reason Reason
	// Err is the cause, for the log. It may be nil.
	Err error
	// Principal is nil before an assertion has been verified.
	Principal *verifier.Principal
	// Decision is the zero value before the rules were asked.
	Decision mapping.Decision
	// RetryAfter is when to try again, in seconds. With 0, the reason decides.
	RetryAfter int
}

// AdaptError says that an adapter could not tell an app who somebody is, or broke its
// contract.
type AdaptError struct{ Err error }

func (e *AdaptError) Error() string { return "adapting: " + e.Err.Error() }

// Unwrap returns the adapter's error.
func (e *AdaptError) Unwrap() error { return e.Err }

// RefusalOf returns the refusal that an error of verification, of an adapter or of a
// session comes to.
func RefusalOf(err error) *Refusal {
	if e, ok := errors.AsType[*verifier.Error](err); ok {
		return &Refusal{Reason: Reason(e.Reason), Err: e.Err}
	}
	for _, known := range [...]struct {
		is     error
		reason Reason
	}{
		{adapter.ErrUnsendable, ReasonUnsendable},
		{adapter.ErrBadSignIn, ReasonSignInRefused},
		{adapter.ErrSignInFailed, ReasonAppSignInFailed},
		{session.ErrBusy, ReasonAppSignInBusy},
		{session.ErrStore, ReasonSessionsUnavailable},
		{context.Canceled, ReasonClientGone},
		{context.DeadlineExceeded, ReasonUpstreamTimeout},
	} {
		if errors.Is(err, known.is) {
			return &Refusal{Reason: known.reason, Err: err}
		}
	}
	return &Refusal{Reason: ReasonAdapterFailed, Err: err} // or a session that could not be started
}

// CheckWire refuses a request that servers behind the bridge would read in different
// ways.
func CheckWire(r *Request) *Refusal {
	switch err := request.CheckWire(r.In); {
	case err == nil:
		return nil
	case errors.Is(err, request.ErrMethod):
		return &Refusal{Reason: ReasonMethod}
	case errors.Is(err, request.ErrMethodCase):
		return &Refusal{Reason: ReasonMethodCase}
	case errors.Is(err, request.ErrFields):
		return &Refusal{Reason: ReasonFields}
	default:
		return &Refusal{Reason: ReasonHeader}
	}
}
