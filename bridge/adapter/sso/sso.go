// Package sso is the adapter kind for apps that ask who somebody is, once, by
// sending the browser to another address with a question, and read a signed
// answer in the address that it comes back to, or in a form: DiscourseConnect, the
// tokens that Metabase, Zulip, Zendesk and others take so, and Guacamole's data.
//
// The question arrives below the bridge's own path, on the app's host, and goes
// the same straight line as every request: the assertion is verified and mapped
// before there is an answer. All other requests reach the app without a word
// about the person, as it keeps sessions of its own.
//
// # What keeps an answer from passing for something else
//
//   - The browser is sent to one address, which the configuration fixes, and posts
//     to no other. What the question says of it must be that very address, so
//     nothing can lead an answer elsewhere.
//   - The answer is signed with a secret that this app alone shares. Whether it is
//     the first answer to a question is for the app to check: the nonce is its own.
//   - A token ends within minutes, and no later than the assertion that it was
//     made for. Guacamole takes its data once.
//   - What is only opened to look at signs nothing.
package sso

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Options are the kind's options in a preset or under [adapter.NAME].
type Options struct {
	// Protocol is how the app asks: "discourse" (DiscourseConnect), "jwt" (a token in
	// the parameter jwt, beside return_to), "zulip" (a token in a form) or "guacamole"
	// (encrypted JSON, with all that the person may open).
	Protocol string `toml:"protocol"`
	// Secret is what the app and the bridge share. It must be no other app's, or
	// each could sign for the other. DiscourseConnect wants 10 bytes and the bridge
	// 16, tokens 32, and Guacamole 32 hexadecimal digits.
	Secret adapter.Secret `toml:"secret"`
	// Path is where the app sends browsers, below the bridge's own path; empty:
	// "sso".
	Path string `toml:"path"`
	// ReturnURL is where browsers bring the answer; empty: the protocol's path on
	// the app's host.
	ReturnURL string `toml:"return_url"`

	// Send is how the answer of "jwt" goes: in the "address" (empty), or in a "form"
	// that the browser posts, so that no log and no history has it.
	Send string `toml:"send"`

	// Issuer and Audience are a token's "iss" (empty: "ssobridge") and "aud" (empty:
	// the app's name). They are for "jwt".
	Issuer   string `toml:"issuer"`
	Audience string `toml:"audience"`
	// Lifetime is how long a token is good for, unless its assertion ends before (0:
	// one minute), and in Guacamole, how long the connections are there (0: 8 hours).
	Lifetime time.Duration `toml:"lifetime"`

	// Fields are what the answer says of the person, by the app's names. Without
	// "external_id" there, or of a token "sub", that is the subject; Zulip's "email"
	// and Guacamole's "username" are the email.
	Fields map[string]Field `toml:"fields"`
	// Omit names fields of the preset that are not to be sent.
	Omit []string `toml:"omit"`
	// Domains are the email domains whose addresses may be shortened to their
	// local part (from = "email_local").
	Domains []string `toml:"domains"`
	// OneNamespace says of several Domains that a local part is the same person in each.
	OneNamespace bool `toml:"one_namespace"`
	// Connections are what people may open in Guacamole, by the names that they see.
	Connections map[string]Connection `toml:"connections"`

	// Strip names headers that are removed from every request, "X-Extra-*" all that
	// begin so; StripCookies cookies.
	Strip        []string `toml:"strip"`
	StripCookies []string `toml:"strip_cookies"`
	// StripQuery names query parameters that are removed from every address.
	StripQuery []string `toml:"strip_query"`
}

const defaultPath = "sso"

// maxValues bounds what an answer says, in bytes: servers take addresses of 8 KiB,
// and base64 makes four bytes of three.
const maxValues = 4 << 10

// maxQuery bounds the question.
const maxQuery = 8 << 10

var errLong = errors.New("the values are more than an address has room for: send fewer groups")

// New returns empty options for package config to decode into.
func New() adapter.Options { return &Options{} }

// protocol is one way to ask and to answer.
type protocol struct {
	// returnPath is where the app takes answers, unless it says otherwise.
	returnPath string
	// subject is the field that tells people apart, and source what it holds unless
	// it is written; empty: the subject.
	subject, source string
	// makeSecret is the command that makes a secret; empty: of 32 bytes.
	makeSecret string
	// connects: the answer has connections too.
	connects bool
	// banned are subjects that the app takes for none, in lower case.
	banned []string
	// required are fields without which the app refuses people.
	required []string
	// check says what is wrong with the name of a field.
	check func(name string) string
	// isBool and isList say what the app takes a field for; nil: what it is sent as.
	isBool, isList func(name string) bool
	// separator is what items of a list must not have in them.
	separator string
	// open returns what answers questions.
	open func(o *Options, secret string, env adapter.Env, back *url.URL, fail value.Fail) answerer
}

