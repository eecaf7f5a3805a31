package login

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// table is one of the tables of fields.
type table struct {
	key    string
	fields map[string]Field
	// check says what is wrong with a name.
	check func(name string) string
}

func (o *Options) tables() []table {
	return []table{{inHeader, o.Header, o.checkHeader}, {inForm, o.Form, checkFormName}, {inJSON, o.JSON, o.checkMember}}
}

// uses reports whether there is such a field.
func (o *Options) uses(is func(*Field) bool) bool {
	for _, t := range o.tables() {
		for _, f := range t.fields {
			if is(&f) {
				return true
			}
		}
	}
	return false
}

// told lists the fields, for [adapter.Identifier].
func (o *Options) told() []adapter.Told {
	var all []adapter.Told
	for _, t := range o.tables() {
		for _, name := range slices.Sorted(maps.Keys(t.fields)) {
			f := t.fields[name]
			told := f.source().Told(name, t.key+"."+name)
			told.Unique, told.Required, told.Omitted = f.Unique, f.Required || f.Credential != "", slices.Contains(o.Omit, name)
			told.MayLack = f.Unsendable == "omit" || f.Unmapped == "omit"
			all = append(all, told)
		}
	}
	return all
}

// plain are headers of requests that say nothing of a person. With a constant they
// are not owned: the app's own pages send them too.
var plain = map[string]bool{"accept": true, "x-requested-with": true}

// browsers are headers that a sign-in sends as a browser does.
var browsers = map[string]bool{"origin": true, "referer": true, "user-agent": true, "accept-encoding": true}

func (o *Options) checkHeader(name string) string {
	folded := adapter.FoldName(name)
	f := o.Header[name]
	switch {
	case browsers[folded]:
		return "is there already, as a browser sends it; remove it"
	case plain[folded] && f.Const == "":
		return "says nothing of a person; write a const, or choose another header"
	}
	return value.CheckName(name)
}

// unowned reports whether clients may send the header, too.
func (f *Field) unowned(name string) bool { return f.CSRF || plain[adapter.FoldName(name)] }

func checkFormName(name string) string {
	if name == "" || value.HasControl(name) {
		return `is no name of a form field; write it as the app's form does, such as "username"`
	}
	return ""
}

// checkMember checks a name of JSON, in which dots lead into objects.
func (o *Options) checkMember(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if part == "" || value.HasControl(part) {
			return `is no name of a member; write it as the app does, such as "username", or "user.name" within an object`
		}
		if _, both := o.JSON[strings.Join(parts[:i], ".")]; both && i > 0 {
			return fmt.Sprintf("lies within %q, which is a value; remove one of them", strings.Join(parts[:i], "."))
		}
	}
	return ""
}

// checkRequest checks what is sent where.
func (o *Options) checkRequest(fail value.Fail) {
	checkPath("request.path", o.Request.Path, fail)
	posts := len(o.Form)+len(o.JSON) > 0
	switch o.Request.Method {
	case "", http.MethodPost, http.MethodPut:
	case http.MethodGet:
		if posts {
			fail("request.method", "GET has no form and no JSON; leave it out for POST, as what is in an address is in logs")
		}
	default:
		fail("request.method", `%q; choose "GET", "POST" or "PUT"`, o.Request.Method)
	}
	if len(o.Form) > 0 && len(o.JSON) > 0 {
		fail("json", "beside form: a request has one body; keep one of them")
	}
}

// checkPath wants a path in the one form that every server reads alike.
func checkPath(key, target string, fail value.Fail) {
	u, err := url.ParseRequestURI(target)
	switch {
	case target == "":
		fail(key, `missing: say where the app signs people in, such as "/login"`)
	case err != nil || !strings.HasPrefix(target, "/") || u.Host != "" || u.RequestURI() != target || strings.ContainsAny(target, ` #\"<>^{|}`) ||
		path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") && u.Path != "/":
		fail(key, `%q is no path of the app; write it whole, such as "/login", with nothing before the first slash`, target)
	}
}

// loginPages are the cleaned paths of the login pages.
func (o *Options) loginPages(fail value.Fail) []string {
	pages := o.LoginPages
	if pages == nil {
		pages = []string{o.Request.Path}
		if o.CSRF.Path != "" {
			pages = append(pages, o.CSRF.Path)
		}
	}
	var cleaned []string
	for _, page := range pages {
		if o.LoginPages != nil {
			checkPath("login_pages", page, fail)
		}
		if u, err := url.Parse(page); err == nil {
			cleaned = append(cleaned, cleanPath(u.Path))
		}
	}
	return cleaned
}

