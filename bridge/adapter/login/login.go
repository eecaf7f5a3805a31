// Package login is the adapter kind for apps that believe only a session cookie of
// their own which nobody else can make: it signs in at the app as the person would,
// and hands on the cookies that the app sets.
//
//	GET  csrf.path       a form, or whatever else holds the CSRF token (optional)
//	POST request.path    who it is: header, form or json
//	     → success       the status, the cookies, and no way back to the login page
//
// # What a sign-in cannot do
//
//   - It asks at most twice, never again, and never elsewhere: redirects are
//     answers, and both paths are the configuration's.
//   - It takes bounded time, reads a bounded page, and keeps no cookie that is not
//     named.
//   - Nobody is signed in by another person's account: without one of their own, or
//     of their role, they are refused.
//   - The headers that sign somebody in are owned, so clients cannot send them.
//   - No error holds what was sent, or what the app wrote.
package login

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
	carry.Options
	// Cookies are the names of the cookies that make the app's session; the first is
	// the session itself.
	Cookies []string `toml:"cookies"`
	// Request is the one that signs in. What it sends is in Header, and in Form or
	// JSON, by the app's names; a dot in a name of JSON leads into an object.
	Request Request          `toml:"request"`
	Header  map[string]Field `toml:"header"`
	Form    map[string]Field `toml:"form"`
	JSON    map[string]Field `toml:"json"`
	// CSRF is where the app's token against cross-site requests is.
	CSRF CSRF `toml:"csrf"`
	// Success is how to know that the person is signed in.
	Success Success `toml:"success"`
	// LoginPages are the app's own: a redirect to one says that the person is not
	// signed in, or no more. Unset: the paths of Request and CSRF.
	LoginPages []string `toml:"login_pages"`
	// EndedStatus are those of answers that say so too, later.
	EndedStatus []int `toml:"ended_status"`
	// Credentials are the app's accounts, for fields with credential = "NAME".
	Credentials adapter.Credentials `toml:"credentials"`
	// Timeout is how long a sign-in may take in all; 0: ten seconds.
	Timeout time.Duration `toml:"timeout"`

	// Omit names fields of the preset that are not to be sent.
	Omit []string `toml:"omit"`
	// Domains are the email domains whose addresses may be shortened to their
	// local part (from = "email_local").
	Domains []string `toml:"domains"`
	// OneNamespace says of several Domains that a local part is the same person in each.
	OneNamespace bool `toml:"one_namespace"`
	// Strip names headers that are removed from every request, "X-Extra-*" all that
	// begin so; StripCookies cookies.
	Strip        []string `toml:"strip"`
	StripCookies []string `toml:"strip_cookies"`
	// StripQuery names query parameters that are removed from every address.
	StripQuery []string `toml:"strip_query"`
}

// Request is a request to the app.
type Request struct {
	// Method is empty for POST, or for GET if there is nothing to post.
	Method string `toml:"method"`
	// Path may have a query.
	Path string `toml:"path"`
}

// Success is how to know that somebody is signed in.
type Success struct {
	// Status are the answers that may mean it.
	Status []int `toml:"status"`
	// Cookies are those that the app has set then, besides the first of
	// Options.Cookies.
	Cookies []string `toml:"cookies"`
}

const (
	defaultTimeout = 10 * time.Second
	minTimeout     = 100 * time.Millisecond
	maxTimeout     = 14 * time.Second // sign-ins are given up after 15
)

// New returns empty options for package config to decode into.
func New() adapter.Options { return &Options{} }

// loginAdapter is the opened kind.
type loginAdapter struct {
	host       string
	serves     bool // not opened to look at
	request    Request
	fields     []*field
	csrf       *csrf // nil: none
	status     []int
	cookies    []string // carried
	required   []string // set after a sign-in
	pages      []string // cleaned
	timeout    time.Duration
	accounts   *adapter.Accounts // nil: none, or opened to look at
	owned      adapter.Owned
	attributes []string
	told       []adapter.Told
	plan       adapter.SessionPlan
	logout     adapter.Logout
}

var (
	_ adapter.SessionStarter = (*loginAdapter)(nil)
	_ adapter.SessionSecrets = (*loginAdapter)(nil)
	_ adapter.AttributeUser  = (*loginAdapter)(nil)
	_ adapter.SignsOut       = (*loginAdapter)(nil)
	_ adapter.Identifier     = (*loginAdapter)(nil)
)

