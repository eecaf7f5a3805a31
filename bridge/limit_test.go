package bridge_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// limited is the rig's configuration with a limit of the app.
func limited(keys string) string {
	return strings.Replace(rigConfig, "timeout  =", keys+"\ntimeout  =", 1) + "[[app.grafana.public]]\npath = \"/health\"\n"
}

// held is an upstream that answers when it is told to.
type held struct {
	arrived chan string
	release chan struct{}
	free    func()
}

func newHeld() *held {
	h := &held{arrived: make(chan string, 16), release: make(chan struct{})}
	h.free = sync.OnceFunc(func() { close(h.release) })
	return h
}

func (h *held) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	h.arrived <- r.URL.Path
	<-h.release
}

// begin sends a request and returns where its answer is read from.
func (r *rig) begin(lines ...string) net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, strings.Join(append(lines, "Host: grafana.example.com"), "\r\n")+"\r\n\r\n"); err != nil {
		r.t.Fatal(err)
	}
	return conn
}

func answerOn(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestMaxConcurrent(t *testing.T) {
	upstream := newHeld()
	defer upstream.free()
	r := newRig(t, withConfig(limited("max_concurrent = 2")), withUpstream(upstream))
	assertion := "X-Pomerium-Jwt-Assertion: " + r.ann()
	first, second := r.begin("GET /1 HTTP/1.1", assertion), r.begin("GET /2 HTTP/1.1", assertion)
	<-upstream.arrived
	<-upstream.arrived
	for range 3 { // a refused one counts for nothing
		resp := r.get()
		wantStatus(t, resp, http.StatusServiceUnavailable)
		if resp.Header.Get("Retry-After") == "" || !strings.Contains(body(t, resp), "app_busy") {
			t.Errorf("header %v", resp.Header)
		}
	}
	// Whoever is nobody does not learn of it.
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\n\r\n"), http.StatusUnauthorized)

	// A reload forgets none of them, and a new limit is in force at once.
	r.swap(limited("max_concurrent = 3"))
	third := r.begin("GET /3 HTTP/1.1", assertion)
	<-upstream.arrived
	wantStatus(t, r.get(), http.StatusServiceUnavailable)

	upstream.free()
	for _, conn := range []net.Conn{first, second, third} {
		wantStatus(t, answerOn(t, conn), http.StatusOK)
	}
	for range 5 {
		wantStatus(t, r.get(), http.StatusOK)
	}
}

// What anybody can ask for takes nobody's place: it needs no account to ask and never
// read the answer.
func TestPublicRequestsTakeNobodysPlace(t *testing.T) {
	upstream := newHeld()
	defer upstream.free()
	r := newRig(t, withConfig(limited("max_concurrent = 8")), withUpstream(upstream))
	var public []net.Conn
	for range 2 { // a quarter
		public = append(public, r.begin("GET /health HTTP/1.1"))
		<-upstream.arrived
	}
	wantStatus(t, r.raw("GET /health HTTP/1.1\r\nHost: grafana.example.com\r\n\r\n"), http.StatusServiceUnavailable)
	var people []net.Conn
	for range 8 {
		people = append(people, r.begin("GET / HTTP/1.1", "X-Pomerium-Jwt-Assertion: "+r.ann()))
		<-upstream.arrived
	}
	wantStatus(t, r.get(), http.StatusServiceUnavailable)
	upstream.free()
	for _, conn := range slices.Concat(public, people) {
		wantStatus(t, answerOn(t, conn), http.StatusOK)
	}
	wantStatus(t, r.raw("GET /health HTTP/1.1\r\nHost: grafana.example.com\r\n\r\n"), http.StatusOK)
}

// swap puts another configuration in force, for the same upstream.
func (r *rig) swap(text string) {
	r.t.Helper()
	s, err := decision.Build(loadConfig(r.t, r.issuer, fmt.Sprintf(text, r.upstreamAddr)), r.deps)
	if err != nil {
		r.t.Fatal(err)
	}
	r.bridge.Swap(s)
}

func TestMaxBody(t *testing.T) {
	type seen struct {
		n   int
		err error
	}
	uploads := make(chan seen, 16)
	r := newRig(t, withConfig(limited("max_body_bytes = 1000")), withUpstream(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		uploads <- seen{len(b), err}
	})))
	assertion := "X-Pomerium-Jwt-Assertion: " + r.ann()
	post := func(framing, body string) *http.Response {
		conn := r.begin("POST / HTTP/1.1", assertion, framing)
		_, _ = io.WriteString(conn, body)
		return answerOn(t, conn)
	}
	chunks := func(n int) string {
		return strings.Repeat("64\r\n"+strings.Repeat("x", 100)+"\r\n", n) + "0\r\n\r\n"
	}
	wantStatus(t, post("Content-Length: 1000", strings.Repeat("x", 1000)), http.StatusOK)
	wantStatus(t, post("Transfer-Encoding: chunked", chunks(10)), http.StatusOK)
	for range 2 {
		if got := <-uploads; got.n != 1000 || got.err != nil {
			t.Errorf("the upstream has read %d bytes, %v", got.n, got.err)
		}
	}
	wantStatus(t, post("Content-Length: 1001", ""), http.StatusRequestEntityTooLarge)
	if len(uploads) != 0 {
		t.Error("the upstream was asked")
	}
	wantStatus(t, post("Transfer-Encoding: chunked", chunks(11)), http.StatusRequestEntityTooLarge)
	if got := <-uploads; got.err == nil {
		t.Errorf("the upstream takes %d bytes for all", got.n)
	}
}

