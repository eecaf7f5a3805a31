package login

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/verifier"
)

// grafana answers as Grafana does with [auth.proxy] and enable_login_token
// (pkg/api/login.go, LoginView): whom the header names gets a session at /login.
func grafana(w http.ResponseWriter, r *http.Request) {
	user := r.Header.Get("X-Webauth-User")
	if r.URL.Path != "/login" || user == "" {
		_, _ = fmt.Fprint(w, "<title>Grafana</title>")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "grafana_session", Value: "token-of-" + user, Path: "/", MaxAge: 2592000, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.SetCookie(w, &http.Cookie{Name: "grafana_session_expiry", Value: "1801483200", Path: "/", MaxAge: 2592000, SameSite: http.SameSiteLaxMode})
	http.SetCookie(w, &http.Cookie{Name: "redirect_to", Path: "/", MaxAge: -1})
	http.Redirect(w, r, "/", http.StatusFound)
}

// TestGrafana: one request, both cookies, as the app has set them.
func TestGrafana(t *testing.T) {
	a := newApp(t, grafana)
	cookies, err := mustOpen(t, headerOptions()).StartSession(t.Context(), ann(), a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(map[string]string{"grafana_session": "token-of-ann@example.com", "grafana_session_expiry": "1801483200"}, values(cookies)); diff != "" {
		t.Errorf("cookies (-want +got):\n%s", diff)
	}
	if c := cookies[0]; c.Name != "grafana_session" || c.MaxAge != 2592000 || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || cookies[1].HttpOnly {
		t.Errorf("attributes are lost: %v", cookies)
	}
	if diff := gocmp.Diff([]string{"GET /login"}, a.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	got := a.seen[0].Header
	for name, want := range map[string]string{
		"X-Webauth-User": "ann@example.com", "X-Webauth-Role": "Editor", "X-Webauth-Name": "Zoë Ann", "User-Agent": "Mozilla/5.0",
		"Cookie": "", "Origin": "", "Referer": "",
	} {
		if value := got.Get(name); value != want {
			t.Errorf("%s: %q, want %q", name, value, want)
		}
	}
	if a.seen[0].Host != host {
		t.Errorf("Host: %s", a.seen[0].Host)
	}
}

// django answers as django.contrib.auth's LoginView does behind CsrfViewMiddleware:
// the token in the form is not the cookie, but of one secret with it.
func django(passwords map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form := func() {
			http.SetCookie(w, &http.Cookie{Name: "csrftoken", Value: "secret", Path: "/", MaxAge: 31449600})
			_, _ = fmt.Fprint(w, `<form method="post" action="/search/"><input type="hidden" name="csrfmiddlewaretoken" value="mask0-secret"></form>
<form method="post"><INPUT type=hidden name=csrfmiddlewaretoken value="mask1-secret"><input name="username"></form>`)
		}
		token, err := r.Cookie("csrftoken")
		switch {
		case r.Method == http.MethodGet:
			form()
		case err != nil || r.PostForm.Get("csrfmiddlewaretoken") != "mask1-"+token.Value,
			r.Header.Get("Origin") != "https://"+r.Host, !strings.HasPrefix(r.Header.Get("Referer"), "https://"+r.Host+"/"):
			http.Error(w, "CSRF verification failed", http.StatusForbidden)
		case passwords[r.PostForm.Get("username")] != r.PostForm.Get("password"):
			form()
		default:
			http.SetCookie(w, &http.Cookie{Name: "sessionid", Value: "of-" + r.PostForm.Get("username"), Path: "/", HttpOnly: true})
			http.Redirect(w, r, "/accounts/profile/", http.StatusFound)
		}
	}
}

func TestForm(t *testing.T) {
	a := newApp(t, django(map[string]string{"ann": annPassword, "bob": bobPassword}))
	open := mustOpen(t, formOptions())
	for _, tt := range []struct {
		in   adapter.Input
		want string
	}{{ann(), "of-ann"}, {bob(), "of-bob"}} {
		cookies, err := open.StartSession(t.Context(), tt.in, a)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(map[string]string{"sessionid": tt.want}, values(cookies)); diff != "" {
			t.Errorf("cookies (-want +got):\n%s", diff)
		}
	}
	if diff := gocmp.Diff([]string{"GET /login/?next=/", "POST /login/", "GET /login/?next=/", "POST /login/"}, a.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestJSON: the person and what the configuration says, in objects and lists.
func TestJSON(t *testing.T) {
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		var got any
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("body: %v", err)
		}
		want := map[string]any{
			"username": "ann@example.com", "password": annPassword,
			"device": map[string]any{"name": "ssobridge", "groups": []any{"sre", "staff"}},
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		w.Header().Add("Set-Cookie", "metabase.TIMEOUT=alive; Path=/")
		w.Header().Add("Set-Cookie", "metabase.SESSION=8df268ab; Path=/; HttpOnly")
		_, _ = fmt.Fprint(w, `{"id":"8df268ab"}`)
	})
	cookies, err := mustOpen(t, jsonOptions()).StartSession(t.Context(), ann(), a)
	if err != nil {
		t.Fatal(err)
	}
	if len(cookies) != 2 || cookies[0].Name != "metabase.SESSION" || cookies[0].Value != "8df268ab" {
		t.Errorf("cookies: %v", cookies)
	}
}

// TestBase64 is how Nexus takes names and passwords.
func TestBase64(t *testing.T) {
	o := formOptions()
	o.CSRF = CSRF{}
	o.Form = map[string]Field{"username": {Credential: "username", Encode: "base64"}, "password": {Credential: "password", Encode: "base64"}}
	o.Success = Success{Status: []int{204}}
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		if r.PostForm.Get("username") == base64.StdEncoding.EncodeToString([]byte("ann")) && r.PostForm.Get("password") == base64.StdEncoding.EncodeToString([]byte(annPassword)) {
			w.Header().Set("Set-Cookie", "sessionid=1; Path=/")
			w.WriteHeader(http.StatusNoContent)
		}
	})
	if _, err := mustOpen(t, o).StartSession(t.Context(), ann(), a); err != nil {
		t.Error(err)
	}
}

