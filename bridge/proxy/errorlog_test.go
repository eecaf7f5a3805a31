package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// What libraries log holds what went through them.
func TestErrorLogHoldsNothingOfRequests(t *testing.T) {
	const secret = "SESSION-SECRET"
	for text, want := range map[string]string{
		`Unsolicited response received on idle HTTP channel starting with "` + secret + `"; err=<nil>`: `level=DEBUG msg="said by a library" text="Unsolicited response received on idle HTTP channel"`,
		`Unsolicited response received on idle HTTP channel starting with ` + secret:                   `text="Unsolicited response received on idle HTTP channel"`,
		`net/http: invalid Cookie.Domain "` + secret + `"; dropping domain attribute`:                  `text="net/http: invalid Cookie.Domain"`,
		"http: TLS handshake error from 10.0.0.7:1234: EOF":                                            `text="http: TLS handshake error from 10.0.0.7:1234: EOF"`,
		"something\n" + secret: `text=something`,
		"http: panic serving 10.0.0.7:1: " + secret + "\ngoroutine 6 of " + secret + "\n\ngoroutine 1 [running]:\nmain.main()\n": `level=ERROR msg=panic stack="goroutine 1 [running]:\nmain.main()\n"`,
		"http2: panic serving 10.0.0.7:1: " + secret: `level=ERROR msg=panic stack=""`,
	} {
		var out bytes.Buffer
		proxy.ErrorLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))).Print(text)
		if got := out.String(); !strings.Contains(got, want) || strings.Contains(got, secret) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// The value of a panic in a handler of net/http may hold what the request held.
func TestPanicIsLoggedWithoutItsValue(t *testing.T) {
	l := &lines{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		panic(errors.New(q.Header.Get("Cookie")))
	}))
	s.Config.ErrorLog = proxy.ErrorLog(slog.New(slog.NewTextHandler(l, nil)))
	s.Start()
	defer s.Close()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Cookie", "SESSION-SECRET")
	if resp, err := s.Client().Do(q); err == nil || !errors.Is(err, io.EOF) {
		t.Errorf("%v %v", resp, err)
	}
	s.Close() // the message is written before the connection is gone
	if text := l.String(); !strings.Contains(text, "level=ERROR msg=panic") || strings.Contains(text, "SESSION-SECRET") || !strings.Contains(text, "errorlog_test.go") {
		t.Errorf("%s", text)
	}
}

// What breaks off an answer is in the log, and nothing of the answer.
func TestBrokenAnswerIsLoggedWithoutWhatItHeld(t *testing.T) {
	app := raw(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSESSION-SECRET is no field\r\n\r\n")
	})
	var l lines
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, func(f *proxied) {
		f.upstream.Log = slog.New(slog.NewTextHandler(&l, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	resp, err := clientOf(t, "HTTP/1.1").Get(f.URL)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if text := l.String(); err == nil || !strings.Contains(text, "malformed MIME header") || strings.Contains(text, "SESSION-SECRET") {
		t.Errorf("%v, log:\n%s", err, text)
	}
}
