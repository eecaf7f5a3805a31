package bridge_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// streams is a rig whose app has an answer without end at /events, which sends back what
// it is sent, one that takes long and says how long it is at /download, and one that is
// waited for at /poll.
type streams struct {
	*rig
	at     *clock
	timers *timers
	ended  chan struct{} // by the bridge
	finish chan struct{} // by the app
}

func newStreams(t *testing.T) *streams {
	t.Helper()
	s := &streams{at: &clock{now: time.Now()}, timers: &timers{}, ended: make(chan struct{}, 10), finish: make(chan struct{})}
	app := http.NewServeMux()
	app.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.EnableFullDuplex()
		_, _ = io.WriteString(w, "ready")
		_ = c.Flush()
		buf := make([]byte, 100)
		for n, err := r.Body.Read(buf); err == nil; n, err = r.Body.Read(buf) {
			_, _ = w.Write(buf[:n])
			_ = c.Flush()
		}
		<-r.Context().Done()
		s.ended <- struct{}{}
	})
	app.HandleFunc("/download", func(w http.ResponseWriter, r *http.Request) {
		// More than what is held back of answers that say how long they are.
		w.Header().Set("Content-Length", strconv.Itoa(100_000*len("ready")+len("done")))
		_, _ = io.WriteString(w, strings.Repeat("ready", 100_000))
		_ = http.NewResponseController(w).Flush()
		s.wait(r.Context())
		_, _ = io.WriteString(w, "done")
	})
	app.HandleFunc("/poll", func(_ http.ResponseWriter, r *http.Request) {
		s.ended <- struct{}{} // it is under way
		s.wait(r.Context())
	})
	s.rig = newRig(t, withUpstream(app), withNow(s.at.Now), withTimers(s.timers),
		withConfig(strings.Replace(rigConfig, `timeout  = "2s"`, `timeout  = "20s"`, 1)))
	return s
}

func (s *streams) wait(ctx context.Context) {
	select {
	case <-s.finish:
	case <-ctx.Done():
	}
}

// open begins a request, and reads "ready" unless it is waited for.
func (s *streams) open(t *testing.T, line string, headers ...string) (net.Conn, *http.Response) {
	t.Helper()
	claims := annsClaims
	claims.Audience, claims.IssuedAt, claims.SessionID = "grafana.example.com", s.at.Now(), "ann's"
	conn := s.begin(append([]string{line + " HTTP/1.1", "X-Pomerium-Jwt-Assertion: " + s.issuer.Assertion(claims)}, headers...)...)
	if strings.Contains(line, "/poll") {
		<-s.ended
		return conn, nil
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := make([]byte, 5); true {
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "ready" {
			t.Fatalf("%q %v", got, err)
		}
	}
	return conn, resp
}

// reload takes her role, or nothing.
func (s *streams) reload(role bool) {
	if role {
		s.swap(strings.Replace(rigConfig, `groups = ["@sre"]`, `groups = ["other"]`, 1))
		return
	}
	s.swap(rigConfig)
}

// What has no end is ended when a WebSocket would be.
func TestStreamsOutliveNoGrant(t *testing.T) {
	for kind, begin := range map[string][]string{
		"events":       {"GET /events"},
		"both ways":    {"POST /events", "Transfer-Encoding: chunked"},
		"known upload": {"POST /events", "Content-Length: 1000"},
	} {
		for cause, end := range map[string]func(*testing.T, *streams){
			"expiry": func(_ *testing.T, s *streams) { s.timers.ofStream().fire() },
			"role lost": func(_ *testing.T, s *streams) {
				s.at.add(11 * time.Second)
				s.reload(true)
			},
			"role lost at once": func(_ *testing.T, s *streams) {
				s.reload(true) // which leaves it for the moment
				s.at.add(time.Minute)
				s.timers.fireReview()
			},
			"sign-out": func(t *testing.T, s *streams) {
				claims := annsClaims
				claims.Audience, claims.IssuedAt, claims.SessionID = "grafana.example.com", s.at.Now(), "ann's"
				resp := s.raw("POST /.ssobridge/sign_out HTTP/1.1\r\nHost: grafana.example.com\r\nContent-Length: 0\r\n" +
					"X-Pomerium-Jwt-Assertion: " + s.issuer.Assertion(claims) + "\r\n\r\n")
				wantStatus(t, resp, http.StatusSeeOther)
			},
		} {
			t.Run(kind+", "+cause, func(t *testing.T) {
				s := newStreams(t)
				conn, resp := s.open(t, begin[0], begin[1:]...)
				if kind == "both ways" {
					_, _ = io.WriteString(conn, "5\r\nhello\r\n")
					got := make([]byte, 5)
					if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "hello" {
						t.Fatalf("%q %v", got, err)
					}
				}
				s.at.add(9 * time.Second)
				s.reload(false)
				end(t, s)
				if _, err := io.ReadAll(resp.Body); err == nil {
					t.Error("the answer looks whole")
				}
				<-s.ended
			})
		}
	}
}

// ofStream returns the timer that ends a stream.
func (ts *timers) ofStream() *timer {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range ts.all {
		if t.after > time.Minute {
			return t
		}
	}
	return &timer{fire: func() {}}
}

// What says how long it is has an end of its own, but no more than that.
func TestDownloadsOutliveTheirAssertionButNoRole(t *testing.T) {
	s := newStreams(t)
	_, resp := s.open(t, "GET /download")
	if timer := s.timers.ofStream(); timer.after != 0 {
		t.Errorf("it is ended after %s", timer.after)
	}
	s.at.add(48 * time.Hour)
	s.timers.fireReview()
	s.finish <- struct{}{}
	if rest, err := io.ReadAll(resp.Body); err != nil || !bytes.HasSuffix(rest, []byte("readydone")) {
		t.Errorf("%d bytes, %v", len(rest), err)
	}

	_, resp = s.open(t, "GET /download")
	s.at.add(11 * time.Second)
	s.reload(true)
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the answer looks whole")
	}
}

