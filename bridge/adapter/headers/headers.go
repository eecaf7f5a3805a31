// Package headers is the adapter kind for apps that read who somebody is from
// request headers: most of those that call it "auth proxy", "remote user" or
// "trusted header".
//
// Its vocabulary is closed: a header has a source, a form and what to do with
// values that do not fit, and there are no templates, so a claim's content can
// never become structure. What needs an "if" is a kind of its own.
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
	// Resync is how often a sync_marker changes although nothing else does; 0:
	// one minute.
	Resync time.Duration `toml:"resync"`
}

// New returns empty options for package config to decode into.
func New() adapter.Options { return &Options{} }

// headersAdapter is the opened kind.
type headersAdapter struct {
	fields []field
	owned  adapter.Owned
	marked bool // one of the fields has a sync marker
	resync time.Duration
}

var _ adapter.Adapter = (*headersAdapter)(nil)

// Open checks the options and returns the adapter.
func (o *Options) Open(adapter.Env) (adapter.Adapter, error) {
	var (
		errs []error
		a    = &headersAdapter{resync: cmp.Or(o.Resync, defaultResync)}
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
	o.checkDomains(fail)
	sent := make(map[string]string, len(o.Header)) // by folded name
	for _, name := range slices.Sorted(maps.Keys(o.Header)) {
		a.owned.Headers = append(a.owned.Headers, name)
		folded := adapter.FoldName(name)
		if problem := checkName(name); problem != "" {
			fail("header."+name, "%s", problem)
			continue
		}
		if omitted[folded] {
			continue
		}
		if other, twice := sent[folded]; twice {
			fail("header."+name, "is the same header as %s to many apps; keep one of them", other)
		}
		sent[folded] = name
		f, ok := o.Header[name].compile(o, func(key, format string, args ...any) { fail("header."+name+key, format, args...) })
		if ok {
			f.name = http.CanonicalHeaderKey(name)
			a.fields = append(a.fields, f)
			a.marked = a.marked || f.marker
		}
	}
	if len(o.Header) > 0 && len(sent) == 0 && errs == nil {
		fail("omit", "leaves no header, so the app would be told nothing; keep one of them")
	}
	for _, name := range o.Strip {
		if problem := checkName(name); problem != "" {
			fail("strip", "%q %s", name, problem)
		}
		if other, both := sent[adapter.FoldName(name)]; both {
			fail("strip", "%q is never sent to the app, but %s says what to send; remove one of them", name, "header."+other)
		}
		a.owned.Headers = append(a.owned.Headers, name)
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return a, nil
}

// checkDomains keeps people from taking domains for what it is not: a list of
// who may enter.
func (o *Options) checkDomains(fail func(key, format string, args ...any)) {
	shortens := false
	for _, h := range o.Header {
		shortens = shortens || h.From == "email_local"
	}
	if len(o.Domains) > 0 && !shortens {
		fail("domains", `are for headers with from = "email_local", and there is none; whom the app lets in is for rules to say`)
	}
	for _, d := range o.Domains {
		if strings.Trim(d, ".") != d || d == "" || strings.ContainsAny(d, "@* ,") {
			fail("domains", `%q is no domain; write what stands behind the "@", such as "example.com"`, d)
		}
	}
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
	values := make([]string, len(a.fields)) // one allocation for all
	for i := range a.fields {
		value, err := a.fields[i].value(&in)
		if err != nil {
			return adapter.Output{}, fmt.Errorf("header %s: %w", a.fields[i].name, err)
		}
		values[i] = value
	}
	sync := ""
	if a.marked {
		sync = marker(&in, values, a.resync)
	}
	header := make(http.Header, len(a.fields))
	for i := range a.fields {
		f := &a.fields[i]
		if f.marker {
			values[i] = f.mark(values[i], sync)
		}
		if values[i] != "" {
			header[f.name] = values[i : i+1 : i+1]
		}
	}
	return adapter.Output{Header: header}, nil
}
