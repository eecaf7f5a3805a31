package verifier_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestCheckKeyURL(t *testing.T) {
	const (
		notAbsolute = "not an absolute URL"
		plain       = "plain http"
	)
	for rawURL, want := range map[string]string{
		"https://app.example.com/.well-known/pomerium/jwks.json": "",
		"https://app.example.com:8443/keys?v=1":                  "",
		"HTTPS://app.example.com/keys":                           "",
		"https://[2001:db8::1]/keys":                             "",
		"http://127.0.0.1:5443/keys":                             "",
		"http://127.8.9.10/keys":                                 "",
		"http://[::1]/keys":                                      "",
		"http://localhost/keys":                                  "",
		"http://pomerium.localhost/keys":                         "",
		"http://app.example.com/keys":                            plain,
		"http://localhost.example.com/keys":                      plain,
		"http://127.0.0.1.example.com/keys":                      plain,
		"http://notlocalhost/keys":                               plain,
		"http://10.0.0.1/keys":                                   plain,
		"http://0.0.0.0/keys":                                    plain,
		"http://127.1/keys":                                      plain,
		"http://169.254.169.254/latest":                          plain,
		"":                                                       notAbsolute,
		"app.example.com/keys":                                   notAbsolute,
		"/keys":                                                  notAbsolute,
		"//app.example.com/keys":                                 `scheme ""`,
		"https:///keys":                                          notAbsolute,
		"https://:443/keys":                                      notAbsolute,
		"https:app.example.com":                                  notAbsolute,
		"https://app.example.com/%zz":                            notAbsolute,
		"https://app.example.com\n/keys":                         notAbsolute,
		"file:///etc/passwd":                                     notAbsolute,
		"ftp://app.example.com/keys":                             `scheme "ftp"; keys are fetched by https`,
		"gopher://app.example.com/keys":                          `scheme "gopher"`,
		"https://user:secret@app.example.com/keys":               "neither user info nor fragment",
		"https://app.example.com@evil.example.com/keys":          "neither user info nor fragment",
		"https://app.example.com/keys#top":                       "neither user info nor fragment",
	} {
		err := verifier.CheckKeyURL(rawURL, false)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", rawURL, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the password: %v", err)
		}
		if _, errNew := verifier.NewRemoteKeys(verifier.RemoteKeysOptions{URL: rawURL}); (errNew == nil) != (err == nil) {
			t.Errorf("%q: NewRemoteKeys says %v", rawURL, errNew)
		}
		if err := verifier.CheckKeyURL(rawURL, true); (err == nil) != (want == "" || want == plain) {
			t.Errorf("%q, with http allowed: %v", rawURL, err)
		}
	}
}

// serveTLS is serve with a certificate of a private CA, which it returns.
func serveTLS(t *testing.T, issuer *verifiertest.Issuer, c *tls.Config) (url string, roots *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(issuer.Handler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of clients that do not trust it
	server.TLS = c
	server.StartTLS()
	t.Cleanup(server.Close)
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.URL + verifiertest.JWKSPath, roots
}

func TestRemoteKeysTLS(t *testing.T) {
	issuer := newIssuer(t)
	url, roots := serveTLS(t, issuer, nil)
	oldURL, oldRoots := serveTLS(t, issuer, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}) // #nosec G402 -- what is to be refused
	for name, tt := range map[string]struct {
		url, want string
		roots     *x509.CertPool
	}{
		"private CA":            {url, "", roots},
		"the system's CAs":      {url, "x509: ", nil},
		"another CA":            {url, "x509: ", x509.NewCertPool()},
		"TLS 1.1":               {oldURL, "protocol version", oldRoots},
		"a name it has not got": {strings.Replace(url, "127.0.0.1", "localhost", 1), "not localhost", roots},
	} {
		t.Run(name, func(t *testing.T) {
			client := verifier.NewKeyClient(tt.roots, nil)
			t.Cleanup(client.CloseIdleConnections)
			keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: tt.url, Client: client})
			err := keys.Refresh(t.Context())
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestRemoteKeysRedirectOnOneHost: a path may move, and the port and scheme may
// not.
func TestRemoteKeysRedirectOnOneHost(t *testing.T) {
	issuer := newIssuer(t)
	mux := http.NewServeMux()
	mux.Handle("/", issuer.Handler())
	mux.Handle("/old", http.RedirectHandler("/newer", http.StatusMovedPermanently))
	mux.Handle("/newer", http.RedirectHandler(verifiertest.JWKSPath, http.StatusTemporaryRedirect))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	otherPort := serve(t, issuer)
	mux.Handle("/moved", http.RedirectHandler(otherPort, http.StatusFound))

	refresh(t, newRemoteKeys(t, verifier.RemoteKeysOptions{URL: server.URL + "/old"}))
	err := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: server.URL + "/moved"}).Refresh(t.Context())
	if err == nil || !strings.Contains(err.Error(), "redirect to another host refused") {
		t.Errorf("to another port: %v", err)
	}
	if n := issuer.Fetches(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

// TestRemoteKeysRefuseRedirectToPlainHTTP: of the same host and port, but anyone
// on the way could answer.
func TestRemoteKeysRefuseRedirectToPlainHTTP(t *testing.T) {
	issuer := newIssuer(t)
	url, roots := serveTLS(t, issuer, nil)
	issuer.SetFault(verifiertest.Redirect("http" + strings.TrimPrefix(url, "https")))
	client := verifier.NewKeyClient(roots, nil)
	t.Cleanup(client.CloseIdleConnections)
	err := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: url, Client: client}).Refresh(t.Context())
	if err == nil || !strings.Contains(err.Error(), "redirect to another host refused") {
		t.Errorf("got %v", err)
	}
}

// TestNewKeyClientIsItsOwn: a program may have put anything in the place of
// http.DefaultTransport, and the client neither uses nor needs it.
func TestNewKeyClientIsItsOwn(t *testing.T) {
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	http.DefaultTransport = http.NewFileTransport(http.Dir(t.TempDir()))
	issuer := newIssuer(t)
	refresh(t, newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer)}))
	if keys, err := verifier.NewRemoteKeys(verifier.RemoteKeysOptions{URL: "https://pomerium.example.com/keys"}); err != nil || keys == nil {
		t.Errorf("with the default client: %v", err)
	}
}
