package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// loginForm is a page with a token.
func loginForm(w http.ResponseWriter) {
	_, _ = fmt.Fprint(w, `<form method="post"><input name="csrfmiddlewaretoken" value="t0k3n"></form>`)
}

// answering is an app whose answer to the sign-in is that of f.
func answering(f http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			loginForm(w)
			return
		}
		f(w, r)
	}
}

// redirecting is an app that sets its cookie and sends people on.
func redirecting(locations ...string) http.HandlerFunc {
	return answering(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "sessionid=anonymous; Path=/")
		w.Header()["Location"] = locations
		w.WriteHeader(http.StatusFound)
	})
}

// TestNotSignedIn: what is no sign-in is none, whatever cookie comes with it, is not
// tried again, and is told without a word of what was sent or written.
func TestNotSignedIn(t *testing.T) {
	const twice = 2 // the form and the sign-in
	for _, tt := range []struct {
		name     string
		app      http.HandlerFunc
		want     string
		requests int
	}{
		{"LoginPageAgain", answering(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "sessionid=anonymous; Path=/")
			loginForm(w)
		}), "POST /login/: answered with status 200, want 302", twice},
		{"Refused", answering(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "no such user: "+r.PostForm.Get("password"), http.StatusUnauthorized)
		}), "POST /login/: answered with status 401, want 302", twice},
		{"BackToLoginPage", redirecting("/login/?error=1"), "POST /login/: redirected back to the login page", twice},
		{"BackToLoginPageWithoutSlash", redirecting("/login"), "POST /login/: redirected back to the login page", twice},
		{"BackToLoginPageByAddress", redirecting("https://app.example.com/login/"), "POST /login/: redirected back to the login page", twice},
		{"BackToLoginPageInOtherWords", redirecting("/x/..//LOGIN/;jsessionid=1"), "POST /login/: redirected back to the login page", twice},
		{"BackToLoginPageRelatively", redirecting("?again"), "POST /login/: redirected back to the login page", twice},
		{"ToOtherHost", redirecting("https://idp.example.net/authorize"), "POST /login/: redirected to another host, as if somebody else were to sign people in", twice},
		{"ToOtherHostWithoutScheme", redirecting("//idp.example.net/"), "POST /login/: redirected to another host, as if somebody else were to sign people in", twice},
		{"ToScript", redirecting("javascript:alert(1)"), "POST /login/: redirected to another host, as if somebody else were to sign people in", twice},
		{"Nowhere", redirecting(), "POST /login/: answered with status 302 and not one place to go on", twice},
		{"ToTwoPlaces", redirecting("/", "/login/"), "POST /login/: answered with status 302 and not one place to go on", twice},
		{"ToNoAddress", redirecting("/%zz-canary"), "POST /login/: redirected to what is no address", twice},
		{"NoCookie", answering(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }),
			"POST /login/: set no cookie sessionid, nor another", twice},
		{"OtherCookies", answering(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "SESSIONID=canary")
			w.Header().Add("Set-Cookie", "lang=canary")
			http.Redirect(w, r, "/", http.StatusFound)
		}), "POST /login/: set no cookie sessionid, but SESSIONID, lang", twice},
		{"EmptyCookie", answering(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Set-Cookie", "sessionid=")
			http.Redirect(w, r, "/", http.StatusFound)
		}), "POST /login/: set no cookie sessionid, nor another", twice},
		{"RemovedCookie", answering(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "sessionid=1; Path=/")
			w.Header().Add("Set-Cookie", "sessionid=deleted; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
			http.Redirect(w, r, "/", http.StatusFound)
		}), "POST /login/: set no cookie sessionid, nor another", twice},
		{"NoPage", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/setup", http.StatusFound) },
			"GET /login/: answered with status 302, want the page with the token", 1},
		{"BrokenPage", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "canary", http.StatusBadGateway) },
			"GET /login/: answered with status 502, want the page with the token", 1},
		{"NoToken", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, `<!-- <input name="csrfmiddlewaretoken" value="x"> -->`)
		},
			"GET /login/: answered without a token in field csrfmiddlewaretoken", 1},
		{"TokenWithLineBreak", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, "<input name=csrfmiddlewaretoken value='canary&#13;&#10;X-Injected: yes'>")
		}, "GET /login/: the token in field csrfmiddlewaretoken is not made of printable ASCII characters", 1},
		{"TokenOfTwoForms", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, "<input name=csrfmiddlewaretoken value=canary1><input name=csrfmiddlewaretoken value=canary2>")
		}, "GET /login/: the token in field csrfmiddlewaretoken is there several times, each different, and no form is the one that signs in", 1},
		{"LongToken", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, "<input name=csrfmiddlewaretoken value='%s'>", strings.Repeat("canary", 1000))
		}, "GET /login/: the token in field csrfmiddlewaretoken is longer than any token", 1},
		{"LargePage", func(w http.ResponseWriter, _ *http.Request) {
			for range 160 { // 10 MB
				if _, err := io.WriteString(w, strings.Repeat("<p>canary ", 6554)); err != nil {
					return
				}
			}
			loginForm(w)
		}, "GET /login/: answered with more than 1048576 bytes", 1},
		{"EncodedPage", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			loginForm(w)
		}, "GET /login/: answered in an encoding that nobody asked for", 1},
		{"ManyCookies", answering(func(w http.ResponseWriter, r *http.Request) {
			for i := range 100 {
				w.Header().Add("Set-Cookie", fmt.Sprintf("canary%d=1", i))
			}
			w.Header().Add("Set-Cookie", "sessionid=1")
			http.Redirect(w, r, "/", http.StatusFound)
		}), "it set 101 cookies of 1001 bytes, more than the 50 of 32768 that any app needs", twice},
		{"LargeCookie", answering(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "sessionid="+strings.Repeat("c", 1<<20))
			http.Redirect(w, r, "/", http.StatusFound)
		}), "it set 1 cookies of 1048586 bytes, more than the 50 of 32768 that any app needs", twice},
		{"ManyCookiesOnPage", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Add("Set-Cookie", fmt.Sprintf("c%d=1", i))
			}
		}, "it set 100 cookies of 490 bytes, more than the 50 of 32768 that any app needs", 1},
		{"Gone", answering(func(w http.ResponseWriter, _ *http.Request) { hangUp(w, "") }), "POST /login/: no answer that could be read", twice},
		{"NoHTTP", answering(func(w http.ResponseWriter, r *http.Request) { hangUp(w, r.PostForm.Get("password")+"\r\n\r\n") }),
			"POST /login/: no answer that could be read", twice},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newApp(t, tt.app)
			cookies, err := mustOpen(t, formOptions()).StartSession(t.Context(), ann(), a)
			if want := adapter.ErrSignInFailed.Error() + ": " + tt.want; err == nil || err.Error() != want {
				t.Errorf("%v, want\n%s", err, want)
			}
			if !errors.Is(err, adapter.ErrSignInFailed) || errors.Is(err, adapter.ErrUnsendable) || cookies != nil {
				t.Errorf("not the error of a failed sign-in: %v, %v", err, cookies)
			}
			if leaks(err) {
				t.Errorf("the error says what nobody may read: %v", err)
			}
			if n := len(a.requests()); n != tt.requests {
				t.Errorf("%d requests, want %d: %q", n, tt.requests, a.requests())
			}
		})
	}
}