// TestTokenPlaces: the token is sent as the app wants it, wherever it was.
func TestTokenPlaces(t *testing.T) {
	for _, tt := range []struct {
		name  string
		csrf  CSRF
		page  func(w http.ResponseWriter)
		token string
	}{
		{"cookie", CSRF{Cookie: "XSRF-TOKEN"}, func(w http.ResponseWriter) {
			w.Header().Set("Set-Cookie", "XSRF-TOKEN=abc%3D%3D; Path=/")
		}, "abc%3D%3D"},
		{"percent-encoded cookie", CSRF{Cookie: "XSRF-TOKEN", Decode: "percent"}, func(w http.ResponseWriter) {
			w.Header().Set("Set-Cookie", "XSRF-TOKEN=a+bc%3D%3D; Path=/")
			w.WriteHeader(http.StatusNoContent) // as Laravel's Sanctum
		}, "a+bc=="},
		{"header", CSRF{Header: "X-CSRF-Token"}, func(w http.ResponseWriter) { w.Header().Set("X-Csrf-Token", "abc") }, "abc"},
		{"field", CSRF{Field: "_token"}, func(w http.ResponseWriter) { _, _ = fmt.Fprint(w, `<input name="_token" value="a&amp;bc">`) }, "a&bc"},
		{"meta", CSRF{Meta: "csrf-token"}, func(w http.ResponseWriter) { _, _ = fmt.Fprint(w, `<meta name="csrf-token" content="abc"/>`) }, "abc"},
		{"JSON", CSRF{JSON: "session.csrf"}, func(w http.ResponseWriter) { _, _ = fmt.Fprint(w, `{"session":{"csrf":"abc"}}`) }, "abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					tt.page(w)
					return
				}
				if r.Header.Get("X-Csrf-Token") != tt.token || r.PostForm.Get("token") != tt.token {
					t.Errorf("token %q and %q, want %q", r.Header.Get("X-Csrf-Token"), r.PostForm.Get("token"), tt.token)
				}
				w.Header().Set("Set-Cookie", "sessionid=1")
				w.WriteHeader(http.StatusNoContent)
			})
			o := formOptions()
			o.CSRF, o.Success = tt.csrf, Success{Status: []int{204}}
			o.CSRF.Path = "/form"
			o.Form = map[string]Field{"password": {Credential: "password"}, "token": {CSRF: true}}
			o.Header = map[string]Field{"X-CSRF-Token": {CSRF: true}}
			open := mustOpen(t, o)
			if _, err := open.StartSession(t.Context(), ann(), a); err != nil {
				t.Error(err)
			}
			// The app's own pages send the token with every request.
			if owned := open.Owns().Headers; owned != nil {
				t.Errorf("owns %q", owned)
			}
		})
	}
}

