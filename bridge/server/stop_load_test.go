package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestStopUnderLoadOverTLSLosesNoRequest is TestStopUnderLoadLosesNoRequest where
// http.Server sees another connection than the listener does.
func TestStopUnderLoadOverTLSLosesNoRequest(t *testing.T) {
	ca := newAuthority(t)
	r, _ := startTLS(t, ca, "")
	l := r.startLoad(8, true, func() (net.Conn, error) {
		c, err := net.Dial("tcp", r.addrs.Listen.String())
		if err != nil {
			return nil, err
		}
		secured := tls.Client(c, &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com"})
		if err := secured.HandshakeContext(context.Background()); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("%w: %w", syscall.ECONNREFUSED, err) // no request has been sent
		}
		return secured, nil
	})
	l.until(200)
	r.client.CloseIdleConnections()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	r.ended <- nil
	l.clients.Wait()
}

// numbered is an app that knows which requests it has seen.
type numbered struct {
	mu   sync.Mutex
	seen map[string]int
}

func (n *numbered) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	_, _ = io.Copy(io.Discard, q.Body)
	id := q.Header.Get("X-Number")
	n.mu.Lock()
	n.seen[id]++
	n.mu.Unlock()
	_, _ = io.WriteString(w, id)
}

// Over HTTP/2, a GOAWAY says which requests were never looked at (RFC 9113 §6.8):
// net/http's clients send those, and no others, on another connection. So with a server
// that stops, each request is answered, or finds no connection; and no app sees one
// twice, though all are POST.
func TestStopUnderLoadOverHTTP2LosesNoRequest(t *testing.T) {
	for _, withTLS := range []bool{true, false} {
		t.Run(fmt.Sprintf("tls=%v", withTLS), func(t *testing.T) {
			app := &numbered{seen: make(map[string]int)}
			ca, scheme := newAuthority(t), "http"
			var r *run
			if withTLS {
				scheme = "https"
				r, _ = startTLSApp(t, ca, "", app.ServeHTTP)
			} else {
				r = limited(t, "h2c = true", app.ServeHTTP)
			}
			var protocols http.Protocols
			protocols.SetHTTP2(withTLS)
			protocols.SetUnencryptedHTTP2(!withTLS)
			assertion := r.assertion()
			var answered, number, gone atomic.Int64
			var reset sync.Map // by number
			var clients sync.WaitGroup
			for range 4 {
				transport := &http.Transport{
					Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com"},
				}
				t.Cleanup(transport.CloseIdleConnections)
				for range 4 { // at the same time on one connection
					clients.Go(func() {
						for {
							id := strconv.FormatInt(number.Add(1), 10)
							text, err := post(transport, scheme+"://"+r.addrs.Listen.String()+"/", assertion, id)
							var dial *net.OpError
							switch {
							case err == nil && text == id:
								answered.Add(1)
							case errors.As(err, &dial) && dial.Op == "dial":
								gone.Add(1)
								return
							case errors.Is(err, syscall.ECONNRESET): // it may never have got out of the system's queue
								gone.Add(1)
								reset.Store(id, true)
								return
							default:
								t.Errorf("request %s: %q %v", id, text, err)
								return
							}
						}
					})
				}
			}
			for answered.Load() < 400 && !t.Failed() {
				if status, _ := r.admin("/healthz"); status != http.StatusOK {
					t.Fatal(status)
				}
			}
			r.client.CloseIdleConnections()
			r.stop()
			if err := <-r.ended; err != nil {
				t.Errorf("ended with %v", err)
			}
			r.ended <- nil
			clients.Wait()
			for id, n := range app.seen {
				if _, lost := reset.Load(id); n != 1 || lost {
					t.Errorf("request %s reached the app %d times; lost: %v", id, n, lost)
				}
			}
			if gone.Load() != 16 || int64(len(app.seen)) != answered.Load() {
				t.Errorf("%d of 16 clients learnt that the server is gone; the app has seen %d requests, %d were answered",
					gone.Load(), len(app.seen), answered.Load())
			}
		})
	}
}

// post sends a numbered request by HTTP/2.
func post(by http.RoundTripper, target, assertion, number string) (string, error) {
	q, err := http.NewRequestWithContext(context.Background(), http.MethodPost, target, bytes.NewReader([]byte("a body")))
	if err != nil {
		return "", err
	}
	q.Host = "wiki.example.com"
	q.Header.Set("X-Pomerium-Jwt-Assertion", assertion)
	q.Header.Set("X-Number", number)
	resp, err := by.RoundTrip(q)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2) {
		err = fmt.Errorf("status %d by %s", resp.StatusCode, resp.Proto)
	}
	return string(text), err
}
