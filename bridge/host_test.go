package bridge_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/request"
)

func TestNormalizeHost(t *testing.T) {
	for host, want := range map[string]string{
		"grafana.example.com":      "grafana.example.com",
		"GRAFANA.Example.com":      "grafana.example.com",
		"grafana.example.com.":     "grafana.example.com",
		"grafana.example.com:1":    "grafana.example.com",
		"grafana.example.com.:443": "grafana.example.com",
		"grafana.example.com:":     "grafana.example.com", // RFC 3986 §6.2.3
		"10.0.0.7:8080":            "10.0.0.7",
		"":                         "",
		".":                        "",
		":443":                     "",
		"g..":                      "g.",
		"g:0":                      "",
		"g:00":                     "",
		"g:0443":                   "",
		"g:65535":                  "g",
		"g:65536":                  "",
		"g:99999999":               "",
		"g:+443":                   "",
		"g:-1":                     "",
		"g:443 ":                   "",
		"g:a b":                    "",
		"g:%00":                    "",
		"g:evil":                   "",
		"g:443,evil.example":       "",
		"g:80:80":                  "",
		"g:\u0664\u0664\u0663":     "",
		"g,evil":                   "",
		"g@evil":                   "",
		"u@g":                      "",
		"g/":                       "",
		"g%2e":                     "",
		"boo\u212a":                "", // KELVIN SIGN, whose lower case is k
		"g\u3002example":           "",
		"[::1]":                    "",
		"[::1]:80":                 "",
		"::1":                      "",
	} {
		if got := request.NormalizeHost(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

// What stands behind the name is a port, or it is another name, and apps build links,
// pages and redirects of it.
func TestHostThatIsNotTheAppsIsMisdirected(t *testing.T) {
	r := newRig(t)
	for _, behind := range []string{
		":443,evil.example", ":evil", ":%00", ":99999999", ":65536", ":0", ":0443", ":80:80", "::", "..", ":443/x", ":+1",
		",evil.example", "@evil.example", "%2eevil.example", "\"><script>",
	} {
		host := "grafana.example.com" + behind
		resp := r.raw("GET / HTTP/1.1\r\nHost: " + host + "\r\nX-Pomerium-Jwt-Assertion: " + r.ann() + "\r\n\r\n")
		if resp.StatusCode != http.StatusMisdirectedRequest && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("Host %q: status %d", host, resp.StatusCode)
		}
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
}

// net/http takes any bytes for an :authority (HTTP/2), and writes nothing for a Host
// that it cannot write.
func TestAuthorityOfHTTP2IsTheAppsOrMisdirected(t *testing.T) {
	r := newRig(t)
	for host, want := range map[string]int{
		"grafana.example.com": 200, "GRAFANA.example.com:8443": 200, "grafana.example.com.": 200,
		"grafana.example.com:a b": 421, "grafana.example.com:\"><script>": 421, "grafana.example.com:\r\nX: y": 421,
		"grafana.example.com :443": 421, "gr\u0430fana.example.com": 421, "[grafana.example.com]": 421, "grafana.example.com:443]": 421,
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		req.Host, req.Proto, req.ProtoMajor, req.ProtoMinor = host, "HTTP/2.0", 2, 0
		req.Header.Set("X-Pomerium-Jwt-Assertion", r.ann())
		w := httptest.NewRecorder()
		r.bridge.ServeHTTP(w, req)
		if w.Code != want {
			t.Errorf("%q: status %d, want %d", host, w.Code, want)
		}
	}
}

// U+212A lower-cases to "k", and "booK" would be decided about as "book".
func TestHostIsLowerCasedAsASCIIOnly(t *testing.T) {
	r := newRig(t, withConfig(strings.ReplaceAll(rigConfig, "grafana.example.com", "book.example.com")))
	for host, want := range map[string]int{"BOOK.example.com": 401, "boo\u212a.example.com": 421} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		req.Host = host
		w := httptest.NewRecorder()
		r.bridge.ServeHTTP(w, req)
		if w.Code != want {
			t.Errorf("%q: status %d, want %d", host, w.Code, want)
		}
	}
}

// The app is told of the host that was decided about, in one spelling.
func TestHostReachesUpstreamAsTheApps(t *testing.T) {
	for _, preserved := range []bool{true, false} {
		r := newRig(t, withConfig(strings.Replace(rigConfig, "timeout  =", fmt.Sprintf("preserve_host = %v\ntimeout  =", preserved), 1)))
		for host, want := range map[string]string{
			"grafana.example.com": "", "GRAFANA.example.COM": "", "grafana.example.com.": "", "grafana.example.com:": "",
			"grafana.example.com:443": ":443", "Grafana.Example.Com.:8443": ":8443",
		} {
			for _, line := range []string{"GET / HTTP/1.1\r\nHost: " + host, "GET http://" + host + "/ HTTP/1.1\r\nHost: evil.test"} {
				wantStatus(t, r.raw(line+"\r\nX-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"), http.StatusOK)
				raw := r.upstream.last(t)
				wantHost := "Host: grafana.example.com" + want
				if !preserved {
					wantHost = "Host: " + r.upstreamAddr
				}
				if got := lines(raw, "Host"); len(got) != 1 || got[0] != wantHost {
					t.Errorf("%q: %q, want %q", host, got, wantHost)
				}
				if got := lines(raw, "X-Forwarded-Host"); len(got) != 1 || got[0] != "X-Forwarded-Host: grafana.example.com"+want {
					t.Errorf("%q: %q", host, got)
				}
			}
		}
	}
}

// A page on another port of the app's host, or one that came without TLS, is another
// site's to browsers, and may be anybody's.
func TestWebSocketFromAnotherPortOrSchemeOfTheHostIsRefused(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		host, origin string
		want         bool
	}{
		{"grafana.example.com", "https://grafana.example.com", true},
		{"grafana.example.com:443", "https://grafana.example.com", true},
		{"grafana.example.com:8443", "https://grafana.example.com:8443", true},
		{"grafana.example.com", "http://grafana.example.com", false},
		{"grafana.example.com", "https://grafana.example.com:8443", false},
		{"grafana.example.com:8443", "https://grafana.example.com", false},
		{"grafana.example.com:8443", "https://grafana.example.com:9443", false},
	} {
		resp := r.raw("GET / HTTP/1.1\r\nHost: " + c.host + "\r\nOrigin: " + c.origin +
			"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Pomerium-Jwt-Assertion: " + r.ann() + "\r\n\r\n")
		if (resp.StatusCode != http.StatusForbidden) != c.want {
			t.Errorf("Origin %s at %s: status %d", c.origin, c.host, resp.StatusCode)
		}
	}
}

// The log says which host no app has, for that is a word missing in the configuration, or
// in Pomerium's, more often than an attack.
func TestUnknownHostIsInTheLog(t *testing.T) {
	r := newRig(t)
	long := strings.Repeat("a.", 200) + "example"
	for host, want := range map[string]string{
		"grafna.example.com:8443": `error="no app has the host \"grafna.example.com:8443\""`,
		long:                      `error="no app has this host, which is longer than a name can be"`,
	} {
		wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n"), http.StatusMisdirectedRequest)
		if log := r.log.String(); !strings.Contains(log, want) || strings.Contains(log, long) {
			t.Errorf("%.40s: %s", host, log)
		}
	}
}
