package server_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/server"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestReadyOnlyOnceKeysAreThere(t *testing.T) {
	release := make(chan struct{})
	r := start(t, echoRole, func(r *run) { r.issuer.SetFault(verifiertest.Hang(release)) })
	if status, text := r.admin("/healthz"); status != http.StatusOK || text != "ok\n" {
		t.Errorf("healthz: %d %q", status, text)
	}
	status, text := r.admin("/readyz")
	var ready struct {
		Ready   bool
		Issuers []struct {
			Issuer string
			Ready  bool
		}
	}
	if err := json.Unmarshal([]byte(text), &ready); err != nil {
		t.Fatal(err)
	}
	if status != http.StatusServiceUnavailable || ready.Ready || len(ready.Issuers) != 1 || ready.Issuers[0].Issuer != "pomerium" || ready.Issuers[0].Ready {
		t.Errorf("readyz: %d %s", status, text)
	}
	// Without keys nobody is anybody, and it is not the client's fault.
	if status, _ := r.get(); status != http.StatusServiceUnavailable {
		t.Errorf("a request without keys: %d", status)
	}
	r.issuer.SetFault(nil)
	close(release)
	r.waitReady()
	if status, text := r.get(); status != http.StatusOK || text != "ann@example.com is Reader" {
		t.Errorf("%d %q", status, text)
	}
	if _, text := r.admin("/readyz"); !strings.Contains(text, r.issuer.KeyID()) {
		t.Errorf("readyz lacks the key ID: %s", text)
	}
}

func TestReadyzSaysWhatIsWrongWithAnIssuer(t *testing.T) {
	r := start(t, echoRole, func(r *run) { r.issuer.SetFault(verifiertest.Status(http.StatusInternalServerError)) })
	r.log.wait(t, "keys could not be fetched")
	if status, text := r.admin("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "status 500") {
		t.Errorf("%d %s", status, text)
	}
}

func TestMetrics(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	if status, _ := r.get(); status != http.StatusOK {
		t.Fatal(status)
	}
	_, text := r.admin("/metrics")
	for _, want := range []string{
		`ssobridge_requests_total{app="wiki",outcome="allowed"} 1`,
		`ssobridge_decision_duration_seconds_count{app="wiki"} 1`,
		`ssobridge_request_duration_seconds_count{app="wiki"} `,
		`ssobridge_key_age_seconds{issuer="pomerium"} `,
		`ssobridge_keys_usable{issuer="pomerium"} 1`,
		`ssobridge_config_last_reload_successful 1`,
		`ssobridge_build_info{version="test"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestAdminIsNotReachableThroughTheAppListener(t *testing.T) {
	r := start(t, echoRole, nil)
	for _, host := range []string{"wiki.example.com", "127.0.0.1", "localhost", r.addrs.Admin.String()} {
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/"} {
			q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.addrs.Listen.String()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			q.Host = host
			resp, err := r.client.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			if status, text := read(t, resp); status < 400 {
				t.Errorf("%s%s: %d %s", host, path, status, text)
			}
		}
	}
	if status, _ := r.admin("/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("pprof on the admin listener: %d", status)
	}
}

func TestStopLetsRequestsFinish(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := start(t, func(w http.ResponseWriter, q *http.Request) {
		close(arrived)
		<-release
		echoRole(w, q)
	}, nil)
	r.waitReady()
	type answer struct {
		resp *http.Response
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		resp, err := r.request(context.Background())
		answered <- answer{resp, err}
	}()
	<-arrived
	r.stop()
	r.log.wait(t, "draining")
	// A new connection is refused while the old one is still being served.
	for {
		conn, err := net.Dial("tcp", r.addrs.Listen.String())
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(release)
	a := <-answered
	if a.err != nil {
		t.Fatalf("a request under way was cut off: %v", a.err)
	}
	if status, text := read(t, a.resp); status != http.StatusOK || text != "ann@example.com is Reader" {
		t.Errorf("%d %q", status, text)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	r.ended <- nil
}

func TestBusyPortNamesTheKey(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for key, text := range map[string]string{
		"server.listen":       "listen = \"" + l.Addr().String() + "\"\nadmin_listen = \"127.0.0.1:0\"",
		"server.admin_listen": "listen = \"127.0.0.1:0\"\nadmin_listen = \"" + l.Addr().String() + "\"",
	} {
		r := &run{t: t, path: filepath.Join(t.TempDir(), "c.toml"), jwks: &httptest.Server{URL: "http://127.0.0.1:1"}, app: &httptest.Server{URL: "http://127.0.0.1:1"}}
		r.write("Reader", "Reader")
		b, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		r.overwrite(strings.Replace(string(b), "listen        = \"127.0.0.1:0\"\nadmin_listen  = \"127.0.0.1:0\"", text, 1))
		var listen *server.ListenError
		if err := server.Run(t.Context(), server.Options{ConfigPath: r.path}); !errors.As(err, &listen) || listen.Key != key {
			t.Errorf("got %v, want a ListenError of %s", err, key)
		} else if !strings.Contains(err.Error(), "c.toml:") || !strings.Contains(err.Error(), "another process listens there") {
			t.Errorf("%q does not say where the address stands, and what to do", err)
		}
	}
}

// Pomerium often has a certificate of a private CA.
func TestKeysThroughAPrivateCA(t *testing.T) {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	jwks := httptest.NewTLSServer(issuer.Handler())
	defer jwks.Close()
	for _, trusted := range []bool{true, false} {
		t.Run(fmt.Sprintf("trusted=%v", trusted), func(t *testing.T) {
			r := start(t, echoRole, func(r *run) {
				r.issuer = issuer
				ca := filepath.Join(filepath.Dir(r.path), "ca.pem")
				block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: jwks.Certificate().Raw})
				if err := os.WriteFile(ca, block, 0o600); err != nil {
					t.Fatal(err)
				}
				source := "jwks_url = \"" + jwks.URL + verifiertest.JWKSPath + "\""
				if trusted {
					source += "\nca_file = \"ca.pem\""
				}
				b, err := os.ReadFile(r.path)
				if err != nil {
					t.Fatal(err)
				}
				r.overwrite(strings.Replace(string(b), `jwks_url = "`+r.jwks.URL+verifiertest.JWKSPath+`"`, source, 1))
			})
			if !trusted {
				r.log.wait(t, "keys could not be fetched")
				if status, _ := r.get(); status != http.StatusServiceUnavailable {
					t.Errorf("status %d", status)
				}
				return
			}
			r.waitReady()
			if status, _ := r.get(); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		})
	}
}
