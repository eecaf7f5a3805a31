package server_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

var soakFor = flag.Duration("soak", 2*time.Second, "how long TestSoak runs; growth is looked for from a minute on")

const soakApps = `
[adapter.shop]
kind    = "session"
codec   = "gorilla"
cookie  = "shop"
secrets = [{ file = SECRET }]
[adapter.shop.fields]
user = { from = "email", required = true }
role = { from = "role" }

[app.shop]
host     = "shop.example.com"
upstream = "SHOP"
adapter  = "shop"
rate     = "100000/s"
rule     = [{ role = "user" }]

[app.restless]
host     = "restless.example.com"
upstream = "RESTLESS"
adapter  = "plain"
rule     = [{ role = "Guest" }]
`

// soak is a server under everything at once. Its faults are: apps that restart, reloads
// good and bad, clients that go, dawdle or are nobody.
type soak struct {
	*run
	ctx      context.Context
	clients  sync.WaitGroup
	restless *restless
	reloads  atomic.Int64 // odd during one
	counts   sync.Map     // of what was done, by name: *atomic.Int64
	failed   sync.Once
}

// TestSoak runs for as long as -soak says. Nothing may fail that no fault was near to,
// and nothing may grow: neither the heap nor goroutines nor file descriptors. What is
// left behind at the end, TestMain finds.
func TestSoak(t *testing.T) {
	s := &soak{restless: newRestless(t)}
	shop, secret := serveOn(t, "127.0.0.1:0", newShop()), filepath.Join(t.TempDir(), "shop.secret")
	put(t, secret, shopSecret)
	s.run = start(t, soakApp, func(r *run) {
		r.overwrite(r.text() + strings.NewReplacer("SECRET", fmt.Sprintf("%q", secret), "SHOP", "http://"+shop.addr,
			"RESTLESS", "http://"+s.restless.server.addr).Replace(soakApps))
	})
	s.waitReady()
	s.client = &http.Client{Transport: s.client.Transport, Timeout: time.Minute} // nothing hangs unnoticed
	s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 50
	var stop context.CancelFunc
	s.ctx, stop = context.WithTimeout(t.Context(), *soakFor)
	defer stop()
	for name, c := range map[string]struct {
		clients int
		do      func() error
	}{
		"GET": {4, s.get}, "megabyte": {1, s.megabyte}, "WebSocket": {3, s.webSocket}, "stream": {2, s.stream},
		"gone": {2, s.gone}, "refused": {2, s.refused}, "slow": {3, s.slow}, "session": {2, s.session}, "restless": {2, s.askRestless},
	} {
		n := new(atomic.Int64)
		s.counts.Store(name, n)
		for range c.clients {
			s.clients.Go(func() {
				for s.ctx.Err() == nil {
					if err := c.do(); err != nil {
						s.failed.Do(func() { t.Errorf("%s: %v", name, err); stop() })
					}
					n.Add(1)
					time.Sleep(time.Millisecond) // for the machine's other users
				}
			})
		}
	}
	samples := s.watch()
	s.clients.Wait()
	s.counts.Range(func(name, n any) bool {
		t.Logf("%8d times: %s", n.(*atomic.Int64).Load(), name)
		if n.(*atomic.Int64).Load() == 0 {
			t.Errorf("never done: %s", name)
		}
		return true
	})
	samples.check(t)
}

// watch causes the faults that are not clients', and looks how the process is, until
// the time is over.
func (s *soak) watch() (all samples) {
	texts := []string{s.text(), strings.ReplaceAll(s.text(), `"Reader"`, `"Writer"`), "[server\n"}
	pace := min(*soakFor, time.Minute) / 20
	reload, restart, sample := time.NewTicker(pace), time.NewTicker(pace*2), time.NewTicker(pace)
	defer reload.Stop()
	defer restart.Stop()
	defer sample.Stop()
	printed := time.Now()
	for n := 0; ; {
		select {
		case <-s.ctx.Done():
			return all
		case <-reload.C:
			n++
			s.overwrite(texts[n%len(texts)])
			want := http.StatusOK
			if n%len(texts) == 2 {
				want = http.StatusUnprocessableEntity
			}
			s.reloads.Add(1)
			status, text := s.post("/-/reload", nil)
			s.reloads.Add(1)
			if status != want {
				s.t.Errorf("reload %d: %d %s", n, status, text)
			}
		case <-restart.C:
			s.restless.restart()
		case <-sample.C:
			s.log.reset() // or it is what grows
			all = append(all, takeSample())
			if time.Since(printed) >= time.Minute {
				printed = time.Now()
				s.t.Logf("%s", all[len(all)-1])
			}
		}
	}
}

