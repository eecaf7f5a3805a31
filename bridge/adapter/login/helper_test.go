package login

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

const host = "app.example.com"

var serving = adapter.Env{App: "app", Host: host, ReadSecrets: true}

// The canaries are what must be in no error.
const (
	annPassword = "canary-ann correct horse"
	bobPassword = "canary-bob battery staple"
)

func accountsOf(a *adapter.Accounts) adapter.Credentials {
	return adapter.NewCredentials(func() (*adapter.Accounts, error) { return a, nil })
}

// accounts are those of Ann and Bob.
func accounts() adapter.Credentials {
	return accountsOf(&adapter.Accounts{Emails: map[string]adapter.Account{
		"ann@example.com": {"username": "ann", "password": annPassword},
		"bob@example.com": {"username": "bob", "password": bobPassword},
	}})
}

// formOptions are those of an app with a form and a token in it.
func formOptions() Options {
	return Options{
		Cookies: []string{"sessionid"},
		Request: Request{Path: "/login/"},
		CSRF:    CSRF{Path: "/login/?next=/", Field: "csrfmiddlewaretoken"},
		Form: map[string]Field{
			"username": {Credential: "username"}, "password": {Credential: "password"},
			"csrfmiddlewaretoken": {CSRF: true},
		},
		Success:     Success{Status: []int{302}},
		Credentials: accounts(),
	}
}

// headerOptions are those of an app that reads a header, once.
func headerOptions() Options {
	return Options{
		Cookies: []string{"grafana_session", "grafana_session_expiry"},
		Request: Request{Path: "/login"},
		Header: map[string]Field{
			"X-Webauth-User": {From: "email", Required: true}, "X-Webauth-Role": {From: "role"},
			"X-Webauth-Name": {From: "name", Encode: "utf-8", Unsendable: "omit"},
		},
		Success: Success{Status: []int{302}},
	}
}

// jsonOptions are those of an app that reads JSON.
func jsonOptions() Options {
	return Options{
		Cookies: []string{"metabase.SESSION", "metabase.TIMEOUT"},
		Request: Request{Path: "/api/session"},
		JSON: map[string]Field{
			"username": {From: "email", Required: true}, "password": {Credential: "password"},
			"device.name": {Const: "ssobridge"}, "device.groups": {From: "groups"},
		},
		Success:     Success{Status: []int{200}},
		EndedStatus: []int{401},
		Credentials: accounts(),
	}
}

func inputOf(subject, email, role string) adapter.Input {
	return adapter.Input{
		Principal: &verifier.Principal{Subject: subject, Email: email, Name: "Zoë Ann", Groups: []string{"sre", "staff"}},
		Decision:  mapping.Decision{Roles: []string{role}, Rule: 1},
		Request: &http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{"User-Agent": {"Mozilla/5.0"}, "Cookie": {"sessionid=mallory"}},
		},
		Time: noon,
	}
}

func ann() adapter.Input { return inputOf("ann-id", "ann@example.com", "Editor") }
func bob() adapter.Input { return inputOf("bob-id", "bob@example.com", "Viewer") }

func mustOpen(tb testing.TB, o Options) *loginAdapter {
	tb.Helper()
	a, err := o.Open(serving)
	if err != nil {
		tb.Fatal(err)
	}
	return a.(*loginAdapter)
}

// caller asks a server of the test, as the bridge does: without following anything.
type caller struct {
	base      *url.URL
	transport *http.Transport
}

func (c caller) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "" || r.URL.Scheme != "" {
		panic("the target is no path")
	}
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = c.base.Scheme, c.base.Host
	return c.transport.RoundTrip(out)
}

// app is a server of a test, with what it was asked.
type app struct {
	caller
	mu   sync.Mutex
	seen []*http.Request
}

func newApp(tb testing.TB, handler http.HandlerFunc) *app {
	tb.Helper()
	a := &app{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		a.mu.Lock()
		a.seen = append(a.seen, r)
		a.mu.Unlock()
		handler(w, r)
	}))
	base, err := url.Parse(server.URL)
	if err != nil {
		tb.Fatal(err)
	}
	a.caller = caller{base: base, transport: &http.Transport{MaxResponseHeaderBytes: 4 << 20}}
	tb.Cleanup(func() {
		a.transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return a
}

// requests are the lines of those that the app was asked, in order.
func (a *app) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var lines []string
	for _, r := range a.seen {
		lines = append(lines, r.Method+" "+r.RequestURI)
	}
	return lines
}

// values are cookies by name.
func values(cookies []*http.Cookie) map[string]string {
	all := map[string]string{}
	for _, c := range cookies {
		all[c.Name] = c.Value
	}
	return all
}

// leaks reports whether an error says what nobody may read.
func leaks(err error) bool {
	return err != nil && strings.Contains(strings.ToLower(err.Error()), "canary")
}
