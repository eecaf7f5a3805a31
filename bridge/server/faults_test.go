package server_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A request that panics ends, and nothing else on its connection does.
func TestPanicUnderHTTP2(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	ca := newAuthority(t)
	r, _ := startTLSApp(t, ca, "", func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			close(arrived)
			<-release
		}
		echoRole(w, q)
	})
	r.log.panicOn("reason=assertion_missing")
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	transport := &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com"}}
	conn, err := transport.NewClientConn(t.Context(), "https", r.addrs.Listen.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ask := func(path, assertion string) (*http.Response, error) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://wiki.example.com"+path, nil)
		if err != nil {
			return nil, err
		}
		if assertion != "" {
			q.Header.Set("X-Pomerium-Jwt-Assertion", assertion)
		}
		return conn.RoundTrip(q)
	}
	type answer struct {
		resp *http.Response
		err  error
	}
	slow := make(chan answer, 1)
	go func() {
		resp, err := ask("/slow", r.assertion())
		slow <- answer{resp, err}
	}()
	<-arrived
	for range 3 {
		if resp, err := ask("/", ""); err == nil || !strings.Contains(err.Error(), "INTERNAL_ERROR") {
			t.Fatalf("a request that panics: %v %v", resp, err)
		}
	}
	resp, err := ask("/", r.assertion())
	if err != nil {
		t.Fatal(err)
	}
	if status, text := read(t, resp); status != http.StatusOK || text != "ann@example.com is Reader" {
		t.Errorf("the next on this connection: %d %q", status, text)
	}
	close(release)
	a := <-slow
	if a.err != nil {
		t.Fatalf("the one beside it: %v", a.err)
	}
	if status, text := read(t, a.resp); status != http.StatusOK || text != "ann@example.com is Reader" {
		t.Errorf("the one beside it: %d %q", status, text)
	}
	log := r.log.String()
	if strings.Count(log, "msg=panic app=wiki type=string") != 3 || strings.Contains(log, "a fault of the test's") {
		t.Errorf("the log does not say that, or says what it must not: %s", log)
	}
}

// resetAfter resets the connection once so many bytes are written.
type resetAfter struct {
	*net.TCPConn
	left int
}

func (r *resetAfter) Write(p []byte) (int, error) {
	n, err := r.TCPConn.Write(p[:min(r.left, len(p))])
	if r.left -= n; r.left <= 0 {
		_ = r.SetLinger(0)
		_ = r.Close()
		return n, io.ErrClosedPipe
	}
	return n, err
}

// A client that resets its connection amid the handshake, wherever, leaves nothing
// behind and disturbs nobody.
func TestResetAmidTheTLSHandshake(t *testing.T) {
	ca := newAuthority(t)
	r, _ := startTLS(t, ca, "max_connections = 2") // more than that are never left over
	c := &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com"}
	r.client.CloseIdleConnections()
	for _, bytes := range []int{1, 5, 6, 40, 300, 1000, 1600} {
		for range 4 {
			client := tls.Client(&resetAfter{r.dial().(*net.TCPConn), bytes}, c)
			if err := client.HandshakeContext(t.Context()); err == nil {
				_, _ = client.Write(make([]byte, 2000)) // what has been left to write
			}
		}
		if resp, err := r.https(c); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("after resets behind %d bytes: %v", bytes, err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, text := r.admin("/metrics"); strings.Contains(text, "\nssobridge_connections 0\n") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("connections are left over")
		}
	}
	if log := r.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("whoever connects can fill the log: %s", log)
	}
}
