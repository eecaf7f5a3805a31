package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// A WebSocket that is to end before its answer has been sent, as a reload may just then
// have it, begins all the same: a close frame before the status line would be no HTTP.
func TestWebSocketThatEndsBeforeItsAnswer(t *testing.T) {
	app := raw(t, func(c net.Conn, br *bufio.Reader) {
		if _, err := readHead(br); err != nil {
			return
		}
		_, _ = io.WriteString(c, switched)
		_, _ = io.Copy(io.Discard, br)
	})
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{app.address(t)}}, func(f *proxied) {
		f.tunnel = func(t *proxy.Tunnel) func() {
			t.End(proxy.CloseGoingAway, "access has changed")
			return func() {}
		}
	})
	_, br := dialTunnel(t, f.Listener.Addr().String())
	got, err := io.ReadAll(br)
	if want := []byte("\x88\x14\x03\xe9access has changed"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
}
