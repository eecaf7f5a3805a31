// Package carry holds the options that all kinds have whose adapters begin
// sessions: how a session is carried, how long it may last, and how people leave.
package carry

import (
	"net/http"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Options are for a kind's options to embed, so that their keys are the kind's own.
type Options struct {
	// Deliver is where the app's cookies are between two requests: "browser"
	// (default), or "upstream", where the bridge keeps them and the browser never
	// sees them.
	Deliver string `toml:"deliver"`
	// Lifetime is how long a session may last, whatever the app does to it; 0: eight
	// hours, a working day.
	Lifetime time.Duration `toml:"lifetime"`
	// SameSite is what browsers are told of the cookies: "lax" (default), "strict"
	// or "none".
	SameSite string `toml:"same_site"`
	// PlainNames leaves the cookies their names in the browser, without "__Host-"
	// before them.
	PlainNames bool `toml:"plain_names"`
	// Logout is how people sign out of the app.
	Logout Logout `toml:"logout"`
}

const (
	defaultLifetime = 8 * time.Hour
	minLifetime     = time.Minute
	maxLifetime     = 30 * 24 * time.Hour
)

var sameSites = map[string]http.SameSite{
	"": http.SameSiteLaxMode, "lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
}

// Check reports what is wrong with the options, by their keys.
func (o *Options) Check(fail value.Fail) {
	switch adapter.Delivery(o.Deliver) {
	case "", adapter.DeliverBrowser, adapter.DeliverUpstream:
	default:
		fail("deliver", `%q; choose "browser", or "upstream" for cookies that the browser never sees`, o.Deliver)
	}
	if o.Lifetime != 0 && (o.Lifetime < minLifetime || o.Lifetime > maxLifetime) {
		fail("lifetime", `%s is not between a minute and 30 days; "8h" is a working day`, o.Lifetime)
	}
	if sameSites[o.SameSite] == 0 {
		fail("same_site", `%q; choose "lax", "strict", or "none" for an app within pages of other sites`, o.SameSite)
	}
	if o.PlainNames && adapter.Delivery(o.Deliver) == adapter.DeliverUpstream {
		fail("plain_names", `has no effect with deliver = "upstream": the browser never sees the app's cookies; remove it`)
	}
	o.Logout.Check(fail)
}

// Plan returns how sessions of these cookies are carried.
func (o *Options) Plan(cookies ...string) adapter.SessionPlan {
	p := adapter.SessionPlan{
		Cookies:    cookies,
		Deliver:    adapter.Delivery(o.Deliver),
		Lifetime:   o.Lifetime,
		SameSite:   sameSites[o.SameSite],
		PlainNames: o.PlainNames,
	}
	if p.Deliver == "" {
		p.Deliver = adapter.DeliverBrowser
	}
	if p.Lifetime == 0 {
		p.Lifetime = defaultLifetime
	}
	return p
}

// Describe says how sessions are carried, for people to read.
func (o *Options) Describe() []string {
	p := o.Plan()
	how := []string{"kept by the browser"}
	if p.Deliver == adapter.DeliverUpstream {
		how[0] = "kept by ssobridge: the browser never sees it"
	}
	return append(how, "good for "+value.DescribeDuration(p.Lifetime)+" at most")
}

// CheckCookie says what is wrong with the name of a session's cookie.
func CheckCookie(name string) string {
	if strings.Contains(adapter.FoldName(name), "ssobridge") {
		return "is a name like those of cookies that the bridge sets itself; rename the app's"
	}
	return value.CheckCookie(name)
}

// Logout is the table that says how people sign out of an app.
type Logout struct {
	// Path is where, whole and without a query; empty: not known.
	Path string `toml:"path"`
	// Method is with which method; empty: GET.
	Method string `toml:"method"`
	// Everywhere sends whoever signs out there on to sign out of Pomerium too.
	Everywhere bool `toml:"everywhere"`
}

// NoLogoutPath is what is wrong with a table logout that says anything else.
const NoLogoutPath = `missing: say where people sign out of the app, such as "/logout"`

// Check reports what is wrong with the table logout.
func (l *Logout) Check(fail value.Fail) {
	switch {
	case l.Path == "" && (l.Method != "" || l.Everywhere):
		fail("logout.path", NoLogoutPath)
	case l.Path != "" && (!strings.HasPrefix(l.Path, "/") || strings.ContainsAny(l.Path, "?#%*")):
		fail("logout.path", `%q is no path; write it whole and as people read it, such as "/logout"`, l.Path)
	}
	switch l.Method {
	case "", http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete:
	default:
		fail("logout.method", `%q; choose "GET", "POST", "PUT" or "DELETE"`, l.Method)
	}
}

// Way returns the table as the bridge reads it.
func (l *Logout) Way() adapter.Logout {
	return adapter.Logout{Path: l.Path, Method: l.Method, Everywhere: l.Everywhere}
}
