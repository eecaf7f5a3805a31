//go:build unix

package proxy_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// A client that does not read holds the app back, rather than its answer in memory.
func TestSlowClientHoldsTheAppBack(t *testing.T) {
	const size, most = 128 << 20, 64 << 20 // most is far beyond what two connections buffer
	held := make(chan int64, 1)
	app := raw(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		chunk := make([]byte, 64<<10)
		sent, once := int64(0), false
		for sent < size {
			if !once {
				_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			}
			n, err := c.Write(chunk[:min(int64(len(chunk)), size-sent)])
			sent += int64(n)
			if errors.Is(err, os.ErrDeadlineExceeded) && !once {
				held <- sent
				once, err = true, nil
				_ = c.SetWriteDeadline(time.Now().Add(20 * time.Second))
			}
			if err != nil {
				return
			}
		}
		if !once {
			held <- sent
		}
	})
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, nil)
	conn, br := dial(t, f)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if sent := <-held; sent > most {
		t.Errorf("the app got rid of %d MB, of which nothing was read", sent>>20)
	}
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, answer.Body); err != nil || n != size {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// Clients that take their time with a body are in nobody's way.
func TestSlowClientsHoldNobodyElse(t *testing.T) {
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprint(w, len(b))
	}))
	slow := make([]net.Conn, 200)
	readers := make([]*bufio.Reader, len(slow))
	for i := range slow {
		slow[i], readers[i] = dial(t, f)
		_, _ = io.WriteString(slow[i], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
	}
	c := client(t)
	for range 100 {
		if got, err := ask(t.Context(), c, http.MethodPost, f.URL); err != nil || got != `200 "5"` {
			t.Fatal(got, err)
		}
	}
	for i, conn := range slow {
		_, _ = io.WriteString(conn, "world")
		answer, err := http.ReadResponse(readers[i], nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := said(answer); err != nil || got != `200 "10"` || answer.Close {
			t.Errorf("%s, close %v, %v", got, answer.Close, err)
		}
	}
}

// Where no file can be opened for a connection to the app, requests fail, and only they.
func TestRunningOutOfFiles(t *testing.T) {
	app := answers(t, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, nil)
	c := client(t) // of one connection
	expect := func(want string) {
		t.Helper()
		if got, err := ask(t.Context(), c, http.MethodGet, f.URL); err != nil || got != want {
			t.Errorf("%s %v, want %s", got, err, want)
		}
	}
	expect(`200 "ok"`)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Skip("files cannot be limited here: ", err)
	}
	expect(`502 "failed\n"`)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	expect(`200 "ok"`)
}

type panics struct{}

func (panics) RoundTrip(*http.Request) (*http.Response, error) { panic("in the transport") }

// A panic in the transport is the caller's to answer for, and leaves nothing behind that
// reads the request.
func TestPanicInTheTransport(t *testing.T) {
	var recovered atomic.Int32
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{closedPort(t)}}, func(f *proxied) {
		f.upstream.Transport = panics{}
		next := f.Config.Handler
		f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					recovered.Add(1)
					w.WriteHeader(http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	})
	got := exchange(t, f.Listener.Addr().String(), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"+smuggled)
	if !strings.HasPrefix(got, "HTTP/1.1 500 ") || strings.Count(got, "HTTP/1.1") != 1 || recovered.Load() != 1 {
		t.Errorf("%d panics, %q", recovered.Load(), got)
	}
}
