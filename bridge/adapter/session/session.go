// Package session is the adapter kind for apps that believe a session cookie of
// their own and nothing else. It writes that session, in the framework's own format
// and signed with the app's own secret, as the app does when somebody has signed in
// there. Package codec has the formats; package session of the bridge carries the
// cookies.
//
// # What binds a session to a person
//
// Whoever has the app's secret can write any session, and so could the app: that one
// is signed says nothing of whose it is. So each carries a [marker] under the key
// "_ssobridge", which apps ignore: a hard end, and a MAC with a key that follows from
// the secret. It is over
//
//   - the app, issuer, subject and session ID of the assertion, and the roles,
//   - the fields as they would be written now, and
//   - the fields as they stand in the session.
//
// At every request it is made anew from the request's own assertion. A session of
// another person, role or app, of an earlier sign-in, of somebody of whom the fields
// or the lookup would say something else, or in which anything has changed one of the
// fields, has another one, and is dropped and begun again. What the app itself adds to a session stays in it for
// as long as that is not so.
//
// # What this kind can do that others cannot
//
// It needs the app's master secret, and passes by what the app checks when people
// sign in there: whether an account is disabled, for one. Where an app takes headers
// or tokens, those kinds are better.
package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/carry"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/lookup"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
)

// Options are the kind's options in a preset or under [adapter.NAME].
type Options struct {
	carry.Options
	// Codec is the format of the app's sessions: one of [Codecs].
	Codec string `toml:"codec"`
	// Cookie is the name of the session's cookie; empty: the framework's default.
	Cookie string `toml:"cookie"`
	// Secrets are the app's own, at least 32 bytes each. The first signs, and all are
	// read.
	Secrets []adapter.Secret `toml:"secrets"`
	// SecretEncoding is how the secrets are written down: "text" (default), "hex" or
	// "base64".
	SecretEncoding string `toml:"secret_encoding"`
	// MaxAge is how old the app itself lets a session become; 0: the framework's
	// default.
	MaxAge time.Duration `toml:"max_age"`

	// Fields are what a session holds, by the app's names.
	Fields map[string]document.Field `toml:"fields"`
	// Omit names fields of the preset that are not to be written.
	Omit []string `toml:"omit"`
	// AppMayChange names fields in which the app may write something else.
	AppMayChange []string `toml:"app_may_change"`
	// Domains are the email domains whose addresses may be shortened to their
	// local part (from = "email_local").
	Domains []string `toml:"domains"`
	// OneNamespace says of several Domains that a local part is the same person in each.
	OneNamespace bool `toml:"one_namespace"`
	// Lookup asks the app's own database.
	Lookup lookup.Options `toml:"lookup"`

	// Strip names headers that are removed from every request, "X-Extra-*" all that
	// begin so; StripCookies cookies.
	Strip        []string `toml:"strip"`
	StripCookies []string `toml:"strip_cookies"`
	// StripQuery names query parameters that are removed from every address.
	StripQuery []string `toml:"strip_query"`

	formatOptions
}

// New returns empty options for package config to decode into.
func New() adapter.Options { return &Options{} }

// sessionAdapter is the opened kind.
type sessionAdapter struct {
	format  string
	codec   codec.Codec
	fields  *document.Document
	names   []string       // of the fields
	marker  *marker        // nil: opened to look at
	lookup  *lookup.Lookup // nil: none
	plan    adapter.SessionPlan
	logout  adapter.Logout
	owned   adapter.Owned
	summary string

	attributes []string
	told       []adapter.Told
}

var (
	_ adapter.SessionReader = (*sessionAdapter)(nil)
	_ adapter.AttributeUser = (*sessionAdapter)(nil)
	_ adapter.SignsOut      = (*sessionAdapter)(nil)
	_ adapter.Identifier    = (*sessionAdapter)(nil)
	_ adapter.SessionEnder  = (*storedAdapter)(nil)
)