// Open checks the options and returns the adapter.
func (o *Options) Open(env adapter.Env) (adapter.Adapter, error) {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, &adapter.OptionError{Key: key, Problem: fmt.Sprintf(format, args...)})
	}
	a := &loginAdapter{
		host: env.Host, serves: env.ReadSecrets, request: Request{o.method(), o.Request.Path},
		cookies: o.Cookies, status: o.Success.Status, timeout: cmp.Or(o.Timeout, defaultTimeout), logout: o.Logout.Way(),
	}
	o.Check(fail)
	o.checkRequest(fail)
	o.checkSuccess(a, fail)
	a.csrf = o.openCSRF(fail)
	a.pages = o.loginPages(fail)
	if o.Timeout != 0 && (o.Timeout < minTimeout || o.Timeout > maxTimeout) {
		fail("timeout", `%s is not between %s and %s; "10s" is the default`, o.Timeout, minTimeout, maxTimeout)
	}
	value.CheckDomains(o.Domains, o.OneNamespace, o.uses(func(f *Field) bool { return f.From == "email_local" }), "fields", fail)
	sent := o.openFields(a, env, fail)
	value.Strip(&a.owned, o.Strip, o.StripCookies, sent, fail)
	value.StripQuery(&a.owned, o.StripQuery, fail)
	if errs == nil { // each of them would be wrong once more
		o.openAccounts(a, fail)
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	a.plan = o.Plan(o.Cookies...)
	a.plan.Calls, a.plan.Ended = true, a.ended(o.EndedStatus)
	return a, nil
}

// method is that of the sign-in.
func (o *Options) method() string {
	switch {
	case o.Request.Method != "":
		return o.Request.Method
	case len(o.Form)+len(o.JSON) > 0:
		return http.MethodPost
	}
	return http.MethodGet
}

// checkSuccess checks what makes a session.
func (o *Options) checkSuccess(a *loginAdapter, fail value.Fail) {
	if len(o.Cookies) == 0 {
		fail("cookies", `missing: name the cookies of the app's session, the session itself first, such as ["sessionid"]`)
		return
	}
	if len(o.Success.Status) == 0 {
		fail("success.status", "missing: say what the app answers when it has signed somebody in, such as [302] of a form, where most answer 200 with the form again if it has not")
	}
	for _, list := range []struct {
		key  string
		of   []int
		most int
	}{{"success.status", o.Success.Status, 399}, {"ended_status", o.EndedStatus, 499}} {
		for _, status := range list.of {
			if status < 200 || status > list.most {
				fail(list.key, "%d is no such status; write some between 200 and %d", status, list.most)
			}
		}
	}
	for _, list := range []struct {
		key   string
		of    []string
		check func(string) string
	}{{"cookies", o.Cookies, carry.CheckCookie}, {"success.cookies", o.Success.Cookies, value.CheckCookie}} {
		for _, name := range list.of {
			if problem := list.check(name); problem != "" {
				fail(list.key, "%q %s", name, problem)
			}
		}
	}
	a.owned.Cookies = slices.Clone(o.Cookies)
	a.required = append([]string{o.Cookies[0]}, o.Success.Cookies...)
	slices.Sort(a.required)
	a.required = slices.Compact(a.required)
	sorted := slices.Sorted(slices.Values(o.Cookies))
	if len(slices.Compact(sorted)) != len(o.Cookies) {
		fail("cookies", "names a cookie twice; keep one of them")
	}
}

