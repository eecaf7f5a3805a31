package server_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A client that keeps its connection has shown its certificate before the CA was
// withdrawn, and would be let in for as long as it goes on asking.
func TestWithdrawnClientCAEndsKeptConnections(t *testing.T) {
	const anybody = ""
	for _, http2 := range []bool{false, true} {
		ca, pomerium, other := newAuthority(t), newAuthority(t), newAuthority(t)
		for name, c := range map[string]struct {
			before, after string
			want          bool
		}{
			"the same":         {pomerium.pem(), pomerium.pem(), true},
			"another":          {pomerium.pem(), other.pem(), false},
			"one more":         {pomerium.pem(), pomerium.pem() + other.pem(), true},
			"one less":         {pomerium.pem() + other.pem(), other.pem(), false},
			"put in":           {anybody, other.pem(), false},
			"put in, its own":  {anybody, pomerium.pem(), false}, // the client was not asked for its certificate
			"everybody now":    {pomerium.pem(), anybody, true},
			"nobody was asked": {anybody, anybody, true},
		} {
			r, dir := startTLS(t, ca, "")
			text := r.text()
			put(t, dir+"/first.pem", c.before)
			put(t, dir+"/second.pem", c.after)
			load := func(file, content string) {
				t.Helper()
				with := text
				if content != anybody {
					with = strings.Replace(text, "[server]\n", fmt.Sprintf("[server]\ntls_client_ca_file = %q\n", dir+file), 1)
				}
				r.overwrite(with)
				if status, text := r.post("/-/reload", nil); status != http.StatusOK {
					t.Fatalf("%d %s", status, text)
				}
			}
			load("/first.pem", c.before)
			transport := &http.Transport{
				TLSClientConfig:   &tls.Config{RootCAs: ca.pool(), ServerName: "wiki.example.com", Certificates: []tls.Certificate{pomerium.client(7)}},
				ForceAttemptHTTP2: http2,
			}
			ask := func() *http.Response {
				t.Helper()
				q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+r.addrs.Listen.String()+"/", nil)
				if err != nil {
					t.Fatal(err)
				}
				q.Host = "wiki.example.com"
				q.Header.Set("X-Pomerium-Jwt-Assertion", r.assertion())
				resp, err := transport.RoundTrip(q)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				_, _ = read(t, resp)
				return resp
			}
			if resp := ask(); resp.StatusCode != http.StatusOK || (resp.ProtoMajor == 2) != http2 {
				t.Errorf("before: %d by %s", resp.StatusCode, resp.Proto)
			}
			// A renewed certificate of the server's ends nothing.
			cert, key := ca.issue(101)
			put(t, dir+"/tls.pem", cert)
			put(t, dir+"/tls.key", key)
			load("/second.pem", c.after)
			resp := ask()
			if c.want && resp.StatusCode != http.StatusOK || !c.want && resp.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("%s, HTTP/2 %v: %d, want that it is served: %v", name, http2, resp.StatusCode, c.want)
			}
			if !c.want && !http2 && !resp.Close {
				t.Errorf("%s: the connection stays open", name)
			}
			transport.CloseIdleConnections()
			r.client.CloseIdleConnections()
			if _, text := r.admin("/metrics"); !c.want && !strings.Contains(text, `ssobridge_refusals_total{app="",reason="client_certificate"} 1`) {
				t.Errorf("%s: metrics do not count it", name)
			}
		}
	}
}
