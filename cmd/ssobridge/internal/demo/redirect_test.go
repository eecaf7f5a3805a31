package demo

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

// openRedirects are addresses that must not be gone on to.
func openRedirects(t *testing.T) []string {
	t.Helper()
	list := []string{
		"https://grafana.localhost:8000/", "http://grafana.localhost/", "http://grafana.localhost:8001/",
		"http://grafana.localhost:8000@evil.example/", "http://evil.example@grafana.localhost:8000/",
		"http://grafana.localhost:8000.evil.example/", "http://evilgrafana.localhost:8000/",
		"http://evil.example/http://grafana.localhost:8000/", "http://evil.example#http://grafana.localhost:8000/",
		`http://evil.example\@grafana.localhost:8000/`, `http:\\evil.example`, `http:/\evil.example`, "http:evil.example",
		"http:///evil.example", "//evil.example/", "///evil.example/", `\\evil.example`, `/\evil.example`, "/\t/evil.example",
		"http://grafana.localhost:8000\t.evil.example/", "http://grafana.localhost:8000\r\nLocation: http://evil.example",
		"javascript:alert(1)", "data:text/html,x", "http://localhost:8000/", "/", "grafana.localhost:8000", "http://[::1]:8000/",
	}
	vectors := os.Getenv("SSOBRIDGE_VECTORS")
	if vectors == "" {
		t.Log("SSOBRIDGE_VECTORS is not set: only the test's own addresses are tried")
		return list
	}
	file, err := os.ReadFile(vectors + "/oauth2-proxy/openredirects.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// TestOpenRedirect tries to be sent elsewhere after signing in.
func TestOpenRedirect(t *testing.T) {
	p := newTestPomerium(t, http.NotFoundHandler())
	for _, address := range openRedirects(t) {
		query := url.Values{"redirect": {address}}.Encode()
		for name, resp := range map[string]*http.Response{
			"signed in":         ask(t, p, http.MethodGet, "http://localhost:8000/.pomerium/sign_in?"+query, nil, as("ann")),
			"not signed in yet": ask(t, p, http.MethodGet, "http://localhost:8000/.pomerium/sign_in?"+query, nil, nil),
			"sign-in page":      ask(t, p, http.MethodGet, "http://localhost:8000/?"+query, nil, as("ann")),
			"form":              ask(t, p, http.MethodPost, "http://localhost:8000/", url.Values{"person": {"ann"}, "redirect": {address}}, nil),
		} {
			if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" || len(resp.Cookies()) > 0 {
				t.Errorf("%s: %q is answered by %d, Location %q", name, address, resp.StatusCode, resp.Header.Get("Location"))
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || strings.Contains(string(body), "evil") {
				t.Errorf("%s: the page repeats %q (%v)", name, address, err)
			}
		}
	}
}

// TestPathsStayOnTheirHost asks for paths of an app that would be hosts if
// something took them for addresses.
func TestPathsStayOnTheirHost(t *testing.T) {
	p := newTestPomerium(t, http.NotFoundHandler())
	for _, path := range []string{"//evil.example/", "///evil.example", "/%5cevil.example", `/\evil.example`, "/%09/evil.example", "/?x=http://evil.example", "/.evil.example", "/@evil.example"} {
		first := ask(t, p, http.MethodGet, "/", nil, func(r *http.Request) {
			u, err := url.ParseRequestURI(path)
			if err != nil {
				t.Fatal(err)
			}
			r.URL, r.Host = u, "grafana.localhost:8000"
		})
		signIn := first.Header.Get("Location")
		second := ask(t, p, http.MethodGet, signIn, nil, as("ann"))
		callback := second.Header.Get("Location")
		third := ask(t, p, http.MethodGet, callback, nil, nil)
		for i, want := range map[string]string{signIn: "http://localhost:8000/.pomerium/sign_in?redirect=", callback: "http://grafana.localhost:8000/.pomerium/callback?code=",
			third.Header.Get("Location"): "http://grafana.localhost:8000/"} {
			if !strings.HasPrefix(i, want) {
				t.Errorf("%q leads to %q, want %s…", path, i, want)
			}
		}
	}
}

// TestCallbackBindsTheCookie checks what the browser gets, and that a used code
// is worth nothing.
func TestCallbackBindsTheCookie(t *testing.T) {
	p := newTestPomerium(t, http.NotFoundHandler())
	resp := ask(t, p, http.MethodPost, "http://localhost:8000/", url.Values{"person": {"bob"}, "redirect": {"http://wiki.localhost:8000/page?a=b%26c"}}, nil)
	callback := resp.Header.Get("Location")
	authCookie := resp.Cookies()[0]
	if !strings.HasPrefix(callback, "http://wiki.localhost:8000/.pomerium/callback?code=") {
		t.Fatalf("status %d to %q", resp.StatusCode, callback)
	}
	resp = ask(t, p, http.MethodGet, callback, nil, nil)
	if got := resp.Header.Get("Location"); got != "http://wiki.localhost:8000/page?a=b%26c" {
		t.Errorf("going on to %q", got)
	}
	c := resp.Cookies()[0]
	if c.Value != authCookie.Value || c.Domain != "" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
		t.Errorf("the cookie is %v", c)
	}
	resp = ask(t, p, http.MethodGet, callback, nil, nil)
	if resp.StatusCode != http.StatusBadRequest || len(resp.Cookies()) > 0 {
		t.Errorf("a used code is answered by %d", resp.StatusCode)
	}
}
