package demo

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

//go:embed pages
var pages embed.FS

//go:embed pages/style.css
var style string

// The pages, each in the same frame.
var (
	signInTemplate  = parsePage("signin.html")
	appTemplate     = parsePage("app.html")
	messageTemplate = parsePage("message.html")
)

func parsePage(name string) *template.Template {
	return template.Must(template.ParseFS(pages, "pages/layout.html", "pages/"+name))
}

// frame is what every page has.
type frame struct {
	Title string
	Style template.CSS
	Apps  []link
}

type link struct{ Name, URL string }

// newFrame links all apps but the one that the page belongs to.
func newFrame(s site, title, except string) frame {
	f := frame{Title: title, Style: template.CSS(style)} //nolint:gosec // a file of this package
	for _, a := range s.apps {
		if a.Name != except {
			f.Apps = append(f.Apps, link{a.Title, s.url(a.Host, "/")})
		}
	}
	return f
}

// writePage allows a page nothing but its own style sheet, links, and forms that
// lead where formAction says.
func writePage(w http.ResponseWriter, status int, t *template.Template, data any, formAction ...string) {
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout.html", data); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	forms := "'none'"
	if formAction != nil {
		forms = strings.Join(formAction, " ")
	}
	sum := sha256.Sum256([]byte(style))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; form-action "+forms+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may have gone
}

// signInPage fills signin.html.
type signInPage struct {
	frame
	Notice   string
	Current  *person // who is signed in; nil: nobody
	People   []person
	Redirect string // where to go on to, as the request had it
	Goal     string // the app there
	Problem  string // with what was typed
	Typed    person
	SignOut  string
}

func (p *pomerium) showSignIn(w http.ResponseWriter, r *http.Request, status int, page signInPage) {
	if page.Redirect != "" {
		t, err := p.site.target(page.Redirect)
		if err != nil {
			p.refuseTarget(w)
			return
		}
		page.Goal = t.app.Title
	}
	if _, s, ok := p.session(r); ok && page.Notice == "" {
		page.Current = &s.person
	}
	page.frame = newFrame(p.site, "Who do you want to be?", "")
	page.People, page.SignOut = samplePeople(), signOutPath
	// Browsers hold the redirects after a form to form-action, too.
	allowed := []string{"'self'"}
	for _, a := range p.site.apps {
		allowed = append(allowed, p.site.url(a.Host, ""))
	}
	writePage(w, status, signInTemplate, page, allowed...)
}

// messagePage fills message.html.
type messagePage struct {
	frame
	Text, Home string
}

func (p *pomerium) say(w http.ResponseWriter, status int, title, text string) {
	writePage(w, status, messageTemplate, messagePage{newFrame(p.site, title, ""), text, p.site.url(authHost, "/")})
}

func (p *pomerium) refuseTarget(w http.ResponseWriter) {
	p.say(w, http.StatusBadRequest, "That is not one of the apps",
		"After signing in, you can only go on to one of the demo's apps.")
}

// wantsHTML reports whether a browser asks for a page; curl takes anything.
func wantsHTML(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header["Accept"], ","), "text/html")
}
