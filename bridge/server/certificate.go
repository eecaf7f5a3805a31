package server

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// certificate is what the main listener shows of itself and asks of clients. It
// can be replaced while the listener is open: connections that begin afterwards
// meet the new one.
type certificate struct {
	log     *slog.Logger
	inForce atomic.Pointer[presented]
	failed  atomic.Bool // the last attempt to read it
}

type presented struct {
	from   *config.TLS
	config *tls.Config
	// clientCAs are the same pointer for as long as they are the same set.
	clientCAs *x509.CertPool
}

// use puts t in force.
func (c *certificate) use(t *config.TLS) {
	p := &presented{from: t, config: &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{*t.Certificate},
		NextProtos:   []string{"h2", "http/1.1"},
	}}
	before := c.inForce.Load()
	if p.clientCAs = t.ClientCAs; before != nil && before.clientCAs.Equal(t.ClientCAs) {
		p.clientCAs = before.clientCAs
	}
	if t.ClientCAs != nil {
		p.config.ClientAuth = tls.RequireAndVerifyClientCert
		p.config.ClientCAs = t.ClientCAs
		// A resumed session repeats what was verified in another one, perhaps by a
		// CA that has been withdrawn since.
		p.config.SessionTicketsDisabled = true
	}
	c.inForce.Store(p)
	c.failed.Store(false)
	if leaf := t.Certificate.Leaf; before == nil || !leaf.Equal(before.from.Certificate.Leaf) {
		c.log.Info("certificate in force", "file", t.CertFile, "not_after", leaf.NotAfter.Format(time.RFC3339), "names", leaf.DNSNames)
	}
}

// reread puts in force what the files hold now, or leaves everything as it was: a
// certificate and a key that are written one after the other do not match for a
// moment.
func (c *certificate) reread() {
	before := c.inForce.Load()
	if before == nil {
		return // TLS came into the configuration after the start
	}
	t, err := before.from.Reread()
	if err != nil {
		c.failed.Store(true)
		c.log.Error("certificate refused; the one before it stays in force", "error", err)
		return
	}
	c.use(t)
}

// tlsConfig asks for the one in force at each handshake.
func (c *certificate) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			p := c.inForce.Load()
			if accepted := connOf(hello.Conn); accepted != nil {
				accepted.clientCAs.Store(p.clientCAs)
			}
			return p.config, nil
		},
	}
}

// admits reports whether the client of a request would be let in now, too. A handshake
// proves it for its own time only, and connections are kept for as long as they are
// busy: a client whose CA has been withdrawn, or who came when none was asked for, could
// go on for ever.
func (c *certificate) admits(r *http.Request) bool {
	p := c.inForce.Load()
	accepted, _ := r.Context().Value(connKey{}).(*conn)
	if p == nil || r.TLS == nil || accepted == nil {
		return p == nil // without TLS, whoever can connect is let in
	}
	if accepted.clientCAs.Load() == p.clientCAs {
		return true
	}
	if p.clientCAs != nil && !vouched(r.TLS.PeerCertificates, p.clientCAs) {
		return false
	}
	accepted.clientCAs.Store(p.clientCAs)
	return true
}

// vouched verifies what crypto/tls verifies of a client's certificates.
func vouched(chain []*x509.Certificate, roots *x509.CertPool) bool {
	if len(chain) == 0 {
		return false
	}
	between := x509.NewCertPool()
	for _, each := range chain[1:] {
		between.AddCert(each)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}

func certificateDescs() (notAfter, success *prometheus.Desc) {
	return prometheus.NewDesc("ssobridge_certificate_not_after_timestamp_seconds", "When the certificate of server.listen expires.", nil, nil),
		prometheus.NewDesc("ssobridge_certificate_last_reload_successful",
			"1 if the certificate in use is the one in the files, 0 if they could not be read as one.", nil, nil)
}

// Describe and Collect make it a prometheus.Collector.
func (c *certificate) Describe(ch chan<- *prometheus.Desc) {
	notAfter, success := certificateDescs()
	ch <- notAfter
	ch <- success
}

// Collect sends nothing where there is no TLS.
func (c *certificate) Collect(ch chan<- prometheus.Metric) {
	p := c.inForce.Load()
	if p == nil {
		return
	}
	notAfter, success := certificateDescs()
	ok := 1.0
	if c.failed.Load() {
		ok = 0
	}
	ch <- prometheus.MustNewConstMetric(notAfter, prometheus.GaugeValue, float64(p.from.Certificate.Leaf.NotAfter.Unix()))
	ch <- prometheus.MustNewConstMetric(success, prometheus.GaugeValue, ok)
}
