package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// Each event arrives before the next is sent: nothing on the way waits for more.
func TestEventsAreNotHeldBack(t *testing.T) {
	for _, header := range []string{"Content-Type: text/event-stream", "Content-Type: text/plain", "Content-Type: text/event-stream; charset=utf-8\nContent-Length: 24"} {
		next := make(chan struct{})
		f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
			for line := range strings.SplitSeq(header, "\n") {
				name, value, _ := strings.Cut(line, ": ")
				w.Header().Set(name, value)
			}
			for i := range 3 {
				_, _ = fmt.Fprintf(w, "data: %d\n", i)
				_ = http.NewResponseController(w).Flush()
				select {
				case <-next:
				case <-r.Context().Done():
					return
				}
			}
		}))
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := clientOf(t, protocol).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			br := bufio.NewReader(answer.Body)
			for i := range 3 {
				line, err := br.ReadString('\n')
				if want := fmt.Sprintf("data: %d\n", i); err != nil || line != want {
					t.Fatalf("%s, %s: %q, %v", header, protocol, line, err)
				}
				next <- struct{}{}
			}
			_ = answer.Body.Close()
		}
	}
}

func clientOf(t testing.TB, protocol string) *http.Client {
	t.Helper()
	c := client(t)
	if protocol == "HTTP/2" {
		transport := c.Transport.(*http.Transport)
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	return c
}

// A client that asks first sends its body only if the app wants it.
func TestExpectContinue(t *testing.T) {
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprint(w, len(b), r.Header.Get("Expect"))
	}))
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	br := bufio.NewReader(conn)
	request := "POST %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	_, _ = fmt.Fprintf(conn, request, "/")
	if head, err := readHead(br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 100 Continue\r\n") {
		t.Fatalf("%q %v", head, err)
	}
	_, _ = io.WriteString(conn, "hello")
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(answer.Body); err != nil || string(b) != "5100-continue" {
		t.Errorf("%q %v", b, err)
	}
	_, _ = fmt.Fprintf(conn, request, "/no")
	if head, err := readHead(br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 413") {
		t.Errorf("%q %v", head, err)
	}
}

// An app that has seen enough says so, and the client hears it.
func TestAnswerBeforeTheBodyIsRead(t *testing.T) {
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"+strings.Repeat("x", 1<<20))
	if head, err := readHead(bufio.NewReader(conn)); err != nil || !strings.HasPrefix(head, "HTTP/1.1 413") {
		t.Errorf("%q %v", head, err)
	}
}

// endless reads n bytes that no buffer holds.
type endless struct {
	n   int64
	sum hash.Hash
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), e.n)]
	for i := range p {
		p[i] = byte(e.n) + byte(i)
	}
	e.n -= int64(len(p))
	e.sum.Write(p)
	return len(p), nil
}

// Bodies of any size pass through constant memory, both ways at once.
func TestBodiesAreNotHeld(t *testing.T) {
	const size = 96 << 20
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	}))
	sent := &endless{size, sha256.New()}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL, sent)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	answer, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	received := sha256.New()
	n, err := io.Copy(received, answer.Body)
	if err != nil || n != size || !bytes.Equal(received.Sum(nil), sent.sum.Sum(nil)) {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size/8 {
		t.Errorf("%d MB were allocated for %d MB", allocated>>20, size>>20)
	}
}

