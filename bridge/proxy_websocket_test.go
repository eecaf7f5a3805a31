package bridge_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// timers are those that the bridge has started; tests make them fire.
type timers struct {
	mu  sync.Mutex
	all []*timer
}

type timer struct {
	after   time.Duration
	fire    func()
	stopped atomic.Bool
}

func (ts *timers) After(d time.Duration, f func()) func() bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := &timer{after: d, fire: f}
	ts.all = append(ts.all, t)
	return func() bool { return !t.stopped.Swap(true) }
}

// only returns the one timer that is for a WebSocket, and not for all that there are.
func (ts *timers) only(t *testing.T) *timer {
	t.Helper()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.all) != 2 || ts.all[0].after != time.Minute {
		t.Fatalf("%d timers", len(ts.all))
	}
	return ts.all[1]
}

// fireReview fires the timer for all WebSockets, if there is one.
func (ts *timers) fireReview() bool {
	ts.mu.Lock()
	i := slices.IndexFunc(ts.all, func(t *timer) bool { return t.after == time.Minute && !t.stopped.Load() })
	if i < 0 {
		ts.mu.Unlock()
		return false
	}
	t := ts.all[i]
	ts.mu.Unlock()
	t.stopped.Store(true)
	t.fire()
	return true
}

// webSockets is a rig whose app has a WebSocket that says "ready" and echoes.
type webSockets struct {
	*rig
	timers *timers
	asked  *atomic.Int32
	ended  chan struct{} // one for each that the app has seen the end of
}

func newWebSockets(t *testing.T, toml string, more ...rigOption) *webSockets {
	t.Helper()
	w := &webSockets{timers: &timers{}, asked: &atomic.Int32{}, ended: make(chan struct{}, 10)}
	w.rig = newRig(t, append(more, withConfig(toml), withTimers(w.timers), withUpstream(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		c, err := websocket.Accept(rw, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer func() { w.ended <- struct{}{} }()
		defer func() { _ = c.CloseNow() }()
		_ = c.Write(r.Context(), websocket.MessageText, []byte("ready"))
		for {
			kind, msg, err := c.Read(r.Context())
			if err != nil {
				return
			}
			_ = c.Write(r.Context(), kind, msg)
		}
	})))...)
	return w
}

