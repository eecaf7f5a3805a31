package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// authority is a CA.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		Subject: pkix.Name{CommonName: "test authority"}, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, cert, key}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue returns a certificate for wiki.example.com and its key.
func (a *authority) issue(serial int64) (cert, key string) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"wiki.example.com"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func (a *authority) client(serial int64) tls.Certificate {
	a.t.Helper()
	cert, key := a.issue(serial)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

// startTLS is start with a certificate of ca, and with these keys in [server].
func startTLS(t *testing.T, ca *authority, keys string) (r *run, dir string) {
	t.Helper()
	return startTLSApp(t, ca, keys, echoRole)
}

// startTLSApp is startTLS before an app.
func startTLSApp(t *testing.T, ca *authority, keys string, app http.HandlerFunc) (r *run, dir string) {
	t.Helper()
	dir = t.TempDir()
	cert, key := ca.issue(100)
	put(t, dir+"/tls.pem", cert)
	put(t, dir+"/tls.key", key)
	r = start(t, app, func(r *run) {
		r.server(fmt.Sprintf("tls_cert_file = %q\ntls_key_file = %q\n", dir+"/tls.pem", dir+"/tls.key") + keys)
	})
	r.waitReady()
	return r, dir
}

// server adds keys to [server].
func (r *run) server(keys string) {
	r.t.Helper()
	b, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.overwrite(strings.Replace(string(b), "[server]\n", "[server]\n"+keys+"\n", 1))
}

// https asks for the app on a connection of its own.
func (r *run) https(c *tls.Config) (*http.Response, error) {
	transport := &http.Transport{
		TLSClientConfig: c, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		DialContext: (&net.Dialer{}).DialContext,
	}
	defer transport.CloseIdleConnections()
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "https://"+r.addrs.Listen.String()+"/", nil)
	if err != nil {
		return nil, err
	}
	q.Host = "wiki.example.com"
	q.Header.Set("X-Pomerium-Jwt-Assertion", r.issuer.Assertion(verifiertest.Claims{
		Audience: "wiki.example.com", Subject: "ann-id", Email: "ann@example.com",
	}))
	resp, err := transport.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(strings.NewReader(string(b)))
	return resp, err
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	r, _ := startTLS(t, ca, "")
	resp, err := r.https(&tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := read(t, resp); status != http.StatusOK || text != "ann@example.com is Reader" || resp.Proto != "HTTP/2.0" || resp.TLS.Version != tls.VersionTLS13 {
		t.Errorf("%d %q over %s, TLS %x", status, text, resp.Proto, resp.TLS.Version)
	}
	resp, err = r.https(&tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com", MaxVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("TLS 1.2: %v", err)
	}
	if _, err := r.https(&tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	// net/http answers 400, which a reset may overtake.
	if resp, err := r.request(t.Context()); err == nil && resp.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP: %d", resp.StatusCode)
	}
}

// serial returns the serial number of the certificate that r shows.
func (r *run) serial(ca *authority) int64 {
	r.t.Helper()
	resp, err := r.https(&tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com"})
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
}

// A certificate is renewed by programs that know nothing of ssobridge, one file
// after the other.
func TestRenewedCertificateNeedsNoReload(t *testing.T) {
	ca := newAuthority(t)
	r, dir := startTLS(t, ca, "")
	cert, key := ca.issue(101)
	r.log.reset()
	put(t, dir+"/tls.pem", cert)
	r.log.wait(t, "certificate refused; the one before it stays in force")
	if n := r.serial(ca); n != 100 {
		t.Errorf("without its key, certificate %d is in force", n)
	}
	if _, text := r.admin("/metrics"); !strings.Contains(text, "ssobridge_certificate_last_reload_successful 0") {
		t.Error("metrics do not show it")
	}
	put(t, dir+"/tls.key", key)
	r.log.wait(t, "certificate in force")
	if n := r.serial(ca); n != 101 {
		t.Errorf("certificate %d is in force", n)
	}
	if _, text := r.admin("/metrics"); !strings.Contains(text, "ssobridge_certificate_last_reload_successful 1") || !strings.Contains(text, "ssobridge_certificate_not_after_timestamp_seconds") {
		t.Error("metrics do not show it")
	}
	if log := r.log.String(); strings.Contains(log, "reloaded") || strings.Contains(log, "PRIVATE") {
		t.Errorf("the log has what should not be there: %s", log)
	}
}

func TestReloadReadsTheCertificate(t *testing.T) {
	ca := newAuthority(t)
	r, dir := startTLS(t, ca, "")
	cert, key := ca.issue(102)
	put(t, dir+"/new.pem", cert)
	put(t, dir+"/new.key", key)
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	half := strings.Replace(string(b), "/tls.pem", "/new.pem", 1)
	r.overwrite(half)
	if status, text := r.post("/-/reload", nil); status != http.StatusUnprocessableEntity || !strings.Contains(text, "server.tls_cert_file: ") {
		t.Errorf("half a pair: %d %s", status, text)
	}
	if n := r.serial(ca); n != 100 {
		t.Errorf("certificate %d is in force", n)
	}
	r.overwrite(strings.Replace(half, "/tls.key", "/new.key", 1))
	if status, text := r.post("/-/reload", nil); status != http.StatusOK || text != "reloaded, 1 apps\n" {
		t.Errorf("%d %s", status, text)
	}
	if n := r.serial(ca); n != 102 {
		t.Errorf("certificate %d is in force", n)
	}
}

// With tls_client_ca_file, only who has a certificate of that CA gets as far as to
// send a request.
func TestOnlyPomeriumConnects(t *testing.T) {
	ca, pomerium, other := newAuthority(t), newAuthority(t), newAuthority(t)
	caFile := filepath.Join(t.TempDir(), "pomerium-ca.pem")
	put(t, caFile, pomerium.pem())
	r, _ := startTLS(t, ca, fmt.Sprintf("tls_client_ca_file = %q", caFile))
	// What a client could resume.
	sessions := tls.NewLRUClientSessionCache(10)
	with := func(cert ...tls.Certificate) error {
		_, err := r.https(&tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com", Certificates: cert, ClientSessionCache: sessions})
		return err
	}
	before := pomerium.client(7)
	if err := with(before); err != nil {
		t.Errorf("Pomerium: %v", err)
	}
	for name, err := range map[string]error{
		"nobody":                 with(),
		"another CA's":           with(other.client(7)),
		"the server's own CA's":  with(ca.client(7)),
		"signed by who it names": with(selfSigned(t, pomerium)),
	} {
		if err == nil {
			t.Errorf("%s client got in", name)
		}
	}
	// A CA that is withdrawn vouches for nobody, resumed sessions included.
	put(t, caFile, other.pem())
	if status, text := r.post("/-/reload", nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if err := with(other.client(8)); err != nil {
		t.Errorf("a client of the new CA: %v", err)
	}
	if with(before) == nil {
		t.Error("a client of the CA that was withdrawn got in")
	}
}

// selfSigned has the issuer of a's certificates in it, but not their signature.
func selfSigned(t *testing.T, a *authority) tls.Certificate {
	t.Helper()
	forger := newAuthority(t)
	forger.cert.RawSubject, forger.cert.SubjectKeyId = a.cert.RawSubject, a.cert.SubjectKeyId
	return forger.client(7)
}
