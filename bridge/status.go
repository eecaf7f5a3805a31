package bridge

import (
	"net/http"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
	"github.com/ssobridge/ssobridge/verifier"
)

// outcomeFailed marks answers that are not the request's fault.
const outcomeFailed = telemetry.Failed

// answer is what a client gets for a kind of refusal: a status and fixed texts.
type answer struct {
	status  int
	outcome string
	code    string // for programs, in JSON
	title   string
	text    string
}

// answerFor is the one table from reasons to answers. Every reason of an assertion has
// the same answer, so that nobody can probe which check failed.
func answerFor(reason decision.Reason) answer {
	switch reason {
	case decision.ReasonUnknownHost:
		return answer{http.StatusMisdirectedRequest, telemetry.Refused, "unknown_host", "No such app",
			"No app is served under this host name."}
	case decision.ReasonMethod:
		return answer{http.StatusMethodNotAllowed, telemetry.Refused, "method_not_allowed", "Method not allowed",
			"This request method is not served."}
	case decision.ReasonTarget:
		return answer{http.StatusBadRequest, telemetry.Refused, "bad_target", "Bad address",
			"This address cannot be served."}
	case decision.ReasonHeader:
		return answer{http.StatusBadRequest, telemetry.Refused, "bad_request", "Bad request",
			"This request has a header that could be read in more than one way."}
	case decision.ReasonMethodCase:
		return answer{http.StatusBadRequest, telemetry.Refused, "bad_method", "Bad request",
			"Such a request method is written in capital letters."}
	case decision.ReasonFields:
		return answer{http.StatusRequestHeaderFieldsTooLarge, telemetry.Refused, "too_many_headers", "Too many headers",
			"This request has more header fields than are served."}
	case decision.ReasonPathDenied:
		return answer{http.StatusForbidden, telemetry.Refused, "path_denied", "Not served here",
			"This address is closed to everybody."}
	case decision.ReasonBody:
		return answer{http.StatusRequestEntityTooLarge, telemetry.Refused, "body_too_large", "Too large",
			"What was sent is larger than this app takes."}
	case decision.ReasonBodyMalformed, decision.ReasonBodyIncomplete:
		return answer{http.StatusBadRequest, telemetry.Refused, string(reason), "Bad request",
			"The body of this request is not what its headers announce."}
	case decision.ReasonClientStalled:
		return answer{http.StatusRequestTimeout, telemetry.Refused, "client_stalled", "Nothing came",
			"What was to be sent did not come. Try again."}
	case decision.ReasonRate:
		return answer{http.StatusTooManyRequests, telemetry.Refused, "rate_limited", "Too many requests",
			"You have sent more requests than this app takes from one person. Try again in a moment."}
	case decision.ReasonTooManyAtOnce:
		return answer{http.StatusTooManyRequests, telemetry.Refused, "too_many_at_once", "Too many requests at once",
			"You have more requests under way than this app takes from one person. Close some pages of it, and try again."}
	case decision.ReasonAppBusy:
		return answer{http.StatusServiceUnavailable, outcomeFailed, "app_busy", "The app is busy",
			"The app behind this address has as many requests as it takes. Try again in a moment."}
	case decision.ReasonSignedOut:
		return answer{http.StatusUnauthorized, telemetry.Refused, "signed_out", "You have signed out",
			"You have signed out here. To go on, end your session with the identity provider as well, and sign in again."}
	case decision.ReasonNoRole, decision.ReasonDeniedByRule, decision.ReasonRulesExhausted:
		return answer{http.StatusForbidden, telemetry.Refused, "no_role", "You have no role in this app",
			"You are signed in, but no rule gives you a role here. Ask whoever runs this app for access, or sign in as somebody else."}
	case decision.ReasonChanged:
		return answer{http.StatusForbidden, telemetry.Refused, "access_changed", "Your access has changed",
			"Your access to this app changed while it was at work for you. Reload the page."}
	case decision.ReasonUnsendable:
		return answer{http.StatusForbidden, telemetry.Refused, "identity_unsendable", "This app cannot take your identity",
			"You are signed in, but your account lacks something that this app needs, or has characters that it cannot read. Ask whoever runs this app."}
	case decision.ReasonSignInRefused:
		return answer{http.StatusBadRequest, telemetry.Refused, "sign_in_refused", "This sign-in cannot be continued",
			"The app did not send you here, or did so in another way than expected. Go back to the app and sign in again; if that does not help, ask whoever runs it."}
	case decision.ReasonCrossSite:
		return answer{http.StatusForbidden, telemetry.Refused, "cross_site", "Not from here",
			"This was asked for by another site, so it was not done. Go to the app and try again."}
	case decision.ReasonAppSignInFailed:
		return answer{http.StatusBadGateway, outcomeFailed, "app_sign_in_failed", "The app did not sign you in",
			"You are signed in here, but the app behind this address did not accept it. Try again in a moment; if that does not help, ask whoever runs this app."}
	case decision.ReasonAppSignInBusy:
		return answer{http.StatusServiceUnavailable, outcomeFailed, "app_sign_in_busy", "Too many people are signing in",
			"The app behind this address is signing in many people at the moment. Try again in a moment."}
	case decision.ReasonSessionsUnavailable:
		return answer{http.StatusServiceUnavailable, outcomeFailed, "sessions_unavailable", "Your session cannot be looked up right now",
			"The place where sessions of this app are kept cannot be reached. Try again in a moment."}
	case decision.ReasonUpstreamUnreachable:
		return answer{http.StatusBadGateway, outcomeFailed, "upstream_unreachable", "The app is not answering",
			"The app behind this address cannot be reached. Try again in a moment."}
	case decision.ReasonUpstreamTimeout, decision.ReasonClientGone:
		return answer{http.StatusGatewayTimeout, outcomeFailed, "upstream_timeout", "The app is too slow",
			"The app behind this address did not answer in time. Try again in a moment."}
	case decision.Reason(verifier.ReasonKeysUnavailable):
		return answer{http.StatusServiceUnavailable, outcomeFailed, "keys_unavailable", "Sign-in cannot be checked right now",
			"The keys that prove who you are cannot be had at the moment. Try again in a moment."}
	case decision.ReasonAdapterFailed, decision.ReasonPanic:
		return answer{http.StatusInternalServerError, outcomeFailed, "internal", "Something went wrong",
			"The request could not be handled. The people who run this service can find out why."}
	default: // every other reason of the verifier
		return answer{http.StatusUnauthorized, telemetry.Refused, "unauthenticated", "You are not signed in",
			"This request carries no valid proof of who you are. Reload the page; if that does not help, sign in again."}
	}
}
