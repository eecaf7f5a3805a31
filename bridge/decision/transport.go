package decision

import (
	"log/slog"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// TransportOptions say how an app is reached. The log receives what becomes of its
// addresses.
func TransportOptions(a *config.App, log *slog.Logger) proxy.Options {
	o := proxy.Options{
		RoundRobin: a.Upstreams.RoundRobin,
		HTTP2:      a.Upstreams.HTTP2,
		TLS:        a.Upstreams.TLS,
		Timeout:    a.Timeout,
		Log:        log.With(slog.String("app", a.Name)),
	}
	for _, address := range a.Upstreams.Addresses {
		o.Addresses = append(o.Addresses, proxy.Address{URL: address.URL, Socket: address.Socket})
	}
	if h := a.Upstreams.Health; h != nil {
		o.Health = &proxy.Health{Path: h.Path, Interval: h.Interval, Timeout: h.Timeout}
		if a.PreserveHost {
			o.Health.Host = a.Host
		}
	}
	return o
}
