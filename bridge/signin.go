package bridge

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/proxy"
)

//go:embed signin.html
var signInHTML string

var signInPage = template.Must(template.New("signin").Parse(signInHTML))

// answerSignIn sends a browser back to the app with what the adapter answered. To the
// app, anyone who has the answer is the person, so nothing may keep it or pass it on.
func answerSignIn(w http.ResponseWriter, r *http.Request, out *adapter.Output) {
	proxy.BoundUnreadBody(w, r)
	h := w.Header()
	hardenAnswer(h)
	if out.ForgetStorage {
		// Browsers do so before they follow the answer.
		h.Set("Clear-Site-Data", `"storage"`)
	}
	if out.Form != nil {
		postForm(w, out.Form)
		return
	}
	h.Set("Location", out.Redirect) // and no body that repeats it
	w.WriteHeader(http.StatusFound)
}

// postForm answers with a page that posts a form at once, or without scripts when its
// button is pressed. Nothing else can be done with the page: no script but its own
// runs, it can be in no frame, and it posts to the origin of the form alone.
func postForm(w http.ResponseWriter, f *adapter.Form) {
	nonce := rand.Text()
	var page bytes.Buffer
	err := signInPage.Execute(&page, struct {
		*adapter.Form
		Nonce string
	}{f, nonce})
	if err != nil { // the template and its data are ours
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(page.Len()))
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; style-src 'nonce-"+nonce+"'; "+
		"form-action "+decision.FormOrigin(f)+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY")
	// With "no-referrer", browsers would post with "Origin: null", which apps take for
	// another site's.
	h.Set("Referrer-Policy", "origin")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(page.Bytes()) // the client may have gone
}
