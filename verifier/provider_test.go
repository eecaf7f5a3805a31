package verifier_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

const discoveryPath = "/.well-known/openid-configuration"

// idp is an OpenID provider: a discovery document and the keys of a
// verifiertest.Issuer, both of which can go wrong.
type idp struct {
	issuer *verifiertest.Issuer
	url    string       // the issuer URL
	asked  atomic.Int64 // requests for the document
	fault  atomic.Pointer[http.HandlerFunc]
	keysAt atomic.Pointer[string] // jwks_uri; nil: verifiertest.JWKSPath on this host
}

func (i *idp) document() changes {
	jwksURL := i.url[:strings.Index(i.url, "/realms")] + verifiertest.JWKSPath
	if at := i.keysAt.Load(); at != nil {
		jwksURL = *at
	}
	return changes{
		"issuer": i.url, "jwks_uri": jwksURL, "authorization_endpoint": i.url + "/auth", "token_endpoint": i.url + "/token",
		"id_token_signing_alg_values_supported": []string{"ES256", "none"},
	}
}

func (i *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, discoveryPath) {
		i.issuer.Handler().ServeHTTP(w, r)
		return
	}
	i.asked.Add(1)
	if f := i.fault.Load(); f != nil {
		(*f)(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(i.document())
}

func (i *idp) setFault(f http.HandlerFunc) { i.fault.Store(&f) }
func (i *idp) heal()                       { i.fault.Store(nil) }
func (i *idp) moveKeys(url string)         { i.keysAt.Store(&url) }

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// with serves the document with changes.
func (i *idp) with(c changes) http.HandlerFunc {
	return body(string(c.of(i.document())))
}

// serveIDP runs a provider on loopback.
func serveIDP(t *testing.T) *idp {
	t.Helper()
	i := &idp{issuer: newIssuer(t)}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.url = server.URL + "/realms/x"
	return i
}

func newProvider(t *testing.T, o verifier.ProviderOptions) *verifier.Provider {
	t.Helper()
	if o.Client == nil {
		o.Client = keyClient(t)
	}
	p, err := verifier.NewProvider(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheckIssuerURL(t *testing.T) {
	const notDiscovery = "without " + discoveryPath
	for issuer, want := range map[string]string{
		"https://idp.example.com":               "",
		"https://idp.example.com/":              "",
		"https://idp.example.com:8443/realms/x": "",
		"http://127.0.0.1:5556/dex":             "",
		"http://localhost:5556/dex":             "",
		"http://idp.example.com":                "plain http",
		"":                                      "not an absolute URL",
		"accounts.google.com":                   "not an absolute URL",
		"https://user:secret@idp.example.com":   "user info",
		"https://idp.example.com#a":             "fragment",
		"https://idp.example.com/#":             "fragment",
		"https://idp.example.com/?a=b":          "query",
		"https://idp.example.com/?":             "query",
		"https://idp.example.com/.well-known/openid-configuration":     notDiscovery,
		"https://idp.example.com/r/x/.well-known/openid-configuration": notDiscovery,
	} {
		err := verifier.CheckIssuerURL(issuer, false)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", issuer, err, want)
		}
		if _, errNew := verifier.NewProvider(verifier.ProviderOptions{Issuer: issuer}); (errNew == nil) != (err == nil) {
			t.Errorf("%q: NewProvider says %v", issuer, errNew)
		}
	}
	if err := verifier.CheckIssuerURL("http://idp.example.com", true); err != nil {
		t.Errorf("http allowed: %v", err)
	}
}

func TestProviderVerifiesIDTokens(t *testing.T) {
	idp, at := serveIDP(t), newClock()
	p := newProvider(t, verifier.ProviderOptions{Issuer: idp.url, Now: at.now, Log: slog.New(slog.DiscardHandler)})
	v := newOIDC(t, p, verifier.Options{Issuer: p.Issuer()})
	good := idToken(idp.issuer, nil, changes{"iss": idp.url})

	refused, err := v.Verify(t.Context(), good)
	wantRefusal(t, refused, err, verifier.ReasonKeysUnavailable, good)
	if st := p.Status(); st.Usable || len(st.Keys) != 0 || st.LastError != nil || st.URL != idp.url+discoveryPath {
		t.Errorf("before discovery: %+v", st)
	}
	if idp.asked.Load() != 0 {
		t.Error("a request waited for the network")
	}

	if err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Error(err)
	}
	if st := p.Status(); !st.Usable || len(st.Keys) != 1 || st.LastError != nil || !strings.HasSuffix(st.URL, verifiertest.JWKSPath) {
		t.Errorf("after discovery: %+v", st)
	}
	plain := &http.Client{} // without limits, or a transport, of its own
	t.Cleanup(plain.CloseIdleConnections)
	if err := newProvider(t, verifier.ProviderOptions{Issuer: idp.url, Client: plain}).Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	foreign := idToken(newIssuer(t), nil, changes{"iss": idp.url})
	refused, err = v.Verify(t.Context(), foreign)
	wantRefusal(t, refused, err, verifier.ReasonKeyUnknown, foreign)
}

// TestProviderIssuerWithSlash: Auth0's issuers end in one, and it counts.
func TestProviderIssuerWithSlash(t *testing.T) {
	idp := serveIDP(t)
	withSlash := newProvider(t, verifier.ProviderOptions{Issuer: idp.url + "/"})
	if err := withSlash.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "mind the slash") {
		t.Errorf("a slash too many: %v", err)
	}
	idp.url += "/"
	if err := withSlash.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestProviderKeysMove: a new jwks_uri counts once it has published good keys.
func TestProviderKeysMove(t *testing.T) {
	idp := serveIDP(t)
	p := newProvider(t, verifier.ProviderOptions{Issuer: idp.url})
	if err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	successor := newIssuer(t)
	successor.SetFault(verifiertest.EmptySet)
	idp.moveKeys(serve(t, successor))
	if err := p.Refresh(t.Context()); err == nil {
		t.Error("an empty set: no error")
	}
	wantKey(t, p, idp.issuer.KeyID(), "")
	successor.SetFault(nil)
	if err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantKey(t, p, successor.KeyID(), "")
	wantKey(t, p, idp.issuer.KeyID(), verifier.ReasonKeyUnknown)
}

// TestProviderRefreshWaits: of two at once, the second gives up when its context
// does.
func TestProviderRefreshWaits(t *testing.T) {
	idp := serveIDP(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	idp.setFault(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		idp.with(nil)(w, r)
	})
	p := newProvider(t, verifier.ProviderOptions{Issuer: idp.url, Client: &http.Client{Transport: keyClient(t).Transport}})
	first := make(chan error)
	go func() { first <- p.Refresh(t.Context()) }()
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the second: %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the first: %v", err)
	}
}