// subjectField is the field that tells people apart, if it is not written.
func (p *protocol) subjectField() Field { return Field{From: cmp.Or(p.source, "subject")} }

// answerer answers the question in a query. Its error wraps adapter.ErrBadSignIn if
// that is none.
type answerer func(in *adapter.Input, query url.Values, said []said) (adapter.Output, error)

// said is a field with what it says of somebody; several values or none only of a
// list.
type said struct {
	field  *field
	values []string
}

var protocols = map[string]*protocol{"discourse": &discourse, "guacamole": &guacamole, "jwt": &token, "zulip": &zulip}

const protocolNames = `"discourse" (DiscourseConnect), "guacamole" (encrypted JSON), "jwt" (a token) or "zulip"`

// ssoAdapter is the opened kind.
type ssoAdapter struct {
	path       string
	fields     []*field
	answer     answerer          // nil: opened to look at
	secret     [sha256.Size]byte // its hash; zero: opened to look at
	owned      adapter.Owned
	attributes []string
	told       []adapter.Told
}

var (
	_ adapter.Adapter       = (*ssoAdapter)(nil)
	_ adapter.AttributeUser = (*ssoAdapter)(nil)
	_ adapter.SignIn        = (*ssoAdapter)(nil)
	_ adapter.SecretSharer  = (*ssoAdapter)(nil)
	_ adapter.Identifier    = (*ssoAdapter)(nil)
)

