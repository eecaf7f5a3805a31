package login

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// What an app may set in one answer: far more than any does.
const (
	maxSetCookies     = 50
	maxSetCookieBytes = 32 << 10
)

// jar holds the cookies of one sign-in, in the order in which they were set.
//
// Unlike net/http/cookiejar it keeps their attributes, and goes by the clock of the
// request. Domain and Secure are not looked at: all is said to one app, by one
// connection, and the bridge decides what the browser gets.
type jar struct {
	now     time.Time
	cookies []*http.Cookie
}

// add takes in the cookies of an answer to a request for path (RFC 6265 §5.3). A
// cookie replaces one of the same name, domain and path, and removes it if it has
// expired.
func (j *jar) add(path string, header http.Header) error {
	lines := header["Set-Cookie"]
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	if len(lines) > maxSetCookies || size > maxSetCookieBytes {
		return fmt.Errorf("%w: it set %d cookies of %d bytes, more than the %d of %d that any app needs",
			adapter.ErrSignInFailed, len(lines), size, maxSetCookies, maxSetCookieBytes)
	}
	for _, line := range lines {
		pair, attributes, _ := strings.Cut(line, ";")
		name, value, whole := strings.Cut(pair, "=")
		// The value is the app's, as it stands: net/http takes quotes off, and drops
		// what browsers keep.
		c, err := http.ParseSetCookie(name + "=;" + attributes)
		if value = textproto.TrimString(value); !whole || err != nil || strings.ContainsFunc(value, isControl) {
			continue // as browsers do
		}
		c.Value, c.Raw = value, ""
		if !strings.HasPrefix(c.Path, "/") {
			c.Path = defaultPath(path)
		}
		c.Domain = strings.ToLower(strings.TrimPrefix(c.Domain, "."))
		j.remove(c)
		if c.MaxAge < 0 || c.MaxAge == 0 && !c.Expires.IsZero() && !c.Expires.After(j.now) {
			continue
		}
		j.cookies = append(j.cookies, c)
	}
	return nil
}

func (j *jar) remove(c *http.Cookie) {
	kept := j.cookies[:0]
	for _, old := range j.cookies {
		if old.Name != c.Name || old.Domain != c.Domain || old.Path != c.Path {
			kept = append(kept, old)
		}
	}
	j.cookies = kept
}

// get returns the cookie of a name that was set last; nil: there is none. An empty
// one is what many apps set in place of none.
func (j *jar) get(name string) *http.Cookie {
	for _, c := range slices.Backward(j.cookies) {
		if c.Name == name && c.Value != "" {
			return c
		}
	}
	return nil
}

func (j *jar) value(name string) string {
	if c := j.get(name); c != nil {
		return c.Value
	}
	return ""
}

// send adds the cookies for a path to a request.
func (j *jar) send(req *http.Request, path string) {
	var pairs, names []string
	for _, c := range slices.Backward(j.cookies) {
		if matches(c.Path, path) && !slices.Contains(names, c.Name) { // one of a name: apps differ in which of two they read
			names = append(names, c.Name)
			pairs = append(pairs, c.Name+"="+c.Value)
		}
	}
	if pairs != nil {
		req.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// matches is RFC 6265 §5.1.4.
func matches(cookie, path string) bool {
	rest, is := strings.CutPrefix(path, cookie)
	return is && (rest == "" || strings.HasSuffix(cookie, "/") || strings.HasPrefix(rest, "/"))
}

// defaultPath is RFC 6265 §5.1.4.
func defaultPath(path string) string {
	if i := strings.LastIndex(path, "/"); i > 0 {
		return path[:i]
	}
	return "/"
}
