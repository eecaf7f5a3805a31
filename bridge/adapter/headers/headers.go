// Package headers is the adapter kind for apps that read who somebody is from
// request headers: most of those that call it "auth proxy", "remote user" or
// "trusted header".
//
// Its vocabulary is closed: a header has a source, the app's words for it, a
// form, and what to do with values that do not fit. There are no templates, so
// a claim's content can never become structure. What needs an "if" is a kind of
// its own.
//
// A value goes through these steps in this order; each refuses what the next
// could misread, and none loses what tells two people apart:
//
//	source   from, claim, attribute, const or secret
//	words    map and unmapped; lower, replace, allow, max_length, forbid; prefix
//	form     one value, or a list: join with quote and append, repeat, wrap
//	bytes    encode
//	nothing  required, default and unsendable
package headers

import (
	"cmp"
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
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Options are the kind's options in a preset or under [adapter.NAME].
type Options struct {
	// Header holds the headers by name.
	Header map[string]Header `toml:"header"`
	// Gate says that the app is told nothing. People without a role do not reach it, and that
	// is all.
	Gate bool `toml:"gate"`
	// Omit names headers of the preset that are not to be sent. They stay
	// owned: a client may not send them either.
	Omit []string `toml:"omit"`
	// Strip names headers that are removed from every request although the
	// adapter never sets them: other ways to sign in at the app, which would
	// compete with what the bridge says. "Impersonate-Extra-*" is every header
	// that begins so.
	Strip []string `toml:"strip"`
	// StripCookies names cookies that are removed from every request: the app's
	// own sessions, where it would believe one rather than the headers. "auth_*" is
	// every cookie that begins so.
	StripCookies []string `toml:"strip_cookies"`
	// StripQuery names query parameters that are removed from the address of every
	// request, where the app takes credentials there. All else in it stays as it is.
	StripQuery []string `toml:"strip_query"`
	// Domains are the email domains whose addresses may be shortened to their
	// local part (from = "email_local"). Without such a list ann@a.example and
	// ann@b.example would be one user.
	Domains []string `toml:"domains"`
	// OneNamespace says of several Domains that a local part is the same person in each.
	OneNamespace bool `toml:"one_namespace"`
	// Groups are the app's names for groups, by the identity provider's: the map
	// of every header with from = "groups" that has none of its own.
	Groups map[string]string `toml:"groups"`
	// Unmapped says what becomes of a group that Groups lacks: "omit" it, or
	// "refuse" the person. Required beside Groups.
	Unmapped string `toml:"unmapped"`
	// Resync is how often a sync_marker changes although nothing else does; 0:
	// one minute.
	Resync time.Duration `toml:"resync"`
	// Logout is how people sign out of the app.
	Logout Logout `toml:"logout"`
}

// Logout says how people sign out of the app. At its path, the app is not told who
// somebody is: some apps end a session only for those who have nothing but its
// cookie.
type Logout struct {
	carry.Logout
	// Omit names the headers that are not sent there; none: no header is.
	Omit []string `toml:"omit"`
}

// New returns empty options for package config to decode into.
func New() adapter.Options { return &Options{} }

// headersAdapter is the opened kind.
type headersAdapter struct {
	fields  []field
	owned   adapter.Owned
	marked  bool // one of the fields has a sync marker
	repeats bool // one of the fields repeats
	resync  time.Duration
	logout  adapter.Logout
	// attributes are those of the decision that are sent.
	attributes []string
	told       []adapter.Told
}

var (
	_ adapter.Adapter       = (*headersAdapter)(nil)
	_ adapter.AttributeUser = (*headersAdapter)(nil)
	_ adapter.Omitter       = (*headersAdapter)(nil)
	_ adapter.Identifier    = (*headersAdapter)(nil)
	_ adapter.SignsOut      = (*headersAdapter)(nil)
)

// Open checks the options and returns the adapter.
func (o *Options) Open(env adapter.Env) (adapter.Adapter, error) {
	var (
		errs []error
		a    = &headersAdapter{resync: cmp.Or(o.Resync, defaultResync), logout: o.Logout.Way()}
		fail = func(key, format string, args ...any) {
			errs = append(errs, &adapter.OptionError{Key: key, Problem: fmt.Sprintf(format, args...)})
		}
	)
	switch {
	case o.Gate && len(o.Header) > 0:
		fail("gate", "says that the app is told nothing, and there are headers: remove one of them")
	case !o.Gate && len(o.Header) == 0:
		fail("header", `no header; write one such as [header] X-Webauth-User = { from = "email", required = true }; for an app that is told nothing, adapter = "none"`)
	}
	if o.Resync < 0 {
		fail("resync", "negative; write how often the app shall be made to read the identity anew, such as \"1m\"")
	}
	value.CheckDomains(o.Domains, o.OneNamespace, o.uses("email_local"), "headers", fail)
	o.checkGroups(fail)
	sent := o.compile(a, env, fail)
	if len(o.Header) > 0 && len(sent) == 0 && errs == nil {
		fail("omit", "leaves no header, so the app would be told nothing; keep one of them")
	}
	a.told = o.told()
	o.checkLogout(fail)
	value.Strip(&a.owned, o.Strip, o.StripCookies, value.NotAbove(sent, env), fail)
	value.StripQuery(&a.owned, o.StripQuery, fail)
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return a, nil
}

// compile adds the headers to a. It returns the keys of those that are sent by
// their folded form.
func (o *Options) compile(a *headersAdapter, env adapter.Env, fail value.Fail) map[string]string {
	omitted := o.named("omit", o.Omit, fail)
	silent := o.named("logout.omit", o.Logout.Omit, fail)
	sent := make(map[string]string, len(o.Header))
	for _, name := range slices.Sorted(maps.Keys(o.Header)) {
		a.owned.Headers = append(a.owned.Headers, name)
		folded := adapter.FoldName(name)
		if problem := value.CheckName(name); problem != "" {
			fail("header."+name, "%s", problem)
			continue
		}
		if omitted[folded] {
			continue
		}
		if other, twice := sent[folded]; twice {
			fail("header."+name, "is the same header as %s to many apps; keep one of them", strings.TrimPrefix(other, "header."))
		}
		sent[folded] = "header." + name
		h := o.Header[name]
		f, ok := h.compile(o, env, func(key, format string, args ...any) {
			if key == "" || strings.HasPrefix(key, ".") { // below the header
				key = "header." + name + key
			}
			fail(key, format, args...)
		})
		if !ok {
			continue
		}
		f.name = http.CanonicalHeaderKey(name)
		f.silent = o.Logout.Path != "" && (len(silent) == 0 || silent[folded])
		a.fields = append(a.fields, f)
		a.marked = a.marked || f.marker
		a.repeats = a.repeats || f.repeat
		if f.repeat {
			a.owned.Lists = append(a.owned.Lists, name)
		}
		if !h.Secret.IsZero() {
			a.owned.Secrets = append(a.owned.Secrets, name)
		}
		if h.Attribute != "" {
			a.attributes = append(a.attributes, h.Attribute)
		}
	}
	return sent
}

// named returns the headers of a list in their folded form.
func (o *Options) named(key string, list []string, fail value.Fail) map[string]bool {
	known := make(map[string]bool, len(o.Header))
	for name := range o.Header {
		known[adapter.FoldName(name)] = true
	}
	named := make(map[string]bool, len(list))
	for _, name := range list {
		folded := adapter.FoldName(name)
		if !known[folded] {
			fail(key, "%q is no header of this adapter; it has %s", name, strings.Join(slices.Sorted(maps.Keys(o.Header)), ", "))
		}
		named[folded] = true
	}
	return named
}

// Owns lists the headers that are set, omitted or stripped.
func (a *headersAdapter) Owns() adapter.Owned { return a.owned }

// Attributes lists the attributes of decisions that are sent.
func (a *headersAdapter) Attributes() []string { return a.attributes }

// Told lists the headers.
func (a *headersAdapter) Told() []adapter.Told { return a.told }

// Adapt returns the headers that have something to say.
func (a *headersAdapter) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	values := make([]string, len(a.fields)) // one allocation for all
	var repeated [][]string
	if a.repeats {
		repeated = make([][]string, len(a.fields))
	}
	for i := range a.fields {
		value, items, err := a.fields[i].value(&in)
		if err != nil {
			return adapter.Output{}, fmt.Errorf("header %s: %w", a.fields[i].name, err)
		}
		values[i] = value
		if items != nil {
			repeated[i] = items
		}
	}
	sync := ""
	if a.marked {
		sync = a.marker(&in, values, repeated)
	}
	header := make(http.Header, len(a.fields))
	leaving := a.leaving(in.Request)
	for i := range a.fields {
		f := &a.fields[i]
		if f.marker {
			values[i] = f.mark(values[i], sync)
		}
		switch {
		case leaving && f.silent:
		case values[i] != "":
			header[f.name] = values[i : i+1 : i+1]
		case a.repeats && repeated[i] != nil:
			header[f.name] = repeated[i]
		}
	}
	return adapter.Output{Header: header}, nil
}

// leaving reports whether the person is about to sign out of the app.
func (a *headersAdapter) leaving(r *http.Request) bool {
	return a.logout.Path != "" && r != nil && r.URL != nil && r.URL.Path == a.logout.Path
}

// Logout returns how people sign out of the app.
func (a *headersAdapter) Logout() adapter.Logout { return a.logout }

// Omitted returns the headers that the app does not get for in, and why not.
func (a *headersAdapter) Omitted(_ context.Context, in adapter.Input) map[string]string {
	omitted := make(map[string]string)
	for i := range a.fields {
		f := &a.fields[i]
		value, items, err := f.read(&in)
		switch {
		case f.marker || f.ifEmpty != "":
		case err != nil:
			omitted[f.name] = err.Error()
		case value == "" && len(items) == 0:
			omitted[f.name] = "empty for this person"
		}
	}
	return omitted
}
