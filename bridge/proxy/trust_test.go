package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// What the app is told by X-Forwarded-*, of peers who say that they forward, and of a
// silent one; of the host, never what they say. On a Unix socket nobody has an address, whatever they call themselves.
func TestForwardingPeers(t *testing.T) {
	const (
		believed = "[203.0.113.7] [app.example.com] [https]"
		ignored  = "[] [app.example.com] [http]"
		silent   = "silent.sock"
	)
	ten := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	for name, c := range map[string]struct {
		network string
		name    string // of the peer
		trusted []netip.Prefix
		unix    bool
		want    string
	}{
		"tcp, nobody trusted":              {"tcp", "", nil, false, "[127.0.0.1] [app.example.com] [http]"},
		"tcp, unix trusted":                {"tcp", "", nil, true, "[127.0.0.1] [app.example.com] [http]"},
		"tcp, trusted":                     {"tcp", "", loopback, false, "[203.0.113.7, 127.0.0.1] [app.example.com] [https]"},
		"unix, nobody trusted":             {"unix", "", nil, false, ignored},
		"unix, addresses trusted":          {"unix", "", loopback, false, ignored},
		"unix, trusted":                    {"unix", "", nil, true, believed},
		"unix, trusted, silent":            {"unix", silent, nil, true, ignored},
		"unix, trusted, with a name":       {"unix", "pomerium.sock", nil, true, believed},
		"unix, called like an address":     {"unix", "10.0.0.7:1234", ten, false, ignored},
		"unix, abstract, like an address":  {"unix", "@10.0.0.7:1234", ten, false, ignored},
		"unix, trusted, like an address":   {"unix", "10.0.0.7:1234", nil, true, believed},
		"unix, all trusted, like nobody's": {"unix", "192.0.2.1:80", ten, true, believed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir()) // where names of sockets are files
			f := newFront(t, proxy.Options{}, func(f *proxied) {
				f.upstream.TrustedProxies, f.upstream.TrustUnix = c.trusted, c.unix
				if c.network == "unix" {
					_ = f.Listener.Close()
					f.Listener = listenUnix(t, "listen.sock")
				}
			}, serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = fmt.Fprint(w, r.Header["X-Forwarded-For"], " ", r.Header["X-Forwarded-Host"], " ", r.Header["X-Forwarded-Proto"])
			}))
			addr := f.Listener.Addr()
			dialer := net.Dialer{}
			if c.name != "" {
				dialer.LocalAddr = &net.UnixAddr{Net: "unix", Name: c.name}
			}
			transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, addr.Network(), addr.String())
			}}
			defer transport.CloseIdleConnections()
			q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.name != silent {
				q.Header = http.Header{
					"X-Forwarded-For": {"203.0.113.7"}, "X-Forwarded-Host": {"wiki.example.com"}, "X-Forwarded-Proto": {"https"},
				}
			}
			resp, err := transport.RoundTrip(q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if string(got) != c.want || err != nil {
				t.Errorf("the app is told %s %v, want %s", got, err, c.want)
			}
		})
	}
}

func listenUnix(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(path) })
	return l
}
