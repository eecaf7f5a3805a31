package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what stores do. One outlives the stores of all reloads. Its labels
// are from fixed sets.
type Metrics struct {
	operations *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	unreadable prometheus.Counter
	evictions  prometheus.Counter
	entries    prometheus.Gauge
	bytes      prometheus.Gauge
}

// NewMetrics returns metrics to be registered once.
func NewMetrics() *Metrics {
	m := &Metrics{
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_session_store_operations_total",
			Help: "Operations of the session store by place (memory, redis), operation (load, swap, delete) and outcome (ok, failed). " +
				"Beside redis, memory stands in for it.",
		}, []string{"place", "operation", "outcome"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ssobridge_session_store_operation_duration_seconds",
			Help:    "How long operations on a Redis took, those that failed included.",
			Buckets: []float64{100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5},
		}, []string{"operation"}),
		unreadable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ssobridge_session_store_unreadable_total",
			Help: "Sessions that were there and could not be decrypted: under a key that is gone, or changed by somebody.",
		}),
		evictions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ssobridge_session_store_evictions_total",
			Help: "Sessions in memory that were forgotten before their end, to make room.",
		}),
		entries: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ssobridge_session_store_entries",
			Help: "Sessions in memory.",
		}),
		bytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ssobridge_session_store_bytes",
			Help: "What the sessions in memory take.",
		}),
	}
	for _, operation := range []string{opLoad, opSwap, opDelete} {
		for _, place := range []string{placeMemory, placeRedis} {
			m.operations.WithLabelValues(place, operation, outcomeOK)
			m.operations.WithLabelValues(place, operation, outcomeFailed)
		}
	}
	return m
}

const (
	placeMemory, placeRedis  = "memory", "redis"
	opLoad, opSwap, opDelete = "load", "swap", "delete"
	outcomeOK, outcomeFailed = "ok", "failed"
)

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.operations, m.durations, m.unreadable, m.evictions, m.entries, m.bytes}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(c chan<- *prometheus.Desc) {
	for _, each := range m.collectors() {
		each.Describe(c)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(c chan<- prometheus.Metric) {
	for _, each := range m.collectors() {
		each.Collect(c)
	}
}

func (m *Metrics) evicted() {
	if m != nil {
		m.evictions.Inc()
	}
}

func (m *Metrics) notReadable() {
	if m != nil {
		m.unreadable.Inc()
	}
}

func (m *Metrics) holds(entries, bytes int) {
	if m != nil {
		m.entries.Add(float64(entries))
		m.bytes.Add(float64(bytes))
	}
}

// operation counts one, and for how long it took if that is not next to nothing.
func (m *Metrics) operation(place, operation string, took time.Duration, err error) {
	if m == nil {
		return
	}
	outcome := outcomeOK
	if err != nil {
		outcome = outcomeFailed
	}
	m.operations.WithLabelValues(place, operation, outcome).Inc()
	if place == placeRedis {
		m.durations.WithLabelValues(operation).Observe(took.Seconds())
	}
}
