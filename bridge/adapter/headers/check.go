package headers

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// checkDomains keeps people from taking domains for what it is not: a list of
// who may enter.
func (o *Options) checkDomains(fail failFunc) {
	if len(o.Domains) > 0 && !o.uses("email_local") {
		fail("domains", `are for headers with from = "email_local", and there is none; whom the app lets in is for rules to say`)
	}
	for _, d := range o.Domains {
		if strings.Trim(d, ".") != d || d == "" || strings.ContainsAny(d, "@* ,") {
			fail("domains", `%q is no domain; write what stands behind the "@", such as "example.com"`, d)
		}
	}
}

// uses reports whether a header has this source.
func (o *Options) uses(from string) bool {
	for _, h := range o.Header {
		if h.From == from {
			return true
		}
	}
	return false
}

// checkGroups checks the table of group names as a whole; its entries are
// checked with the headers that use them.
func (o *Options) checkGroups(fail failFunc) {
	switch {
	case o.Groups == nil && o.Unmapped != "":
		fail("unmapped", "has no effect without groups; remove it")
	case o.Groups == nil:
	case !o.uses("groups"):
		fail("groups", `are for headers with from = "groups", and there is none; who gets which role is for rules to say`)
	default:
		checkUnmapped("unmapped", "groups", o.Unmapped, fail)
	}
}

func checkUnmapped(key, table, unmapped string, fail failFunc) {
	switch unmapped {
	case "omit", "refuse":
	case "":
		fail(key, `missing: say what becomes of names that %s lacks: "omit" them, or "refuse" the person`, table)
	default:
		fail(key, `%q; choose "omit" or "refuse"`, unmapped)
	}
}

func (o *Options) checkLogout(fail failFunc) {
	switch {
	case o.Logout.Path == "" && len(o.Logout.Omit) > 0:
		fail("logout.path", `missing: say where people sign out of the app, such as "/logout"`)
	case o.Logout.Path != "" && (!strings.HasPrefix(o.Logout.Path, "/") || strings.ContainsAny(o.Logout.Path, "?#%*")):
		fail("logout.path", `%q is no path; write it whole and as people read it, such as "/logout"`, o.Logout.Path)
	}
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

// checkPrefix checks what stands before the "*" of a family of headers.
func checkPrefix(prefix string) string {
	if !strings.HasSuffix(prefix, "-") || !httpguts.ValidHeaderFieldName(strings.TrimRight(prefix, "-")) {
		return `is no beginning of header names; write one that ends in a hyphen, such as "Impersonate-Extra-*"`
	}
	for _, name := range slices.Sorted(maps.Keys(reserved)) {
		if strings.HasPrefix(name, adapter.FoldName(prefix)) {
			return "would also take " + name + ", which carries the request itself; name the headers"
		}
	}
	return ""
}
