package session

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// jar holds cookies by the app's names, values as they stand in a Cookie header.
type jar map[string]string

// MarshalJSON writes values as bytes: as a text, JSON would change what is no UTF-8.
func (j jar) MarshalJSON() ([]byte, error) {
	values := make(map[string][]byte, len(j))
	for name, value := range j {
		values[name] = []byte(value)
	}
	return json.Marshal(values)
}

// UnmarshalJSON reads them.
func (j *jar) UnmarshalJSON(text []byte) error {
	var values map[string][]byte
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	*j = make(jar, len(values))
	for name, value := range values {
		(*j)[name] = string(value)
	}
	return nil
}

// SealName is the cookie that holds the seal, on each app's host.
const SealName = hostPrefix + "ssobridge-session"

const hostPrefix = "__Host-"

// Limits of what is looked at. A browser sends one cookie of a name; several come
// from neighbouring hosts and paths, or from somebody who tries.
const (
	maxDuplicates = 8
	maxCookies    = 32 // of one session, for apps that cut theirs into pieces
)

// browserName is what a session cookie is called in the browser.
func (a *App) browserName(name string) string {
	if a.plan.PlainNames || strings.HasPrefix(name, hostPrefix) {
		return name
	}
	return hostPrefix + name
}

// appName returns the app's name for a cookie from the browser, if it is one of a
// session's.
func (a *App) appName(name string) (string, bool) {
	app := name
	if !a.plan.PlainNames && !a.owns(name) {
		app = strings.TrimPrefix(name, hostPrefix)
	}
	return app, a.owns(app) && a.browserName(app) == name
}

// owns reports whether a cookie of the app belongs to its sessions.
func (a *App) owns(name string) bool {
	if _, ok := a.names[name]; ok {
		return true
	}
	return a.plan.Match != nil && a.plan.Match(name)
}

// OwnsCookie reports whether a cookie that came with a request is one of the
// session's, or one that some server takes for it (adapter.FoldName): none of them
// goes to the app but by way of a [Visit].
func (a *App) OwnsCookie(name string) bool {
	var buf [64]byte
	if _, alias := a.aliases[string(adapter.AppendFolded(buf[:0], name))]; alias {
		return true
	}
	_, session := a.appName(name)
	return session || a.owns(name)
}

// found are the cookies of one request that are a session's, by the app's names.
type found struct {
	values map[string][]string
	seals  []string
	most   int // copies of one name
}

// find reads a request's Cookie headers.
func (a *App) find(lines []string) found {
	f := found{}
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(pair, "=")
			name, value = textproto.TrimString(name), textproto.TrimString(value)
			if name == SealName {
				if len(f.seals) < maxDuplicates {
					f.seals = append(f.seals, value)
				}
				continue
			}
			app, ours := a.appName(name)
			if !ours || value == "" {
				continue
			}
			if f.values == nil {
				f.values = make(map[string][]string, 2)
			}
			if copies := f.values[app]; len(copies) < maxDuplicates && (copies != nil || len(f.values) < maxCookies) {
				f.values[app] = append(copies, value)
				f.most = max(f.most, len(copies)+1)
			}
		}
	}
	return f
}

// jar returns the nth set of cookies: the nth copy of each name, or the last one of
// those with fewer. Copies of cookies that were set together come in one order.
func (f *found) jar(n int) jar {
	j := make(jar, len(f.values))
	for name, copies := range f.values {
		j[name] = copies[min(n, len(copies)-1)]
	}
	return j
}

// setCookie is one Set-Cookie of an app's answer, as far as it matters here.
type setCookie struct {
	name, value string
	removes     bool
	maxAge      int // seconds; 0: until the browser is closed
	sameSite    http.SameSite
	path        string
}

