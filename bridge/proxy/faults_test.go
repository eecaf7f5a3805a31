package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// reset closes a connection as a process that is killed, or a firewall, does.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// repeat writes until it cannot.
func repeat(c net.Conn, text string, pause time.Duration) {
	for err := error(nil); err == nil; _, err = io.WriteString(c, text) {
		time.Sleep(pause)
	}
}

// Whatever an app does instead of answering, the client gets one whole answer, which
// says whose fault it is.
func TestAppThatDoesNotAnswer(t *testing.T) {
	says := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, text) }
	}
	saysAndIsReset := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.WriteString(c, text)
			reset(c)
		}
	}
	var all sync.WaitGroup
	for name, fault := range map[string]struct {
		app  func(net.Conn)
		want int
	}{
		"closes":                       {says(""), 502},
		"is reset":                     {reset, 502},
		"is closed amid its status":    {says("HTTP/1."), 502},
		"is closed amid its header":    {says("HTTP/1.1 200 OK\r\nX-A: 1\r\nX-"), 502},
		"is reset amid its header":     {saysAndIsReset("HTTP/1.1 200 OK\r\nX-A: 1\r\nX-"), 502},
		"closes after early hints":     {says("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"), 502},
		"says what is no HTTP":         {says("220 mail.example.com ESMTP\r\n"), 502},
		"says random bytes":            {says("\x00\xff\x16\x03\x01\r\n\r\n"), 502},
		"says HTTP/2":                  {says("\x00\x00\x00\x04\x00\x00\x00\x00\x00"), 502},
		"has a status of two digits":   {says("HTTP/1.1 20 OK\r\n\r\n"), 502},
		"has two lengths":              {says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 502},
		"has a negative length":        {says("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), 502},
		"has an unknown coding":        {says("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 502},
		"has a header without a colon": {says("HTTP/1.1 200 OK\r\nno field\r\n\r\n"), 502},
		"has a header without an end":  {func(c net.Conn) { repeat(c, "X-A: "+strings.Repeat("a", 64<<10)+"\r\n", 0) }, 502},
		"has one field without an end": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: ")
			repeat(c, strings.Repeat("a", 64<<10), 0)
		}, 502},
		"switches protocols": {says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), 502},
		"hangs":              {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, 504},
		"drips its header": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: ")
			repeat(c, "x", 20*time.Millisecond)
		}, 504},
		"never ends to give hints": {func(c net.Conn) { repeat(c, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", time.Millisecond) }, 504},
	} {
		app := raw(t, func(c net.Conn, br *bufio.Reader) {
			if _, err := readHead(br); err == nil {
				fault.app(c)
			}
		})
		timeout := time.Minute // longer than a busy machine takes to fail otherwise
		if fault.want == http.StatusGatewayTimeout {
			timeout = 500 * time.Millisecond
		}
		f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}, Timeout: timeout}, nil)
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
			c := clientOf(t, protocol)
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				all.Go(func() {
					got, err := ask(t.Context(), c, method, f.URL)
					if want := fmt.Sprintf("%d %q", fault.want, "failed\n"); err != nil || got != want {
						t.Errorf("%s, %s by %s: %s %v, want %s", name, method, protocol, got, err, want)
					}
				})
			}
		}
	}
	all.Wait()
}

// ask sends a request, a POST with a body.
func ask(ctx context.Context, c *http.Client, method, target string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	body := io.Reader(nil)
	if method == http.MethodPost {
		body = strings.NewReader("hello")
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return "", err
	}
	answer, err := c.Do(r)
	if err != nil {
		return "", err
	}
	return said(answer)
}

// An app that is lost amid its answer: the client does not take what came for all.
func TestAppThatIsLostAmidItsAnswer(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing of its length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
		"half of its length":    "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + strings.Repeat("x", 1_000_000),
		"all but a byte":        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
		"no chunk":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"some chunks":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("3e8\r\n"+strings.Repeat("x", 1000)+"\r\n", 1000),
		"all but the last line": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
		"amid the trailers":     "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1",
	} {
		for _, kill := range []func(net.Conn){func(c net.Conn) { _ = c.Close() }, reset} {
			app := raw(t, func(c net.Conn, br *bufio.Reader) {
				_, _ = readHead(br)
				_, _ = io.WriteString(c, answer)
				kill(c)
			})
			f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, nil)
			for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
				got, err := ask(t.Context(), clientOf(t, protocol), http.MethodGet, f.URL)
				if err == nil && got != `502 "failed\n"` || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s, %s: the client takes %.60s for all, %v", name, protocol, got, err)
				}
			}
		}
	}
}

