package server_test

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// During shutdown_delay, the server says that it goes, and serves who comes all the
// same.
func TestShutdownDelay(t *testing.T) {
	r := limited(t, `shutdown_delay = "1h"`, echoLines)
	kept := r.dial()
	from := r.upgrade(kept)
	r.stop()
	r.log.wait(t, "connections are still accepted")
	if status, text := r.admin("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, `"ready":false,"draining":true`) {
		t.Errorf("readyz: %d %s", status, text)
	}
	if status, _ := r.admin("/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d, so Kubernetes would kill what still serves", status)
	}
	late := r.dial()
	lateFrom := r.upgrade(late)
	r.echo(kept, from)
	if strings.Contains(r.log.String(), "draining") {
		t.Error("the delay is over early")
	}
	r.hurry <- struct{}{}
	r.log.wait(t, "msg=draining")
	r.refuses()
	// What has begun may end.
	r.echo(kept, from)
	r.echo(late, lateFrom)
	_, _ = kept.Close(), late.Close()
	if err := <-r.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	r.ended <- nil
}

// refuses waits until there are no more connections to be had.
func (r *run) refuses() {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		c, err := net.Dial("tcp", r.addrs.Listen.String())
		if err != nil {
			return
		}
		_ = c.Close()
	}
	r.t.Error("connections are accepted for ever")
}

// balancer sends clients to a server as long as it says that it is ready.
type balancer struct {
	r    *run
	mu   sync.RWMutex // dialing, or taking the server out
	gone bool
}

// dial refuses connections in the name of another server.
func (b *balancer) dial() (net.Conn, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.gone {
		return nil, syscall.ECONNREFUSED
	}
	c, err := net.Dial("tcp", b.r.addrs.Listen.String())
	if err != nil {
		b.r.t.Errorf("refused while the balancer knows nothing: %v", err)
	}
	return c, err
}

// check is a health check.
func (b *balancer) check() {
	b.mu.Lock()
	defer b.mu.Unlock()
	status, _ := b.r.admin("/readyz")
	b.gone = status != http.StatusOK
}

// A load balancer that goes by /readyz loses nothing by a stop, though clients connect
// until it has looked.
func TestShutdownDelayBehindABalancer(t *testing.T) {
	const clients = 8
	r := limited(t, `shutdown_delay = "1h"`, echoRole)
	r.client.CloseIdleConnections()
	b := &balancer{r: r}
	l := r.startLoad(clients, true, b.dial)
	l.until(100)
	r.stop()
	r.log.wait(t, "connections are still accepted")
	for range 2 * clients { // who come before the balancer has looked
		c, err := b.dial()
		if err != nil {
			t.Fatal(err)
		}
		if status, err := r.ask(c, "/", ""); status != http.StatusOK {
			t.Errorf("%d %v", status, err)
		}
		_ = c.Close()
	}
	b.check()
	if !b.gone {
		t.Fatal("the server is ready")
	}
	for deadline := time.Now().Add(10 * time.Second); ; { // none in the system's queue
		if _, text := r.admin("/metrics"); strings.Contains(text, "\nssobridge_connections 8\n") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("there are never just the clients' connections")
		}
	}
	l.until(100)
	r.client.CloseIdleConnections()
	r.hurry <- struct{}{} // the delay is over
	l.clients.Wait()
	if err := <-r.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	r.ended <- nil
}