// dial opens a WebSocket and reads "ready".
func (w *webSockets) dial(t *testing.T, claims verifiertest.Claims) *websocket.Conn {
	t.Helper()
	claims.Audience = "grafana.example.com"
	c, _, err := websocket.Dial(t.Context(), "ws://"+w.addr+"/api/live/ws", &websocket.DialOptions{
		Host: "grafana.example.com", HTTPClient: newClient(t),
		HTTPHeader: http.Header{"X-Pomerium-Jwt-Assertion": {w.issuer.Assertion(claims)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "ready" {
		t.Fatalf("%q %v", msg, err)
	}
	return c
}

var annsClaims = verifiertest.Claims{Subject: "ann-id", Email: "ann@example.com", Groups: []string{"sre@example.com"}}

// wantGoingAway reads the close frame that the bridge sends.
func (w *webSockets) wantGoingAway(t *testing.T, c *websocket.Conn, reason string) {
	t.Helper()
	_, _, err := c.Read(t.Context())
	if websocket.CloseStatus(err) != websocket.StatusGoingAway || !strings.Contains(err.Error(), reason) {
		t.Errorf("the client gets %v, want %q", err, reason)
	}
	<-w.ended
}

func (w *webSockets) wantAlive(t *testing.T, c *websocket.Conn) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("still here")); err != nil {
		t.Fatal(err)
	}
	if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "still here" {
		t.Fatalf("%q %v", msg, err)
	}
}

// A WebSocket must not outlive what it was granted for.
func TestWebSocketEndsSomeTimeAfterItsAssertion(t *testing.T) {
	for name, c := range map[string]struct {
		keys     string
		lifetime time.Duration // of the assertion
		want     time.Duration
	}{
		"the default":    {"", 5 * time.Minute, 65 * time.Minute},
		"no grace":       {`stream_grace = "0s"`, 5 * time.Minute, 5 * time.Minute},
		"some grace":     {`stream_grace = "30s"`, 5 * time.Minute, 5*time.Minute + 30*time.Second},
		"the maximum":    {`stream_max = "10m"`, 5 * time.Minute, 10 * time.Minute},
		"a long one":     {"", 24 * time.Hour, 12 * time.Hour},
		"a short one":    {`stream_grace = "0s"`, time.Minute, time.Minute},
		"above the long": {`stream_max = "100h"`, 24 * time.Hour, 25 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWebSockets(t, strings.Replace(rigConfig, "timeout  =", c.keys+"\ntimeout  =", 1))
			claims := annsClaims
			claims.IssuedAt = time.Now()
			claims.Expires = claims.IssuedAt.Add(c.lifetime)
			ws := w.dial(t, claims)
			timer := w.timers.only(t)
			// The assertion counts in whole seconds.
			if d := timer.after - c.want; d < -5*time.Second || d > time.Second {
				t.Errorf("ends after %s, want %s", timer.after, c.want)
			}
			w.wantAlive(t, ws)
			timer.fire()
			w.wantGoingAway(t, ws, "sign-in is to be checked again")
		})
	}
}

func TestTimerOfAWebSocketEndsWithIt(t *testing.T) {
	w := newWebSockets(t, rigConfig)
	ws := w.dial(t, annsClaims)
	_ = ws.Close(websocket.StatusNormalClosure, "")
	<-w.ended
	timer := w.timers.only(t)
	for deadline := time.Now().Add(10 * time.Second); !timer.stopped.Load(); {
		if time.Now().After(deadline) {
			t.Fatal("the timer still runs")
		}
		time.Sleep(time.Millisecond) // until the bridge has noticed
	}
}

// A reload that takes somebody's role away takes their WebSockets too.
func TestReloadClosesWebSocketsThatItWouldNotBegin(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		ends     bool
	}{
		"nothing":          {"", "", false},
		"something else":   {`timeout  = "2s"`, `timeout  = "3s"`, false},
		"another upstream": {`upstream = "http://`, `upstream = "http://x.`, true},
		"role lost":        {`groups = ["@sre"]`, `groups = ["other"]`, true},
		"denied": {"[[app.grafana.rule]]\nrole   = \"Admin\"",
			"[[app.grafana.rule]]\ndeny = true\nemails = [\"ann@example.com\"]\n[[app.grafana.rule]]\nrole   = \"Admin\"", true},
		"app renamed":     {"app.grafana", "app.other", true},
		"host changed":    {`"grafana.example.com"`, `"other.example.com"`, true},
		"issuer replaced": {"issuer.pomerium", "issuer.other", true},
		"path denied": {"[[app.grafana.rule]]\nrole   = \"Admin\"",
			"[[app.grafana.deny]]\nprefix = \"/api/live/\"\n[[app.grafana.rule]]\nrole   = \"Admin\"", true},
		"another path denied": {"[[app.grafana.rule]]\nrole   = \"Admin\"",
			"[[app.grafana.deny]]\nprefix = \"/admin/\"\n[[app.grafana.rule]]\nrole   = \"Admin\"", false},
		"audience changed": {`timeout  =`, "audience = \"other\"\ntimeout  =", true},
		"list without her": {`sre = ["sre@example.com"]`, `sre = ["other@example.com"]`, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWebSockets(t, rigConfig)
			ws := w.dial(t, annsClaims)
			text := rigConfig
			if c.old != "" {
				if text = strings.ReplaceAll(rigConfig, c.old, c.new); text == rigConfig {
					t.Fatal("the test changes nothing")
				}
			}
			s, err := decision.Build(loadConfig(t, w.issuer, strings.ReplaceAll(text, "%s", w.config.Apps[0].Upstream.Host)), w.deps)
			if err != nil {
				t.Fatal(err)
			}
			w.bridge.Swap(s)
			if c.ends {
				w.wantGoingAway(t, ws, "access has changed")
			} else {
				w.wantAlive(t, ws)
			}
		})
	}
}

