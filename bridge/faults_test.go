package bridge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// A body is found to be too large while its answer is being written: whoever finds out
// must not write to the same header.
func TestBodyThatExceedsItsLimitBesideItsAnswer(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(rigConfig, "timeout  =", "max_body_bytes = 5\ntimeout  =", 1)), withUpstream(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.WriteString(w, "ok")
	})))
	assertion := r.ann()
	for range 50 {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+assertion+"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		_, _ = io.WriteString(conn, "1\r\n!\r\n0\r\n\r\n")
		_, _ = bufio.NewReader(conn).ReadByte()
		_ = conn.Close()
	}
}

// An app that is lost amid a body is no fault of the client's, which waits.
func TestAppThatIsLostAmidABody(t *testing.T) {
	r := newRig(t, withUpstream(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 5))
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = c.Close()
		}
	})))
	request := "POST / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + r.ann() + "\r\nContent-Length: 10\r\n"
	for _, accept := range []string{"*/*", "text/html"} { // a page is larger than what net/http holds back
		resp := r.raw(request + "Accept: " + accept + "\r\n\r\nhello")
		wantStatus(t, resp, http.StatusBadGateway)
		if !resp.Close {
			t.Error("the client is not told that the connection ends")
		}
	}
	if log := r.log.String(); strings.Count(log, "reason=upstream_unreachable") != 2 || strings.Contains(log, "client_gone") {
		t.Errorf("log:\n%s", log)
	}
}

// panicking is an adapter of which each function can panic.
type panicking struct{ in atomic.Pointer[string] }

func (p *panicking) at(hook string) {
	if in := p.in.Load(); in != nil && *in == hook {
		panic("canary-in-" + hook)
	}
}

func (p *panicking) Owns() adapter.Owned {
	return adapter.Owned{Headers: []string{"X-User"}, Cookies: []string{"sid"}}
}

func (p *panicking) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	if in.SignIn {
		p.at("Adapt, sign-in")
		return adapter.Output{Redirect: "https://grafana.example.com/done"}, nil
	}
	p.at("Adapt")
	return adapter.Output{Header: http.Header{"X-User": {in.Principal.Email}}}, nil
}

func (p *panicking) SessionPlan() adapter.SessionPlan {
	return adapter.SessionPlan{
		Cookies: []string{"sid"}, Deliver: adapter.DeliverBrowser, Lifetime: time.Hour, SameSite: http.SameSiteLaxMode, PlainNames: true, Calls: true,
		Match: func(name string) bool { p.at("Match"); return strings.HasPrefix(name, "sid.") },
		Ended: func(int, string) bool { p.at("Ended"); return false },
	}
}

func (p *panicking) StartSession(context.Context, adapter.Input, adapter.Caller) ([]*http.Cookie, error) {
	p.at("StartSession")
	return []*http.Cookie{{Name: "sid", Value: "1"}}, nil
}

func (p *panicking) DescribeSession(adapter.Input) ([]string, error) {
	p.at("DescribeSession")
	return nil, nil
}
func (p *panicking) SessionSecrets(adapter.Input) []string { p.at("SessionSecrets"); return nil }
func (p *panicking) ReadSession(context.Context, adapter.Input, map[string]string) (adapter.SessionVerdict, error) {
	p.at("ReadSession")
	return adapter.SessionKept, nil
}

func (p *panicking) EndSession(context.Context, map[string]string) error {
	p.at("EndSession")
	return nil
}
func (p *panicking) Logout() adapter.Logout { return adapter.Logout{Path: "/leave"} }
func (p *panicking) SignInPath() string     { return "sign_in" }
func (p *panicking) SignedFields(adapter.Input) (map[string][]string, error) {
	return nil, errors.ErrUnsupported
}

func (p *panicking) Public() map[string]http.Handler {
	return map[string]http.Handler{"keys": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.at("Public")
		_, _ = io.WriteString(w, "keys")
	})}
}

