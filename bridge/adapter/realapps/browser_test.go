package realapps_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// browser keeps cookies, follows redirects, and sends the headers it is told to,
// in their spelling.
type browser struct {
	t      *testing.T
	client *http.Client
	// issuer and claims are whose assertion Pomerium puts on each request; none
	// without claims.
	issuer *verifiertest.Issuer
	claims *verifiertest.Claims
	// header is what the client sends by itself.
	header http.Header
}

// newBrowser returns a browser for which every host is at addr.
func newBrowser(t *testing.T, addr string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
		DisableKeepAlives: true,
	}
	return &browser{
		t:      t,
		client: &http.Client{Transport: transport, Jar: secureJar{jar}, Timeout: deadline},
		header: make(http.Header),
	}
}

// secureJar is a jar for whom every address has TLS, as it has for the browser of
// somebody who comes by Pomerium.
type secureJar struct{ http.CookieJar }

func (j secureJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.CookieJar.SetCookies(secure(u), cookies)
}

func (j secureJar) Cookies(u *url.URL) []*http.Cookie { return j.CookieJar.Cookies(secure(u)) }

func secure(u *url.URL) *url.URL {
	s := *u
	s.Scheme = "https"
	return &s
}

// answer is what the browser got, after redirects.
type answer struct {
	status int
	header http.Header
	body   string
	url    *url.URL
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.do(http.MethodGet, path, "", nil) }

func (b *browser) do(method, path, body string, extra http.Header) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+host+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	maps.Copy(req.Header, extra)
	maps.Copy(req.Header, b.header)
	if b.claims != nil {
		req.Header.Set(assertionHeader, b.issuer.Assertion(*b.claims))
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatalf("%s %s: reading the answer: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, string(text), resp.Request.URL}
}

// json is get for an app that answers with JSON and 200, or refuses with 401 or
// 403, which leaves v alone.
func (b *browser) json(path string, v any, extra http.Header) {
	b.t.Helper()
	got := b.do(http.MethodGet, path, "", extra)
	switch got.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return
	case http.StatusOK:
	default:
		b.t.Fatalf("GET %s: status %d: %s", path, got.status, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), v); err != nil {
		b.t.Fatalf("GET %s: %v in: %s", path, err, got.body)
	}
}

func (b *browser) expect(a realApp, want identity) {
	b.t.Helper()
	if got := a.whoami(b); got != want {
		b.t.Errorf("the app says %+v, want %+v", got, want)
	}
}

// headerIdentity asks the apps of testdata, which answer with what they find out.
func headerIdentity(b *browser) identity {
	b.t.Helper()
	var who identity
	b.json("/whoami", &who, nil)
	return who
}

// hasCookie reports whether the app has set one of these, on any path.
func (b *browser) hasCookie(names []string) bool {
	for _, path := range []string{"/", "/hub/"} {
		for _, c := range b.client.Jar.Cookies(&url.URL{Scheme: "http", Host: host, Path: path}) {
			if slices.Contains(names, c.Name) {
				return true
			}
		}
	}
	return false
}