// openFields compiles the fields. It returns the keys of the headers that are sent
// by their folded form.
func (o *Options) openFields(a *loginAdapter, env adapter.Env, fail value.Fail) map[string]string {
	o.checkOmit(fail)
	sent := map[string]string{}
	signsIn := false
	for _, t := range o.tables() {
		for _, name := range slices.Sorted(maps.Keys(t.fields)) {
			key, options := t.key+"."+name, t.fields[name]
			if problem := t.check(name); problem != "" {
				fail(key, "%s", problem)
				continue
			}
			if t.key == inHeader && !options.unowned(name) {
				a.owned.Headers = append(a.owned.Headers, name)
			}
			if slices.Contains(o.Omit, name) {
				continue
			}
			if t.key == inHeader {
				o.own(a, sent, name, &options, fail)
			}
			f := o.field(t.key, name, &options, env, fail)
			a.fields = append(a.fields, f)
			signsIn = signsIn || f.signsIn()
			if options.Attribute != "" {
				a.attributes = append(a.attributes, options.Attribute)
			}
		}
	}
	a.told = o.told()
	switch uses := o.uses(func(f *Field) bool { return f.CSRF }); {
	case len(o.Header)+len(o.Form)+len(o.JSON) == 0:
		fail("header", `nothing is sent, so nobody is signed in; write one such as header.X-Webauth-User = { from = "email", required = true }, or form or json`)
	case !signsIn:
		first := slices.IndexFunc(o.tables(), func(t table) bool { return len(t.fields) > 0 })
		fail(o.tables()[first].key, `no field that is always there says who is signed in; write required = true beside from = "email", or credential = "username"`)
	case uses && a.csrf == nil && o.CSRF == (CSRF{}):
		fail("csrf", `missing: say where the token is that a field sends, such as { path = "/login", field = "csrf_token" }`)
	case !uses && o.CSRF != (CSRF{}):
		fail("csrf", "no field sends the token; write one with csrf = true, such as form.csrf_token = { csrf = true }")
	}
	return sent
}

// own notes that a header is sent.
func (o *Options) own(a *loginAdapter, sent map[string]string, name string, options *Field, fail value.Fail) {
	folded := adapter.FoldName(name)
	if other, twice := sent[folded]; twice {
		fail("header."+name, "is the same header as %s to many apps; keep one of them", strings.TrimPrefix(other, "header."))
	}
	sent[folded] = "header." + name
	if !options.Secret.IsZero() || options.Credential != "" {
		a.owned.Secrets = append(a.owned.Secrets, name)
	}
}

func (o *Options) checkOmit(fail value.Fail) {
	var known []string
	for _, t := range o.tables() {
		known = append(known, slices.Collect(maps.Keys(t.fields))...)
	}
	for _, name := range o.Omit {
		if !slices.Contains(known, name) {
			slices.Sort(known)
			fail("omit", "%q is no field of this adapter; it has %s", name, strings.Join(known, ", "))
		}
	}
}

// openAccounts reads the accounts, if any field needs one, and writes each of them:
// what cannot be sent is found before somebody needs it.
func (o *Options) openAccounts(a *loginAdapter, fail value.Fail) {
	needed := slices.DeleteFunc(slices.Clone(a.fields), func(f *field) bool { return f.credential == "" })
	switch {
	case len(needed) == 0 && o.Credentials.IsZero():
		return
	case len(needed) == 0:
		fail("credentials", `no field sends any; write one such as form.password = { credential = "password" }`)
		return
	case o.Credentials.IsZero():
		fail("credentials", `missing: say which file has people's names and passwords in the app, such as { file = "app.credentials.toml" }`)
		return
	case !a.serves:
		return
	}
	accounts, err := o.Credentials.Read()
	if err != nil {
		fail("credentials", "%v", err)
		return
	}
	a.accounts = accounts
	for _, list := range []struct {
		key string
		of  map[string]adapter.Account
	}{{"subject", accounts.Subjects}, {"email", accounts.Emails}, {"role", accounts.Roles}} {
		for _, whose := range slices.Sorted(maps.Keys(list.of)) {
			for _, f := range needed {
				if text, has := list.of[whose][f.credential]; !has || text == "" {
					fail("credentials", "the account of %s %q has no %s, which %s.%s sends", list.key, whose, f.credential, f.in, f.name)
				} else if _, err := f.write(text); err != nil {
					fail("credentials", "the %s of %s %q cannot be sent in %s.%s: %v", f.credential, list.key, whose, f.in, f.name, err)
				}
			}
		}
	}
}

// Owns lists what signs in, what is stripped, and the session's cookies.
func (a *loginAdapter) Owns() adapter.Owned { return a.owned }

// Attributes lists the attributes of decisions that are sent.
func (a *loginAdapter) Attributes() []string { return a.attributes }

// Told lists the fields.
func (a *loginAdapter) Told() []adapter.Told { return a.told }

// Logout returns how people sign out of the app.
func (a *loginAdapter) Logout() adapter.Logout { return a.logout }

// SessionPlan says how the app's session is carried.
func (a *loginAdapter) SessionPlan() adapter.SessionPlan { return a.plan }

// Adapt tells the app nothing: its session does. People whom it could not be told of
// are refused whether they have one or not.
func (a *loginAdapter) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	_, err := a.say(&in)
	return adapter.Output{}, err
}