// hangUp ends a connection after some bytes.
func hangUp(w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

// TestAppReflectsPassword: into the name of a cookie, in any letters' neighbourhood.
func TestAppReflectsPassword(t *testing.T) {
	o := formOptions()
	o.Credentials = accountsOf(&adapter.Accounts{Emails: map[string]adapter.Account{"ann@example.com": {"username": "ann", "password": "canary-1"}}})
	a := newApp(t, answering(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{r.PostForm.Get("password"), "last-" + r.PostForm.Get("password"), r.PostForm.Get("csrfmiddlewaretoken"), "theme"} {
			w.Header().Add("Set-Cookie", name+"=1")
		}
		http.Redirect(w, r, "/", http.StatusFound)
	}))
	_, err := mustOpen(t, o).StartSession(t.Context(), ann(), a)
	if leaks(err) || err == nil || !strings.HasSuffix(err.Error(), "set no cookie sessionid, but theme") {
		t.Errorf("%v", err)
	}
}

// TestHungApp: at each step, an app that says nothing more is given up in time.
func TestHungApp(t *testing.T) {
	hang := func(r *http.Request) { <-r.Context().Done() }
	for name, app := range map[string]http.HandlerFunc{
		"form":    func(_ http.ResponseWriter, r *http.Request) { hang(r) },
		"sign-in": answering(func(_ http.ResponseWriter, r *http.Request) { hang(r) }),
		"within the page": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, "<html>")
			w.(http.Flusher).Flush()
			hang(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := formOptions()
			o.Timeout = minTimeout
			_, err := mustOpen(t, o).StartSession(t.Context(), ann(), newApp(t, app))
			if !errors.Is(err, adapter.ErrSignInFailed) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer in time (100ms for all)") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestEndlessBody: the body of the answer to a sign-in is not waited for.
func TestEndlessBody(t *testing.T) {
	a := newApp(t, answering(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "sessionid=1")
		w.Header().Set("Location", "/")
		w.WriteHeader(http.StatusFound)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	if _, err := mustOpen(t, formOptions()).StartSession(t.Context(), ann(), a); err != nil {
		t.Error(err)
	}
}

// TestPersonGone: whoever asked has gone away, which is no failure of the app.
func TestPersonGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := newApp(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := mustOpen(t, formOptions()).StartSession(ctx, ann(), a)
	if !errors.Is(err, context.Canceled) || errors.Is(err, adapter.ErrSignInFailed) {
		t.Errorf("%v", err)
	}
}

// TestAppDown: which is said, as the address is the configuration's.
func TestAppDown(t *testing.T) {
	a := newApp(t, grafana)
	down := httptest.NewServer(nil)
	a.base.Host = down.Listener.Addr().String()
	down.Close()
	_, err := mustOpen(t, headerOptions()).StartSession(t.Context(), ann(), a)
	if !errors.Is(err, adapter.ErrSignInFailed) || !strings.Contains(err.Error(), "GET /login: dial tcp "+a.base.Host+": connect: connection refused") {
		t.Errorf("%v", err)
	}
}

// TestNobodyElsesCookies: what the client brought goes nowhere, and what the app sets
// beside its session comes from nowhere.
func TestNobodyElsesCookies(t *testing.T) {
	a := newApp(t, answering(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "sessionid=1; Path=/")
		w.Header().Add("Set-Cookie", "remember_me=for-ever; Path=/")
		http.Redirect(w, r, "/", http.StatusFound)
	}))
	cookies, err := mustOpen(t, formOptions()).StartSession(t.Context(), ann(), a)
	if err != nil || len(cookies) != 1 {
		t.Errorf("%v, %v", cookies, err)
	}
	for _, r := range a.seen {
		if c := r.Header.Get("Cookie"); c != "" {
			t.Errorf("%s is sent the cookie %q", r.Method, c)
		}
	}
}

// TestHostPrefixedCookie: an app's own name of that kind is kept as it is.
func TestHostPrefixedCookie(t *testing.T) {
	o := formOptions()
	o.Cookies = []string{"__Host-sid"}
	a := newApp(t, answering(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "sid=not-it; Path=/")
		w.Header().Add("Set-Cookie", "__Host-sid=it; Path=/; Secure; HttpOnly")
		http.Redirect(w, r, "/", http.StatusFound)
	}))
	cookies, err := mustOpen(t, o).StartSession(t.Context(), ann(), a)
	if err != nil || len(cookies) != 1 || cookies[0].Name != "__Host-sid" || cookies[0].Value != "it" || !cookies[0].Secure {
		t.Errorf("%v, %v", cookies, err)
	}
}

