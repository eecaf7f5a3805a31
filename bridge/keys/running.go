package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// OfRunning asks the bridge that runs on c for the keys it has.
func OfRunning(ctx context.Context, c *config.Config) ([]Issuer, error) {
	dial, host, err := dialAdmin(c.Server.AdminListen)
	if err != nil {
		return nil, fmt.Errorf("asking the running bridge: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/keys", nil)
	if err != nil {
		return nil, fmt.Errorf("asking the running bridge: %w", err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the running bridge: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the running bridge: status %d", resp.StatusCode)
	}
	var all []Issuer
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&all); err != nil {
		return nil, errors.New("asking the running bridge: it answers something else")
	}
	return all, nil
}

// dialAdmin returns how to connect to admin_listen from this machine, and the host
// to name in requests.
func dialAdmin(text string) (dial func(context.Context) (net.Conn, error), host string, err error) {
	network, address := config.SplitListen(text)
	host = "localhost"
	if network == "tcp" {
		name, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, "", err
		}
		if ip := net.ParseIP(strings.Trim(name, "[]")); name == "" || ip != nil && ip.IsUnspecified() {
			name = "127.0.0.1"
		}
		address = net.JoinHostPort(name, port)
		host = address
	}
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}, host, nil
}