// parseSetCookie reads a Set-Cookie header as browsers do (RFC 6265bis §5.6): value
// and attributes are taken as they stand, and what is not understood is left out.
func parseSetCookie(line string, now time.Time) (c setCookie, ok bool) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, ok := strings.Cut(pair, "=")
	c.name, c.value = textproto.TrimString(name), textproto.TrimString(value)
	if !ok || c.name == "" || strings.Contains(c.value, "\t") ||
		strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return c, false
	}
	byAge := false
	for attribute := range strings.SplitSeq(attributes, ";") {
		key, text, _ := strings.Cut(attribute, "=")
		text = textproto.TrimString(text)
		switch strings.ToLower(textproto.TrimString(key)) {
		case "max-age":
			if age, err := strconv.Atoi(text); err == nil {
				byAge, c.maxAge, c.removes = true, age, age <= 0
			}
		case "expires":
			if at, err := parseExpires(text); err == nil && !byAge {
				left := int(at.Sub(now) / time.Second)
				c.maxAge, c.removes = left, left <= 0
			}
		case "samesite":
			c.sameSite = sameSiteOf(text)
		case "path":
			c.path = text
		}
	}
	if c.value == "" { // frameworks write so to remove one, and it identifies nobody
		c.removes = true
	}
	return c, true
}

// parseExpires reads the forms that frameworks write, which browsers all take
// (RFC 6265 §5.1.1).
func parseExpires(text string) (time.Time, error) {
	at, err := http.ParseTime(text)
	for _, layout := range []string{"Mon, 02-Jan-2006 15:04:05 MST", "Mon, 02-Jan-06 15:04:05 MST", time.RFC1123Z} {
		if err == nil {
			break
		}
		at, err = time.Parse(layout, text)
	}
	return at, err
}

func sameSiteOf(text string) http.SameSite {
	switch strings.ToLower(text) {
	case "strict":
		return http.SameSiteStrictMode
	case "lax":
		return http.SameSiteLaxMode
	case "none":
		return http.SameSiteNoneMode
	}
	return http.SameSiteDefaultMode
}

// stricter returns the one of two that lets fewer requests of other sites through.
// Who says nothing leaves it to the other.
func stricter(a, b http.SameSite) http.SameSite {
	rank := map[http.SameSite]int{http.SameSiteStrictMode: 3, http.SameSiteLaxMode: 2, http.SameSiteNoneMode: 1}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// line is the Set-Cookie that the browser gets for a cookie of the app.
func (a *App) line(c setCookie, left time.Duration) string {
	var b strings.Builder
	name := a.browserName(c.name)
	b.WriteString(name + "=" + c.value)
	path := "/"
	if !strings.HasPrefix(name, hostPrefix) && strings.HasPrefix(c.path, "/") && !strings.ContainsAny(c.path, ";\r\n") {
		path = c.path
	}
	b.WriteString("; Path=" + path)
	switch most := int(left / time.Second); {
	case c.removes:
		b.WriteString("; Max-Age=0")
	case c.maxAge > 0:
		b.WriteString("; Max-Age=" + strconv.Itoa(min(c.maxAge, most)))
	}
	b.WriteString("; HttpOnly; Secure; SameSite=")
	switch stricter(a.plan.SameSite, c.sameSite) {
	case http.SameSiteStrictMode:
		b.WriteString("Strict")
	case http.SameSiteNoneMode:
		b.WriteString("None")
	default:
		b.WriteString("Lax")
	}
	return b.String()
}

func (a *App) removal(name string) string { return a.line(setCookie{name: name, removes: true}, 0) }

// sealLine is the Set-Cookie of the seal.
func (a *App) sealLine(value string) string {
	line := SealName + "=" + value + "; Path=/"
	if value == "" {
		line += "; Max-Age=0"
	}
	same := "Lax"
	if a.plan.SameSite == http.SameSiteNoneMode {
		same = "None" // it comes where the cookies come that it is for
	}
	return line + "; HttpOnly; Secure; SameSite=" + same
}

// pairs are cookies as they stand in a Cookie header, in the plan's order.
func (a *App) pairs(j jar) []string {
	list := make([]string, 0, len(j))
	for _, name := range a.plan.Cookies {
		if value, ok := j[name]; ok {
			list = append(list, name+"="+value)
		}
	}
	for _, name := range sortedKeys(j) {
		if _, planned := a.names[name]; !planned {
			list = append(list, name+"="+j[name])
		}
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
