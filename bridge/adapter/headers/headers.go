// Package headers is the adapter kind for apps that read who somebody is from
// request headers: most of those that call it "auth proxy", "remote user" or
// "trusted header".
//
// Its vocabulary is closed: a header has a source, a form and what to do with
// values that do not fit, and there are no templates, so a claim's content can
// never become structure. What needs an "if" is a kind of its own.
package headers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// Options are the kind's options in a preset or under [adapter.NAME].
type Options struct {
	// Header holds the headers by name.
	Header map[string]Header `toml:"header"`
	// Omit names headers of the preset that are not to be sent. They stay
	// owned: a client may not send them either.
	Omit []string `toml:"omit"`
	// Strip names headers that are removed from every request although the
	// adapter never sets them: other ways to sign in at the app, which would
	// compete with what the bridge says.
	Strip []string `toml:"strip"`
	// Domains are the email domains whose addresses may be shortened to their
	// local part (from = "email_local"). Without such a list ann@a.example and
	// ann@b.example would be one user.
	Domains []string `toml:"domains"`
	// Resync is how often a sync_marker changes for one and the same identity;
	// 0: one minute.
	Resync time.Duration `toml:"resync"`
}

// New returns empty options for package config to decode into.
func New() adapter.Options { return &Options{} }

// headersAdapter is the opened kind.
type headersAdapter struct {
	fields []field
	owned  adapter.Owned
}

var _ adapter.Adapter = (*headersAdapter)(nil)

// Open checks the options and returns the adapter.
func (o *Options) Open(adapter.Env) (adapter.Adapter, error) {
	var (
		errs []error
		a    = &headersAdapter{}
		fail = func(key, format string, args ...any) {
			errs = append(errs, &adapter.OptionError{Key: key, Problem: fmt.Sprintf(format, args...)})
		}
		omitted = o.omitted(fail)
	)
	if len(o.Header) == 0 {
		fail("header", `no header; write one such as [header] X-Webauth-User = { from = "email", required = true }`)
	}
	if o.Resync < 0 {
		fail("resync", "negative; write how often the app shall be made to read the identity anew, such as \"1m\"")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Header)) {
		a.owned.Headers = append(a.owned.Headers, name)
		if problem := checkName(name); problem != "" {
			fail("header."+name, "%s", problem)
			continue
		}
		if omitted[adapter.FoldName(name)] {
			continue
		}
		f, ok := o.Header[name].compile(o, func(key, format string, args ...any) { fail("header."+name+key, format, args...) })
		if ok {
			f.name = http.CanonicalHeaderKey(name)
			a.fields = append(a.fields, f)
		}
	}
	for _, name := range o.Strip {
		if problem := checkName(name); problem != "" {
			fail("strip", "%q %s", name, problem)
		}
		a.owned.Headers = append(a.owned.Headers, name)
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return a, nil
}

func (o *Options) omitted(fail func(key, format string, args ...any)) map[string]bool {
	known := make(map[string]bool, len(o.Header))
	for name := range o.Header {
		known[adapter.FoldName(name)] = true
	}
	omitted := make(map[string]bool, len(o.Omit))
	for _, name := range o.Omit {
		folded := adapter.FoldName(name)
		if !known[folded] {
			fail("omit", "%q is no header of this adapter; it has %s", name, strings.Join(slices.Sorted(maps.Keys(o.Header)), ", "))
		}
		omitted[folded] = true
	}
	return omitted
}

// reserved are headers that carry the request itself, or that the bridge sets.
var reserved = map[string]bool{
	"host": true, "connection": true, "content-length": true, "content-type": true, "cookie": true, "expect": true,
	"forwarded": true, "keep-alive": true, "proxy-connection": true, "te": true, "trailer": true,
	"transfer-encoding": true, "upgrade": true, "x-forwarded-for": true, "x-forwarded-host": true, "x-forwarded-proto": true,
}

func checkName(name string) string {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return "is not a header name: letters, digits and hyphens, such as X-Webauth-User"
	case reserved[adapter.FoldName(name)]:
		return "carries the request itself, not an identity; choose another header"
	}
	return ""
}

// Owns lists the headers that are set, omitted or stripped.
func (a *headersAdapter) Owns() adapter.Owned { return a.owned }

// Adapt returns one value for each header that has something to say.
func (a *headersAdapter) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	var (
		header = make(http.Header, len(a.fields))
		values = make([]string, len(a.fields)) // one allocation for all
	)
	for i := range a.fields {
		f := &a.fields[i]
		value, err := f.value(&in)
		if err != nil {
			return adapter.Output{}, fmt.Errorf("header %s: %w", f.name, err)
		}
		if value == "" {
			continue
		}
		values[i] = value
		header[f.name] = values[i : i+1 : i+1]
	}
	return adapter.Output{Header: header}, nil
}
