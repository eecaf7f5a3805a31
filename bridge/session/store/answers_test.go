package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/session/store/storetest"
)

// relay carries connections to a server, and can lose its answers.
type relay struct {
	addr string
	to   atomic.Pointer[string]
	// lose: as soon as this has passed to the server, a connection ends before the
	// answer does.
	lose   atomic.Pointer[string]
	passed atomic.Int32 // how often it did
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	r := &relay{}
	r.addr = serve(t, func(client net.Conn) {
		server, err := net.Dial("tcp", *r.to.Load())
		if err != nil {
			return
		}
		defer func() { _ = server.Close() }()
		var (
			wg   sync.WaitGroup
			lost atomic.Bool
		)
		defer wg.Wait()
		wg.Go(func() {
			defer func() { _ = client.Close() }()
			answers(client, server, &lost)
		})
		defer func() { _ = server.Close() }()
		b := make([]byte, 128<<10)
		for {
			n, err := client.Read(b)
			if err != nil {
				return
			}
			if lose := r.lose.Load(); lose != nil && bytes.Contains(bytes.ToLower(b[:n]), []byte(*lose)) {
				lost.Store(true)
				r.passed.Add(1)
			}
			if _, err := server.Write(b[:n]); err != nil {
				return
			}
		}
	})
	return r
}

func answers(client io.Writer, server io.Reader, lost *atomic.Bool) {
	b := make([]byte, 128<<10)
	for {
		n, err := server.Read(b)
		if err != nil || lost.Load() {
			return
		}
		if _, err := client.Write(b[:n]); err != nil {
			return
		}
	}
}

func (r *relay) loses(command string) {
	r.passed.Store(0)
	r.lose.Store(&command)
}

// serve handles connections until the test ends.
func serve(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().String()
}