// Open checks the options and returns the adapter.
func (o *Options) Open(env adapter.Env) (adapter.Adapter, error) {
	var errs []error
	wrong := map[string]bool{}
	fail := func(key, format string, args ...any) {
		wrong[key] = true
		errs = append(errs, &adapter.OptionError{Key: key, Problem: fmt.Sprintf(format, args...)})
	}
	a := &sessionAdapter{format: o.Codec, logout: o.Logout.Way()}
	f := o.formatOf(fail)
	o.Check(fail)
	secrets := o.openSecrets(env, fail)
	o.checkCookie(fail)
	o.openLookup(a, env, fail)
	if f != nil {
		o.checkAge(f, fail)
		o.openFields(a, f, secrets, env, fail)
		for _, e := range o.openCodec(a, f, &opening{o, a, secrets, env, fail}) {
			if !wrong[e.Key] {
				fail(e.Key, "%s", e.Problem)
			}
		}
	}
	value.Strip(&a.owned, o.Strip, o.StripCookies, nil, fail)
	value.StripQuery(&a.owned, o.StripQuery, fail)
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	if env.ReadSecrets {
		a.marker = newMarker(env.App, secrets, o.bound())
	}
	return o.finish(a), nil
}

// finish adds what follows from the codec.
func (o *Options) finish(a *sessionAdapter) adapter.Adapter {
	names := a.codec.Names()
	a.owned.Cookies = append(slices.Clone(names), a.owned.Cookies...)
	a.plan = o.Plan(names...)
	if owner, is := a.codec.(codec.Owner); is {
		a.plan.Match = owner.OwnsCookie
	}
	_, stored := a.codec.(codec.Ender)
	// What takes time and leaves something behind is not done twice.
	a.plan.Calls = stored || a.lookup != nil
	a.summary = strings.Join(append([]string{o.describeCookie(names[0])}, o.Describe()...), ", ")
	if stored {
		return &storedAdapter{a}
	}
	return a
}

func (o *Options) checkCookie(fail value.Fail) {
	if problem := carry.CheckCookie(o.Cookie); o.Cookie != "" && problem != "" {
		fail("cookie", "%q %s", o.Cookie, problem)
	}
}

// openLookup opens the lookup, if a field is looked up. That of a preset may be there
// without such a field, but only whoever uses it says where the database is.
func (o *Options) openLookup(a *sessionAdapter, env adapter.Env, fail value.Fail) {
	used := slices.ContainsFunc(o.written(), func(name string) bool { return looksUp(o.Fields[name]) })
	switch {
	case used && !o.Lookup.IsZero():
		a.lookup = o.Lookup.Open(env, o.Domains, fail)
	case used:
		fail("lookup", `missing: say where columns are looked up, such as `+
			`lookup = { driver = "postgres", dsn = { file = "app.dsn" }, query = "SELECT id FROM users WHERE email = $1", by = { from = "email" } }`)
	case !o.Lookup.DSN.IsZero():
		fail("lookup", `is for fields such as user_id = { lookup = "id" }, and there is none; remove it`)
	}
}

// Owns lists the session's cookies, and what is stripped.
func (a *sessionAdapter) Owns() adapter.Owned { return a.owned }

// Attributes lists the attributes of decisions that are sent.
func (a *sessionAdapter) Attributes() []string { return a.attributes }

// Told lists the fields.
func (a *sessionAdapter) Told() []adapter.Told { return a.told }

// Logout returns how people sign out of the app.
func (a *sessionAdapter) Logout() adapter.Logout { return a.logout }

// SessionPlan says how sessions are carried.
func (a *sessionAdapter) SessionPlan() adapter.SessionPlan { return a.plan }

// Adapt sends nothing: the session is all that the app reads.
func (a *sessionAdapter) Adapt(context.Context, adapter.Input) (adapter.Output, error) {
	return adapter.Output{}, nil
}

var errNoSecrets = errors.New("the adapter was opened without its secrets, and neither writes sessions nor reads them")