// A role for a time is for that time, also where nothing is asked again.
func TestWebSocketEndsWithTheTimeOfItsRule(t *testing.T) {
	at := &clock{now: time.Now()}
	until := at.now.Add(150 * time.Second).UTC().Format(time.RFC3339)
	w := newWebSockets(t, strings.Replace(rigConfig, `groups = ["@sre"]`, "groups = [\"@sre\"]\nuntil = "+until, 1), withNow(at.Now))
	ws := w.dial(t, annsClaims)
	for range 2 {
		at.add(time.Minute)
		if !w.timers.fireReview() {
			t.Fatal("nothing is reviewed")
		}
		w.wantAlive(t, ws)
	}
	at.add(time.Minute)
	w.timers.fireReview()
	w.wantGoingAway(t, ws, "access has changed")
	for deadline := time.Now().Add(10 * time.Second); w.timers.fireReview(); {
		if time.Now().After(deadline) {
			t.Fatal("there is no WebSocket, and they are still reviewed")
		}
	}
	// So it goes with the next.
	w.dial(t, verifiertest.Claims{Subject: "bob-id", Email: "bob@example.com", IssuedAt: at.Now()})
	if !w.timers.fireReview() {
		t.Error("nothing is reviewed")
	}
}

// A key that is taken away, as one is that was lost, takes with it what it was good for.
func TestReloadWithAnotherKeyClosesWebSockets(t *testing.T) {
	w := newWebSockets(t, rigConfig)
	ws := w.dial(t, annsClaims)
	w.swap(rigConfig)
	w.wantAlive(t, ws)
	other, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	w.issuer = other
	w.swap(rigConfig)
	w.wantGoingAway(t, ws, "access has changed")
}

func TestServerThatStopsSendsWebSocketsElsewhere(t *testing.T) {
	w := newWebSockets(t, rigConfig)
	first, second := w.dial(t, annsClaims), w.dial(t, annsClaims)
	w.bridge.CloseTunnels()
	w.wantGoingAway(t, first, "the server is stopping")
	w.wantGoingAway(t, second, "the server is stopping")
}

// A page of another site can open WebSockets, with the cookies that Pomerium knows
// people by.
func TestCrossSiteWebSocketIsForbidden(t *testing.T) {
	const allowed = "origins = [\"https://dashboards.example.com\"]\n"
	w := newWebSockets(t, strings.Replace(rigConfig, "timeout  =", allowed+"timeout  =", 1))
	any := newWebSockets(t, strings.Replace(rigConfig, "timeout  =", "origins = [\"*\"]\ntimeout  =", 1))
	ask := func(w *webSockets, lines string) int {
		t.Helper()
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+w.ann()+
			"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+lines+"\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for lines, want := range map[string]int{
		"": 101,
		"Origin: https://grafana.example.com\r\n":                                            101,
		"Origin: https://dashboards.example.com\r\n":                                         101,
		"Origin: https://evil.test\r\n":                                                      403,
		"Origin: null\r\n":                                                                   403,
		"origin: https://evil.test\r\nOrigin: https://grafana.example.com\r\n":               403,
		"Origin: https://grafana.example.com.evil.test\r\n":                                  403,
		"Origin: https://evil.test\r\nSec-WebSocket-Origin: https://grafana.example.com\r\n": 403,
	} {
		before := w.asked.Load()
		if got := ask(w, lines); got != want {
			t.Errorf("%q: %d, want %d", lines, got, want)
		}
		if asked := w.asked.Load() != before; asked != (want == 101) {
			t.Errorf("%q: the app was asked: %v", lines, asked)
		}
		if got := ask(any, lines); got != 101 {
			t.Errorf("%q, any origin: %d", lines, got)
		}
	}
	if log := w.log.String(); !strings.Contains(log, "reason=cross_site") || !strings.Contains(log, "subject=ann-id") || strings.Contains(log, "evil.test") {
		t.Errorf("log:\n%s", log)
	}
	// Requests that are no WebSocket are the app's own to judge.
	r := newRig(t)
	wantStatus(t, r.get("Origin: https://evil.test"), http.StatusOK)
	wantStatus(t, r.get("Origin: https://evil.test", "Connection: Upgrade", "Upgrade: h2c"), http.StatusOK)
}

// Without an assertion, an upgrade is as any other request.
func TestUpgradeWithoutAssertionNeverReachesUpstream(t *testing.T) {
	r := newRig(t)
	resp := r.raw("GET /ws HTTP/1.1\r\nHost: grafana.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n")
	wantStatus(t, resp, http.StatusUnauthorized)
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
}
