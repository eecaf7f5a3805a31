package keys

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier"
)

// Fetched are keys that come over the network: verifier.RemoteKeys from a
// JWKS, or a verifier.Provider by discovery.
type Fetched interface {
	verifier.KeySource
	Run(ctx context.Context)
	Refresh(ctx context.Context) error
	Status() verifier.KeyStatus
}

var _, _ Fetched = (*verifier.RemoteKeys)(nil), (*verifier.Provider)(nil)

// ID is everything that an issuer's fetched keys depend on. The issuer's
// name is part of it: keys are never shared between issuers.
type ID struct {
	// Issuer is the issuer's name, CacheFile where its keys are kept for the next start;
	// empty: nowhere.
	Issuer, CacheFile string

	url, discoveryURL, caFile, clientCert, clientKey string

	insecureHTTP bool
	maxStale     time.Duration
	ca           [sha256.Size]byte // of the CA file's content
}

// IDOf returns the ID of an issuer's keys, which are kept in cacheDir if it is not empty.
func IDOf(i *config.Issuer, cacheDir string) ID {
	id := ID{
		Issuer: i.Name, url: i.JWKSURL, discoveryURL: i.DiscoveryURL,
		caFile: i.CAFile, clientCert: i.ClientCertFile, clientKey: i.ClientKeyFile,
		insecureHTTP: i.InsecureHTTP, maxStale: i.MaxStale,
	}
	if i.CAFile != "" {
		// A withdrawn CA must not stay trusted because its file's name did not
		// change. What cannot be read is reported when it is used.
		if pem, err := os.ReadFile(i.CAFile); err == nil {
			id.ca = sha256.Sum256(pem)
		}
	}
	if cacheDir != "" {
		id.CacheFile = filepath.Join(cacheDir, "keys-"+i.Name+".json")
	}
	return id
}

// Open returns the keys of an issuer with a JWKSURL or DiscoveryURL.
// It does not fetch them yet.
func Open(i *config.Issuer, cacheFile string, log *slog.Logger) (Fetched, error) {
	client, err := keyClient(i)
	if err != nil {
		return nil, err
	}
	if log != nil {
		log = log.With("issuer", i.Name)
	}
	if i.DiscoveryURL != "" {
		return verifier.NewProvider(verifier.ProviderOptions{
			Issuer: i.DiscoveryURL, Client: client, AllowHTTP: i.InsecureHTTP, MaxStale: i.MaxStale, CacheFile: cacheFile, Log: log,
		})
	}
	return verifier.NewRemoteKeys(verifier.RemoteKeysOptions{
		URL: i.JWKSURL, Client: client, AllowHTTP: i.InsecureHTTP, MaxStale: i.MaxStale, CacheFile: cacheFile, Log: log,
	})
}

func keyClient(i *config.Issuer) (*http.Client, error) {
	var (
		roots       *x509.CertPool
		certificate func() (*tls.Certificate, error)
	)
	if i.CAFile != "" {
		pem, err := os.ReadFile(i.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading ca_file: %w", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("reading ca_file: no certificate in it")
		}
	}
	if i.ClientCertFile != "" {
		certificate = func() (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(i.ClientCertFile, i.ClientKeyFile)
			return &c, err
		}
	}
	return verifier.NewKeyClient(roots, certificate), nil
}

// Fetch returns an issuer's keys as they are now, for commands: from its
// file, or fetched once.
func Fetch(ctx context.Context, i *config.Issuer) (verifier.KeySource, error) {
	if !i.Fetched() {
		return verifier.StaticKeys(i.Static...), nil
	}
	keys, err := Open(i, "", nil)
	if err != nil {
		return nil, err
	}
	if err := keys.Refresh(ctx); err != nil {
		return nil, err
	}
	return keys, nil
}