// StartSession writes a session. It asks the app's database, if there is a lookup,
// and never the app.
func (a *sessionAdapter) StartSession(ctx context.Context, in adapter.Input, _ adapter.Caller) ([]*http.Cookie, error) {
	if a.marker == nil {
		return nil, errNoSecrets
	}
	now, err := a.now(nil, &in)
	if err != nil {
		return nil, err
	}
	var row document.Row
	if a.lookup != nil {
		if row, err = a.lookup.Row(ctx, &in); err != nil {
			return nil, err
		}
	}
	written := now
	if a.lookup != nil { // what is looked up is not in now
		if written, err = a.write(nil, &in, row); err != nil {
			return nil, err
		}
	}
	data, err := readData(written)
	if err != nil {
		return nil, err
	}
	expires := in.Time.Add(a.plan.Lifetime)
	data[markerKey] = a.marker.mint(&in, now, data, expires.Unix())
	cookies, err := a.encode(ctx, data, codec.Times{Now: in.Time, Expires: expires})
	if err != nil {
		return nil, err
	}
	return a.order(cookies), nil
}

func (a *sessionAdapter) encode(ctx context.Context, data codec.Data, t codec.Times) (codec.Cookies, error) {
	cookies, err := a.codec.Encode(ctx, data, t)
	switch {
	case errors.Is(err, codec.ErrTooLarge): // how much too large depends on chance
		return nil, fmt.Errorf("%w: %w", adapter.ErrUnsendable, codec.ErrTooLarge)
	case err != nil:
		return nil, fmt.Errorf("writing a session (%s): %w", a.format, err)
	}
	return cookies, nil
}

// write appends the fields as they are for the person, as a JSON object.
func (a *sessionAdapter) write(b []byte, in *adapter.Input, row document.Row) ([]byte, error) {
	b, err := a.fields.Append(append(b, '{'), in, row)
	if err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

// now appends what a session that is written now follows from: the fields without
// what is looked up, and what it is looked up by.
func (a *sessionAdapter) now(b []byte, in *adapter.Input) ([]byte, error) {
	b, err := a.write(b, in, nil)
	if err != nil || a.lookup == nil {
		return b, err
	}
	return a.lookup.AppendKey(b, in)
}

// order returns the cookies of the plan first, and the rest by name.
func (a *sessionAdapter) order(cookies codec.Cookies) []*http.Cookie {
	rank := func(name string) int {
		if i := slices.Index(a.plan.Cookies, name); i >= 0 {
			return i
		}
		return len(a.plan.Cookies)
	}
	names := slices.SortedFunc(maps.Keys(cookies), func(x, y string) int {
		if r := rank(x) - rank(y); r != 0 {
			return r
		}
		return strings.Compare(x, y)
	})
	all := make([]*http.Cookie, len(names))
	for i, name := range names {
		all[i] = &http.Cookie{Name: name, Value: cookies[name]} //nolint:gosec // G124: the bridge sets the attributes
	}
	return all
}

// ReadSession says whether a session is the person's.
func (a *sessionAdapter) ReadSession(ctx context.Context, in adapter.Input, cookies map[string]string) (adapter.SessionVerdict, error) {
	if a.marker == nil {
		return adapter.SessionForeign, errNoSecrets
	}
	data, err := a.codec.Decode(ctx, cookies, codec.Times{Now: in.Time})
	switch {
	case errors.Is(err, codec.ErrForeign):
		return adapter.SessionForeign, nil
	case err != nil:
		return adapter.SessionForeign, fmt.Errorf("reading a session (%s): %w", a.format, err)
	}
	text, _ := data[markerKey].(string)
	m, ok := parseMark(text)
	if !ok {
		return adapter.SessionForeign, nil
	}
	buf := a.marker.buffer()
	defer a.marker.release(buf)
	now, err := a.now((*buf)[:0], &in)
	if err != nil {
		return adapter.SessionForeign, err
	}
	*buf = now
	switch {
	case !a.marker.verify(&in, now, data, m):
		return adapter.SessionOther, nil
	case in.Time.Unix() >= m.expires:
		return adapter.SessionExpired, nil
	}
	return adapter.SessionKept, nil
}

// storedAdapter has a codec whose sessions are in a store of the app's.
type storedAdapter struct{ *sessionAdapter }

// EndSession makes the app forget the session in cookies.
func (a *storedAdapter) EndSession(ctx context.Context, cookies map[string]string) error {
	if a.marker == nil {
		return errNoSecrets
	}
	if err := a.codec.(codec.Ender).End(ctx, cookies); err != nil && !errors.Is(err, codec.ErrForeign) {
		return fmt.Errorf("ending a session (%s): %w", a.format, err)
	}
	return nil
}
