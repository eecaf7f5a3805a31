package bridge_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestGrafanaReceivesTheRole(t *testing.T) {
	r := newRig(t)
	wantStatus(t, r.get("Accept: text/html", "Cookie: lang=en; theme=dark"), http.StatusOK)
	raw := r.upstream.last(t)
	for _, want := range []string{
		"GET /d/1?x=1 HTTP/1.1", "Host: grafana.example.com", "Accept: text/html", "Cookie: lang=en; theme=dark",
		"X-Webauth-User: ann@example.com", "X-Webauth-Email: ann@example.com", "X-Webauth-Name: Ann", "X-Webauth-Role: Admin",
	} {
		if !strings.Contains(raw, want+"\r\n") {
			t.Errorf("the upstream lacks %q in\n%s", want, raw)
		}
	}
	if got := lines(raw, "X-Webauth-Groups"); len(got) != 1 || !strings.HasPrefix(got[0], "X-Webauth-Groups: sre@example.com,ssobridge-sync-") {
		t.Errorf("groups %q", got)
	}
}

func TestTargetReachesUpstreamUnchanged(t *testing.T) {
	r := newRig(t)
	for _, target := range []string{
		"/", "/a//b/c", "/%2e%2ex", "/a%2Fb", "/a;b=c", "/?a=1;b=2&c", "/?q=%zz&a=b", "/x?", "/%C3%BC?%00", "/a+b?c+d=e%20f",
	} {
		wantStatus(t, r.raw("GET "+target+" HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"), http.StatusOK)
		got, _, _ := strings.Cut(r.upstream.last(t), "\r\n")
		if want := "GET " + target + " HTTP/1.1"; got != want {
			t.Errorf("sent %q, the upstream sees %q", want, got)
		}
	}
}

const noRole = "no-role@elsewhere.test"

func (r *rig) nobody() string {
	return r.issuer.Assertion(verifiertest.Claims{Audience: "grafana.example.com", Subject: "<b>mallory</b>", Email: noRole})
}

// nameless is Ann without a display name.
func (r *rig) nameless() string {
	return r.issuer.Assertion(verifiertest.Claims{Audience: "grafana.example.com", Subject: "ann-id", Email: "ann@example.com"})
}

func TestNoRoleIsForbiddenAndSaysWhoIsSignedIn(t *testing.T) {
	r := newRig(t)
	request := "GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + r.nobody() + "\r\nAccept: "
	page := r.raw(request + "text/html,application/xhtml+xml,*/*;q=0.8\r\n\r\n")
	wantStatus(t, page, http.StatusForbidden)
	text := body(t, page)
	for _, want := range []string{noRole, `href="/.pomerium/sign_out"`, "You have no role in this app", page.Header.Get("X-Request-Id")} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	api := r.raw(request + "*/*\r\n\r\n")
	wantStatus(t, api, http.StatusForbidden)
	var got map[string]string
	if err := json.NewDecoder(api.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got["request_id"] == "" || got["message"] == "" {
		t.Errorf("got %v", got)
	}
	delete(got, "request_id")
	delete(got, "message")
	want := map[string]string{"error": "no_role", "person": noRole, "sign_out": "/.pomerium/sign_out"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
}

func TestPersonOnThePageIsEscaped(t *testing.T) {
	r := newRig(t)
	assertion := r.issuer.Assertion(verifiertest.Claims{Audience: "grafana.example.com", Subject: "<script>alert(1)</script>"})
	text := body(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nAccept: text/html\r\nX-Pomerium-Jwt-Assertion: "+assertion+"\r\n\r\n"))
	if strings.Contains(text, "<script>") || !strings.Contains(text, "&lt;script&gt;") {
		t.Errorf("not escaped:\n%s", text)
	}
}

func TestAcceptDecidesBetweenPageAndJSON(t *testing.T) {
	r := newRig(t)
	for accept, want := range map[string]string{
		"":                                  "application/json",
		"*/*":                               "application/json",
		"application/json":                  "application/json",
		"text/html":                         "text/html; charset=utf-8",
		"TEXT/HTML;q=0.9, */*":              "text/html; charset=utf-8",
		"text/html;q=0":                     "application/json",
		"application/json, text/html;q=0.1": "application/json",
		"image/avif,image/webp,*/*;q=0.8":   "application/json",
		";;;,,,text/":                       "application/json",
	} {
		resp := r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nAccept: " + accept + "\r\n\r\n")
		wantStatus(t, resp, http.StatusUnauthorized)
		if got := resp.Header.Get("Content-Type"); got != want {
			t.Errorf("Accept: %s: %s, want %s", accept, got, want)
		}
	}
}

func TestUpstreamDownIsBadGateway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	r := newRig(t, withConfig(strings.ReplaceAll(rigConfig, `"http://%s"`, `"http://`+addr+`" # %s`)))
	wantStatus(t, r.get(), http.StatusBadGateway)
	if !strings.Contains(r.log.String(), "reason=upstream_unreachable") {
		t.Errorf("log:\n%s", r.log)
	}
}

func TestUpstreamSlowIsGatewayTimeout(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t,
		withUpstream(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
			select {
			case <-release:
			case <-q.Context().Done():
			}
		})),
		withEdit(func(c *config.Config) { c.Apps[0].Timeout = 50 * time.Millisecond }))
	defer close(release)
	wantStatus(t, r.get(), http.StatusGatewayTimeout)
}