// TestCredentials: everybody by their own account, and nobody by another's.
func TestCredentials(t *testing.T) {
	o := formOptions()
	account := func(name string) adapter.Account { return adapter.Account{"username": name, "password": "x"} }
	o.Credentials = accountsOf(&adapter.Accounts{
		Subjects: map[string]adapter.Account{"ann-id": account("ann by subject"), "": account("nobody")},
		Emails:   map[string]adapter.Account{"ann@example.com": account("ann by email"), "bob@example.com": account("bob"), "": account("nobody")},
		Roles:    map[string]adapter.Account{"Admin": account("the admins"), "": account("nobody"), "bob@example.com": account("a role called so")},
	})
	open := mustOpen(t, o)
	two := inputOf("eve-id", "eve@example.com", "Admin")
	two.Decision.Roles = []string{"Admin", "Editor"}
	for _, tt := range []struct {
		name string
		in   adapter.Input
		want string // empty: refused
	}{
		{"subject before email", ann(), "ann by subject"},
		{"email", bob(), "bob"},
		{"role", inputOf("eve-id", "eve@example.com", "Admin"), "the admins"},
		{"person before role", inputOf("bob-id", "bob@example.com", "Admin"), "bob"},
		{"nobody's", inputOf("eve-id", "eve@example.com", "Viewer"), ""},
		{"in another case", inputOf("eve-id", "Bob@example.com", "Viewer"), ""},
		{"a subject like an email", inputOf("bob@example.com", "eve@example.com", "Viewer"), ""},
		{"an email like a subject", inputOf("eve-id", "ann-id", "Viewer"), ""},
		{"one of two roles", two, ""},
		{"without email and role", inputOf("eve-id", "", ""), ""},
		{"without anything", inputOf("", "", ""), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			user := ""
			a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					_, _ = fmt.Fprint(w, `<input name="csrfmiddlewaretoken" value="t">`)
					return
				}
				user = r.PostForm.Get("username")
				w.Header().Set("Set-Cookie", "sessionid=1")
				http.Redirect(w, r, "/", http.StatusFound)
			})
			_, err := open.StartSession(t.Context(), tt.in, a)
			if user != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("signed in as %q, %v; want %q", user, err, tt.want)
			}
			_, adapted := open.Adapt(t.Context(), tt.in)
			_, described := open.DescribeSession(tt.in)
			for _, err := range []error{err, adapted, described} {
				if tt.want == "" && (!errors.Is(err, adapter.ErrUnsendable) || !errors.Is(err, errAccount)) {
					t.Errorf("%v, want an error that is the person's", err)
				}
			}
			if tt.want == "" && len(a.requests()) > 0 {
				t.Errorf("the app is asked: %q", a.requests())
			}
		})
	}
}

// TestOpenedToLookAt: nothing is read, nobody is signed in, and it can be seen what
// would be sent.
func TestOpenedToLookAt(t *testing.T) {
	o := formOptions()
	o.Credentials = adapter.NewCredentials(func() (*adapter.Accounts, error) { panic("the accounts are read") })
	o.Form["email"] = Field{From: "email", Required: true}
	o.Form["key"] = Field{Secret: adapter.NewSecret(func() (string, error) { panic("the secret is read") })}
	env := serving
	env.ReadSecrets = false
	opened, err := o.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	open := opened.(*loginAdapter)
	a := newApp(t, grafana)
	if _, err := open.StartSession(t.Context(), ann(), a); err == nil || len(a.requests()) > 0 {
		t.Errorf("%v after %q", err, a.requests())
	}
	want := []string{
		"GET /login/?next=/, for the token in field csrfmiddlewaretoken", "POST /login/",
		"  form csrfmiddlewaretoken: (the app's token)", "  form email: ann@example.com", "  form key: (secret)",
		"  form password: (secret)", "  form username: (secret)",
		"wants status 302 and cookie sessionid",
	}
	got, err := open.DescribeSession(ann())
	if diff := gocmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("described, %v (-want +got):\n%s", err, diff)
	}
}

// TestDescribeSessionOfServing: nothing in it lets anybody in.
func TestDescribeSessionOfServing(t *testing.T) {
	got, err := mustOpen(t, formOptions()).DescribeSession(ann())
	if err != nil || strings.Contains(strings.Join(got, "\n"), "ann") || !slices.Contains(got, "  form password: (secret)") {
		t.Errorf("%q, %v", got, err)
	}
}