// sample is how the process is: that of the server, its clients and its apps.
type sample struct{ heap, goroutines, files int }

type samples []sample

func takeSample() sample {
	runtime.GC()
	runtime.GC() // what finalizers and pools have let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd")
	return sample{int(m.HeapAlloc), runtime.NumGoroutine(), len(files)}
}

func (s sample) String() string {
	return fmt.Sprintf("heap %.1f MB, %d goroutines, %d files", float64(s.heap)/1e6, s.goroutines, s.files)
}

// check compares the last quarter with the second, when all caches are warm.
func (all samples) check(t *testing.T) {
	t.Helper()
	quarter := len(all) / 4
	if *soakFor < time.Minute || quarter == 0 {
		return
	}
	for name, c := range map[string]struct {
		of    func(sample) int
		slack int
	}{
		"heap":       {func(s sample) int { return s.heap }, 4 << 20},
		"goroutines": {func(s sample) int { return s.goroutines }, 40},
		"files":      {func(s sample) int { return s.files }, 40},
	} {
		before, after := all[quarter:2*quarter].median(c.of), all[len(all)-quarter:].median(c.of)
		t.Logf("%s: %d in the second quarter, %d in the last", name, before, after)
		if after > before+before/5+c.slack {
			t.Errorf("%s: %d in the second quarter, %d in the last", name, before, after)
		}
	}
}

func (all samples) median(of func(sample) int) int {
	var values []int
	for _, s := range all {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// request returns one of one of many people, with an assertion of its own.
func (s *soak) request(ctx context.Context, method, host, path string, body io.Reader) *http.Request {
	q, err := http.NewRequestWithContext(ctx, method, "http://"+s.addrs.Listen.String()+path, body)
	if err != nil {
		panic(err) // the paths are the test's own
	}
	q.Host = host + ".example.com"
	q.Header.Set("X-Pomerium-Jwt-Assertion", s.issuer.Assertion(verifiertest.Claims{
		Audience: q.Host, Subject: fmt.Sprint("p", rand.N(1000)), Email: "ann@example.com",
	}))
	return q
}

func (s *soak) answer(q *http.Request) (status int, text string, resp *http.Response, err error) {
	resp, err = s.client.Do(q)
	if err != nil {
		return 0, "", nil, err
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, string(b), resp, err
}

func unexpected(status int, text string, err error) error {
	return fmt.Errorf("%d %.100q %w", status, text, err)
}

func (s *soak) get() error {
	status, text, _, err := s.answer(s.request(context.Background(), http.MethodGet, "wiki", "/", nil))
	if err != nil || status != http.StatusOK || text != "ann@example.com is Reader" && text != "ann@example.com is Writer" {
		return unexpected(status, text, err)
	}
	return nil
}

func (s *soak) megabyte() error {
	body := strings.Repeat(fmt.Sprintf("%08x", rand.Uint32()), 1<<17)
	status, text, _, err := s.answer(s.request(context.Background(), http.MethodPost, "wiki", "/echo", strings.NewReader(body)))
	if err != nil || status != http.StatusOK || text != body {
		return unexpected(status, text, err)
	}
	return nil
}

// webSocket may break off amid what is said only if a reload has given the person
// another role; it begins in any case.
func (s *soak) webSocket() error {
	before := s.reloads.Load()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	q := s.request(ctx, http.MethodGet, "wiki", "/websocket", nil)
	c, resp, err := websocket.Dial(ctx, "ws://"+s.addrs.Listen.String()+"/websocket",
		&websocket.DialOptions{Host: q.Host, HTTPHeader: q.Header, HTTPClient: s.client})
	if err != nil {
		return fmt.Errorf("%v: %w", resp, err)
	}
	defer func() { _ = c.CloseNow() }()
	err = converse(ctx, c)
	status := websocket.CloseStatus(err)
	if reloaded := before%2 == 1 || s.reloads.Load() != before; reloaded && (status == -1 || status == websocket.StatusGoingAway) {
		return nil
	}
	return err
}

// converse leaves with or without a word.
func converse(ctx context.Context, c *websocket.Conn) error {
	for n := range 20 {
		text := []byte(fmt.Sprint("message ", n))
		if err := c.Write(ctx, websocket.MessageText, text); err != nil {
			return err
		}
		if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, text) {
			return fmt.Errorf("got %q for %q: %w", got, text, err)
		}
	}
	if rand.N(2) == 0 {
		return c.Close(websocket.StatusNormalClosure, "")
	}
	return nil
}

// stream listens to server-sent events for a while.
func (s *soak) stream() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	resp, err := s.client.Do(s.request(ctx, http.MethodGet, "wiki", "/events", nil))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	events := bufio.NewReader(resp.Body)
	for range 20 {
		if line, err := events.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
			return fmt.Errorf("%d %q %w", resp.StatusCode, line, err)
		}
	}
	return nil
}

