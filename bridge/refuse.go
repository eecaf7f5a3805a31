package bridge

import (
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
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
	Person                 string // who is signed in; "" where nobody is
	SignOut                string
	Confirm                string // where a form asks for what the page says
}

// refuse answers a request that goes no further, logs why and counts it.
func (b *Bridge) refuse(w http.ResponseWriter, r *http.Request, app *App, ref *refusal) {
	a := answerFor(ref.reason)
	id := rand.Text()
	b.logRefusal(r, app, ref, a, id)
	app.metrics.Refused(a.outcome, ref.reason)
	proxy.LeaveBody(w, r)
	h := w.Header()
	hardenAnswer(h)
	h.Set("X-Request-ID", id)
	switch a.status {
	case http.StatusUnauthorized:
		// RFC 9110 §15.5.2 wants a challenge. The scheme is one that browsers
		// do not act on: a password prompt would help nobody.
		h.Set("WWW-Authenticate", `Pomerium realm="`+app.host+`"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(ref.retryAfter))
	case http.StatusMethodNotAllowed:
		h.Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	}
	page := pageData{Title: a.title, Text: a.text, RequestID: id}
	if ref.principal != nil && a.status == http.StatusForbidden {
		page.Person, page.SignOut = ref.principal.Email, signOutPath
		if page.Person == "" {
			page.Person = ref.principal.Subject
		}
	}
	if prefersHTML(r.Header.Values("Accept")) {
		writeHTML(w, a.status, page)
		return
	}
	writeJSON(w, a, page)
}

// hardenAnswer sets what every answer of the bridge's own has.
func hardenAnswer(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

func (b *Bridge) logRefusal(r *http.Request, app *App, ref *refusal, a answer, id string) {
	level := slog.LevelInfo
	if a.status >= http.StatusInternalServerError && ref.reason != reasonClientGone {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("app", app.name), slog.String("reason", ref.reason),
		slog.Int("status", a.status), slog.String("request_id", id),
	}
	if ref.principal != nil {
		attrs = append(attrs, slog.String("subject", ref.principal.Subject))
	}
	if ref.decision.Allowed() {
		attrs = append(attrs, slog.Any("roles", ref.decision.Roles))
	}
	if name := ref.decision.RuleName(); name != "none" {
		attrs = append(attrs, slog.String("rule", name))
	}
	if ref.err != nil {
		attrs = append(attrs, slog.Any("error", ref.err))
	}
	if a.outcome == telemetry.Failed {
		b.log.LogAttrs(r.Context(), level, "failed", attrs...)
		return
	}
	b.log.LogAttrs(r.Context(), level, "refused", attrs...)
}

func writeHTML(w http.ResponseWriter, status int, page pageData) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	policy := "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
	if page.Confirm == "" { // or browsers would not follow the redirects to where Pomerium signs people out
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
