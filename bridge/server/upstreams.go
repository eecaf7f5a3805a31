package server

import "github.com/prometheus/client_golang/prometheus"

func upstreamUpDesc() *prometheus.Desc {
	return prometheus.NewDesc("ssobridge_upstream_up",
		"1 if one of an app's several addresses takes connections and passes its health checks, as far as is known; 0: it is asked last.",
		[]string{"app", "upstream"}, nil)
}

// collectUpstreams sends what is known of addresses; of one that is an app's only one,
// nothing depends on it.
func (s *state) collectUpstreams(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, t := range s.transports {
		states := t.State()
		if len(states) < 2 {
			continue
		}
		for _, address := range states {
			up := 0.0
			if address.Up {
				up = 1
			}
			ch <- prometheus.MustNewConstMetric(upstreamUpDesc(), prometheus.GaugeValue, up, id.app, address.Address)
		}
	}
}
