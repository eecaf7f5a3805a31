// Package codec reads and writes the sessions of web frameworks, each in the
// framework's own format and signed or encrypted with the app's own secret.
//
// A codec knows a format and nothing of people: who a session is for, whether the
// one in a request may stay, and what browsers are told is decided above it.
//
// Formats fall in two classes. Where the cookie is the session, a codec is pure
// (Flask, Starlette, Django's signed_cookies, cookie-session, gorilla's
// CookieStore, Auth.js, Rails, Laravel's cookie driver). Where the cookie only
// names one, the codec also reads and writes the app's own store of them (Django's
// db, express-session's Redis).
//
// # What every codec promises
//
//   - Decode(Encode(d)) is d.
//   - Whatever is not exactly what the framework itself would accept with these
//     secrets, at this time, is [ErrForeign]: a wrong or short signature, another
//     cookie's name, other padding, bytes after the end, an expired time stamp, a
//     value of a type that [Data] has no room for. The comparison of signatures
//     takes the same time wherever they differ.
//   - Input is limited to [MaxBytes] before it is read, and what it unpacks to as
//     well; nothing recurses deeper than [MaxDepth].
package codec

import (
	"context"
	"errors"
	"time"
)

// Data is what a session holds. Its values are nil, bool, string, int64, float64,
// []any and map[string]any of such, and of no other type.
type Data map[string]any

// Cookies are cookies by their exact name, with their values as they stand in a
// Cookie header. There is never more than one of a name.
type Cookies map[string]string

// Times are what a session's age is judged by. Formats keep whole seconds, or
// nothing at all.
type Times struct {
	// Now is when the cookie is written or read.
	Now time.Time
	// Expires is when a session that is written now shall end, for formats and stores
	// that say so.
	Expires time.Time
}

// Codec reads and writes sessions in one format. It is safe for concurrent use.
type Codec interface {
	// Names are the names of the cookies that hold a session, of which the first is
	// the one that it cannot do without.
	Names() []string
	// Encode returns the cookies of a new session that holds d.
	Encode(ctx context.Context, d Data, t Times) (Cookies, error)
	// Decode returns what the session in c holds. It is given only cookies that
	// Owns says are its own. Its error wraps ErrForeign unless a store failed.
	Decode(ctx context.Context, c Cookies, t Times) (Data, error)
}

// Owner is a [Codec] whose cookies are not all known by name: chunks, or a cookie
// that is named by what another holds.
type Owner interface {
	// OwnsCookie reports whether a cookie of this name may be one of the codec's.
	OwnsCookie(name string) bool
}

// Ender is a [Codec] with a store, from which a session can be removed.
type Ender interface {
	// End makes the session in c, if it is one, unknown to the app.
	End(ctx context.Context, c Cookies) error
}

// ErrForeign is wrapped by the errors of Decode that say: this is not a session
// that the framework would accept. It is no reason to refuse a person.
var ErrForeign = errors.New("not a session of this app")

// ErrTooLarge is wrapped by the errors of Encode that say: what the session shall
// hold has no room in a cookie.
var ErrTooLarge = errors.New("the session does not fit into a cookie")

// The limits of what is read and written.
const (
	// MaxBytes is the most that the cookies of one session may have. Browsers keep
	// 4096 bytes per cookie, and some formats use several.
	MaxBytes = 32 << 10
	// MaxUnpacked is the most that a compressed session may unpack to.
	MaxUnpacked = 256 << 10
	// MaxDepth is how deep lists and objects may be nested.
	MaxDepth = 32
	// maxCookie is the most that name, value and "=" of one cookie may have; browsers
	// drop larger ones without a word.
	maxCookie = 4096
)
