package verifier_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// A Pomerium that lets nobody near without a client certificate.
func TestKeysWithAClientCertificate(t *testing.T) {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	mine, theirs := selfSigned(t), selfSigned(t)
	clients := x509.NewCertPool()
	clients.AddCert(mine.Leaf)
	server := httptest.NewUnstartedServer(issuer.Handler())
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	refresh := func(certificate func() (*tls.Certificate, error)) error {
		client := verifier.NewKeyClient(roots, certificate)
		t.Cleanup(client.CloseIdleConnections)
		keys, err := verifier.NewRemoteKeys(verifier.RemoteKeysOptions{URL: server.URL + verifiertest.JWKSPath, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		return keys.Refresh(t.Context())
	}
	if err := refresh(nil); err == nil {
		t.Error("without a certificate")
	}
	if err := refresh(func() (*tls.Certificate, error) { return theirs, nil }); err == nil {
		t.Error("with somebody else's certificate")
	}
	if err := refresh(func() (*tls.Certificate, error) { return nil, errors.New("key file is gone") }); err == nil || !strings.Contains(err.Error(), "key file is gone") {
		t.Errorf("with a certificate that cannot be read: %v", err)
	}
	if err := refresh(func() (*tls.Certificate, error) { return mine, nil }); err != nil {
		t.Errorf("with ours: %v", err)
	}
}

func selfSigned(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ssobridge"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// The bounds of a fetch, to the byte and to the hop.
func TestFetchAtItsBounds(t *testing.T) {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	var (
		size atomic.Int64
		hops atomic.Int64
	)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		jwks := issuer.JWKS()
		_, _ = w.Write(append(jwks, strings.Repeat(" ", max(0, int(size.Load())-len(jwks)))...))
	})
	mux.HandleFunc("GET /hop", func(w http.ResponseWriter, r *http.Request) {
		if hops.Add(-1) < 0 {
			http.Redirect(w, r, "/keys", http.StatusFound)
			return
		}
		http.Redirect(w, r, "/hop", http.StatusFound)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	refresh := func(path string) error {
		client := verifier.NewKeyClient(nil, nil)
		t.Cleanup(client.CloseIdleConnections)
		keys, err := verifier.NewRemoteKeys(verifier.RemoteKeysOptions{URL: server.URL + path, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		return keys.Refresh(t.Context())
	}
	for bytes, ok := range map[int64]bool{1 << 20: true, 1<<20 + 1: false} {
		size.Store(bytes)
		if err := refresh("/keys"); (err == nil) != ok {
			t.Errorf("%d bytes: %v", bytes, err)
		}
	}
	size.Store(0)
	for redirects, ok := range map[int64]bool{1: true, 3: true, 4: false} {
		hops.Store(redirects - 1)
		if err := refresh("/hop"); (err == nil) != ok {
			t.Errorf("%d redirects: %v", redirects, err)
		}
	}
}

// The bounds of discovery, to the byte.
func TestDiscoveryAtItsBounds(t *testing.T) {
	idp := serveIDP(t)
	refresh := func() error {
		return newProvider(t, verifier.ProviderOptions{Issuer: idp.url, Client: &http.Client{Transport: keyClient(t).Transport}}).Refresh(t.Context())
	}
	document := string(changes{}.of(idp.document()))
	for size, ok := range map[int]bool{1 << 20: true, 1<<20 + 1: false} {
		idp.setFault(body(document + strings.Repeat(" ", size-len(document))))
		if err := refresh(); (err == nil) != ok {
			t.Errorf("a document of %d bytes: %v", size, err)
		}
	}
	idp.heal()
	at := idp.document()["jwks_uri"].(string) + "?"
	for size, ok := range map[int]bool{2 << 10: true, 2<<10 + 1: false} {
		idp.moveKeys(at + strings.Repeat("a", size-len(at)))
		if err := refresh(); (err == nil) != ok {
			t.Errorf("a jwks_uri of %d bytes: %v", size, err)
		}
	}
}

func TestCacheAtItsBound(t *testing.T) {
	inCache(t, func(c *cached) {
		c.fill()
		text := c.text()
		for size, want := range map[int]verifier.Reason{2 << 20: "", 2<<20 + 1: verifier.ReasonKeysUnavailable} {
			c.write(text + strings.Repeat(" ", size-len(text)))
			wantKey(c.t, c.start(), c.idp.issuer.KeyID(), want)
		}
	})
}

func TestInspectAtTheSizeLimit(t *testing.T) {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	assertion := issuer.Assertion(verifiertest.Claims{Audience: "a.example.com", Subject: "s"})
	for limit, want := range map[int]verifier.Outcome{len(assertion): verifier.Passed, len(assertion) - 1: verifier.Failed} {
		i, err := verifier.Inspect(t.Context(), nil, verifier.Options{MaxBytes: limit}, assertion)
		if err != nil {
			t.Fatal(err)
		}
		if got := i.Checks[0]; got.Name != "size" || got.Outcome != want {
			t.Errorf("%d bytes with a limit of %d: %+v", len(assertion), limit, got)
		}
	}
}

func TestInspectOfAnAssertionWithoutAKeyID(t *testing.T) {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := verifier.ParsePEM(issuer.PublicPEM())
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		`{"alg":"ES256","typ":"JWT"}`:                                "the header names none",
		`{"alg":"ES256","kid":"` + issuer.KeyID() + `","typ":"JWT"}`: "the issuer has a key of this ID",
	} {
		i, err := verifier.Inspect(t.Context(), verifier.StaticKeys(keys...), verifier.Options{}, issuer.Sign([]byte(header), []byte(`{}`)))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range i.Checks {
			if c.Name == "key" && (c.Outcome != verifier.Passed || !strings.HasPrefix(c.Detail, want)) {
				t.Errorf("%s: %+v", header, c)
			}
		}
	}
}
