package bridge

import (
	"context"
	"errors"
	"net/http"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// refusal is why a request did not get its answer from the upstream. The reason
// goes to the log and the metrics; people get the fixed text of its status.
type refusal struct {
	reason    string
	err       error               // for the log; may be nil
	principal *verifier.Principal // nil before verification
	decision  mapping.Decision
	// retryAfter is in seconds; 0: the status decides.
	retryAfter int
}

// The reasons of the bridge itself; those of the verifier are its own.
const (
	reasonUnknownHost         = "unknown_host"
	reasonMethod              = "method_not_allowed"
	reasonTarget              = "target_refused"
	reasonHeader              = "header_refused"
	reasonMethodCase          = "method_refused"
	reasonFields              = "too_many_headers"
	reasonPathDenied          = "path_denied"
	reasonAppBusy             = "app_busy"
	reasonRate                = "rate_limited"
	reasonBody                = "body_too_large"
	reasonNoRole              = "no_role"
	reasonDenied              = "denied_by_rule"
	reasonChanged             = "access_changed"
	reasonUnsendable          = "identity_unsendable"
	reasonSignIn              = "sign_in_refused"
	reasonAdapter             = "adapter_failed"
	reasonAppSignIn           = "app_sign_in_failed"
	reasonBusy                = "app_sign_in_busy"
	reasonSessions            = "sessions_unavailable"
	reasonCrossSite           = "cross_site"
	reasonPanic               = "panic"
	reasonUpstreamUnreachable = "upstream_unreachable"
	reasonUpstreamTimeout     = "upstream_timeout"
	reasonStalled             = "client_stalled"
	reasonClientGone          = "client_gone"
	reasonAborted             = "answer_aborted" // there is nobody to answer any more
)

// adaptError marks errors of an adapter.
type adaptError struct{ err error }

func (e *adaptError) Error() string { return "adapting: " + e.err.Error() }
func (e *adaptError) Unwrap() error { return e.err }

func refusalOf(err error) *refusal {
	var (
		verifyErr *verifier.Error
		adaptErr  *adaptError
	)
	switch {
	case errors.As(err, &verifyErr):
		return &refusal{reason: string(verifyErr.Reason), err: verifyErr.Err}
	case errors.Is(err, adapter.ErrUnsendable):
		return &refusal{reason: reasonUnsendable, err: err}
	case errors.Is(err, adapter.ErrBadSignIn):
		return &refusal{reason: reasonSignIn, err: err}
	case errors.Is(err, adapter.ErrSignInFailed):
		return &refusal{reason: reasonAppSignIn, err: err}
	case errors.Is(err, session.ErrBusy):
		return &refusal{reason: reasonBusy, err: err}
	case errors.Is(err, session.ErrStore):
		return &refusal{reason: reasonSessions, err: err}
	case errors.Is(err, context.Canceled):
		return &refusal{reason: reasonClientGone, err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &refusal{reason: reasonUpstreamTimeout, err: err}
	case errors.As(err, &adaptErr):
		return &refusal{reason: reasonAdapter, err: err}
	default: // a session that could not be started
		return &refusal{reason: reasonAdapter, err: err}
	}
}

// answer is what a client gets for a kind of refusal: a status and fixed texts.
type answer struct {
	status  int
	outcome string
	code    string // for programs, in JSON
	title   string
	text    string
}

// The one table from reasons to answers. Every reason of an assertion has the
// same answer, so that nobody can probe which check failed.
func answerFor(reason string) answer {
	switch reason {
	case reasonUnknownHost:
		return answer{http.StatusMisdirectedRequest, telemetry.Refused, "unknown_host", "No such app",
			"No app is served under this host name."}
	case reasonMethod:
		return answer{http.StatusMethodNotAllowed, telemetry.Refused, "method_not_allowed", "Method not allowed",
			"This request method is not served."}
	case reasonTarget:
		return answer{http.StatusBadRequest, telemetry.Refused, "bad_target", "Bad address",
			"This address cannot be served."}
	case reasonHeader:
		return answer{http.StatusBadRequest, telemetry.Refused, "bad_request", "Bad request",
			"This request has a header that could be read in more than one way."}
	case reasonMethodCase:
		return answer{http.StatusBadRequest, telemetry.Refused, "bad_method", "Bad request",
			"Such a request method is written in capital letters."}
	case reasonFields:
		return answer{http.StatusRequestHeaderFieldsTooLarge, telemetry.Refused, "too_many_headers", "Too many headers",
			"This request has more header fields than are served."}
	case reasonPathDenied:
		return answer{http.StatusForbidden, telemetry.Refused, "path_denied", "Not served here",
			"This address is closed to everybody."}
	case reasonBody:
		return answer{http.StatusRequestEntityTooLarge, telemetry.Refused, "body_too_large", "Too large",
			"What was sent is larger than this app takes."}
	case reasonStalled:
		return answer{http.StatusRequestTimeout, telemetry.Refused, "client_stalled", "Nothing came",
			"What was to be sent did not come. Try again."}
	case reasonRate:
		return answer{http.StatusTooManyRequests, telemetry.Refused, "rate_limited", "Too many requests",
			"You have sent more requests than this app takes from one person. Try again in a moment."}
	case reasonAppBusy:
		return answer{http.StatusServiceUnavailable, telemetry.Failed, "app_busy", "The app is busy",
			"The app behind this address has as many requests as it takes. Try again in a moment."}
	case reasonNoRole, reasonDenied:
		return answer{http.StatusForbidden, telemetry.Refused, "no_role", "You have no role in this app",
			"You are signed in, but no rule gives you a role here. Ask whoever runs this app for access, or sign in as somebody else."}
	case reasonChanged:
		return answer{http.StatusForbidden, telemetry.Refused, "access_changed", "Your access has changed",
			"Your access to this app changed while it was at work for you. Reload the page."}
	case reasonUnsendable:
		return answer{http.StatusForbidden, telemetry.Refused, "identity_unsendable", "This app cannot take your identity",
			"You are signed in, but your account lacks something that this app needs, or has characters that it cannot read. Ask whoever runs this app."}
	case reasonSignIn:
		return answer{http.StatusBadRequest, telemetry.Refused, "sign_in_refused", "This sign-in cannot be continued",
			"The app did not send you here, or did so in another way than expected. Go back to the app and sign in again; if that does not help, ask whoever runs it."}
	case reasonCrossSite:
		return answer{http.StatusForbidden, telemetry.Refused, "cross_site", "Not from here",
			"This was asked for by another site, so it was not done. Go to the app and try again."}
	case reasonAppSignIn:
		return answer{http.StatusBadGateway, telemetry.Failed, "app_sign_in_failed", "The app did not sign you in",
			"You are signed in here, but the app behind this address did not accept it. Try again in a moment; if that does not help, ask whoever runs this app."}
	case reasonBusy:
		return answer{http.StatusServiceUnavailable, telemetry.Failed, "app_sign_in_busy", "Too many people are signing in",
			"The app behind this address is signing in many people at the moment. Try again in a moment."}
	case reasonSessions:
		return answer{http.StatusServiceUnavailable, telemetry.Failed, "sessions_unavailable", "Your session cannot be looked up right now",
			"The place where sessions of this app are kept cannot be reached. Try again in a moment."}
	case reasonUpstreamUnreachable:
		return answer{http.StatusBadGateway, telemetry.Failed, "upstream_unreachable", "The app is not answering",
			"The app behind this address cannot be reached. Try again in a moment."}
	case reasonUpstreamTimeout, reasonClientGone:
		return answer{http.StatusGatewayTimeout, telemetry.Failed, "upstream_timeout", "The app is too slow",
			"The app behind this address did not answer in time. Try again in a moment."}
	case string(verifier.ReasonKeysUnavailable):
		return answer{http.StatusServiceUnavailable, telemetry.Failed, "keys_unavailable", "Sign-in cannot be checked right now",
			"The keys that prove who you are cannot be had at the moment. Try again in a moment."}
	case reasonAdapter, reasonPanic:
		return answer{http.StatusInternalServerError, telemetry.Failed, "internal", "Something went wrong",
			"The request could not be handled. The people who run this service can find out why."}
	default: // every other reason of the verifier
		return answer{http.StatusUnauthorized, telemetry.Refused, "unauthenticated", "You are not signed in",
			"This request carries no valid proof of who you are. Reload the page; if that does not help, sign in again."}
	}
}
