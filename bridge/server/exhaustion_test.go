package server_test

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var servingAt = regexp.MustCompile(`msg=serving listen=(\S+) admin_listen=(\S+)`)

// own is a bridge in a process of its own, as a run whose requests go there.
func (r *run) own(p *process) *run {
	r.t.Helper()
	m := servingAt.FindStringSubmatch(p.wait("msg=serving"))
	if m == nil {
		r.t.Fatal("it does not say where it serves")
	}
	own := *r
	own.client = &http.Client{Transport: r.client.Transport, Timeout: 20 * time.Second}
	for place, text := range map[*net.Addr]string{&own.addrs.Listen: m[1], &own.addrs.Admin: m[2]} {
		addr, err := net.ResolveTCPAddr("tcp", text)
		if err != nil {
			r.t.Fatal(err)
		}
		*place = addr
	}
	return &own
}

// A process with few file descriptors, and more clients than they are enough for, who
// all keep their connections: as many are served as there is room for, each of them
// rightly; the rest wait until others go; operators get through all the time.
func TestFewFileDescriptors(t *testing.T) {
	const files, room, clients = 60, 22, 100
	r := configured(t)
	p := r.startShell(fmt.Sprintf(`ulimit -n %d && exec "$0"`, files), nil)
	p.wait(fmt.Sprintf("max_connections=10000 open_files=%d accepted=%d", files, room))
	own := r.own(p)
	operate := func(path, want string) {
		t.Helper()
		defer own.client.CloseIdleConnections()
		if status, text := own.admin(path); status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}

	served := make(chan net.Conn, clients)
	for range clients {
		c := own.dial()
		go func() {
			if status, err := own.ask(c, "/", ""); status != http.StatusOK {
				t.Errorf("%d %v", status, err)
			}
			served <- c
		}()
	}
	var open []net.Conn
	for range clients {
		if len(open) == room { // somebody has to go before another one comes
			operate("/metrics", fmt.Sprintf("\nssobridge_connections %d\n", room))
			_ = open[0].Close()
			open = open[1:]
		}
		open = append(open, <-served)
		operate("/readyz", `"ready":true`)
	}
	for _, c := range open {
		_ = c.Close()
	}
	// All is well again.
	for range 2 * room {
		if status, text := own.get(); status != http.StatusOK || text != "ann@example.com is Reader" {
			t.Fatalf("%d %q", status, text)
		}
	}
	own.client.CloseIdleConnections()
	p.term()
}

// Without any limit of connections, a process runs out of file descriptors: who finds
// none to the app gets 502, nobody anything else, and it passes with the clients.
func TestFileDescriptorExhaustion(t *testing.T) {
	const clients = 100
	r := configured(t)
	r.server("max_connections = 0")
	p := r.startShell(`ulimit -n 40 && exec "$0"`, nil)
	own := r.own(p)
	conns := make([]net.Conn, clients)
	var asking sync.WaitGroup
	for i := range conns {
		conns[i] = own.dial()
		asking.Go(func() {
			status, err := own.ask(conns[i], "/", "") // or it waits until it is closed
			if err == nil && status != http.StatusOK && status != http.StatusBadGateway {
				t.Errorf("status %d", status)
			}
		})
	}
	p.wait("connections cannot be accepted; trying again")
	for _, c := range conns {
		_ = c.Close()
	}
	asking.Wait()
	// Those who had waited come first, and may be too many once more.
	deadline := time.Now().Add(20 * time.Second)
	for well := 0; well < 50; well++ {
		status, text := own.get()
		if status == http.StatusOK && text != "ann@example.com is Reader" {
			t.Fatalf("%q", text)
		}
		if status != http.StatusOK {
			well = -1
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not recover: %d %q", status, text)
		}
	}
	if status, text := own.admin("/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, text)
	}
	own.client.CloseIdleConnections()
	p.term()
}
