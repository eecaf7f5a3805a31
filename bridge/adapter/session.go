package adapter

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// SessionStarter is an [Adapter] whose app believes only a session cookie of its
// own. The adapter begins sessions; package session of the bridge carries them,
// decides at every request whether the one that is there may stay, and touches the
// cookies.
type SessionStarter interface {
	Adapter
	// SessionPlan says how sessions are carried. It is always the same.
	SessionPlan() SessionPlan
	// StartSession begins a session of the app for the person and the roles of in,
	// and returns its cookies as the app would set them. It may ask the app, and
	// nobody else but what its options name.
	StartSession(ctx context.Context, in Input, app Caller) ([]*http.Cookie, error)
	// DescribeSession says what StartSession would do, a line each, for people to
	// read: nothing in it lets anybody in. It is the same as long as the session may
	// stay: what is in it, sessions are bound to. Its errors are those of StartSession
	// that follow from in alone.
	DescribeSession(in Input) ([]string, error)
}

// SessionSecrets is a [SessionStarter] whose sessions follow from texts that
// DescribeSession hides, such as a password.
type SessionSecrets interface {
	// SessionSecrets returns them. A session may stay as long as they are the same.
	SessionSecrets(in Input) []string
}

// SessionReader is a [SessionStarter] that can tell by a session itself who it is
// for. Of others, the bridge seals the cookies to remember it.
type SessionReader interface {
	SessionStarter
	// ReadSession says what the session in cookies, by their exact names, is to the
	// person and the roles of in. Its error says that it cannot be known now.
	ReadSession(ctx context.Context, in Input, cookies map[string]string) (SessionVerdict, error)
}

// SessionEnder is a [SessionStarter] that can end a session in the app without a
// request to it.
type SessionEnder interface {
	// EndSession makes the app forget the session in cookies, if it is one.
	EndSession(ctx context.Context, cookies map[string]string) error
}

// SessionVerdict is what a session is to who asks with it.
type SessionVerdict int

const (
	// SessionForeign is one that is not readable as a session of the app, or not begun by the
	// bridge: unsigned, changed, another app's, or the app's own for nobody we know.
	SessionForeign SessionVerdict = iota
	// SessionOther is one that was begun for another person, another role, or before the person
	// last signed in.
	SessionOther
	// SessionExpired is theirs, past the end that it was begun with.
	SessionExpired
	// SessionKept is theirs, and good.
	SessionKept
)

// String returns the word for metrics.
func (v SessionVerdict) String() string {
	return [...]string{"foreign", "other", "expired", "kept"}[v]
}

// Delivery is where a session's cookies are between two requests.
type Delivery string

const (
	// DeliverBrowser leaves them with the browser.
	DeliverBrowser Delivery = "browser"
	// DeliverUpstream keeps them in the bridge's store: the browser never sees them.
	DeliverUpstream Delivery = "upstream"
)

// SessionPlan says how an app's sessions are carried.
type SessionPlan struct {
	// Cookies are the names of the cookies that make a session, by the app's names.
	// There is none without the first, but for apps with a Match. The session is gone
	// when the app removes the first, and sets no other.
	Cookies []string
	// Match reports whether cookies of other names belong to sessions too, such as the
	// pieces that an app cuts a long one into; nil: none.
	Match func(name string) bool
	// Deliver is where they are kept.
	Deliver Delivery
	// Lifetime is how long a session may last, whatever the app does to it.
	Lifetime time.Duration
	// SameSite is what browsers are told; an app may be stricter.
	SameSite http.SameSite
	// PlainNames leaves the cookies their names in the browser, for what reads them by
	// name on the way. Otherwise they begin with "__Host-" there, which neighbouring
	// hosts cannot set.
	PlainNames bool
	// Ended reports whether an answer of the app says that the session it was asked
	// in has ended there, by its status and its Location; nil: none does.
	Ended func(status int, location string) bool
	// Calls: StartSession calls the app. Then it is not called twice at once for one
	// person, and not again soon after it failed.
	Calls bool
}

// Caller carries requests to an app. A request's URL is a path with a query, below
// the app's base. Redirects are answers.
type Caller interface {
	Do(*http.Request) (*http.Response, error)
}

// Logout is how people sign out of an app.
type Logout struct {
	// Path is where, and Method with which method; empty: GET.
	Path, Method string
	// Everywhere: whoever signs out there is sent on to sign out of Pomerium, too.
	Everywhere bool
}

// SignsOut is an [Adapter] that knows how people sign out of its app.
type SignsOut interface {
	// Logout returns how; a zero Path: it does not know either.
	Logout() Logout
}

// ErrSignInFailed is wrapped by the errors of StartSession that say: the app did not
// answer as one that signs people in. Trying again at once would not help.
var ErrSignInFailed = errors.New("the app did not sign the person in")
