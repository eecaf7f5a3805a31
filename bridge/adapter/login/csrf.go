package login

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// CSRF says where the app's token against cross-site requests is: on a page that is
// asked for first, and whose cookies go with the sign-in. Exactly one of Cookie,
// Field, Meta, Header and JSON says where there. A field with csrf = true sends it.
type CSRF struct {
	// Path is the page, with GET.
	Path string `toml:"path"`
	// Cookie is the name of a cookie that it sets.
	Cookie string `toml:"cookie"`
	// Field is the name of an <input> in its form, Meta of a <meta> element.
	Field string `toml:"field"`
	Meta  string `toml:"meta"`
	// Header is the name of one of its headers.
	Header string `toml:"header"`
	// JSON is the name of a member of its JSON, in objects for each dot.
	JSON string `toml:"json"`
	// Decode "percent" takes the percent-encoding off a cookie, as the scripts of an
	// app do that sends the token in a header.
	Decode string `toml:"decode"`
}

// csrf is a compiled CSRF.
type csrf struct {
	path   string
	where  string // what messages call the place
	decode bool
	// find returns the token, "" for none. The page is read only if body is set.
	find func(p *page) (string, error)
	body bool
	json bool
}

// page is what the app answered with.
type page struct {
	header http.Header
	jar    *jar
	body   []byte
	// target is where the form is expected to be sent.
	target *url.URL
	at     *url.URL
}

// maxTokenBytes is far more than any token has, and fits any header.
const maxTokenBytes = 4 << 10

var (
	errTokenText  = errors.New("is not made of printable ASCII characters")
	errTokenLong  = errors.New("is longer than any token")
	errTokenTwice = errors.New("is there several times, each different, and no form is the one that signs in")
	errTokenCode  = errors.New("is no percent-encoding")
	errNoJSON     = errors.New("cannot be read: the page is no JSON")
	errNotText    = errors.New("is there, but no text")
)

// openCSRF checks where the token is; nil: nothing is said of one, or not well.
func (o *Options) openCSRF(fail value.Fail) *csrf {
	if o.CSRF == (CSRF{}) {
		return nil
	}
	o.checkCSRF(fail)
	c := &csrf{path: o.CSRF.Path, decode: o.CSRF.Decode == "percent"}
	given := 0
	for _, place := range []struct {
		name, what string
		find       func(p *page) (string, error)
	}{
		{o.CSRF.Cookie, "cookie", func(p *page) (string, error) { return p.jar.value(o.CSRF.Cookie), nil }},
		{o.CSRF.Field, "field", func(p *page) (string, error) { return inputValue(p, o.CSRF.Field) }},
		{o.CSRF.Meta, "meta", func(p *page) (string, error) { return metaContent(p.body, o.CSRF.Meta), nil }},
		{o.CSRF.Header, "header", func(p *page) (string, error) { return p.header.Get(o.CSRF.Header), nil }},
		{o.CSRF.JSON, "json", func(p *page) (string, error) { return member(p.body, o.CSRF.JSON) }},
	} {
		if place.name == "" {
			continue
		}
		given++
		c.where, c.find = place.what+" "+place.name, place.find
		c.body = slices.Contains([]string{"field", "meta", "json"}, place.what)
		c.json = place.what == "json"
	}
	if given != 1 {
		fail("csrf", `names %d places of the token; give exactly one of cookie = "csrftoken", field = "csrf_token", meta = "csrf-token", `+
			`header = "X-Csrf-Token" and json = "csrfToken"`, given)
		return nil
	}
	return c
}

func (o *Options) checkCSRF(fail value.Fail) {
	checkPath("csrf.path", o.CSRF.Path, fail)
	if o.CSRF.Cookie != "" {
		if problem := value.CheckCookie(o.CSRF.Cookie); problem != "" {
			fail("csrf.cookie", "%q %s", o.CSRF.Cookie, problem)
		}
	}
	switch {
	case o.CSRF.Decode != "" && o.CSRF.Decode != "percent":
		fail("csrf.decode", `%q; choose "percent", or leave it out`, o.CSRF.Decode)
	case o.CSRF.Decode != "" && o.CSRF.Cookie == "":
		fail("csrf.decode", "is for a token in a cookie; remove it")
	}
}

// token returns the token of a page.
func (c *csrf) token(p *page) (string, error) {
	token, err := c.find(p)
	if err == nil && c.decode {
		if token, err = url.PathUnescape(token); err != nil {
			err = errTokenCode
		}
	}
	switch {
	case err != nil:
		return "", err
	case len(token) > maxTokenBytes:
		return "", errTokenLong
	// A token with a line break would end its header and begin another.
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errTokenText
	}
	return token, nil
}

// inputValue returns the value of the <input> of a name. Where frameworks give each
// form a token of its own, it is that of the form that signs in.
func inputValue(p *page, name string) (string, error) {
	var all, mine []string
	inForm, signsIn := false, false
	eachTag(p.body, func(tag string, end bool, attr map[string]string) {
		switch {
		case tag == "form":
			inForm = !end
			signsIn = inForm && p.signsIn(attr)
		case tag == "input" && attr["name"] == name:
			all = append(all, attr["value"])
			if signsIn {
				mine = append(mine, attr["value"])
			}
		}
	})
	for _, list := range [][]string{mine, all} {
		slices.Sort(list)
		if list = slices.Compact(list); len(list) == 1 {
			return list[0], nil
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	return "", errTokenTwice
}

// signsIn reports whether a form is sent to where people sign in (HTML §4.10.21.3:
// without an action, it is sent to the page itself).
func (p *page) signsIn(form map[string]string) bool {
	action, err := p.at.Parse(form["action"])
	return err == nil && strings.EqualFold(form["method"], "post") && action.Path == p.target.Path
}

// metaContent returns the content of the <meta> element of a name.
func metaContent(body []byte, name string) string {
	content := ""
	eachTag(body, func(tag string, end bool, attr map[string]string) {
		if tag == "meta" && !end && attr["name"] == name && content == "" {
			content = attr["content"]
		}
	})
	return content
}

// eachTag calls f for the tags of a page. What stands in comments and scripts is none.
func eachTag(body []byte, f func(tag string, end bool, attr map[string]string)) {
	for z := html.NewTokenizer(bytes.NewReader(body)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			attr := make(map[string]string, len(t.Attr))
			for _, a := range t.Attr {
				if _, twice := attr[a.Key]; !twice { // browsers take the first
					attr[a.Key] = a.Val
				}
			}
			f(t.Data, false, attr)
		case html.EndTagToken:
			f(z.Token().Data, true, nil)
		}
	}
}

// member returns a member of JSON, in objects for each dot of its name.
func member(body []byte, name string) (string, error) {
	var v any
	if json.Unmarshal(body, &v) != nil { // whose error may quote it
		return "", errNoJSON
	}
	for part := range strings.SplitSeq(name, ".") {
		object, _ := v.(map[string]any)
		v = object[part]
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	}
	return "", errNotText
}