// An app that hangs amid its answer holds nobody who has gone.
func TestClientThatLeavesAnAppThatHangs(t *testing.T) {
	freed := make(chan error, 1)
	app := raw(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: text/event-stream\r\n\r\nhello")
		_, err := br.ReadByte()
		freed <- err
	})
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, nil)
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := clientOf(t, protocol).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(answer.Body, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if err := <-freed; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the app is held", protocol)
		}
	}
}

// A client that leaves amid its body frees the app that waits for it, whichever way it
// leaves.
func TestClientThatLeavesAmidItsBody(t *testing.T) {
	freed := make(chan error, 1)
	app := raw(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		_, err := io.Copy(io.Discard, br)
		freed <- err
	})
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, nil)
	for name, leave := range map[string]func(net.Conn){
		"closes": func(c net.Conn) { _ = c.Close() }, "is reset": reset, "closes one half": func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() },
	} {
		for _, body := range []string{"Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "Transfer-Encoding: chunked\r\n\r\nff\r\nhello"} {
			conn, br := dial(t, f)
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\n"+body)
			leave(conn)
			if err := <-freed; errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: the app is held", name)
			}
			if name != "closes one half" {
				continue
			}
			if answer, err := http.ReadResponse(br, nil); err != nil || answer.StatusCode != http.StatusBadGateway || !answer.Close {
				t.Errorf("%s: %v %v", name, answer, err)
			} else {
				_ = answer.Body.Close()
			}
		}
	}
}

// An app closes a kept connection just as it is used again. Nobody knows whether the
// request was done: it is sent again only where that does no harm (RFC 9110 §9.2.2).
func TestKeptConnectionThatIsClosedAsItIsUsed(t *testing.T) {
	for _, kill := range []func(net.Conn){func(c net.Conn) { _ = c.Close() }, reset} {
		for request, want := range map[string]struct {
			status, times int
		}{
			"GET / HTTP/1.1\r\n":                           {200, 2},
			"HEAD / HTTP/1.1\r\n":                          {200, 2},
			"OPTIONS / HTTP/1.1\r\n":                       {200, 2},
			"POST / HTTP/1.1\r\nContent-Length: 5\r\n":     {502, 1},
			"POST / HTTP/1.1\r\nContent-Length: 0\r\n":     {502, 1},
			"PUT / HTTP/1.1\r\nContent-Length: 5\r\n":      {502, 1},
			"GET / HTTP/1.1\r\nContent-Length: 5\r\n":      {502, 1},
			"DELETE / HTTP/1.1\r\nContent-Length: 0\r\n":   {502, 1},
			"PROPFIND / HTTP/1.1\r\nContent-Length: 0\r\n": {502, 1},
		} {
			var times atomic.Int32
			app := raw(t, func(c net.Conn, br *bufio.Reader) {
				for {
					head, err := readHead(br)
					switch {
					case err != nil:
						return
					case strings.HasPrefix(head, "GET /before"):
					case times.Add(1) == 1:
						kill(c)
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
			f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, nil)
			conn, br := dial(t, f)
			method, _, _ := strings.Cut(request, " ")
			for i, request := range []string{"GET /before HTTP/1.1\r\nHost: a\r\n\r\n", request + "Host: a\r\n\r\nhello"[:len("Host: a\r\n\r\n")+5*strings.Count(request, "5")]} {
				_, _ = io.WriteString(conn, request)
				answer, err := http.ReadResponse(br, &http.Request{Method: method})
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				if i == 1 && (answer.StatusCode != want.status || int(times.Load()) != want.times) {
					t.Errorf("%q: %d, sent %d times; want %v", request, answer.StatusCode, times.Load(), want)
				}
			}
		}
	}
}
