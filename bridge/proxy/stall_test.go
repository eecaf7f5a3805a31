package proxy_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

const stall = 150 * time.Millisecond

// Somebody who announces a body and does not send it holds an app's worker, and a place
// among the requests that the app may have.
func TestBodyThatDoesNotComeIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		head     string
		anybodys bool
		ends     bool
	}{
		"announced":           {"Content-Length: 10\r\n\r\nhello", false, true},
		"announced, nothing":  {"Content-Length: 10\r\n\r\n", false, true},
		"a stream":            {"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false, false},
		"a stream, anybody's": {"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			app := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				defer close(over)
				_, _ = io.Copy(io.Discard, r.Body)
			})
			failed := make(chan error, 1)
			f := newFront(t, proxy.Options{}, func(f *proxied) {
				f.upstream.StallTimeout = stall
				f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					f.upstream.Serve(w, r, proxy.Exchange{
						Anybodys: c.anybodys, Rewrite: rewriteFor(f.upstream, ""),
						Fail: func(err error) {
							failed <- err
							w.WriteHeader(http.StatusRequestTimeout)
						},
					})
				})
			}, app)
			conn, br := dial(t, f)
			_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\n"+c.head)
			if !c.ends {
				select {
				case err := <-failed:
					t.Errorf("it fails: %v", err)
				case <-time.After(4 * stall):
				}
				_, _ = io.WriteString(conn, "0\r\n\r\n")
			}
			answer, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			<-over
			if !c.ends {
				if answer.StatusCode != http.StatusOK {
					t.Errorf("status %d", answer.StatusCode)
				}
				return
			}
			if err := <-failed; !errors.Is(err, proxy.ErrStalled) || answer.StatusCode != http.StatusRequestTimeout || !answer.Close {
				t.Errorf("%v, status %d, close %v", err, answer.StatusCode, answer.Close)
			}
		})
	}
}

// A stream of HTTP/2 whose client does not open its window is given up, where an app
// that says nothing for longer than that is waited for, and so is a slow client.
func TestStreamThatNobodyReadsIsGivenUp(t *testing.T) {
	const size = 16 << 20 // more than a client's window
	gone := make(chan struct{}, 1)
	chunk := strings.Repeat("x", 64<<10)
	app := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/silent" {
			_, _ = io.WriteString(w, "a")
			_ = http.NewResponseController(w).Flush()
			<-time.After(4 * stall)
			_, _ = io.WriteString(w, "b")
			return
		}
		for range size / len(chunk) {
			if _, err := io.WriteString(w, chunk); err != nil {
				gone <- struct{}{}
				return
			}
		}
	})
	f := newFront(t, proxy.Options{}, func(f *proxied) { f.upstream.StallTimeout = stall }, app)
	c := clientOf(t, "HTTP/2")
	open := func(path string) *http.Response {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	unread := open("/large")
	defer func() { _ = unread.Body.Close() }()
	silent := open("/silent") // on the same connection
	<-gone
	if _, err := io.Copy(io.Discard, unread.Body); err == nil {
		t.Error("the answer looks whole")
	}
	if got, err := said(silent); err != nil || got != `200 "ab"` {
		t.Errorf("%s %v", got, err)
	}

	// A client that takes something now and then is not given up, however long it takes
	// altogether. Here it may be as late as a busy machine makes it.
	const patience = 5 * time.Second
	f = newFront(t, proxy.Options{}, func(f *proxied) { f.upstream.StallTimeout = patience }, app)
	slow := open("/large")
	defer func() { _ = slow.Body.Close() }()
	took := time.Now()
	for n := 0; n < size; n += 2 << 20 {
		if _, err := io.CopyN(io.Discard, slow.Body, 2<<20); err != nil {
			t.Fatalf("after %d bytes, %s: %v", n, time.Since(took), err)
		}
		<-time.After(patience * (2 << 20) / size)
	}
}
