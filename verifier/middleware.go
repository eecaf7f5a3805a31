package verifier

import (
	"context"
	"errors"
	"net/http"
)

// AssertionHeader is where Pomerium puts its assertion.
const AssertionHeader = "X-Pomerium-Jwt-Assertion"

// MiddlewareOptions change what Middleware does; the zero value is right behind
// Pomerium.
type MiddlewareOptions struct {
	// Header carries the assertion; "": AssertionHeader.
	Header string
	// Refuse answers a request without a valid assertion; nil: 401 with a fixed
	// text, or 503 where the issuer's keys are unavailable. It must not tell
	// the client err's reason, which would let anyone probe the checks.
	Refuse func(w http.ResponseWriter, r *http.Request, err *Error)
}

// Middleware protects an http.Handler: next is called only for requests with
// exactly one valid assertion, and finds its principal with FromContext. Every
// other request is refused; there is no mode in which it goes on anonymously.
func (v *Verifier) Middleware(o MiddlewareOptions, next http.Handler) http.Handler {
	return v.Handler(o, func(w http.ResponseWriter, r *http.Request, p *Principal) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
	})
}

// Handler is Middleware for a function that takes the principal as an argument:
// it cannot be called, or even compiled, without one.
func (v *Verifier) Handler(o MiddlewareOptions, next func(http.ResponseWriter, *http.Request, *Principal)) http.Handler {
	header := AssertionHeader
	if o.Header != "" {
		header = http.CanonicalHeaderKey(o.Header)
	}
	refuse := o.Refuse
	if refuse == nil {
		refuse = refuseFixed
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := v.VerifyHeader(r.Context(), r.Header, header)
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) {
				refusal = &Error{Reason: ReasonKeysUnavailable, Err: err}
			}
			refuse(w, r, refusal)
			return
		}
		next(w, r, p)
	})
}

func refuseFixed(w http.ResponseWriter, _ *http.Request, err *Error) {
	w.Header().Set("Cache-Control", "no-store")
	if err.Reason == ReasonKeysUnavailable {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "sign-in cannot be checked right now", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("WWW-Authenticate", "Pomerium")
	http.Error(w, "not signed in", http.StatusUnauthorized)
}

type principalKey struct{}

// FromContext returns the principal of a request that Middleware let through.
// It panics where there is none: then the handler is not behind Middleware, and
// going on without an identity is what it must never do.
func FromContext(ctx context.Context) *Principal {
	p, ok := ctx.Value(principalKey{}).(*Principal)
	if !ok {
		panic("verifier: no principal: this handler is not behind Verifier.Middleware")
	}
	return p
}