// TestEnded: what the app says when a session has ended there.
func TestEnded(t *testing.T) {
	header := headerOptions()
	header.LoginPages = []string{"/login", "/"}
	for _, tt := range []struct {
		o        Options
		status   int
		location string
		want     bool
	}{
		{formOptions(), 302, "/login/?next=/x", true},
		{formOptions(), 302, "https://app.example.com/login", true},
		{formOptions(), 303, "http://upstream:8000/LOGIN/;jsessionid=1", true},
		{formOptions(), 302, "../login/", true},
		{formOptions(), 302, "/login/help", false},
		{formOptions(), 302, "/loginx", false},
		{formOptions(), 302, "/", false},
		{formOptions(), 302, "", false},
		{formOptions(), 302, "%zz", false},
		{formOptions(), 200, "/login/", false},
		{formOptions(), 401, "", false},
		{jsonOptions(), 401, "", true},
		{jsonOptions(), 403, "", false},
		{header, 302, "/", true},
		{header, 302, "/login", true},
		{header, 302, "/d/1", false},
	} {
		if got := mustOpen(t, tt.o).SessionPlan().Ended(tt.status, tt.location); got != tt.want {
			t.Errorf("%d %q: %t", tt.status, tt.location, got)
		}
	}
}

func TestPlan(t *testing.T) {
	o := headerOptions()
	o.Deliver, o.Logout.Path = "upstream", "/logout"
	open := mustOpen(t, o)
	p := open.SessionPlan()
	if !p.Calls || p.Deliver != adapter.DeliverUpstream || !slices.Equal(p.Cookies, o.Cookies) || p.Match != nil || open.Logout().Path != "/logout" {
		t.Errorf("%+v, %+v", p, open.Logout())
	}
	want := adapter.Owned{Headers: []string{"X-Webauth-Name", "X-Webauth-Role", "X-Webauth-User"}, Cookies: o.Cookies}
	if diff := gocmp.Diff(want, open.Owns()); diff != "" {
		t.Errorf("owns (-want +got):\n%s", diff)
	}
	out, err := open.Adapt(t.Context(), ann())
	if diff := gocmp.Diff(adapter.Output{}, out); diff != "" || err != nil {
		t.Errorf("%v: with each request, the app is told:\n%s", err, diff)
	}
}

// TestRequired: nobody is signed in by a request without what says who they are.
func TestRequired(t *testing.T) {
	o := headerOptions()
	o.Header["X-Dept"] = Field{Claim: "department", Required: true}
	delete(o.Header, "X-Webauth-Role")
	open := mustOpen(t, o)
	whole := ann()
	whole.Principal.Claims = map[string]any{"department": "Engineering"}
	noEmail, number := whole, whole
	noEmail.Principal = &verifier.Principal{Subject: "ann-id", Claims: whole.Principal.Claims}
	number.Principal = &verifier.Principal{Subject: "ann-id", Email: "ann@example.com", Claims: map[string]any{"department": 7}}
	for name, tt := range map[string]struct {
		in adapter.Input
		ok bool
	}{"all": {whole, true}, "no claim": {ann(), false}, "no email": {noEmail, false}, "no text": {number, false}} {
		a := newApp(t, grafana)
		_, err := open.StartSession(t.Context(), tt.in, a)
		if (err == nil) != tt.ok || !tt.ok && (!errors.Is(err, adapter.ErrUnsendable) || len(a.requests()) > 0) {
			t.Errorf("%s: %v after %q", name, err, a.requests())
		}
	}
}

// callerFunc is a function as an app.
type callerFunc func(*http.Request) (*http.Response, error)

func (f callerFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// TestDeadlineOfAll: the form and the sign-in have one time together, the default if
// nothing is said.
func TestDeadlineOfAll(t *testing.T) {
	for _, want := range []time.Duration{0, time.Second} {
		o := formOptions()
		o.Timeout = want
		start := time.Now()
		var deadlines []time.Time
		_, _ = mustOpen(t, o).StartSession(t.Context(), ann(), callerFunc(func(r *http.Request) (*http.Response, error) {
			deadline, _ := r.Context().Deadline()
			deadlines = append(deadlines, deadline)
			body := io.NopCloser(strings.NewReader(`<input name="csrfmiddlewaretoken" value="t">`))
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body}, nil
		}))
		most := start.Add(cmp.Or(want, defaultTimeout) + 500*time.Millisecond)
		if len(deadlines) != 2 || deadlines[0] != deadlines[1] || deadlines[0].After(most) {
			t.Errorf("timeout %s: %v from %v", want, deadlines, start)
		}
	}
}
