package server_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestNothingFollowsARequestWhoseEndIsUnsure: a proxy in front that sees another end of
// the first request would let through what is, to ssobridge, a second one (RFC 9112
// §11.2). So after an answer, also one that refuses, the connection is closed.
func TestNothingFollowsARequestWhoseEndIsUnsure(t *testing.T) {
	var smuggled atomic.Int64
	r := start(t, func(_ http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.Path, "smuggled") {
			smuggled.Add(1)
		}
		_, _ = io.Copy(io.Discard, q.Body)
	}, nil)
	r.waitReady()
	assertion := "X-Pomerium-Jwt-Assertion: " + r.assertion() + "\r\n"
	second := "GET /smuggled HTTP/1.1\r\nHost: wiki.example.com\r\n" + assertion + "\r\n"
	for name, first := range map[string]string{
		"HTTP/1.0, chunked and a length": "POST /a HTTP/1.0\r\nHost: wiki.example.com\r\nConnection: keep-alive\r\n" +
			"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n%s\r\n0\r\n\r\n",
		"HTTP/1.0, chunked": "POST /a HTTP/1.0\r\nHost: wiki.example.com\r\nConnection: keep-alive\r\n" +
			"Transfer-Encoding: chunked\r\n%s\r\n",
		"HTTP/1.0, a body": "POST /a HTTP/1.0\r\nHost: wiki.example.com\r\nConnection: keep-alive\r\nContent-Length: 3\r\n%s\r\nabc",
		"HTTP/1.1, chunked and a length": "POST /a HTTP/1.1\r\nHost: wiki.example.com\r\n" +
			"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n%s\r\n0\r\n\r\n",
		"HTTP/1.1, a length and chunked": "POST /a HTTP/1.1\r\nHost: wiki.example.com\r\n" +
			"Content-Length: 50\r\nTransfer-Encoding: chunked\r\n%s\r\n0\r\n\r\n",
	} {
		for who, header := range map[string]string{"Ann": assertion, "nobody": ""} {
			t.Run(name+", "+who, func(t *testing.T) {
				c := r.dial()
				if _, err := io.WriteString(c, strings.Replace(first, "%s", header, 1)+second); err != nil {
					t.Fatal(err)
				}
				from := bufio.NewReader(c)
				answer, err := http.ReadResponse(from, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				if rest, _ := io.ReadAll(from); len(rest) > 0 || !answer.Close {
					t.Errorf("after %s, the connection goes on with %q", answer.Status, rest)
				}
				if smuggled.Load() > 0 {
					t.Error("the second request reached the app")
				}
			})
		}
	}
}