// clock is a clock that is set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestRateOfOnePerson(t *testing.T) {
	at := &clock{now: time.Now()}
	r := newRig(t, withConfig(limited("rate = \"2/s\"\nburst = 3")), withNow(at.Now))
	ann, other := r.ann(), r.issuer.Assertion(verifiertest.Claims{Audience: "grafana.example.com", Subject: "bob-id", Email: "bob@example.com"})
	ask := func(assertion string) *http.Response {
		return r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + assertion + "\r\n\r\n")
	}
	for range 3 {
		wantStatus(t, ask(ann), http.StatusOK)
	}
	for range 5 { // refused requests take nothing
		resp := ask(ann)
		wantStatus(t, resp, http.StatusTooManyRequests)
		if got := resp.Header.Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After: %q", got)
		}
	}
	// Another assertion is the same person; another person is not.
	wantStatus(t, ask(r.ann()), http.StatusTooManyRequests)
	wantStatus(t, ask(other), http.StatusOK)
	wantStatus(t, r.raw("GET /health HTTP/1.1\r\nHost: grafana.example.com\r\n\r\n"), http.StatusOK)
	// So it is after a reload.
	r.swap(limited("rate = \"2/s\"\nburst = 3"))
	wantStatus(t, ask(ann), http.StatusTooManyRequests)

	at.add(499 * time.Millisecond)
	wantStatus(t, ask(ann), http.StatusTooManyRequests)
	at.add(time.Millisecond)
	wantStatus(t, ask(ann), http.StatusOK)
	wantStatus(t, ask(ann), http.StatusTooManyRequests)
	at.add(time.Minute) // no more than the burst
	for n := range 4 {
		want := http.StatusOK
		if n == 3 {
			want = http.StatusTooManyRequests
		}
		wantStatus(t, ask(ann), want)
	}
}

// A WebSocket is one request for as long as it is open.
func TestOpenWebSocketCountsAsOneRequest(t *testing.T) {
	w := newWebSockets(t, limited("max_concurrent = 1"))
	c := w.dial(t, annsClaims)
	wantStatus(t, w.get(), http.StatusServiceUnavailable)
	_ = c.CloseNow()
	<-w.ended
	for { // until the bridge has seen the end as well
		resp := w.get()
		if resp.StatusCode != http.StatusServiceUnavailable {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("a WebSocket that has ended still counts")
		}
	}
}

// TestOnePersonTakesTheWholeApp: WebSockets of one person must not keep everybody else
// out, and not that person from signing out.
func TestOnePersonTakesTheWholeApp(t *testing.T) {
	w := newWebSockets(t, limited("max_concurrent = 10\nmax_concurrent_per_person = 2"))
	first, second := w.dial(t, annsClaims), w.dial(t, annsClaims)
	resp := w.get()
	wantStatus(t, resp, http.StatusTooManyRequests)
	if text := body(t, resp); !strings.Contains(text, "too_many_at_once") {
		t.Error(text)
	}
	bob := annsClaims
	bob.Subject, bob.Email = "bob-id", "bob@example.com"
	_ = w.dial(t, bob).CloseNow()
	resp = w.raw("POST /.ssobridge/sign_out HTTP/1.1\r\nHost: grafana.example.com\r\nContent-Length: 0\r\nX-Pomerium-Jwt-Assertion: " + w.ann() + "\r\n\r\n")
	wantStatus(t, resp, http.StatusSeeOther)
	_, _ = first.CloseNow(), second.CloseNow()
	for range 3 {
		<-w.ended
	}
}
