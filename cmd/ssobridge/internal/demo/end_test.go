package demo

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

func TestBusyPort(t *testing.T) {
	var lc net.ListenConfig
	busy, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	port := busy.Addr().(*net.TCPAddr).Port
	address := busy.Addr().String()
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"stand-in", Options{Port: port}, "listen tcp " + address + ": bind: address already in use; choose another port with --port, or 0 for any free one"},
		{"bridge", Options{BridgePort: port}, "listen tcp " + address + ": bind: address already in use; choose another port with --bridge-port, or 0 for any free one"},
		{"admin", Options{AdminPort: port}, "listen tcp " + address + ": bind: address already in use; choose another port with --admin-port, or 0 for any free one"},
		{"twice the same", Options{Port: 1, BridgePort: 2, AdminPort: 2}, "--bridge-port and --admin-port are both 2; give each a port of its own"},
		{"no port", Options{BridgePort: 65536}, "--bridge-port is 65536; ports go from 1 to 65535, and 0 is any free one"},
		{"negative", Options{AdminPort: -1}, "--admin-port is -1; ports go from 1 to 65535, and 0 is any free one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			out := make(outbox, 1)
			tt.o.Out = out
			err := Run(t.Context(), tt.o)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v\nwant  %s", err, tt.want)
			}
			if _, usage := errors.AsType[*OptionError](err); usage != strings.HasPrefix(tt.want, "--") {
				t.Errorf("an error of the options: %v", usage)
			}
			if len(out) > 0 {
				t.Errorf("printed %q", <-out)
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("left %v (%v)", left, err)
			}
		})
	}
}

// TestEnd ends the demo while a browser holds connections that it has not used
// yet, as browsers do.
func TestEnd(t *testing.T) {
	d := startDemo(t)
	front, err := url.Parse(d.grafana)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		spare, err := new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.1:"+front.Port())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = spare.Close() }()
	}
	curl(t, d.grafana+"/", http.Header{"Cookie": {sessionCookie + "=ann"}})
	began := time.Now()
	if err := d.stop(); err != nil {
		t.Errorf("the demo ended with %v", err)
	}
	if took := time.Since(began); took > 4*grace {
		t.Errorf("ending took %s", took)
	}
	if _, err := os.Stat(d.config); !os.IsNotExist(err) {
		t.Errorf("the configuration is still there (%v)", err)
	}
	for _, address := range []string{d.bridge, d.admin, "http://127.0.0.1:" + front.Port()} {
		if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(address, "http://")); err == nil {
			_ = conn.Close()
			t.Errorf("%s is still open", address)
		}
	}
}

// TestEndBeforeBegin is Ctrl-C while the demo starts.
func TestEndBeforeBegin(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ctx, Options{Out: make(outbox, 1)}); err != nil {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

// brokenPipe is an Out that nobody reads.

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errBrokenPipe }

var errBrokenPipe = errors.New("broken pipe")

func TestUnreadableGuide(t *testing.T) {
	if err := Run(t.Context(), Options{Out: brokenPipe{}}); !errors.Is(err, errBrokenPipe) {
		t.Errorf("error %v", err)
	}
}