// No reload is the end of a request that would soon be over.
func TestReloadLeavesRequestsOfAMomentAlone(t *testing.T) {
	s := newStreams(t)
	conn, _ := s.open(t, "GET /poll")
	s.at.add(9 * time.Second)
	s.reload(true)
	s.finish <- struct{}{}
	wantStatus(t, answerOn(t, conn), http.StatusOK)
}

func TestRequestThatWaitsWhileItsRoleIsTakenIsRefused(t *testing.T) {
	s := newStreams(t)
	conn, _ := s.open(t, "GET /poll")
	s.at.add(11 * time.Second)
	s.reload(true)
	resp := answerOn(t, conn)
	wantStatus(t, resp, http.StatusForbidden)
	if text := body(t, resp); !strings.Contains(text, "access_changed") {
		t.Error(text)
	}
}

// Issuers that are read alike share the rules that are made of a policy; their people
// are others all the same.
func TestIssuersThatShareRulesShareNothingElse(t *testing.T) {
	const apps = "\n[app.grafana]\nhost = \"grafana.example.com\"\nupstream = \"http://%s\"\nadapter = \"grafana\"\n%s\n" +
		"[[app.grafana.rule]]\nrole = \"Viewer\"\nemails = [\"*@example.com\"]\n"
	const issuers = "[issuer.new]\npublic_key_file = \"key.pem\"\n[issuer.old]\npublic_key_file = \"old.pem\"\n"
	w := newWebSockets(t, rigConfig)
	old, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]*verifiertest.Issuer{"key.pem": w.issuer, "old.pem": old}
	swap := func(more string) {
		t.Helper()
		s, err := decision.Build(loadWithKeys(t, issuers+fmt.Sprintf(apps, w.upstreamAddr, more), keys), w.deps)
		if err != nil {
			t.Fatal(err)
		}
		w.bridge.Swap(s)
	}
	swap(`issuers = ["new", "old"]`)
	ofNew := w.dial(t, annsClaims)
	w.issuer, keys["key.pem"] = old, w.issuer
	ofOld := w.dial(t, annsClaims)
	swap(`issuers = ["new"]`)
	w.wantGoingAway(t, ofOld, "access has changed")
	w.wantAlive(t, ofNew)
	_ = ofNew.Close(websocket.StatusNormalClosure, "")

	swap("issuers = [\"new\", \"old\"]\nrate = \"1/h\"\nburst = 1")
	claims := annsClaims
	claims.Audience = "grafana.example.com"
	ask := func(issuer *verifiertest.Issuer, method, path string) int {
		t.Helper()
		resp := w.raw(method + " " + path + " HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + issuer.Assertion(claims) + "\r\n\r\n")
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	got := []int{
		ask(old, "GET", "/"), ask(old, "GET", "/"), ask(keys["key.pem"], "GET", "/"),
		ask(old, "POST", "/.ssobridge/sign_out"), ask(old, "GET", "/"),
		ask(keys["key.pem"], "GET", "/.ssobridge/sign_out"), ask(keys["key.pem"], "GET", "/"),
	}
	if fmt.Sprint(got) != "[426 429 426 303 401 200 429]" {
		t.Errorf("%v", got)
	}
}

// TestWebSocketOnAnUpstreamThatIsGone: after a reload that moves the app, nothing stays on
// the upstream before.
func TestWebSocketOnAnUpstreamThatIsGone(t *testing.T) {
	w := newWebSockets(t, rigConfig)
	moved, stays := w.dial(t, annsClaims), fmt.Sprintf(rigConfig, w.upstreamAddr)
	swap := func(text string) {
		t.Helper()
		s, err := decision.Build(loadConfig(t, w.issuer, text), w.deps)
		if err != nil {
			t.Fatal(err)
		}
		w.bridge.Swap(s)
	}
	swap(strings.Replace(stays, "upstream = \"http://"+w.upstreamAddr+"\"", "upstreams = [\"http://127.0.0.1:1\", \"http://"+w.upstreamAddr+"\"]", 1))
	w.wantAlive(t, moved) // it is one of two now
	swap(fmt.Sprintf(rigConfig, "127.0.0.1:1"))
	w.wantGoingAway(t, moved, "access has changed")
}