func TestStreamsBothWays(t *testing.T) {
	r := newRig(t, withUpstream(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		w.Header().Set("Content-Type", "text/event-stream")
		_ = rc.Flush()
		br := bufio.NewReader(q.Body)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, "echo "+line)
			_ = rc.Flush()
		}
	})))
	pr, pw := io.Pipe()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr+"/", pr)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "grafana.example.com"
	q.Header.Set("X-Pomerium-Jwt-Assertion", r.ann())
	resp, err := newClient(t).Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	br := bufio.NewReader(resp.Body)
	for i := range 3 {
		// Each line goes out and comes back before the next is written: neither
		// direction waits for the other to end.
		if _, err := fmt.Fprintf(pw, "line %d\n", i); err != nil {
			t.Fatal(err)
		}
		got, err := br.ReadString('\n')
		if want := fmt.Sprintf("echo line %d\n", i); err != nil || got != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	_ = pw.Close()
}

func TestWebSocketPasses(t *testing.T) {
	seen := make(chan http.Header, 1)
	r := newRig(t, withUpstream(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		seen <- q.Header
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			return
		}
		kind, msg, err := c.Read(q.Context())
		if err == nil {
			_ = c.Write(q.Context(), kind, append([]byte("echo "), msg...))
		}
		_ = c.Close(websocket.StatusNormalClosure, "")
	})))
	c, _, err := websocket.Dial(t.Context(), "ws://"+r.addr+"/api/live/ws", &websocket.DialOptions{
		Host:       "grafana.example.com",
		HTTPClient: newClient(t),
		HTTPHeader: http.Header{"X-Pomerium-Jwt-Assertion": {r.ann()}, "X-Webauth-Role": {"Admin"}, "X-Webauth-User": {"mallory"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "echo hi" {
		t.Fatalf("got %q, %v", msg, err)
	}
	if got := (<-seen)["X-Webauth-User"]; !cmp.Equal(got, []string{"ann@example.com"}) {
		t.Errorf("the upgrade came with user %q", got)
	}
}

func TestClientAbortReachesUpstream(t *testing.T) {
	started, gone := make(chan struct{}), make(chan struct{})
	r := newRig(t, withUpstream(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		close(started)
		<-q.Context().Done()
		close(gone)
	})), withEdit(func(c *config.Config) { c.Apps[0].Timeout = time.Minute }))
	ctx, cancel := context.WithCancel(t.Context())
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "grafana.example.com"
	q.Header.Set("X-Pomerium-Jwt-Assertion", r.ann())
	done := make(chan error, 1)
	go func() {
		resp, err := newClient(t).Do(q)
		if err == nil {
			_ = resp.Body.Close()
		}
		done <- err
	}()
	<-started
	cancel()
	<-gone
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// odd is an adapter that breaks its contract in a chosen way.
type odd struct {
	owned adapter.Owned
	adapt func(adapter.Input) (adapter.Output, error)
}

func (o odd) Owns() adapter.Owned { return o.owned }
func (o odd) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	return o.adapt(in)
}

func withAdapter(a adapter.Adapter) rigOption {
	return withEdit(func(c *config.Config) { c.Apps[0].Adapter = a })
}

func TestAdapterThatBreaksItsContractGetsNoRequest(t *testing.T) {
	var asked atomic.Int32
	for name, adapt := range map[string]func(adapter.Input) (adapter.Output, error){
		"panics": func(adapter.Input) (adapter.Output, error) { panic("canary-in-a-panic") },
		"fails":  func(adapter.Input) (adapter.Output, error) { return adapter.Output{}, errors.New("store is down") },
		"sets a foreign name": func(adapter.Input) (adapter.Output, error) {
			return adapter.Output{Header: http.Header{"X-Other": {"a"}}}, nil
		},
		"sets two values": func(adapter.Input) (adapter.Output, error) {
			return adapter.Output{Header: http.Header{"X-User": {"a", "b"}}}, nil
		},
		"sets a list that is empty": func(adapter.Input) (adapter.Output, error) {
			return adapter.Output{Header: http.Header{"X-Groups": {}}}, nil
		},
		"sets a list that is not owned": func(adapter.Input) (adapter.Output, error) {
			return adapter.Output{Header: http.Header{"X-Roles": {"a", "b"}}}, nil
		},
		"sets a name of a family that is only removed": func(adapter.Input) (adapter.Output, error) {
			return adapter.Output{Header: http.Header{"X-Extra-Scope": {"a"}}}, nil
		},
		"sets a cookie that is two": func(adapter.Input) (adapter.Output, error) {
			return adapter.Output{Cookies: []*http.Cookie{{Name: "session", Value: "a; role=admin"}}}, nil
		},
		"sets a foreign cookie": func(adapter.Input) (adapter.Output, error) {
			return adapter.Output{Cookies: []*http.Cookie{{Name: "other", Value: "a"}}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			owned := adapter.Owned{
				Headers: []string{"X-User", "X-Groups"}, Lists: []string{"X-Groups", "X-Roles"}, Prefixes: []string{"X-Extra-"},
				Cookies: []string{"session"},
			}
			r := newRig(t, withAdapter(odd{owned, adapt}),
				withUpstream(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })))
			wantStatus(t, r.get(), http.StatusInternalServerError)
			if strings.Contains(r.log.String(), "canary-in-a-panic") {
				t.Error("the log holds the panic's value")
			}
		})
	}
	if asked.Load() != 0 {
		t.Error("the upstream was asked")
	}
}