// cleanPath is a path in the form in which login pages are compared: without a
// trailing slash, parameters (RFC 3986 §3.3) and regard to case. What is taken for a
// login page too often is a sign-in that failed, and not one that did not.
func cleanPath(p string) string {
	p, _, _ = strings.Cut(p, ";")
	return strings.ToLower(path.Clean("/" + p))
}

// loginPage reports whether a redirect leads to one.
func (a *loginAdapter) loginPage(to *url.URL) bool {
	at := (&url.URL{Path: a.requestPath()}).ResolveReference(to)
	return slices.Contains(a.pages, cleanPath(at.Path))
}

// atHome reports whether a redirect stays with the app, by the name that people know
// it by or the one that it was asked by.
func (a *loginAdapter) atHome(to *url.URL, asked *http.Request) bool {
	if to.Host == "" && (to.Scheme == "" || to.Scheme == "http" || to.Scheme == "https") || strings.EqualFold(to.Hostname(), a.host) {
		return true
	}
	return asked != nil && asked.URL != nil && strings.EqualFold(to.Hostname(), asked.URL.Hostname())
}

// requestPath is where the sign-in goes, without its query.
func (a *loginAdapter) requestPath() string {
	p, _, _ := strings.Cut(a.request.Path, "?")
	return p
}

// ended reports what answers say that a session has ended in the app.
func (a *loginAdapter) ended(status []int) func(int, string) bool {
	return func(answer int, location string) bool {
		if slices.Contains(status, answer) {
			return true
		}
		to, err := url.Parse(location)
		return err == nil && location != "" && isRedirect(answer) && a.loginPage(to)
	}
}

func isRedirect(status int) bool {
	return slices.Contains([]int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}, status)
}

// newRequest is a request to the app, as the person's browser would send it.
func (a *loginAdapter) newRequest(ctx context.Context, in *adapter.Input, method, target string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, errNoRequest // err may quote it
	}
	req.GetBody = nil // nothing sends it again
	req.Host = a.host
	req.Header.Set("User-Agent", "ssobridge")
	if in.Request != nil {
		// Some apps bind their sessions to it.
		if agent := in.Request.UserAgent(); agent != "" && httpguts.ValidHeaderFieldValue(agent) {
			req.Header.Set("User-Agent", agent)
		}
	}
	if method != http.MethodGet {
		// Frameworks take neither of them for a request from elsewhere.
		req.Header.Set("Origin", "https://"+a.host)
		req.Header.Set("Referer", "https://"+a.host+a.page())
	}
	return req, nil
}

// page is where a browser would sign in.
func (a *loginAdapter) page() string {
	if a.csrf != nil {
		return a.csrf.path
	}
	return a.request.Path
}

// signIn is the request that signs in.
func (a *loginAdapter) signIn(ctx context.Context, in *adapter.Input, all []said, token string) (*http.Request, error) {
	form, members := url.Values{}, map[string]any{}
	header := http.Header{}
	for _, s := range all {
		values := s.values
		if s.kind == kindCSRF {
			written, err := s.write(token)
			if err != nil {
				return nil, fmt.Errorf("%w: its CSRF token cannot be sent: %w", adapter.ErrSignInFailed, err)
			}
			values = []string{written}
		}
		switch {
		case s.in == inHeader:
			header.Set(s.name, values[0])
		case s.in == inForm:
			form[s.name] = values
		case s.List != nil:
			setMember(members, s.name, values)
		default:
			setMember(members, s.name, values[0])
		}
	}
	body, contentType, err := encodeBody(form, members)
	if err != nil {
		return nil, err
	}
	req, err := a.newRequest(ctx, in, a.request.Method, a.request.Path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/html, */*;q=0.9")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if len(members) > 0 {
		req.Header.Set("Accept", typeJSON)
	}
	maps.Copy(req.Header, header)
	return req, nil
}

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

func encodeBody(form url.Values, members map[string]any) (body io.Reader, contentType string, err error) {
	switch {
	case len(form) > 0:
		return strings.NewReader(form.Encode()), typeForm, nil
	case len(members) > 0:
		text, err := json.Marshal(members)
		if err != nil {
			return nil, "", errNoRequest
		}
		return strings.NewReader(string(text)), typeJSON, nil
	}
	return http.NoBody, "", nil
}

// setMember sets a member, in objects for each dot of its name.
func setMember(members map[string]any, name string, v any) {
	for {
		first, rest, within := strings.Cut(name, ".")
		if !within {
			members[name] = v
			return
		}
		inner, has := members[first].(map[string]any)
		if !has {
			inner = map[string]any{}
			members[first] = inner
		}
		members, name = inner, rest
	}
}
