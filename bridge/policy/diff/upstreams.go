package policydiff

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// upstreamSettings compare where an app's requests go, and what comes back.
func upstreamSettings(oldConfig, newConfig *config.Config, o, n *config.App) []Setting {
	before, after := upstreamTexts(oldConfig, o), upstreamTexts(newConfig, n)
	settings := make([]Setting, len(upstreamKeys))
	for i, key := range upstreamKeys {
		settings[i] = Setting{key, before[key], after[key]}
	}
	return settings
}

// upstreamKeys are those of upstreamTexts, in the order of the answer.
var upstreamKeys = []string{
	"upstream", "balance", "health", "upstream_http2", "upstream_tls.ca_file", "upstream_tls.server_name",
	"upstream_tls.cert_file", "upstream_tls.key_file", "stream_grace", "stream_max", "origins", "hide",
}

func upstreamTexts(c *config.Config, a *config.App) map[string]string {
	u := &a.Upstreams
	file := func(path string) string {
		if rel, err := filepath.Rel(filepath.Dir(c.Path), path); err == nil && path != "" {
			return rel
		}
		return path
	}
	addresses := make([]string, len(u.Addresses))
	for i, address := range u.Addresses {
		addresses[i] = address.Text
	}
	balance, health := "", ""
	if u.RoundRobin {
		balance = "round-robin"
	}
	if h := u.Health; h != nil {
		health = h.Path + " every " + h.Interval.String() + ", " + h.Timeout.String() + " at most"
	}
	return map[string]string{
		"upstream": strings.Join(addresses, ", "), "balance": balance, "health": health,
		"upstream_http2":       strconv.FormatBool(u.HTTP2),
		"upstream_tls.ca_file": file(u.CAFile), "upstream_tls.server_name": u.ServerName,
		"upstream_tls.cert_file": file(u.CertFile), "upstream_tls.key_file": file(u.KeyFile),
		"stream_grace": a.Streams.Grace.String(), "stream_max": a.Streams.Max.String(),
		"origins": strings.Join(a.Streams.Origins, ", "), "hide": strings.Join(a.Hide, ", "),
	}
}
