package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// TLS is what a listener shows of itself, and what it asks of clients.
type TLS struct {
	// CertFile, KeyFile and ClientCAFile are where the rest came from.
	CertFile, KeyFile, ClientCAFile string
	// Certificate is the chain with its key.
	Certificate *tls.Certificate
	// ClientCAs vouch for clients, who then must show a certificate; nil: nobody
	// is asked for one.
	ClientCAs *x509.CertPool
}

// Reread returns what the files hold now. It is all of it or an error.
func (t *TLS) Reread() (*TLS, error) {
	fresh := &TLS{CertFile: t.CertFile, KeyFile: t.KeyFile, ClientCAFile: t.ClientCAFile}
	if key, err := fresh.read(); err != nil {
		return nil, fmt.Errorf("server.%s: %w", key, err)
	}
	return fresh, nil
}

// read fills in what is in the files. With an error goes the key of the file that
// is to blame.
func (t *TLS) read() (key string, err error) {
	const certKey, keyKey, clientCAKey = "tls_cert_file", "tls_key_file", "tls_client_ca_file"
	chain, err := readRegular(t.CertFile, maxKeyBytes)
	if err != nil {
		return certKey, err
	}
	private, err := readRegular(t.KeyFile, maxKeyBytes)
	if err != nil {
		return keyKey, err
	}
	if err := worldReadable(t.KeyFile); err != nil {
		return keyKey, err
	}
	pair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		return certKey, fmt.Errorf("%s and %s are no certificate with its key: %w", t.CertFile, t.KeyFile, err)
	}
	t.Certificate = &pair
	if t.ClientCAFile == "" {
		return "", nil
	}
	authorities, err := readRegular(t.ClientCAFile, maxKeyBytes)
	if err != nil {
		return clientCAKey, err
	}
	t.ClientCAs = x509.NewCertPool()
	if !t.ClientCAs.AppendCertsFromPEM(authorities) {
		return clientCAKey, fmt.Errorf("%s: no certificate found; one starts with -----BEGIN CERTIFICATE-----", t.ClientCAFile)
	}
	return "", nil
}

// validTLS returns nil where none is configured.
func (l *loader) validTLS(at place, written serverTable) *TLS {
	cert, key, clientCA := at.key("tls_cert_file"), at.key("tls_key_file"), at.key("tls_client_ca_file")
	l.checkNotBlank(cert, written.TLSCert, "name the file with the certificate chain, or remove the key")
	l.checkNotBlank(key, written.TLSKey, "name the file with the private key, or remove the key")
	// Blank, it would let everybody connect.
	l.checkNotBlank(clientCA, written.ClientCA, "name the file with the certificates of the CA that vouches for Pomerium, or remove the key")
	switch {
	case written.TLSCert == "" && written.TLSKey == "":
		if written.ClientCA != "" {
			l.report.add(clientCA, "needs tls_cert_file and tls_key_file: without TLS, no client shows a certificate")
		}
		return nil
	case written.TLSKey == "":
		l.report.add(cert, "needs tls_key_file, its private key")
		return nil
	case written.TLSCert == "":
		l.report.add(key, "needs tls_cert_file, the certificate of the key")
		return nil
	}
	t := &TLS{
		CertFile: resolvePath(cert, written.TLSCert), KeyFile: resolvePath(key, written.TLSKey),
		ClientCAFile: resolvePath(clientCA, written.ClientCA),
	}
	if !l.keys {
		return t
	}
	if blamed, err := t.read(); err != nil {
		l.report.add(at.key(blamed), "%v", err)
	}
	return t
}