// gRPC: HTTP/2 on both sides, streams both ways, and the status in trailers.
func TestGRPCPasses(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" || r.Header.Get("X-User") != "ann" {
			t.Errorf("the app gets %s %v", r.Proto, r.Header)
		}
		w.Header().Set("Content-Type", "application/grpc")
		if r.URL.Path == "/trailers-only" {
			w.Header().Set("Grpc-Status", "7")
			return
		}
		w.Header().Set("Trailer", "Grpc-Status")
		_ = http.NewResponseController(w).Flush()
		br := bufio.NewReader(r.Body)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				break
			}
			_, _ = io.WriteString(w, "echo "+line)
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", "fine")
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	f := newFront(t, proxy.Options{HTTP2: true}, nil, s)
	pr, pw := io.Pipe()
	ask := func(path string, body io.Reader) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
		answer, err := clientOf(t, "HTTP/2").Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	answer := ask("/stream", pr)
	br := bufio.NewReader(answer.Body)
	for i := range 3 {
		_, _ = fmt.Fprintf(pw, "%d\n", i)
		if line, err := br.ReadString('\n'); err != nil || line != fmt.Sprintf("echo %d\n", i) {
			t.Fatalf("%q %v", line, err)
		}
	}
	_ = pw.Close()
	if _, err := io.ReadAll(br); err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if diff := cmp.Diff(http.Header{"Grpc-Status": {"0"}, "Grpc-Message": {"fine"}}, answer.Trailer); diff != "" {
		t.Error(diff)
	}
	answer = ask("/trailers-only", nil)
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if got := answer.Trailer.Get("Grpc-Status") + answer.Header.Get("Grpc-Status"); got != "7" {
		t.Errorf("status %q", got)
	}
}

// What ends amid a body must not look whole.
func TestBrokenAnswersStayBroken(t *testing.T) {
	for name, answer := range map[string]string{
		"short of its length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"amid a chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
		"before the last":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"a chunk too large":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nfffffffffffffffff\r\n",
		"a chunk of no size":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
	} {
		for _, reset := range []bool{false, true} {
			s := raw(t, func(c net.Conn, br *bufio.Reader) {
				_, _ = readHead(br)
				_, _ = io.WriteString(c, answer)
				if reset {
					_ = c.(*net.TCPConn).SetLinger(0)
				}
			})
			f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, nil)
			for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := clientOf(t, protocol).Do(r)
				if err != nil {
					continue // before anything was said
				}
				if b, err := io.ReadAll(answer.Body); err == nil && answer.StatusCode == http.StatusOK {
					t.Errorf("%s, %s, reset %v: the client takes %q for all", name, protocol, reset, b)
				}
				_ = answer.Body.Close()
			}
		}
	}
}

// A client that goes away lets the app go too, while it works and while it answers.
func TestClientThatGoesAwayFreesTheApp(t *testing.T) {
	began, gone := make(chan struct{}), make(chan struct{})
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then, net/http does not see who goes
		if r.URL.Path == "/answering" {
			_, _ = io.WriteString(w, "a")
			_ = http.NewResponseController(w).Flush()
		}
		began <- struct{}{}
		<-r.Context().Done()
		gone <- struct{}{}
	}))
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		for _, path := range []string{"/working", "/answering"} {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL+path, strings.NewReader("body"))
				if err != nil {
					done <- err
					return
				}
				answer, err := clientOf(t, protocol).Do(r)
				if err == nil {
					_, err = io.ReadAll(answer.Body)
					_ = answer.Body.Close()
				}
				done <- err
			}()
			<-began
			cancel()
			<-gone
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("%s %s: %v", protocol, path, err)
			}
		}
	}
}

// A 101 that nobody asked for is no tunnel past the bridge.
func TestProtocolSwitchThatNobodyAskedForIsRefused(t *testing.T) {
	for _, head := range []string{"Connection: Upgrade\r\nUpgrade: websocket\r\n", "Connection: Upgrade\r\n", "", "Connection: Upgrade\r\nUpgrade:\r\n"} {
		s := answers(t, "HTTP/1.1 101 Switching Protocols\r\n"+head+"\r\nraw")
		f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, nil)
		for _, upgrade := range []string{"", "Connection: Upgrade\r\nUpgrade: h2c\r\n", "Upgrade: websocket\r\n", "Connection: Upgrade\r\n"} {
			got := exchange(t, f.Listener.Addr().String(), "GET / HTTP/1.1\r\nHost: a\r\n"+upgrade+"Connection: close\r\n\r\n")
			if strings.Contains(got, " 101 ") || strings.Contains(got, "raw") {
				t.Errorf("app %q, client %q: %q", head, upgrade, got)
			}
		}
	}
}