// gone leaves before the answer, or amid what it sends.
func (s *soak) gone() error {
	ctx, cancel := context.WithTimeout(context.Background(), rand.N(20*time.Millisecond))
	defer cancel()
	q := s.request(ctx, http.MethodGet, "wiki", "/hang", nil)
	if rand.N(2) == 0 {
		more, _ := io.Pipe() // which never comes
		context.AfterFunc(ctx, func() { _ = more.Close() })
		q = s.request(ctx, http.MethodPost, "wiki", "/echo", io.MultiReader(strings.NewReader("a beginning"), more))
	}
	if status, text, _, err := s.answer(q); err == nil || ctx.Err() == nil {
		return unexpected(status, text, err)
	}
	return nil
}

func (s *soak) refused() error {
	q, want := s.request(context.Background(), http.MethodGet, "wiki", "/", nil), http.StatusUnauthorized
	switch assertion := q.Header.Get("X-Pomerium-Jwt-Assertion"); rand.N(4) {
	case 0:
		q.Header.Del("X-Pomerium-Jwt-Assertion")
	case 1:
		q.Header.Set("X-Pomerium-Jwt-Assertion", assertion[:len(assertion)-4]+"AAAA")
	case 2:
		q.Host = "shop.example.com"
	case 3:
		q.Host, want = "nowhere.example.com", http.StatusMisdirectedRequest
	}
	if status, text, _, err := s.answer(q); status != want {
		return unexpected(status, text, err)
	}
	return nil
}

// slow sends its header and its body byte by byte.
func (s *soak) slow() error {
	c, err := net.Dial("tcp", s.addrs.Listen.String())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	head := fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: wiki.example.com\r\nX-Pomerium-Jwt-Assertion: %s\r\nContent-Length: 9\r\n\r\n", s.assertion())
	for part := range slices.Values([]string{head[:5], head[5:200], head[200:], "it ", "takes ", ""}) {
		if _, err := io.WriteString(c, part); err != nil {
			return err
		}
		time.Sleep(rand.N(10 * time.Millisecond))
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(text) != "it takes " {
		return unexpected(resp.StatusCode, string(text), err)
	}
	return nil
}

// session signs in to the shop, and is taken for the same visitor all the time.
func (s *soak) session() error {
	var cookies []*http.Cookie
	first := s.request(context.Background(), http.MethodGet, "shop", "/", nil)
	for visit := 1; visit <= 5; visit++ {
		q := first.Clone(context.Background())
		for _, c := range cookies {
			q.AddCookie(c)
		}
		status, text, resp, err := s.answer(q)
		if err != nil || status != http.StatusOK || text != fmt.Sprint("ann@example.com user ", visit) {
			return unexpected(status, text, err)
		}
		if set := resp.Cookies(); len(set) > 0 {
			cookies = set
		}
	}
	return nil
}
