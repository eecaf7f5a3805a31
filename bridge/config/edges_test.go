package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestEdges: each limit and time takes the least and the most that it may be, and
// nothing beyond.
func TestEdges(t *testing.T) {
	const anything = "" // there is no value beyond
	for _, c := range []struct {
		table, key                string
		tooLittle, from, to, more string
	}{
		{"server", "max_assertion_bytes", "1023", "1024", "1048576", "1048577"},
		{"server", "max_header_bytes", "4095", "4096", "1048576", "1048577"},
		{"server", "max_uri_bytes", "255", "256", "1048576", "1048577"},
		{"server", "max_connections", "-1", "0", "1048576", "1048577"},
		{"server", "max_concurrent_streams", "0", "1", "10000", "10001"},
		{"server", "read_header_timeout", `"0s"`, `"1ms"`, `"1h"`, anything},
		{"server", "idle_timeout", `"0s"`, `"1ms"`, `"24h"`, anything},
		{"server", "stall_timeout", `"0s"`, `"1ms"`, `"24h"`, anything},
		{"server", "shutdown_delay", `"-1ms"`, `"0s"`, `"1h"`, anything},
		{"server", "drain_timeout", `"0s"`, `"1ms"`, `"24h"`, anything},
		{"app.grafana", "timeout", `"0s"`, `"1ms"`, `"24h"`, anything},
		{"app.grafana", "stream_grace", `"-1ms"`, `"0s"`, `"1000h"`, anything},
		{"app.grafana", "stream_max", `"0s"`, `"1ms"`, `"1000h"`, anything},
		{"app.grafana", "max_concurrent_per_person", "-1", "0", "5000", "5001"},
		{"app.grafana", "max_concurrent", "-1", "0", "1000000", anything},
		{"app.grafana", "max_body_bytes", "0", "1", "9223372036854775807", anything},
		{"app.grafana", "rate", `"0/s"`, `"1/h"`, `"1000000/s"`, `"1000001/s"`},
		{"app.grafana", "rate = \"1/s\"\nburst", "0", "1", "1000000", "1000001"},
		{"app.grafana", "health.interval", `"0s"`, `"1ms"`, `"24h"`, anything},
		{"app.grafana", "health.timeout", `"0s"`, `"1ms"`, `"24h"`, anything},
		{"issuer.pomerium", "leeway", `"-1ms"`, `"0s"`, `"5m"`, `"5m1ms"`},
		{"issuer.pomerium", "max_stale", `"14m59s"`, `"15m"`, `"168h"`, `"168h1s"`},
	} {
		for _, v := range []struct {
			text  string
			valid bool
		}{{c.tooLittle, false}, {c.from, true}, {c.to, true}, {c.more, false}} {
			if v.text == anything {
				continue
			}
			base := "[server]\n" + minimal
			if strings.HasPrefix(c.key, "health.") {
				base = strings.Replace(base, `upstream = "http://127.0.0.1:3000"`,
					"upstreams = [\"http://127.0.0.1:3000\", \"http://127.0.0.1:3001\"]\nhealth.path = \"/\"", 1)
			}
			header := "[" + c.table + "]\n"
			text := strings.Replace(base, header, fmt.Sprintf("%s%s = %s\n", header, c.key, v.text), 1)
			_, err := Load(write(t, map[string]string{"config.toml": text}))
			if v.valid && err != nil {
				t.Error(err)
			}
			key := c.table + "." + c.key[strings.LastIndex(c.key, "\n")+1:]
			var problems Problems
			if !v.valid && (!errors.As(err, &problems) || len(problems) != 1 || problems[0].Key != key) {
				t.Errorf("%s = %s: %v", key, v.text, err)
			}
		}
	}
}