// Whatever an adapter's function does, it does it to its request: nobody is let in for
// it, nobody reads what was in it, and the next request is answered.
func TestAdapterThatPanics(t *testing.T) {
	const aborted = 0
	page := func(cookies string) string { return "GET / HTTP/1.1\r\n" + cookies }
	signOut := "POST /.ssobridge/sign_out HTTP/1.1\r\nContent-Length: 0\r\nCookie: sid=1\r\n"
	for hook, c := range map[string]struct {
		request     string
		want, after int
		asks        bool // the app, all the same
	}{
		"Adapt":           {page(""), 500, 200, false},
		"Adapt, sign-in":  {"GET /.ssobridge/sign_in HTTP/1.1\r\n", 500, 302, false},
		"StartSession":    {page(""), 500, 200, false},
		"DescribeSession": {page(""), 500, 200, false},
		"SessionSecrets":  {page(""), 500, 200, false},
		"ReadSession":     {page("Cookie: sid=1\r\n"), 500, 200, false},
		"Match":           {page("Cookie: sid=1; sid.1=2\r\n"), 500, 200, false},
		"Ended":           {page("Cookie: sid=1\r\n"), aborted, 200, true},
		"EndSession":      {signOut, aborted, 303, true},
		"Public":          {"GET /.ssobridge/keys HTTP/1.1\r\n", aborted, 200, false},
	} {
		t.Run(hook, func(t *testing.T) {
			var asked atomic.Int32
			p := &panicking{}
			at := &clock{now: time.Now()}
			r := newRig(t, withAdapter(p), withNow(at.Now), withUpstream(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				_, _ = io.WriteString(w, "ok")
			})))
			request := c.request + "Host: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + r.ann() + "\r\nConnection: close\r\n\r\n"
			p.in.Store(&hook)
			for range 2 { // the second finds no lock held
				if got := statusOf(t, r.addr, request); got != c.want {
					t.Errorf("status %d, want %d", got, c.want)
				}
			}
			if (asked.Load() > 0) != c.asks {
				t.Errorf("the app was asked %d times", asked.Load())
			}
			p.in.Store(nil)
			at.add(10 * time.Second) // starts that failed are not tried again at once
			if got := statusOf(t, r.addr, request); got != c.after {
				t.Errorf("afterwards: status %d, want %d", got, c.after)
			}
			if log := r.log.String(); strings.Contains(log, "canary") || !strings.Contains(log, "panic") || strings.Contains(log, "http: panic serving") {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

// statusOf sends a request and returns the status of its answer; 0: there is none.
func statusOf(t *testing.T, addr, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, request)
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	status := 0
	_, _ = fmt.Sscanf(string(b), "HTTP/1.1 %d", &status)
	return status
}

// A clock that is set while requests come, by NTP or by hand, lets nobody in for whom it
// is not the time, and counts nothing backwards.
func TestClockThatIsSet(t *testing.T) {
	at := &clock{now: time.Now()}
	r := newRig(t, withNow(at.Now), withConfig(strings.Replace(rigConfig, "timeout  =", "rate = \"60/m\"\nburst = 2\ntimeout  =", 1)))
	issued := at.Now()
	assertion := r.issuer.Assertion(verifiertest.Claims{
		Audience: "grafana.example.com", Subject: "ann-id", Email: "ann@example.com", IssuedAt: issued, Expires: issued.Add(5 * time.Minute),
	})
	var got []int
	for _, offset := range []time.Duration{0, -time.Hour, time.Hour, 0, time.Hour, -time.Hour, 4 * time.Minute, 2 * time.Minute} {
		at.add(issued.Add(offset).Sub(at.Now()))
		got = append(got, statusOf(t, r.addr, "GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+assertion+"\r\nConnection: close\r\n\r\n"))
	}
	if want := []int{200, 401, 401, 200, 401, 401, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Between a WebSocket's decision and its beginning, an app takes its time, and clocks
// are set: it ends when its assertion says, and never later for that.
func TestClockThatIsSetBeforeAWebSocketBegins(t *testing.T) {
	for jump, want := range map[time.Duration]time.Duration{
		0: 65 * time.Minute, 2 * time.Minute: 63 * time.Minute, -time.Hour: 65 * time.Minute, 2 * time.Hour: -55 * time.Minute,
	} {
		base := time.Now()
		var asked atomic.Pointer[atomic.Int32]
		now := func() time.Time {
			if n := asked.Load(); n != nil && n.Load() > 0 {
				return base.Add(jump)
			}
			return base
		}
		w := newWebSockets(t, rigConfig, withNow(now))
		asked.Store(w.asked)
		claims := annsClaims
		claims.IssuedAt, claims.Expires = base, base.Add(5*time.Minute)
		ws := w.dial(t, claims)
		timer := w.timers.only(t)
		// The assertion counts in whole seconds.
		if d := timer.after - want; d < -time.Second || d > 0 {
			t.Errorf("the clock is set by %s: ends after %s, want %s", jump, timer.after, want)
		}
		w.wantAlive(t, ws)
		timer.fire()
		w.wantGoingAway(t, ws, "sign-in is to be checked again")
	}
}

// What an app says that is no HTTP may be what only its client may know.
func TestAnswerThatIsNotHTTPIsNotLogged(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nSet-Cookie session=CANARY\r\n\r\n",
		"HTTP/1.1 CANARY OK\r\n\r\n",
		"CANARY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: CANARY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: CANARY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nSet-Cookie: a=\x01CANARY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nCANARY\r\n",
		"HTTP/1.1 101 CANARY\r\nUpgrade: CANARY\r\nConnection: Upgrade\r\n\r\n",
	} {
		r := newRig(t, withUpstream(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}
		})))
		_, _ = io.Copy(io.Discard, r.begin("GET / HTTP/1.1", "Connection: close", "X-Pomerium-Jwt-Assertion: "+r.ann()))
		if log := r.log.String(); strings.Contains(log, "CANARY") {
			t.Errorf("%q: logged\n%s", answer, log)
		}
	}
}
