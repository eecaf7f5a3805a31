package value

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// Strip adds to owned what is removed from every request although the adapter
// never sets it: headers, "Impersonate-Extra-*" for all that begin so, and cookies
// likewise. Sent are the keys of options that say what to send, by the folded
// names of the headers that they are for.
func Strip(owned *adapter.Owned, headers, cookies []string, sent map[string]string, fail Fail) {
	for _, name := range headers {
		if prefix, is := strings.CutSuffix(name, "*"); is {
			if problem := checkPrefix(prefix); problem != "" {
				fail("strip", "%q %s", name, problem)
			}
			owned.Prefixes = append(owned.Prefixes, prefix)
			continue
		}
		if problem := CheckName(name); problem != "" {
			fail("strip", "%q %s", name, problem)
		}
		if key, both := sent[adapter.FoldName(name)]; both {
			fail("strip", "%q is never sent to the app, but %s says what to send; remove one of them", name, key)
		}
		if !slices.ContainsFunc(owned.Headers, func(o string) bool { return adapter.FoldName(o) == adapter.FoldName(name) }) {
			owned.Headers = append(owned.Headers, name)
		}
	}
	for _, name := range cookies {
		if prefix, is := strings.CutSuffix(name, "*"); is {
			if problem := checkCookiePrefix(prefix); problem != "" {
				fail("strip_cookies", "%q %s", name, problem)
			}
			owned.CookiePrefixes = append(owned.CookiePrefixes, prefix)
			continue
		}
		if problem := CheckCookie(name); problem != "" {
			fail("strip_cookies", "%q %s", name, problem)
		}
		owned.Cookies = append(owned.Cookies, name)
	}
}

// StripQuery adds to owned the query parameters that are removed from the address of
// every request.
func StripQuery(owned *adapter.Owned, names []string, fail Fail) {
	for _, name := range names {
		if !httpguts.ValidHeaderFieldName(name) || strings.Trim(adapter.FoldName(name), "-") == "" {
			fail("strip_query", `%q is no parameter's name; write it as the app does, such as "api_key"`, name)
		}
		owned.Query = append(owned.Query, name)
	}
}

// NotAbove returns those of sent that are not written above the list of what to
// strip: whoever lays a header over a preset that strips it wants it sent.
func NotAbove(sent map[string]string, env adapter.Env) map[string]string {
	if env.Above == nil {
		return sent
	}
	rest := maps.Clone(sent)
	maps.DeleteFunc(rest, func(_, key string) bool { return env.Above(key, "strip") })
	return rest
}

// reserved are headers that carry the request itself, or that the bridge sets.
var reserved = map[string]bool{
	"host": true, "connection": true, "content-length": true, "content-type": true, "cookie": true, "expect": true,
	"forwarded": true, "keep-alive": true, "proxy-connection": true, "te": true, "trailer": true,
	"transfer-encoding": true, "upgrade": true, "x-forwarded-for": true, "x-forwarded-host": true, "x-forwarded-proto": true,
}

// CheckName says what is wrong with the name of a header to set or remove.
func CheckName(name string) string {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return "is not a header name: letters, digits and hyphens, such as X-Webauth-User"
	case reserved[adapter.FoldName(name)]:
		return "carries the request itself, not an identity; choose another header"
	}
	return ""
}

// CheckCookie says what is wrong with the name of a cookie.
func CheckCookie(name string) string {
	if !httpguts.ValidHeaderFieldName(name) { // the same characters
		return `is no cookie's name; write it as the app does, such as "grafana_session"`
	}
	return ""
}

// checkCookiePrefix checks what stands before the "*" of a family of cookies. Names
// such as "a_*" would take cookies of strangers.
func checkCookiePrefix(prefix string) string {
	if len(prefix) < 4 || !strings.ContainsAny(prefix[len(prefix)-1:], "_-.") || CheckCookie(prefix) != "" {
		return `is no beginning of cookies' names; write one of three letters and "_", "-" or "." at least, such as "auth_*"`
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
