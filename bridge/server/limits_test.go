package server_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func (r *run) assertion() string {
	return r.issuer.Assertion(verifiertest.Claims{Audience: "wiki.example.com", Subject: "ann-id", Email: "ann@example.com"})
}

// limited is a run with these keys in [server], with its keys there.
func limited(t *testing.T, keys string, app http.HandlerFunc) *run {
	t.Helper()
	r := start(t, app, func(r *run) { r.server(keys) })
	r.waitReady()
	return r
}

func (r *run) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addrs.Listen.String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	// No test hangs for want of an answer.
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// ask sends a request on c with more header lines, and returns the status.
func (r *run) ask(c net.Conn, target, more string) (int, error) {
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: wiki.example.com\r\nX-Pomerium-Jwt-Assertion: %s\r\n%s\r\n", target, r.assertion(), more)
	if err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func TestMaxURIBytes(t *testing.T) {
	r := limited(t, "max_uri_bytes = 300", echoRole)
	for length, want := range map[int]int{300: http.StatusOK, 301: http.StatusRequestURITooLong} {
		for _, prefix := range []string{"/", "/?q="} {
			if got, err := r.ask(r.dial(), prefix+strings.Repeat("x", length-len(prefix)), ""); got != want {
				t.Errorf("%d bytes: %d (%v), want %d", length, got, err, want)
			}
		}
	}
	if _, text := r.admin("/metrics"); !strings.Contains(text, `ssobridge_refusals_total{app="",reason="uri_too_long"} 2`) {
		t.Error("metrics do not count them")
	}
}

// Clients that send a header byte by byte are cut off, and keep nobody from being
// served meanwhile.
func TestSlowHeadersStarveNobody(t *testing.T) {
	r := limited(t, "read_header_timeout = \"300ms\"", echoRole)
	const drips = 100
	var cut sync.WaitGroup
	for range drips {
		c := r.dial()
		cut.Go(func() {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: wiki.example.com\r\nX-Slow: ")
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for began := time.Now(); time.Since(began) < 10*time.Second; <-tick.C {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
			}
			t.Error("a slow client was never cut off")
		})
	}
	done := make(chan struct{})
	go func() { cut.Wait(); close(done) }()
	for served := 0; ; served++ {
		began := time.Now()
		if status, _ := r.get(); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a healthy client waited %s", took)
		}
		select {
		case <-done:
			if served == 0 {
				t.Error("nobody was served meanwhile")
			}
			return
		default:
		}
	}
}

// A TLS handshake that does not go on is cut off, too.
func TestSlowHandshakesAreCutOff(t *testing.T) {
	r, _ := startTLS(t, newAuthority(t), "read_header_timeout = \"200ms\"")
	c := r.dial()
	if _, err := io.WriteString(c, "\x16\x03\x01"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("it was left open")
	}
}

func TestIdleTimeout(t *testing.T) {
	r := limited(t, "idle_timeout = \"200ms\"", echoRole)
	c := r.dial()
	for range 3 { // in time
		if status, err := r.ask(c, "/", ""); status != http.StatusOK {
			t.Fatalf("%d %v", status, err)
		}
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("it was left open: %q %v", rest, err)
	}
}

// A connection too many waits; when another one closes, it is served.
func TestMaxConnections(t *testing.T) {
	r := limited(t, "max_connections = 3", echoRole)
	var open []net.Conn
	for range 3 {
		open = append(open, r.dial())
		if status, err := r.ask(open[len(open)-1], "/", ""); status != http.StatusOK {
			t.Fatalf("%d %v", status, err)
		}
	}
	r.log.wait(t, "as many connections are open as may be; further ones wait")
	answered := make(chan int, 1)
	go func() {
		status, _ := r.ask(r.dial(), "/", "")
		answered <- status
	}()
	// Operators are not kept out.
	if _, text := r.admin("/metrics"); !strings.Contains(text, "\nssobridge_connections 3\n") {
		t.Error("metrics do not count three connections")
	}
	select {
	case status := <-answered:
		t.Errorf("the fourth connection was answered %d", status)
	default:
	}
	_ = open[0].Close()
	if status := <-answered; status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

// scarce is a listener of a process that is out of file descriptors for a while.
type scarce struct {
	net.Listener
	failures int
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.failures > 0 {
		s.failures--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return s.Listener.Accept()
}

func TestFileDescriptorExhaustionPassesBy(t *testing.T) {
	r := start(t, echoRole, func(r *run) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r.server("max_connections = 2") // attempts that fail take no place
		r.passed.Listen = &scarce{l, 5}
	})
	r.waitReady()
	if status, _ := r.get(); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if n := strings.Count(r.log.String(), "connections cannot be accepted; trying again"); n != 1 {
		t.Errorf("it was said %d times", n)
	}
}

func TestH2C(t *testing.T) {
	for _, on := range []bool{true, false} {
		r := limited(t, fmt.Sprintf("h2c = %v", on), echoRole)
		var protocols http.Protocols
		protocols.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: &protocols}
		defer transport.CloseIdleConnections()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.addrs.Listen.String()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = "wiki.example.com"
		q.Header.Set("X-Pomerium-Jwt-Assertion", r.assertion())
		resp, err := transport.RoundTrip(q)
		if (err == nil) != on {
			t.Errorf("h2c = %v: %v", on, err)
		}
		if err == nil {
			if status, text := read(t, resp); status != http.StatusOK || text != "ann@example.com is Reader" || resp.Proto != "HTTP/2.0" {
				t.Errorf("%d %q %s", status, text, resp.Proto)
			}
		}
		if status, text := r.get(); status != http.StatusOK || text != "ann@example.com is Reader" {
			t.Errorf("HTTP/1 beside it: %d %q", status, text)
		}
	}
}

// A client that does not keep to the limit has its streams refused, the others go
// on.
func TestMaxConcurrentStreams(t *testing.T) {
	release := make(chan struct{})
	ca := newAuthority(t)
	r, _ := startTLSApp(t, ca, "max_concurrent_streams = 2", func(http.ResponseWriter, *http.Request) { <-release })
	c := tls.Client(r.dial(), &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com", NextProtos: []string{"h2"}})
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(c, c)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var block strings.Builder
	headers := hpack.NewEncoder(&block)
	for id := range uint32(3) {
		block.Reset()
		for _, field := range [][2]string{
			{":method", "GET"}, {":scheme", "https"}, {":authority", "wiki.example.com"}, {":path", "/"},
			{"x-pomerium-jwt-assertion", r.assertion()},
		} {
			if err := headers.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
				t.Fatal(err)
			}
		}
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*id + 1, BlockFragment: []byte(block.String()), EndStream: true, EndHeaders: true}); err != nil {
			t.Fatal(err)
		}
		if id == 1 { // the third only after the server has acknowledged the settings
			if err := framer.WriteSettingsAck(); err != nil {
				t.Fatal(err)
			}
		}
	}
	announced, refused := uint32(0), false
	for answered := 0; answered < 2; {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if n, ok := frame.Value(http2.SettingMaxConcurrentStreams); ok {
				announced = n
			}
		case *http2.RSTStreamFrame:
			if refused = frame.StreamID == 5; !refused {
				t.Errorf("stream %d was reset: %s", frame.StreamID, frame.ErrCode)
			}
			close(release)
		case *http2.HeadersFrame:
			answered++
		}
	}
	if announced != 2 || !refused {
		t.Errorf("announced %d, the third refused: %v", announced, refused)
	}
}
