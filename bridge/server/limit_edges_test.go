package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// A header may have as many bytes as both limits together, and what net/http adds to
// them: over HTTP/1, its buffer of 4096 bytes.
func TestMaxHeaderBytesToTheByte(t *testing.T) {
	r := limited(t, "max_assertion_bytes = 4096\nmax_header_bytes = 8192", echoRole)
	const most = 4096 + 8192 + 4096
	for size, want := range map[int]int{most: http.StatusOK, most + 1: http.StatusRequestHeaderFieldsTooLarge} {
		header := fmt.Sprintf("GET / HTTP/1.1\r\nHost: wiki.example.com\r\nX-Pomerium-Jwt-Assertion: %s\r\nX-Filler: ", r.assertion())
		const end = "\r\n\r\n"
		c := r.dial()
		if _, err := io.WriteString(c, header+strings.Repeat("x", size-len(header)-len(end))+end); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != want {
			t.Errorf("%d bytes: %+v %v, want %d", size, resp, err, want)
		}
	}
}

// Over HTTP/2, fields count by their names and values and 32 bytes each (RFC 9113
// §6.5.2), and net/http adds what ten of them need.
func TestMaxHeaderBytesToTheByteOverHTTP2(t *testing.T) {
	ca := newAuthority(t)
	r, _ := startTLS(t, ca, "max_assertion_bytes = 4096\nmax_header_bytes = 8192")
	const most = 4096 + 8192 + 10*32
	for size, want := range map[int]string{most: "200", most + 1: "431"} {
		fields := []hpack.HeaderField{
			{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "wiki.example.com"},
			{Name: ":path", Value: "/"}, {Name: "x-pomerium-jwt-assertion", Value: r.assertion()}, {Name: "x-filler"},
		}
		for _, f := range fields {
			size -= int(f.Size())
		}
		fields[len(fields)-1].Value = strings.Repeat("x", size)
		if got := r.status(ca, fields); got != want {
			t.Errorf("%d bytes of filler: %s, want %s", size, got, want)
		}
	}
}

// status sends one request by HTTP/2, field by field, and returns the status.
func (r *run) status(ca *authority, fields []hpack.HeaderField) (status string) {
	r.t.Helper()
	c := tls.Client(r.dial(), &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com", NextProtos: []string{"h2"}})
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		r.t.Fatal(err)
	}
	framer := http2.NewFramer(c, c)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range fields {
		if err := encoder.WriteField(f); err != nil {
			r.t.Fatal(err)
		}
	}
	err := errors.Join(framer.WriteSettings(), framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true,
	}))
	for err == nil {
		var frame http2.Frame
		if frame, err = framer.ReadFrame(); err == nil {
			if answer, is := frame.(*http2.MetaHeadersFrame); is {
				return answer.PseudoValue("status")
			}
		}
	}
	r.t.Fatal(err)
	return ""
}

// An assertion of just so many bytes is read, and one of a byte more is not: at once
// after a reload, too.
func TestMaxAssertionBytesToTheByte(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	assertion := r.issuer.Assertion(verifiertest.Claims{
		Audience: "wiki.example.com", Subject: "ann-id", Email: "ann@example.com", Name: strings.Repeat("Ann ", 300),
	})
	text := r.text()
	for limit, want := range map[int]int{len(assertion): http.StatusOK, len(assertion) - 1: http.StatusUnauthorized} {
		r.reloaded(strings.Replace(text, "[server]\n", fmt.Sprintf("[server]\nmax_assertion_bytes = %d\n", limit), 1))
		r.log.reset()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.addrs.Listen.String()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = "wiki.example.com"
		q.Header.Set("X-Pomerium-Jwt-Assertion", assertion)
		resp, err := r.client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if status, text := read(t, resp); status != want {
			t.Errorf("%d bytes of %d: %d %s", len(assertion), limit, status, text)
		}
		if refused := strings.Contains(r.log.String(), "reason=assertion_too_large"); refused != (want != http.StatusOK) {
			t.Errorf("%d bytes of %d: refused for its length: %v", len(assertion), limit, refused)
		}
	}
}

// A header that takes its time, but less than the limit, is waited for; the time starts
// anew with each request.
func TestReadHeaderTimeout(t *testing.T) {
	const limit = time.Second
	r := limited(t, `read_header_timeout = "1s"`, echoRole)
	c := r.dial()
	from := bufio.NewReader(c)
	for range 3 {
		for part := range strings.SplitAfterSeq("GET / HTTP/1.1\r\nHost: wiki.example.com\r\nX-Pomerium-Jwt-Assertion: "+r.assertion()+"\r\n\r\n", "\n") {
			if _, err := io.WriteString(c, part); err != nil {
				t.Fatal(err)
			}
			time.Sleep(limit / 12) // of which there are five
		}
		resp, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatalf("a header in time: %v", err)
		}
		if status, _ := read(t, resp); status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := io.ReadAll(from); err != nil {
		t.Fatalf("a header that does not come: %v", err)
	}
	if took := time.Since(began); took < limit*9/10 {
		t.Errorf("cut off after %s", took)
	}
}

// What is still under way when drain_timeout is over is cut off, and said.
func TestDrainTimeout(t *testing.T) {
	arrived := make(chan struct{})
	r := start(t, func(w http.ResponseWriter, q *http.Request) {
		_ = http.NewResponseController(w).Flush()
		close(arrived)
		<-q.Context().Done() // the app, too, is told
	}, func(r *run) {
		r.overwrite(strings.Replace(r.text(), `drain_timeout = "5s"`, `drain_timeout = "300ms"`, 1))
	})
	r.waitReady()
	r.client.CloseIdleConnections()
	resp, err := r.request(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	<-arrived
	began := time.Now()
	r.stop()
	err = <-r.ended
	r.ended <- nil
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "requests were still under way after 300ms") {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(began); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("ended after %s", took)
	}
	if text, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the answer looks whole: %q", text)
	}
	_ = resp.Body.Close()
}

// askH2 sends one request on c, with all the room in the world for its answer.
func askH2(t *testing.T, c net.Conn, r *run) {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "GET"}, {":scheme", "https"}, {":authority", "wiki.example.com"}, {":path", "/"},
		{"x-pomerium-jwt-assertion", r.assertion()},
	} {
		if err := encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := io.WriteString(c, http2.ClientPreface)
	framer := http2.NewFramer(c, c)
	const most = 1<<31 - 1
	err = errors.Join(err, framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: most}),
		framer.WriteWindowUpdate(0, most-1<<16),
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
	if err != nil {
		t.Fatal(err)
	}
}
