package demo

import (
	"bufio"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func base64Reader(s string) io.Reader {
	return base64.NewDecoder(base64.RawURLEncoding, strings.NewReader(s))
}

// serveFront serves a stand-in before a bridge of the test's own, the way Run
// does. stop ends it and waits.
func serveFront(t *testing.T, bridge http.Handler) (address string, stop func()) {
	t.Helper()
	p := newTestPomerium(t, bridge)
	l, err := listen(t.Context(), "--port", 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, fail := context.WithCancelCause(t.Context())
	stop = start(ctx, fail, serve(l, p, slog.New(slog.DiscardHandler)))
	t.Cleanup(func() {
		stop()
		if err := context.Cause(ctx); err != nil && t.Context().Err() == nil {
			t.Errorf("serving ended with %v", err)
		}
		fail(nil)
	})
	return "http://" + l.Addr().String(), stop
}

// TestStreaming reads the first part of an answer while the rest waits for the
// second part of the request.
func TestStreaming(t *testing.T) {
	address, _ := serveFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.EnableFullDuplex()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			_, _ = io.WriteString(w, "got "+lines.Text()+"\n")
			_ = c.Flush()
		}
	}))
	body, write := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "wiki.localhost:8000"
	as("bob")(r)
	go func() { _, _ = io.WriteString(write, "one\n") }()
	resp, err := newClient(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	for _, next := range []string{"two\n", "three\n", ""} {
		if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "got ") {
			t.Fatalf("read %q, %v", line, err)
		}
		if next == "" {
			_ = write.Close()
			break
		}
		if _, err := io.WriteString(write, next); err != nil {
			t.Fatal(err)
		}
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("the rest is %q, %v", rest, err)
	}
}

// TestWebSocket talks through an upgraded connection, which then ends with the
// server.
func TestWebSocket(t *testing.T) {
	var assertions []string
	address, stop := serveFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assertions = r.Header["X-Pomerium-Jwt-Assertion"]
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			kind, message, err := c.Read(context.WithoutCancel(r.Context()))
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, append([]byte("echo "), message...)); err != nil {
				return
			}
		}
	}))
	c, resp, err := websocket.Dial(t.Context(), address+"/live", &websocket.DialOptions{
		HTTPClient: newClient(t),
		Host:       "grafana.localhost:8000",
		HTTPHeader: http.Header{"Cookie": {sessionCookie + "=ann"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body != nil {
		defer func() { _ = resp.Body.Close() }()
	}
	defer func() { _ = c.CloseNow() }()
	for range 3 {
		if err := c.Write(t.Context(), websocket.MessageText, []byte("ping")); err != nil {
			t.Fatal(err)
		}
		if _, message, err := c.Read(t.Context()); err != nil || string(message) != "echo ping" {
			t.Fatalf("read %q, %v", message, err)
		}
	}
	if len(assertions) != 1 || assertions[0] == "" {
		t.Errorf("assertions %q", assertions)
	}
	stop()
	if _, _, err := c.Read(t.Context()); err == nil {
		t.Error("the connection outlives the server")
	}
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(address, "http://")); err == nil {
		_ = conn.Close()
		t.Error("the listener is still open")
	}
}
