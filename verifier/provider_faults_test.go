package verifier_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// TestProviderFaults: whatever the discovery endpoint does, before and after
// good keys are known, the keys there are stay, the error says what is wrong
// without repeating what came, and the next good answer ends it.
func TestProviderFaults(t *testing.T) {
	const canary = "canary-from-the-provider"
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	hang := func(r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	}
	for name, tt := range map[string]struct {
		fault func(*idp) http.HandlerFunc
		want  string
	}{
		"500": {func(*idp) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, 500) }
		}, "status 500"},
		"404": {func(*idp) http.HandlerFunc { return http.NotFound }, "status 404"},
		"204": {func(*idp) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }
		}, "status 204"},
		"304": {func(*idp) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }
		}, "status 304"},
		"silent": {func(*idp) http.HandlerFunc { return func(_ http.ResponseWriter, r *http.Request) { hang(r) } }, "exceeded"},
		"stalls": {func(*idp) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, `{"issuer":`)
				_ = http.NewResponseController(w).Flush()
				hang(r)
			}
		}, "reading body"},
		"breaks off": {func(*idp) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				_, _ = io.WriteString(w, `{"issuer":`)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
		}, "reading body"},
		"huge":           {func(i *idp) http.HandlerFunc { return i.with(changes{"x": strings.Repeat(canary, 1<<16)}) }, "body over 1048576 bytes"},
		"empty":          {func(*idp) http.HandlerFunc { return body("") }, "not a discovery document"},
		"garbage":        {func(*idp) http.HandlerFunc { return body("<title>" + canary) }, "not a discovery document"},
		"null":           {func(*idp) http.HandlerFunc { return body("null") }, "another issuer"},
		"wrong type":     {func(*idp) http.HandlerFunc { return body(`{"issuer":{"` + canary + `":1}}`) }, "not a discovery document"},
		"another issuer": {func(i *idp) http.HandlerFunc { return i.with(changes{"issuer": "https://" + canary}) }, "another issuer"},
		"no issuer":      {func(i *idp) http.HandlerFunc { return i.with(changes{"issuer": absent{}}) }, "another issuer"},
		"Issuer":         {func(i *idp) http.HandlerFunc { return i.with(changes{"issuer": absent{}, "Issuer": i.url}) }, "does not say issuer and jwks_uri"},
		"issuer twice": {func(i *idp) http.HandlerFunc {
			return body(`{"issuer":"a","issuer":"` + i.url + `","jwks_uri":"` + i.url + `"}`)
		}, "distinct names"},
		"no jwks_uri": {func(i *idp) http.HandlerFunc { return i.with(changes{"jwks_uri": absent{}}) }, "does not say issuer and jwks_uri"},
		"long jwks_uri": {func(i *idp) http.HandlerFunc {
			return i.with(changes{"jwks_uri": i.url + "?" + strings.Repeat("a", 2048)})
		}, "jwks_uri is over 2048 bytes"},
		"plain jwks_uri": {func(i *idp) http.HandlerFunc { return i.with(changes{"jwks_uri": "http://" + canary + "/keys"}) }, "jwks_uri: plain http"},
		"other jwks_uri": {func(i *idp) http.HandlerFunc { return i.with(changes{"jwks_uri": other.URL}) }, "fetching JWKS: status 404"},
		"another host":   {func(*idp) http.HandlerFunc { return http.RedirectHandler(other.URL, http.StatusFound).ServeHTTP }, "redirect to another host refused"},
		"no Location": {func(*idp) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302); _, _ = io.WriteString(w, canary) }
		}, "not a discovery document"},
		"a redirect loop": {func(*idp) http.HandlerFunc { return http.RedirectHandler(discoveryPath, http.StatusFound).ServeHTTP }, "more than 3 redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			idp := serveIDP(t)
			p := newProvider(t, verifier.ProviderOptions{Issuer: idp.url})
			fail := func() {
				idp.setFault(tt.fault(idp))
				err := p.Refresh(t.Context())
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				if err != nil && strings.Contains(err.Error(), canary) || fmt.Sprint(p.Status().LastError) == "<nil>" {
					t.Errorf("error %v, in the status %v", err, p.Status().LastError)
				}
			}
			fail()
			wantKey(t, p, idp.issuer.KeyID(), verifier.ReasonKeysUnavailable)
			idp.heal()
			if err := p.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			fail()
			wantKey(t, p, idp.issuer.KeyID(), "")
			if !p.Status().Usable {
				t.Error("not usable")
			}
			// Only the document is bad: the keys in their known place are fresh.
			if err := idp.issuer.Rotate(); err != nil {
				t.Fatal(err)
			}
			_ = p.Refresh(t.Context())
			wantKey(t, p, idp.issuer.KeyID(), "")
			idp.heal()
			if err := p.Refresh(t.Context()); err != nil || p.Status().LastError != nil {
				t.Errorf("after recovery: %v, %v", err, p.Status().LastError)
			}
		})
	}
}

// TestProviderRedirects: on one host they are followed, unless the client does
// not.
func TestProviderRedirects(t *testing.T) {
	idp := serveIDP(t)
	p := newProvider(t, verifier.ProviderOptions{Issuer: idp.url})
	idp.setFault(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/moved"+discoveryPath {
			http.Redirect(w, r, "/moved"+discoveryPath, http.StatusMovedPermanently)
			return
		}
		idp.with(nil)(w, r)
	})
	if err := p.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	follows := keyClient(t)
	follows.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p = newProvider(t, verifier.ProviderOptions{Issuer: idp.url, Client: follows})
	if err := p.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "not a discovery document") {
		t.Errorf("not followed: %v", err)
	}
}

