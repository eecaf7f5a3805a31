package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Who announces a body and never sends it must not hold a connection by a request that
// does not get as far as the bridge, whose refusals do not wait for it: net/http would
// read on before it answers.
func TestUnsentBodyHoldsNoConnection(t *testing.T) {
	r := limited(t, "max_uri_bytes = 300", echoRole)
	for name, c := range map[string]struct {
		to   net.Addr
		line string
		want int
	}{
		"OPTIONS *":         {r.addrs.Listen, "OPTIONS * HTTP/1.1\r\nHost: wiki.example.com", http.StatusBadRequest},
		"OPTIONS *, a host": {r.addrs.Listen, "OPTIONS * HTTP/1.1\r\nHost: nobody.example.com", http.StatusMisdirectedRequest},
		"a long target":     {r.addrs.Listen, "POST /" + strings.Repeat("x", 300) + " HTTP/1.1\r\nHost: wiki.example.com", http.StatusRequestURITooLong},
		"OPTIONS *, admin":  {r.addrs.Admin, "OPTIONS * HTTP/1.1\r\nHost: localhost", http.StatusBadRequest},
		"admin":             {r.addrs.Admin, "POST /-/reload HTTP/1.1\r\nHost: localhost", http.StatusOK},
		"admin, nothing":    {r.addrs.Admin, "POST /nothing HTTP/1.1\r\nHost: localhost", http.StatusNotFound},
		"admin, metrics":    {r.addrs.Admin, "GET /healthz HTTP/1.1\r\nHost: localhost", http.StatusOK},
	} {
		for _, body := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
			conn, err := net.Dial(c.to.Network(), c.to.String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if err := conn.SetDeadline(time.Now().Add(8 * time.Second)); err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprintf(conn, "%s\r\nX-Pomerium-Jwt-Assertion: %s\r\n%s\r\n\r\n", c.line, r.assertion(), body)
			from := bufio.NewReader(conn)
			resp, err := http.ReadResponse(from, nil)
			if err != nil {
				t.Errorf("%s, %s: %v", name, body, err)
				continue
			}
			if status, text := read(t, resp); status != c.want {
				t.Errorf("%s, %s: %d %q, want %d", name, body, status, text, c.want)
			}
			if _, err := io.ReadAll(from); err != nil {
				t.Errorf("%s, %s: it was left open: %v", name, body, err)
			}
		}
	}
	if _, text := r.admin("/metrics"); !strings.Contains(text, `ssobridge_refusals_total{app="",reason="unknown_host"} 2`) {
		t.Error("metrics do not count OPTIONS * for a host that is no app's")
	}
}

// OPTIONS * is an app's request like any other, and leads nowhere.
func TestOptionsOfTheWholeServer(t *testing.T) {
	r := limited(t, "", func(http.ResponseWriter, *http.Request) { t.Error("it got as far as the app") })
	for host, want := range map[string]int{"wiki.example.com": http.StatusBadRequest, "nobody.example.com": http.StatusMisdirectedRequest} {
		c := r.dial()
		_, _ = fmt.Fprintf(c, "OPTIONS * HTTP/1.1\r\nHost: %s\r\nX-Pomerium-Jwt-Assertion: %s\r\n\r\n", host, r.assertion())
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := read(t, resp); status != want {
			t.Errorf("%s: %d", host, status)
		}
	}
}
