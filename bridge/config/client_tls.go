package config

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
)

// clientTLS is how a server is verified, and what it is shown.
type clientTLS struct {
	// ca, cert and key are the keys of the files, caFile, certFile and keyFile.
	ca, cert, key             place
	caFile, certFile, keyFile string
}

// defaultClientTLS is that of TLS without files.
func defaultClientTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// keyName is the last part of a key's path.
func (p place) keyName() string { return p.path[strings.LastIndex(p.path, ".")+1:] }

// read returns what the files say, nil if there are none or they are not to be read,
// and what stands in them.
func (t *clientTLS) read(l *loader) (config *tls.Config, contents []string) {
	l.checkNotBlank(t.ca, t.caFile, "name the file with the CA certificates, or leave the key out for the system's")
	l.checkNotBlank(t.cert, t.certFile, "name the file with the certificate, or leave the key out")
	l.checkNotBlank(t.key, t.keyFile, "name the file with the private key, or leave the key out")
	switch {
	case t.certFile != "" && t.keyFile == "":
		l.report.add(t.cert, "needs %s, its private key", t.key.keyName())
		return nil, nil
	case t.certFile == "" && t.keyFile != "":
		l.report.add(t.key, "needs %s, the certificate of the key", t.cert.keyName())
		return nil, nil
	case t.caFile == "" && t.certFile == "", !l.keys:
		return nil, nil
	}
	read := func(at place, file string) []byte {
		data, err := readRegular(file, maxKeyBytes)
		if err != nil {
			l.report.add(at, "%v", err)
		}
		contents = append(contents, string(data))
		return data
	}
	config = defaultClientTLS()
	if t.caFile != "" {
		config.RootCAs = x509.NewCertPool()
		if data := read(t.ca, t.caFile); data != nil && !config.RootCAs.AppendCertsFromPEM(data) {
			l.report.add(t.ca, "%s: no certificate found; one starts with -----BEGIN CERTIFICATE-----", t.caFile)
		}
	}
	if t.certFile == "" {
		return config, contents
	}
	chain, private := read(t.cert, t.certFile), read(t.key, t.keyFile)
	if chain == nil || private == nil {
		return config, contents
	}
	if err := worldReadable(t.keyFile); err != nil {
		l.report.add(t.key, "%v", err)
	}
	pair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		l.report.add(t.cert, "%s and %s are no certificate with its key: %v", t.certFile, t.keyFile, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, contents
}
