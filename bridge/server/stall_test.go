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
	"time"
)

const (
	stall     = 600 * time.Millisecond
	stallKeys = `stall_timeout = "600ms"`
	// much is more than the buffers between an app and a client take.
	much = 64 << 20
)

// sendMuch answers with more than clients take who do not read, and says when the
// client has gone.
func sendMuch(gone chan<- time.Time) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(much))
		some := make([]byte, 32<<10)
		for sent := 0; sent < much; sent += len(some) {
			if _, err := w.Write(some); err != nil {
				break
			}
		}
		gone <- time.Now()
	}
}

func (r *run) getLine() string {
	return "GET / HTTP/1.1\r\nHost: wiki.example.com\r\nX-Pomerium-Jwt-Assertion: " + r.assertion() + "\r\n\r\n"
}

// Who asks for much and reads nothing would hold a connection here and another one to
// the app, with what is buffered for it.
func TestClientThatReadsNothingIsCutOff(t *testing.T) {
	for name, secure := range map[string]string{"HTTP": "", "TLS": "http/1.1", "HTTP/2": "h2"} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan time.Time, 1)
			var c net.Conn
			var r *run
			if secure == "" {
				r = limited(t, stallKeys, sendMuch(gone))
				c = r.dial()
			} else {
				ca := newAuthority(t)
				r, _ = startTLSApp(t, ca, stallKeys, sendMuch(gone))
				c = tls.Client(r.dial(), &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com", NextProtos: []string{secure}})
			}
			began := time.Now()
			if secure == "h2" {
				askH2(t, c, r)
			} else if _, err := io.WriteString(c, r.getLine()); err != nil {
				t.Fatal(err)
			}
			select {
			case at := <-gone:
				if took := at.Sub(began); took < stall*3/4 {
					t.Errorf("cut off after %s", took)
				}
			case <-time.After(15 * time.Second):
				t.Fatal("the app still waits for the client")
			}
			for deadline := time.Now().Add(10 * time.Second); ; {
				_, text := r.admin("/metrics")
				if strings.Contains(text, "\nssobridge_connections 0\n") && strings.Contains(text, "\nssobridge_connections_stalled_total 1\n") {
					return
				}
				if time.Now().After(deadline) {
					t.Fatal("its connection is still open, or was not counted")
				}
			}
		})
	}
}

// A slow client takes something in the time, though never as much as wakes a writer up.
func TestSlowClientIsServed(t *testing.T) {
	for _, secure := range []bool{false, true} {
		gone := make(chan time.Time, 1)
		var c net.Conn
		var r *run
		if secure {
			ca := newAuthority(t)
			r, _ = startTLSApp(t, ca, stallKeys, sendMuch(gone))
			c = tls.Client(r.dial(), &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com"})
		} else {
			r = limited(t, stallKeys, sendMuch(gone))
			c = r.dial()
		}
		if _, err := io.WriteString(c, r.getLine()); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReaderSize(c, 16<<10), nil)
		if err != nil {
			t.Fatal(err)
		}
		var read int64
		for began := time.Now(); time.Since(began) < 5*stall; time.Sleep(stall / 12) {
			n, err := io.CopyN(io.Discard, resp.Body, 16<<10)
			if read += n; err != nil {
				t.Fatalf("TLS: %v: cut off after %s and %d bytes: %v", secure, time.Since(began), read, err)
			}
		}
		rest, err := io.Copy(io.Discard, resp.Body)
		if read += rest; err != nil || read != much {
			t.Errorf("TLS: %v: %d bytes, %v", secure, read, err)
		}
		<-gone
	}
}

// An app may be silent for as long as it likes: only what is sent has to be taken.
func TestSilenceIsNoStall(t *testing.T) {
	speak := make(chan struct{})
	r := limited(t, stallKeys, func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") == "" {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-speak
			_, _ = io.WriteString(w, "\x00")
			return
		}
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		<-speak
		_, _ = io.WriteString(c, "\x00")
	})
	answers := make(map[string]*bufio.Reader)
	for name, more := range map[string]string{
		"stream":    "",
		"WebSocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: https://wiki.example.com\r\n",
	} {
		c := r.dial()
		if _, err := io.WriteString(c, strings.TrimSuffix(r.getLine(), "\r\n")+more+"\r\n"); err != nil {
			t.Fatal(err)
		}
		answers[name] = bufio.NewReader(c)
		if line, err := answers[name].ReadString('\n'); err != nil || !strings.Contains(line, " 200 ") && !strings.Contains(line, " 101 ") {
			t.Fatalf("%s: %q %v", name, line, err)
		}
	}
	time.Sleep(3 * stall) // it is the silence
	close(speak)
	for name, from := range answers {
		if text, err := from.ReadString(0); err != nil {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
}

// A WebSocket whose client takes nothing ends like an answer.
func TestWebSocketThatReadsNothingIsCutOff(t *testing.T) {
	gone := make(chan struct{})
	r := limited(t, stallKeys, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer close(gone)
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		for frame := append([]byte{0x82, 126, 0x40, 0}, make([]byte, 0x4000)...); err == nil; {
			_, err = c.Write(frame)
		}
	})
	c := r.dial()
	_, err := io.WriteString(c, strings.TrimSuffix(r.getLine(), "\r\n")+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: https://wiki.example.com\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(15 * time.Second):
		t.Error("the app still waits for the client")
	}
}
