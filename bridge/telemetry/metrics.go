// Package telemetry counts what the bridge does. Every label comes from a fixed
// set or from the configuration, never from a request, so that no client can
// make new series.
package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The outcomes of a request.
const (
	// Allowed: answered by the upstream.
	Allowed = "allowed"
	// Public: answered by the upstream, for nobody in particular.
	Public = "public"
	// OwnCredential: answered by the upstream, with a credential of the app's own.
	OwnCredential = "own_credential" //nolint:gosec // G101: a label, and no credential
	// Refused: answered by the bridge, because of the request.
	Refused = "refused"
	// Failed: answered by the bridge, because of itself, the issuer or the
	// upstream.
	Failed = "failed"
)

// Metrics are the bridge's metrics, in a registry of their own.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	refusals *prometheus.CounterVec
	decision *prometheus.HistogramVec
	duration *prometheus.HistogramVec
	sessions *prometheus.CounterVec
	cookies  *prometheus.CounterVec
	reloadOK prometheus.Gauge
	reloaded prometheus.Gauge
}

// New returns metrics that know their build by version.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_requests_total",
			Help: "Requests by app and outcome: allowed, public, own_credential, refused or failed.",
		}, []string{"app", "outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_refusals_total",
			Help: "Requests that did not get their answer from the upstream, by app and reason.",
		}, []string{"app", "reason"}),
		decision: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ssobridge_decision_duration_seconds",
			Help:    "Time from a request's arrival to its decision: what the bridge itself adds.",
			Buckets: []float64{25e-6, 50e-6, 100e-6, 200e-6, 400e-6, 800e-6, 1.6e-3, 5e-3, 20e-3, 100e-3},
		}, []string{"app"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ssobridge_request_duration_seconds",
			Help:    "Time from a request's arrival to the end of its answer, the upstream's included.",
			Buckets: prometheus.DefBuckets,
		}, []string{"app"}),
		sessions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_sessions_total",
			Help: "What became of sessions of apps: kept, foreign, other (person, role or sign-in), expired, started, start_failed, gone, signed_out, store_failed.",
		}, []string{"app", "event"}),
		cookies: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ssobridge_cookies_dropped_total",
			Help: "Cookies of requests that did not go on to the app, because servers read them in different ways.",
		}, []string{"app"}),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ssobridge_config_last_reload_successful",
			Help: "1 if the last load of the configuration succeeded, 0 if the one before it is still in use.",
		}),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ssobridge_config_last_reload_success_timestamp_seconds",
			Help: "When the configuration in use was loaded.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "ssobridge_build_info",
		Help:        "1, labelled with the version of the binary.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.refusals, m.decision, m.duration, m.sessions, m.cookies, m.reloadOK, m.reloaded, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Register adds a collector, such as the one for key ages.
func (m *Metrics) Register(c prometheus.Collector) { m.registry.MustRegister(c) }

// Gatherer gives the metrics as they are now.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Handler serves the metrics in Prometheus' exposition formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Session records what became of a session of an app; event is from a fixed set.
func (m *Metrics) Session(app, event string) { m.sessions.WithLabelValues(app, event).Inc() }

// Reloaded records the outcome of loading the configuration.
func (m *Metrics) Reloaded(ok bool, at time.Time) {
	if !ok {
		m.reloadOK.Set(0)
		return
	}
	m.reloadOK.Set(1)
	m.reloaded.Set(float64(at.Unix()))
}

// App are the metrics of one app, looked up once per configuration and not per
// request.
type App struct {
	m        *Metrics
	name     string
	allowed  prometheus.Counter
	cookies  prometheus.Counter
	decision prometheus.Observer
	duration prometheus.Observer
}

// App returns the metrics of the app of this name; "" counts requests for no
// app.
func (m *Metrics) App(name string) *App {
	return &App{
		m:        m,
		name:     name,
		allowed:  m.requests.WithLabelValues(name, Allowed),
		cookies:  m.cookies.WithLabelValues(name),
		decision: m.decision.WithLabelValues(name),
		duration: m.duration.WithLabelValues(name),
	}
}

// Decided records that it took d to allow a request.
func (a *App) Decided(d time.Duration) { a.decision.Observe(d.Seconds()) }

// Allowed records that the upstream has answered a request, to the end: an
// upgraded connection is counted when it closes.
func (a *App) Allowed() { a.allowed.Inc() }

// Public records that the upstream has answered a request that needed no identity.
func (a *App) Public() { a.m.requests.WithLabelValues(a.name, Public).Inc() }

// CookiesDropped records cookies of one request that did not go on to the app.
func (a *App) CookiesDropped(n int) {
	if n > 0 {
		a.cookies.Add(float64(n))
	}
}

// OwnCredential records that the upstream has answered a request with a credential of its
// own.
func (a *App) OwnCredential() { a.m.requests.WithLabelValues(a.name, OwnCredential).Inc() }

// Refused records a request that the bridge answered itself. outcome is Refused
// or Failed, reason from a fixed set.
func (a *App) Refused(outcome, reason string) {
	a.m.requests.WithLabelValues(a.name, outcome).Inc()
	a.m.refusals.WithLabelValues(a.name, reason).Inc()
}

// Answered records how long the whole request took.
func (a *App) Answered(d time.Duration) { a.duration.Observe(d.Seconds()) }
