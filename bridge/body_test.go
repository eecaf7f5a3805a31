package bridge_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestMalformedBodyIsNotTheAppsFault: an app that reads bodies is there and well. What
// anonymous clients send to a public path must neither warn nor count against it.
func TestMalformedBodyIsNotTheAppsFault(t *testing.T) {
	config := rigConfig + "\n[[app.grafana.public]]\nprefix = \"/public/\"\nmethods = [\"GET\", \"POST\"]\n"
	reading := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for name, body := range map[string]string{
		"no number":      "zz\r\n",
		"negative":       "-2\r\n",
		"hexadecimal":    "0x2\r\nab\r\n0\r\n\r\n",
		"no line end":    "2\r\nabcd\r\n0\r\n\r\n",
		"bare line feed": "2\nab\n0\n\n\x00",
		"long extension": "2;" + strings.Repeat("x", 9000) + "\r\nab\r\n0\r\n\r\n",
		"bad trailer":    "0\r\nno colon\r\n\r\n",
		"huge":           "fffffffffffffffff\r\n",
	} {
		for _, path := range []string{"/public/x", "/d/1"} {
			t.Run(name+path, func(t *testing.T) {
				r := newRig(t, withConfig(config), withUpstream(reading))
				resp := r.raw("POST " + path + " HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + r.ann() +
					"\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
				log := r.log.String()
				if resp.StatusCode == http.StatusOK && name == "bare line feed" {
					return // net/http reads it as RFC 9112 §2.2 allows
				}
				wantStatus(t, resp, http.StatusBadRequest)
				if !strings.Contains(log, "reason=body_malformed") || strings.Contains(log, "level=WARN") || strings.Contains(log, "upstream_unreachable") {
					t.Errorf("log:\n%s", log)
				}
			})
		}
	}
}

// TestBodyThatBreaksOff: the client announces more than it sends. Whether the end of its
// connection or of the body is seen first, it is not the app's fault.
func TestBodyThatBreaksOff(t *testing.T) {
	reading := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	r := newRig(t, withUpstream(reading))
	dialed, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	conn := dialed.(*net.TCPConn) //nolint:forcetypeassert // it is TCP
	defer func() { _ = conn.Close() }()
	head := "POST /d/1 HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + r.ann() + "\r\nContent-Length: 9\r\n\r\nabc"
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	log := r.log.String()
	if !strings.Contains(log, "reason=body_incomplete status=400") && !strings.Contains(log, "reason=client_gone") || strings.Contains(log, "level=WARN") {
		t.Errorf("%v %q, log:\n%s", err, answer, log)
	}
}