// TestAnswerLost: a Swap whose answer is lost has happened. It is not sent again, which
// would bring back what somebody has ended meanwhile; asking again tells.
func TestAnswerLost(t *testing.T) {
	storetest.Require(t)
	open := map[string]func(r *relay) Store{
		"alone": func(r *relay) Store {
			s := storetest.Start(t)
			r.to.Store(&s.Addr)
			return openRedis(t, "redis://"+r.addr)
		},
		"cluster": func(r *relay) Store {
			_, port, _ := net.SplitHostPort(r.addr)
			s := storetest.Start(t, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", port)
			s.Do("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
			s.Until("be a cluster", func() bool { return strings.Contains(s.Do("CLUSTER", "INFO").(string), "cluster_state:ok") })
			r.to.Store(&s.Addr)
			return openRedis(t, "redis+cluster://"+r.addr)
		},
		"Sentinel": func(r *relay) Store {
			s := storetest.Start(t)
			r.to.Store(&s.Addr)
			sentinel := startSentinel(t, &storetest.Server{Addr: r.addr})
			return openRedis(t, "redis+sentinel://"+sentinel.Addr+"/mymaster")
		},
	}
	for name, open := range open {
		t.Run(name, func(t *testing.T) {
			relay := newRelay(t)
			s := subject{store: encrypt(t, open(relay), "a")}
			old := s.put(t, "key", Entry{}, "value") // with the script
			relay.loses("evalsha")
			_, _, err := s.store.Swap(t.Context(), "key", old, []byte("next"), time.Minute)
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("the answer was lost: %v", err)
			}
			if n := relay.passed.Load(); n != 1 {
				t.Errorf("it was sent %d times", n)
			}
			relay.lose.Store(nil)
			s.put(t, "key", old, "next")
			s.want(t, "key", "next")

			// To load again harms nobody.
			relay.loses("getrange")
			if _, err := s.store.Load(t.Context(), "key"); !errors.Is(err, ErrUnavailable) {
				t.Error(err)
			}
			if n := relay.passed.Load(); n != 1+resends {
				t.Errorf("it was sent %d times", n)
			}
			relay.lose.Store(nil)
		})
	}
}

// TestNoWordOfAServerIsRepeated: what answers may be anything, and may repeat what it
// was sent.
func TestNoWordOfAServerIsRepeated(t *testing.T) {
	answers := map[string]string{
		"unknown command": "-ERR unknown command 'EVALSHA', with args beginning with: 'canary-value'\r\n",
		"odd code":        "-CANARY-VALUE said\r\n",
		"wrong pass":      "-WRONGPASS canary-password is wrong\r\n",
		"moved":           "-MOVED 1 canary-host:1\r\n",
		"ask":             "-ASK 1 canary-host:1\r\n",
		"text":            "+canary\r\n",
		"web page":        "HTTP/1.1 400 canary\r\n\r\n<canary>",
		"number":          ":99999999999999999999999canary\r\n",
		"bulk":            "$canary\r\n",
		"endless bulk":    "$999999\r\ncanary",
		"map":             "%1\r\n$6\r\ncanary\r\n$6\r\ncanary\r\n",
		"push":            ">2\r\n+canary\r\n+canary\r\n",
		"nothing":         "",
		"line breaks":     "\r\n\r\n\r\n",
		"nested":          strings.Repeat("*1\r\n", 10_000),
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, func(conn net.Conn) {
				b := make([]byte, 64<<10)
				hello := true
				for {
					if _, err := conn.Read(b); err != nil {
						return
					}
					reply := answer
					if hello { // so that the connection is there
						reply, hello = "*0\r\n", false
					}
					if _, err := io.WriteString(conn, reply); err != nil || reply == "" {
						return
					}
				}
			})
			for _, address := range []string{"redis://" + addr, "redis+cluster://" + addr, "redis+sentinel://" + addr + "/m"} {
				r := openRedis(t, address, func(o *Options) { o.Timeout, o.Password = 200*time.Millisecond, "canary-password" })
				e, err1 := r.Load(t.Context(), "canary-key")
				_, _, err2 := r.Swap(t.Context(), "canary-key", Entry{}, []byte("canary-value"), time.Minute)
				err3 := r.Delete(t.Context(), "canary-key")
				isText := name == "text" || name == "number" // which is what is there
				for i, err := range []error{err1, err2, err3} {
					if isText && err == nil {
						continue
					}
					if !errors.Is(err, ErrUnavailable) {
						t.Errorf("%s, operation %d: %v", address, i, err)
					}
					if said := strings.ToLower(fmt.Sprint(err)); strings.Contains(said, "canary") {
						t.Errorf("%s, operation %d: %v", address, i, err)
					}
				}
				if err1 != nil && e.Value != nil {
					t.Errorf("%q with an error", e.Value)
				}
			}
		})
	}
}

// TestNobodyListens: an error at once, that says where.
func TestNobodyListens(t *testing.T) {
	addr, _ := storetest.FreeAddr(t)
	for _, address := range []string{"redis://" + addr, "redis+cluster://" + addr, "redis+sentinel://" + addr + "/m"} {
		_, err := openRedis(t, address).Load(t.Context(), "key")
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "dial tcp "+addr) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestBreaker(t *testing.T) {
	c := newClock()
	b := &breaker{now: c.now}
	fail := func(n int) (gone int) {
		for range n {
			if b.failed() {
				gone++
			}
		}
		return gone
	}
	if fail(breakAfter-1) != 0 || !b.allow() || b.succeeded() {
		t.Error("open too early")
	}
	if fail(breakAfter-1) != 0 || !b.allow() {
		t.Error("a success in between did not count")
	}
	if fail(3) != 1 || b.allow() {
		t.Error("not open, or said more than once")
	}
	c.advance(breakFor)
	if !b.allow() || b.allow() {
		t.Error("not one is let through")
	}
	if fail(1) != 0 {
		t.Error("said again")
	}
	c.advance(breakFor - 1)
	if b.allow() {
		t.Error("tried too early")
	}
	c.advance(1)
	if !b.allow() || !b.succeeded() || b.succeeded() || !b.allow() || !b.allow() {
		t.Error("not closed by a success")
	}
}