// TestProviderJWKSURL: where a provider may send us for its keys.
func TestProviderJWKSURL(t *testing.T) {
	const internal = "internal address"
	for _, tt := range []struct{ issuer, jwksURL, want string }{
		{"https://accounts.example.com/realms/x", "https://www.googleapis.example.com/oauth2/v3/certs", ""},
		{"https://idp.example.com/realms/x", "https://keys.example.com./keys", ""},
		{"https://idp.example.com/realms/x", "https://8.8.8.8/keys", ""},
		{"https://idp.example.com/realms/x", "https://[2606:4700::1111]/keys", ""},
		{"https://idp.example.com/realms/x", "https://idp.xn--p1ai/keys", ""},
		{"https://idp.example.com/realms/x", "https://169.254.169.254/latest", internal},
		{"https://idp.example.com/realms/x", "https://[::ffff:169.254.169.254]/latest", internal},
		{"https://idp.example.com/realms/x", "https://[::ffff:100.100.100.200]/keys", internal},
		{"https://idp.example.com/realms/x", "https://[fe80::1]/keys", internal},
		{"https://idp.example.com/realms/x", "https://[64:ff9b::a9fe:a9fe]/latest", internal},
		{"https://idp.example.com/realms/x", "https://[2002:a9fe:a9fe::1]/latest", internal},
		{"https://idp.example.com/realms/x", "https://[::127.0.0.1]/keys", internal},
		{"https://idp.example.com/realms/x", "https://192.0.0.192/opc/v2", internal},
		{"https://idp.example.com/realms/x", "https://[fe80::1%25eth0]/keys", internal},
		{"https://idp.example.com/realms/x", "https://10.0.0.1/keys", internal},
		{"https://idp.example.com/realms/x", "https://172.16.0.1/keys", internal},
		{"https://idp.example.com/realms/x", "https://192.168.0.1:8443/keys", internal},
		{"https://idp.example.com/realms/x", "https://100.100.100.200/keys", internal},
		{"https://idp.example.com/realms/x", "https://[fd00:ec2::254]/keys", internal},
		{"https://idp.example.com/realms/x", "https://0.0.0.0/keys", internal},
		{"https://idp.example.com/realms/x", "https://[::]/keys", internal},
		{"https://idp.example.com/realms/x", "https://224.0.0.1/keys", internal},
		{"https://idp.example.com/realms/x", "https://127.0.0.1/keys", internal},
		{"https://idp.example.com/realms/x", "http://127.0.0.1:9090/keys", internal},
		{"https://idp.example.com/realms/x", "https://127.0.0.1./keys", internal},
		{"https://idp.example.com/realms/x", "https://127.1/keys", internal},
		{"https://idp.example.com/realms/x", "https://2130706433/keys", internal},
		{"https://idp.example.com/realms/x", "https://0x7f000001/keys", internal},
		{"https://idp.example.com/realms/x", "https://127.0.0.0x1/keys", internal},
		{"https://idp.example.com/realms/x", "https://10.9/keys", internal},
		{"https://idp.example.com/realms/x", "https://./keys", internal},
		{"https://idp.example.com/realms/x", "https://LocalHost/keys", internal},
		{"https://idp.example.com/realms/x", "https://idp.localhost./keys", internal},
		{"https://idp.example.com/realms/x", "http://idp.example.com/keys", "plain http"},
		{"https://idp.example.com/realms/x", "file:///etc/passwd", "not an absolute URL"},
		{"https://idp.example.com/realms/x", "https://u:p@idp.example.com/keys", "user info"},
		{"https://10.1.2.3/realms/x", "https://10.1.2.4/keys", ""},
		{"http://localhost:5556/realms/x", "http://127.0.0.1:5557/keys", ""},
		{"https://10.1.2.3/realms/x", "http://10.1.2.4/keys", "plain http"},
		{"http://idp.example.com/realms/x", "http://keys.example.com/keys", ""}, // the issuer is: AllowHTTP
		{"http://idp.example.com/realms/x", "http://10.1.2.4/keys", internal},
	} {
		idp := &idp{issuer: newIssuer(t), url: tt.issuer}
		idp.moveKeys(tt.jwksURL)
		net := &inMemory{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, discoveryPath) {
				r.URL.Path = verifiertest.JWKSPath
			}
			idp.ServeHTTP(w, r)
		})}
		p := newProvider(t, verifier.ProviderOptions{
			Issuer: tt.issuer, Client: &http.Client{Transport: net},
			AllowHTTP: strings.HasPrefix(tt.issuer, "http://idp"),
		})
		err := p.Refresh(t.Context())
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("issuer %s, jwks_uri %s: %v, want %q", tt.issuer, tt.jwksURL, err, tt.want)
		}
		if n := len(net.fetched()); tt.want != "" && n != 1 {
			t.Errorf("jwks_uri %s: %d requests, want that for the document", tt.jwksURL, n)
		}
	}
}

// TestProviderRestart: the provider goes away and comes back, and the keys are
// trusted meanwhile, up to MaxStale.
func TestProviderRestart(t *testing.T) {
	idp, at := serveIDP(t), newClock()
	p := newProvider(t, verifier.ProviderOptions{Issuer: idp.url, Now: at.now, MaxStale: time.Hour})
	if err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	idp.setFault(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	idp.issuer.SetFault(verifiertest.Status(http.StatusServiceUnavailable))
	for _, want := range []verifier.Reason{"", "", verifier.ReasonKeysUnavailable} {
		at.advance(30 * time.Minute)
		if want != "" {
			at.advance(time.Second)
		}
		if err := p.Refresh(t.Context()); err == nil {
			t.Error("no error")
		}
		wantKey(t, p, idp.issuer.KeyID(), want)
	}
	idp.heal()
	idp.issuer.SetFault(nil)
	if err := p.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	wantKey(t, p, idp.issuer.KeyID(), "")
}