// Open checks the options and returns the adapter.
func (o *Options) Open(env adapter.Env) (adapter.Adapter, error) {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, &adapter.OptionError{Key: key, Problem: fmt.Sprintf(format, args...)})
	}
	p := protocols[o.Protocol]
	switch {
	case p != nil:
	case o.Protocol == "":
		fail("protocol", "missing: say how the app asks, %s", protocolNames)
	default:
		fail("protocol", "%q; choose %s", o.Protocol, protocolNames)
	}
	a := &ssoAdapter{path: o.signInPath()}
	if strings.Trim(a.path, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || a.path == "app" {
		fail("path", `%q; write one word of lower-case letters, digits and hyphens, such as "sso"`, o.Path)
	}
	value.Strip(&a.owned, o.Strip, o.StripCookies, nil, fail)
	value.StripQuery(&a.owned, o.StripQuery, fail)
	value.CheckDomains(o.Domains, o.OneNamespace, o.usesEmailLocal(), "fields", fail)
	if p != nil {
		if !p.connects && o.Connections != nil {
			fail("connections", `are for protocol = "guacamole"; remove them`)
		}
		o.openFields(a, p, env, fail)
		o.openAnswer(a, p, env, fail)
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return a, nil
}

func (o *Options) signInPath() string {
	if o.Path == "" {
		return defaultPath
	}
	return o.Path
}

func (o *Options) usesEmailLocal() bool {
	for _, f := range o.Fields {
		if f.From == "email_local" {
			return true
		}
	}
	return false
}

// openAnswer opens what depends on the secret, and checks the rest by it.
func (o *Options) openAnswer(a *ssoAdapter, p *protocol, env adapter.Env, fail value.Fail) {
	back := o.returnURL(p, env, fail)
	if o.Secret.IsZero() {
		fail("secret", `missing: say where the secret is that the app has too, such as { file = "app.secret" }; `+"`%s` makes one", cmp.Or(p.makeSecret, "openssl rand -hex 32"))
		return
	}
	secret, err := o.Secret.Read(env)
	if err != nil {
		fail("secret", "%v", err)
		return
	}
	answer := p.open(o, secret, env, back, fail)
	if env.ReadSecrets { // or else what stands in the secret's place is known to everybody
		a.answer, a.secret = answer, sha256.Sum256([]byte(secret))
	}
}

// returnURL is where answers go: one address, written by whoever runs the bridge.
func (o *Options) returnURL(p *protocol, env adapter.Env, fail value.Fail) *url.URL {
	if o.ReturnURL == "" {
		return &url.URL{Scheme: "https", Host: env.Host, Path: p.returnPath}
	}
	u, err := url.Parse(o.ReturnURL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.ContainsAny(o.ReturnURL, "?#\\\"<> ") || u.String() != o.ReturnURL {
		fail("return_url", "%q; write the https address at which the app takes answers, such as %q", o.ReturnURL, "https://"+env.Host+p.returnPath)
		return &url.URL{}
	}
	return u
}

// openFields compiles the fields, in the order of their names.
func (o *Options) openFields(a *ssoAdapter, p *protocol, env adapter.Env, fail value.Fail) {
	for _, name := range o.Omit {
		switch _, known := o.Fields[name]; {
		case !known || name == p.subject || slices.Contains(p.required, name):
			fail("omit", "%q is no field of this adapter that can be left out; it has %s", name, strings.Join(slices.Sorted(maps.Keys(o.Fields)), ", "))
		}
	}
	fields := maps.Clone(o.Fields)
	if fields == nil {
		fields = make(map[string]Field, 1)
	}
	if _, has := fields[p.subject]; !has {
		fields[p.subject] = p.subjectField()
	}
	for _, name := range p.required {
		if _, has := fields[name]; !has {
			fail("fields", "has no %q, which the app wants of everybody; write %s = { from = %q }", name, name, "email")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if problem := p.check(name); problem != "" {
			fail("fields."+name, "%s", problem)
			continue
		}
		options := fields[name]
		options.Required = options.Required || name == p.subject || slices.Contains(p.required, name)
		told := options.source().Told(name, "fields."+name)
		told.Unique, told.Required, told.Omitted = options.Unique, options.Required, slices.Contains(o.Omit, name)
		told.MayLack, told.Always = options.Unsendable == "omit" || options.Unmapped == "omit", name == p.subject
		a.told = append(a.told, told)
		if slices.Contains(o.Omit, name) {
			continue
		}
		a.fields = append(a.fields, o.field(p, name, &options, env, fail))
		if options.Attribute != "" {
			a.attributes = append(a.attributes, options.Attribute)
		}
	}
	if p.connects {
		a.fields = append(a.fields, o.connectionField())
	}
}

// Owns lists what is stripped; nothing is sent with requests.
func (a *ssoAdapter) Owns() adapter.Owned { return a.owned }

// Attributes lists the attributes of decisions that are sent.
func (a *ssoAdapter) Attributes() []string { return a.attributes }

// Told lists the fields.
func (a *ssoAdapter) Told() []adapter.Told { return a.told }

// SignInPath is where the app sends browsers.
func (a *ssoAdapter) SignInPath() string { return a.path }

// SharedSecret returns a hash of the secret that signs.
func (a *ssoAdapter) SharedSecret() (hash [sha256.Size]byte, shares bool) {
	return a.secret, a.answer != nil
}

// Adapt answers a question, and tells other requests nothing. People whom the app
// cannot be told of are refused at all of them.
func (a *ssoAdapter) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	all, err := a.say(&in)
	if err != nil || !in.SignIn {
		return adapter.Output{}, err
	}
	if a.answer == nil {
		return adapter.Output{}, errors.New("the adapter was opened without its secret, and signs nothing")
	}
	query, err := question(&in)
	if err != nil {
		return adapter.Output{}, err
	}
	return a.answer(&in, query, all)
}

// SignedFields returns what an answer says of the person.
func (a *ssoAdapter) SignedFields(in adapter.Input) (map[string][]string, error) {
	all, err := a.say(&in)
	if err != nil {
		return nil, err
	}
	fields := make(map[string][]string, len(all))
	for _, s := range all {
		fields[s.field.name] = s.values
	}
	return fields, nil
}

// say returns what the fields say of the person, without those that say nothing.
func (a *ssoAdapter) say(in *adapter.Input) ([]said, error) {
	all := make([]said, 0, len(a.fields))
	size := 0
	for _, f := range a.fields {
		values, err := f.read(in)
		switch {
		case err != nil:
			return nil, err
		case values == nil:
			continue
		}
		for _, v := range values {
			size += len(v) + 1
		}
		all = append(all, said{f, values})
	}
	if size > maxValues {
		return nil, fmt.Errorf("%w: %w", adapter.ErrUnsendable, errLong)
	}
	return all, nil
}

// question returns the parameters of a request.
func question(in *adapter.Input) (url.Values, error) {
	r := in.Request
	switch {
	case r.Method != "GET":
		return nil, bad("the method is not GET")
	case len(r.URL.RawQuery) > maxQuery:
		return nil, bad("the query is longer than %d bytes", maxQuery)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, bad("the query cannot be read") // err quotes it
	}
	return query, nil
}

// one returns the value of a parameter that stands there once.
func one(query url.Values, name string, most int) (string, error) {
	switch list := query[name]; {
	case len(list) == 0:
		return "", bad("there is no %s", name)
	case len(list) > 1:
		return "", bad("there is more than one %s", name)
	case list[0] == "":
		return "", bad("%s is empty", name)
	case len(list[0]) > most:
		return "", bad("%s is longer than %d bytes", name, most)
	default:
		return list[0], nil
	}
}

// bad says why a request is no question of the app, without quoting it.
func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", adapter.ErrBadSignIn, fmt.Sprintf(format, args...))
}