func TestOwnedCookiesAreReplaced(t *testing.T) {
	r := newRig(t, withAdapter(odd{adapter.Owned{Cookies: []string{"app_session"}}, func(adapter.Input) (adapter.Output, error) {
		return adapter.Output{Cookies: []*http.Cookie{{Name: "app_session", Value: "ours"}}}, nil
	}}))
	wantStatus(t, r.get(
		`Cookie: app_session=mallory; a="x y"; APP-SESSION=mallory; b=1;app.session=mallory`,
		"Cookie: app_session=mallory", `Cookie: "app_session"=mallory; c=ü`,
	), http.StatusOK)
	got := lines(r.upstream.last(t), "Cookie")
	if want := []string{`Cookie: a="x y"; b=1; c=ü; app_session=ours`}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIdentityThatCannotBeSentIsForbidden(t *testing.T) {
	r := newRig(t)
	// In the group, so with a role, but the preset needs an email.
	assertion := r.issuer.Assertion(verifiertest.Claims{Audience: "grafana.example.com", Subject: "robot", Groups: []string{"sre@example.com"}})
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+assertion+"\r\n\r\n"), http.StatusForbidden)
	if !strings.Contains(r.log.String(), "reason=identity_unsendable") {
		t.Errorf("log:\n%s", r.log)
	}
}

func TestMetricsCountEveryRequestOnce(t *testing.T) {
	r := newRig(t)
	for range 3 {
		wantStatus(t, r.get(), http.StatusOK)
	}
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\n\r\n"), http.StatusUnauthorized)
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+r.nobody()+"\r\n\r\n"), http.StatusForbidden)
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n"), http.StatusMisdirectedRequest)
	want := `
# HELP ssobridge_refusals_total Requests that did not get their answer from the upstream, by app and reason.
# TYPE ssobridge_refusals_total counter
ssobridge_refusals_total{app="",reason="unknown_host"} 1
ssobridge_refusals_total{app="grafana",reason="assertion_missing"} 1
ssobridge_refusals_total{app="grafana",reason="no_role"} 1
# HELP ssobridge_requests_total Requests by app and outcome: allowed, public, own_credential, refused or failed.
# TYPE ssobridge_requests_total counter
ssobridge_requests_total{app="",outcome="allowed"} 0
ssobridge_requests_total{app="",outcome="refused"} 1
ssobridge_requests_total{app="grafana",outcome="allowed"} 3
ssobridge_requests_total{app="grafana",outcome="refused"} 2
`
	if err := testutil.GatherAndCompare(r.metrics.Gatherer(), strings.NewReader(want), "ssobridge_requests_total", "ssobridge_refusals_total"); err != nil {
		t.Error(err)
	}
}

func newClient(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
