package server_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// echoLines is an app whose WebSockets send back every line.
func echoLines(w http.ResponseWriter, _ *http.Request) {
	c, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	for {
		line, err := buffered.ReadString('\n')
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, line)
	}
}

// upgrade makes c a WebSocket.
func (r *run) upgrade(c net.Conn) *bufio.Reader {
	r.t.Helper()
	_, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: wiki.example.com\r\nX-Pomerium-Jwt-Assertion: %s\r\nOrigin: https://wiki.example.com\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", r.assertion())
	if err != nil {
		r.t.Fatal(err)
	}
	from := bufio.NewReader(c)
	resp, err := http.ReadResponse(from, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatalf("%+v %v", resp, err)
	}
	r.echo(c, from)
	return from
}

func (r *run) echo(c net.Conn, from *bufio.Reader) {
	r.t.Helper()
	const frame = "\x81\x05hell\n"
	if _, err := io.WriteString(c, frame); err != nil {
		r.t.Fatal(err)
	}
	if line, err := from.ReadString('\n'); line != frame {
		r.t.Fatalf("%q %v", line, err)
	}
}

// http.Server.Shutdown knows nothing of connections that have been taken over.
func TestStopLetsWebSocketsFinish(t *testing.T) {
	for _, withTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", withTLS), func(t *testing.T) {
			ca, dir := newAuthority(t), t.TempDir()
			keys := ""
			if withTLS {
				cert, key := ca.issue(1)
				put(t, dir+"/tls.pem", cert)
				put(t, dir+"/tls.key", key)
				keys = fmt.Sprintf("tls_cert_file = %q\ntls_key_file = %q", dir+"/tls.pem", dir+"/tls.key")
			}
			r := limited(t, keys, echoLines)
			c := r.dial()
			if withTLS {
				c = tls.Client(c, &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com"})
			}
			from := r.upgrade(c)
			if _, text := r.admin("/metrics"); !strings.Contains(text, "\nssobridge_connections_upgraded 1\n") {
				t.Error("metrics do not count it")
			}
			r.stop()
			r.log.wait(t, "msg=draining")
			r.echo(c, from)
			select {
			case err := <-r.ended:
				t.Fatalf("ended before the WebSocket: %v", err)
			default:
			}
			_ = c.Close()
			err := <-r.ended
			if log := r.log.String(); err != nil || strings.Contains(log, "still open") {
				t.Errorf("ended with %v: %s", err, log)
			}
			r.ended <- nil
		})
	}
}

func TestStopClosesWebSocketsInTheEnd(t *testing.T) {
	r := start(t, echoLines, func(r *run) {
		r.overwrite(strings.Replace(r.text(), `drain_timeout = "5s"`, `drain_timeout = "200ms"`, 1))
	})
	r.waitReady()
	c := r.dial()
	from := r.upgrade(c)
	r.stop()
	// A close frame, 1001: clients then connect elsewhere.
	if said, _ := io.ReadAll(from); !strings.HasPrefix(string(said), "\x88") || !strings.Contains(string(said), "\x03\xe9the server is stopping") {
		t.Errorf("at the end, the client gets %q", said)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("ended with %v, and a WebSocket is no failure", err)
	}
	r.ended <- nil
	if log := r.log.String(); !strings.Contains(log, `msg="upgraded connections were still open and are closed" connections=1`) {
		t.Errorf("the log does not say so: %s", log)
	}
}
