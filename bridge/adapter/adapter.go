// Package adapter is the contract between the bridge and what tells an app who
// somebody is.
//
// A kind is a Go implementation (package headers, for one), a preset is data
// for a kind (a TOML file under presets), and an [Adapter] is the two of them
// opened for one app.
//
// Adapters return data; only the bridge touches headers. So an adapter cannot
// forget to strip, cannot write what it does not own, and is tested without a
// server. Package adaptertest is the suite that every kind and preset passes.
//
// # How to add a kind
//
// Write a package bridge/adapter/KIND. The tests name whatever is missing.
//
//  1. Options: a struct with toml tags that implements [Options], and New, which returns
//     an empty one. A struct that others embed lends them its keys. Everything that can
//     be wrong is an [OptionError]; Open joins all of them. With Env.ReadSecrets false it
//     opens without secrets, and still finds every other mistake.
//
//  2. What fields say: internal/value reads sources (Source) and shapes
//     them into the app's words (Words), so that every kind has the same vocabulary.
//     Kinds that write JSON use internal/document; kinds that begin sessions embed
//     internal/carry; internal/jws signs; internal/lookup asks the app's database.
//
//  3. The adapter: [Adapter], and those of these interfaces that are true of it.
//
//     [Identifier]       what tells people apart; every kind that tells of people
//     [AttributeUser]    sends attributes of decisions
//     [SignsOut]         knows how people sign out of the app
//     [Omitter]          can say why it sends less than it could
//     [KeyOwner]         signs with keys of its own
//     [SecretSharer]     signs with a secret that the app has too
//     [Publisher]        has something for everybody to read, such as keys
//     [SignIn]           answers an app that asks by way of the browser
//     [SessionStarter]   begins sessions of the app; Adapt then returns an empty Output
//     [SessionReader]    can tell by a session itself whose it is
//     [SessionSecrets]   has sessions that follow from texts which nobody is shown
//     [SessionEnder]     ends sessions without a request to the app
//
//  4. For people: [Describer], and start.toml, which Start returns.
//
//  5. Its own test calls adaptertest.Run, and adaptertest.RunSessions if it begins
//     sessions.
//
//  6. One line in builtinKinds of package config (load.go), every key in
//     config.example.toml, the kind's name in TestStartProblems (cmd/ssobridge/internal/catalog), and
//     the table of kinds in cmd/ssobridge/topics/adapters.md.
//
//  7. A preset in presets, with versions, sources, warnings, setup and known_by, and its
//     golden file: go test ./bridge/adapter/adaptertest -update. If the suite has to
//     read what the app reads, presets_KIND_test.go there says how.
package adapter

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// Adapter hands a principal and a decision to an app in the app's own
// language. It is safe for concurrent use.
type Adapter interface {
	// Owns lists the header and cookie names that only this adapter may set.
	// The bridge removes them, in any spelling, from every request to the app,
	// whatever Adapt returns.
	Owns() Owned
	// Adapt returns what the app shall receive. It must not modify in, must
	// set nothing outside Owns, and must return an error rather than a value
	// that means something else to the app than it says.
	Adapt(ctx context.Context, in Input) (Output, error)
}

// Owned are names that clients may not speak for.
type Owned struct {
	// Headers are header names in any spelling; the bridge compares them
	// lower-cased, with every character but letters and digits equal.
	Headers []string
	// Lists are those of Headers that may be set several times, with one item of
	// a list each. All others are set once or not at all.
	Lists []string
	// Secrets are those of Headers whose values are for the app only: nothing
	// may print them.
	Secrets []string
	// Prefixes are beginnings of header names, compared likewise: headers that
	// begin so are removed, and only those that are also in Headers are set.
	Prefixes []string
	// Cookies are cookie names, compared the same way. CookiePrefixes are beginnings
	// of names of cookies that are only removed.
	Cookies, CookiePrefixes []string
	// Query are names of query parameters, compared the same way, that are removed
	// from the address of every request to the app: it takes credentials there.
	Query []string
}

// Input is what an adapter decides on.
type Input struct {
	Principal *verifier.Principal
	Decision  mapping.Decision
	// Reading is how the claims of the principal's assertion are read.
	Reading mapping.Reading
	// Request is the request as it came in, unstripped: untrusted, read-only.
	Request *http.Request
	// Time is when the request is being answered.
	Time time.Time
	// SignIn: the request is at the adapter's SignInPath.
	SignIn bool
}

// Output is what the app shall receive.
type Output struct {
	// Header goes to the app, by canonical name: exactly one value per name, or
	// one or more under a name in Owned.Lists. It is read-only.
	Header http.Header
	// Cookies go to the app with this request.
	Cookies []*http.Cookie
	// Redirect is where the browser is sent with the answer, or Form what it posts,
	// for Input.SignIn and for no other request. It is for the person only: nothing
	// may print it.
	Redirect string
	Form     *Form
	// ForgetStorage: what the app's pages have kept in the browser may say that it is
	// somebody else's, and is cleared before it goes there.
	ForgetStorage bool
}

