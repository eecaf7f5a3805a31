package server_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/server"
)

// What libraries log holds what went through them.
func TestLibraryLogHoldsNothingOfRequests(t *testing.T) {
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
		log.New(server.LibraryLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))), "", 0).Print(text)
		if got := out.String(); !strings.Contains(got, want) || strings.Contains(got, secret) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// The value of a panic in a handler of net/http may hold what the request held.
func TestPanicIsLoggedWithoutItsValue(t *testing.T) {
	l := newWatchedLog()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		panic(errors.New(q.Header.Get("Cookie")))
	}))
	s.Config.ErrorLog = log.New(server.LibraryLog(slog.New(slog.NewTextHandler(l, nil))), "", 0)
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
	l.wait(t, "level=ERROR msg=panic")
	if text := l.String(); strings.Contains(text, "SESSION-SECRET") || !strings.Contains(text, "librarylog_test.go") {
		t.Errorf("%s", text)
	}
}