// TestRequiredCookie: some apps set their session for nobody, too.
func TestRequiredCookie(t *testing.T) {
	o := headerOptions()
	o.Request.Path = "/remote_user/login"
	o.Cookies, o.Success.Cookies = []string{"session"}, []string{"remember_token"}
	known := true
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "session=1; Path=/")
		if known {
			w.Header().Add("Set-Cookie", "remember_token=1; Path=/")
		}
		http.Redirect(w, r, "/", http.StatusFound)
	})
	open := mustOpen(t, o)
	cookies, err := open.StartSession(t.Context(), ann(), a)
	if err != nil || len(cookies) != 1 || cookies[0].Name != "session" {
		t.Errorf("%v, %v", cookies, err)
	}
	known = false
	if _, err := open.StartSession(t.Context(), ann(), a); err == nil || !strings.HasSuffix(err.Error(), "set no cookie remember_token, but session") {
		t.Errorf("%v", err)
	}
}

// TestSessionOfTheForm: some apps make the session that they begin with the form the
// person's, without another cookie.
func TestSessionOfTheForm(t *testing.T) {
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Set-Cookie", "sessionid=of-the-form; Path=/; HttpOnly")
			loginForm(w)
			return
		}
		if c, err := r.Cookie("sessionid"); err != nil || c.Value != "of-the-form" {
			t.Errorf("the sign-in comes without the form's cookie: %v", err)
		}
		http.Redirect(w, r, "/", http.StatusFound)
	})
	cookies, err := mustOpen(t, formOptions()).StartSession(t.Context(), ann(), a)
	if err != nil || values(cookies)["sessionid"] != "of-the-form" {
		t.Errorf("%v, %v", cookies, err)
	}
}

// TestClockOfTheRequest: what has expired is told by the bridge's clock.
func TestClockOfTheRequest(t *testing.T) {
	a := newApp(t, answering(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "sessionid=1; Expires="+noon.Add(time.Minute).Format(http.TimeFormat))
		http.Redirect(w, r, "/", http.StatusFound)
	}))
	in := ann()
	open := mustOpen(t, formOptions())
	if _, err := open.StartSession(t.Context(), in, a); err != nil {
		t.Error(err)
	}
	in.Time = noon.Add(time.Minute)
	if _, err := open.StartSession(t.Context(), in, a); err == nil {
		t.Error("a cookie that has expired is a session")
	}
}

// TestClientAgent: one that no header can hold is not sent on, and none is ours.
func TestClientAgent(t *testing.T) {
	for agent, want := range map[string]string{"": "ssobridge", "x\r\nX-Webauth-User: admin": "ssobridge", "curl/8": "curl/8"} {
		a := newApp(t, grafana)
		in := ann()
		in.Request.Header.Set("User-Agent", agent)
		if _, err := mustOpen(t, headerOptions()).StartSession(t.Context(), in, a); err != nil {
			t.Fatal(err)
		}
		if got := a.seen[0].Header.Values("User-Agent"); len(got) != 1 || got[0] != want || len(a.seen[0].Header["X-Webauth-User"]) != 1 {
			t.Errorf("%q: %q", agent, got)
		}
	}
}