// TestProviderLog: one line per change, and no more of the provider's text than
// its URL.
func TestProviderLog(t *testing.T) {
	idp := serveIDP(t)
	var log bytes.Buffer
	p := newProvider(t, verifier.ProviderOptions{Issuer: idp.url, Log: slog.New(slog.NewTextHandler(&log, nil))})
	lines := func(refreshes int) string {
		log.Reset()
		for range refreshes {
			_ = p.Refresh(t.Context())
		}
		return log.String()
	}
	idp.setFault(body("canary"))
	if got := lines(3); strings.Count(got, "provider could not be discovered") != 1 || strings.Contains(got, "canary") {
		t.Errorf("failing: %s", got)
	}
	idp.heal()
	if got := lines(3); strings.Count(got, "provider can be discovered again") != 1 ||
		strings.Count(got, "provider's keys discovered") != 1 || strings.Count(got, "keys changed") != 1 {
		t.Errorf("recovered: %s", got)
	}
	if got := lines(3); got != "" {
		t.Errorf("nothing new: %s", got)
	}
	// Being told to stop is nobody's fault.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		_ = p.Refresh(ctx)
	}
	if got := log.String(); got != "" {
		t.Errorf("stopping: %s", got)
	}
}

// TestProviderConcurrently is for the race detector: requests are verified while
// the provider rotates, moves and fails.
func TestProviderConcurrently(t *testing.T) {
	idp := serveIDP(t)
	p := newProvider(t, verifier.ProviderOptions{Issuer: idp.url})
	if err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running, requests sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	v := newOIDC(t, p, verifier.Options{Issuer: idp.url})
	good := idToken(idp.issuer, nil, changes{"iss": idp.url})
	for range 4 {
		requests.Go(func() {
			for range 200 {
				if _, err := v.Verify(t.Context(), good); err != nil {
					t.Error(err)
					return
				}
				_ = p.Status()
			}
		})
	}
	for n := range 20 {
		switch n % 4 {
		case 0:
			idp.setFault(body("garbage"))
		case 1:
			idp.heal()
			idp.moveKeys(fmt.Sprintf("%s?%d", strings.Replace(idp.url, "/realms/x", verifiertest.JWKSPath, 1), n))
		case 2:
			idp.issuer.SetFault(verifiertest.Garbage)
		case 3:
			idp.issuer.SetFault(nil)
		}
		_ = p.Refresh(t.Context())
	}
	requests.Wait()
	cancel()
	running.Wait()
}
