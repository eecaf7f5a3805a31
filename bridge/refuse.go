package bridge

import (
	"cmp"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/verifier"
)

// signOutPath is where Pomerium ends a session, on every route's host
// (proxy/handlers.go there).
const signOutPath = "/.pomerium/sign_out"

//go:embed refusal.html
var refusalHTML string

var refusalPage = template.Must(template.New("refusal").Parse(refusalHTML))

// pageData fills refusal.html.
type pageData struct {
	Title, Text, RequestID string
	// Person is who is signed in, or "" for nobody.
	Person string
	// SignOut is where the person can sign out, or "".
	SignOut string
	// Confirm is where a form asks for what the page says, or "".
	Confirm string
}

// refuse answers a request that goes no further, logs why and counts it.
func (b *Bridge) refuse(w http.ResponseWriter, x *exchange, ref *decision.Refusal) {
	a := answerFor(ref.Reason)
	id := rand.Text()
	b.logRefusal(x, ref, a, id)
	x.metrics().Refused(a.outcome, string(ref.Reason))
	proxy.BoundUnreadBody(w, x.In)
	h := w.Header()
	hardenAnswer(h)
	h.Set("X-Request-ID", id)
	switch a.status {
	case http.StatusUnauthorized:
		// RFC 9110 §15.5.2 wants a challenge. Browsers do not act on this scheme: a
		// password prompt would help nobody.
		h.Set("WWW-Authenticate", `Pomerium realm="`+x.app.Host+`"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(ref.RetryAfter))
	case http.StatusMethodNotAllowed:
		h.Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	}
	page := pageData{Title: a.title, Text: a.text, RequestID: id}
	if ref.Principal != nil && (a.status == http.StatusForbidden || ref.Reason == decision.ReasonSignedOut) {
		page.Person, page.SignOut = called(ref.Principal), signOutPath
	}
	if prefersHTML(x.In.Header.Values("Accept")) {
		writeHTML(w, a.status, page)
		return
	}
	writeJSON(w, a, page)
}

// called returns what to call a person on a page.
func called(p *verifier.Principal) string { return cmp.Or(p.Email, p.Subject) }

// hardenAnswer sets what every answer of the bridge's own has.
func hardenAnswer(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

func writeHTML(w http.ResponseWriter, status int, page pageData) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	policy := "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
	if page.Confirm == "" { // with it, browsers would not follow the redirects to where Pomerium signs people out
		policy += "; form-action 'self'"
	}
	h.Set("Content-Security-Policy", policy)
	w.WriteHeader(status)
	_ = refusalPage.Execute(w, page) // the client may have gone
}

func writeJSON(w http.ResponseWriter, a answer, page pageData) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(struct { // the client may have gone
		Error     string `json:"error"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
		Person    string `json:"person,omitempty"`
		SignOut   string `json:"sign_out,omitempty"`
	}{a.code, a.text, page.RequestID, page.Person, page.SignOut})
}

// prefersHTML reports whether a client is a browser showing a page: it names
// text/html, which programs that take anything (*/*) do not.
func prefersHTML(accept []string) bool {
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			mediaType, params, _ := strings.Cut(strings.TrimSpace(part), ";")
			switch strings.ToLower(strings.TrimSpace(mediaType)) {
			case "application/json":
				return false
			case "text/html", "application/xhtml+xml":
				return strings.ReplaceAll(params, " ", "") != "q=0"
			}
		}
	}
	return false
}