// Form is a form that a browser posts to Action, an https address, in UTF-8.
type Form struct {
	Action string
	Fields map[string]string
}

// Options are a kind's options as a preset or [adapter.NAME] writes them:
// a pointer to a struct with toml tags that package config decodes into.
type Options interface {
	// Open checks the options and returns the adapter. Its error joins one
	// *OptionError for each option that is wrong.
	Open(env Env) (Adapter, error)
}

// Env is what an adapter may know of the app it is opened for.
type Env struct {
	// App is the app's name in the configuration.
	App string
	// Host is the app's public host name.
	Host string
	// Roles is the app's vocabulary; nil: any role.
	Roles []string
	// Grants is what the app's rules grant; nil: not known.
	Grants *Grants
	// Above reports whether the option at key is written in a table that is laid over
	// the one which writes the option at other; nil: none is laid over another.
	Above func(key, other string) bool
	// ReadSecrets: the adapter will serve. If false, it is opened to check or to
	// explain a configuration, perhaps on a machine that does not have the
	// secrets: they are not read, and HiddenSecret stands in their place.
	ReadSecrets bool
}

// Grants is what an app's rules may hand to its adapter.
type Grants struct {
	// Roles are all roles that decisions may hold.
	Roles []string
	// SeveralRoles: a decision may hold more than one role. An adapter that
	// sends one then refuses to open, as it could only send a part.
	SeveralRoles bool
	// Attributes are the names of the attributes that rules add.
	Attributes []string
}

// AttributeUser is an [Adapter] that sends attributes of decisions. Attributes
// that no adapter would send are errors in the configuration.
type AttributeUser interface {
	// Attributes returns the names of those that it sends.
	Attributes() []string
}

// Identifier is an [Adapter] that says by what its app tells people apart.
type Identifier interface {
	// Told returns all that the app is told of people, and where it comes from. From it,
	// [KnownBy] finds out what the app can know people by.
	Told() []Told
}

// Omitter is an [Adapter] that can say why it sends less than it could.
type Omitter interface {
	// Omitted returns the headers that Adapt leaves out for in, with the reason.
	Omitted(ctx context.Context, in Input) map[string]string
}

// KeyOwner is an [Adapter] that signs with keys of its own. They must be no
// issuer's: what it signs goes to the app.
type KeyOwner interface {
	// PublicKeys returns the public ones of them, and those that it publishes
	// although they sign no more; none if the adapter does not serve.
	PublicKeys() []crypto.PublicKey
}

// Publisher is an [Adapter] that has something for everybody to read, such as the
// keys that its app checks signatures with.
type Publisher interface {
	// Public returns what answers for it, by path below the bridge's own: without
	// an identity, and without a request to the app.
	Public() map[string]http.Handler
}

// SignIn is an [Adapter] whose app asks who somebody is by sending the browser to
// the bridge, and reads the answer in the address that it comes back to.
type SignIn interface {
	// SignInPath returns where that is, below the bridge's own path on the app's
	// host. Such a request is verified and mapped as every other, and is answered
	// with Output.Redirect or Output.Form; it never reaches the app.
	SignInPath() string
	// SignedFields returns what the answer would say of the person, for people to
	// read: without the signature, it is no use to the app. Its errors are Adapt's.
	SignedFields(in Input) (map[string][]string, error)
}

// SecretSharer is an [Adapter] that signs with a secret that its app has too, and so
// could sign for any other app that has it: no two apps may have the same.
type SecretSharer interface {
	// SharedSecret returns the SHA-256 of the secret. Adapters that do not serve
	// know none.
	SharedSecret() (hash [sha256.Size]byte, shares bool)
}

// OptionError is one wrong option.
type OptionError struct {
	// Key is the option's path below the preset: "header.X-Webauth-User.from".
	Key string
	// Problem says what is wrong and what would be right.
	Problem string
}

func (e *OptionError) Error() string { return fmt.Sprintf("%s: %s", e.Key, e.Problem) }

// ErrUnsendable is wrapped by the errors of Adapt that say: this person's
// identity cannot be put in the app's terms (a required value is empty, or
// holds characters that would break out of its place). The person is refused;
// the bridge itself is in order.
var ErrUnsendable = errors.New("identity cannot be sent to this app")

// ErrBadSignIn is wrapped by the errors of Adapt that say: what the browser brought
// to SignInPath is not what the app sends people there with.
var ErrBadSignIn = errors.New("not a sign-in request of this app")
