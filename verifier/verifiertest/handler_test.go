package verifiertest_test

import (
	"crypto/ecdsa"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestJWKSShape(t *testing.T) {
	issuer := newIssuer(t)
	body := get(t, serve(t, issuer).URL+verifiertest.JWKSPath).body
	shape := regexp.MustCompile(`^\{"keys":\[\{"use":"sig","kty":"EC","kid":"([0-9a-f]{64})","crv":"P-256","alg":"ES256","x":"([\w-]{43})","y":"([\w-]{43})"\}\]\}$`)
	m := shape.FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("JWKS %s", body)
	}
	if m[1] != issuer.KeyID() {
		t.Errorf("key ID %s, want %s", m[1], issuer.KeyID())
	}
	point, err := issuer.PublicKey().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	if m[2] != encode(point[1:33]) || m[3] != encode(point[33:]) {
		t.Errorf("published the point %s, %s, want % x", m[2], m[3], point)
	}
}

func TestJWKSHeaders(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	got := get(t, url)
	if got.code != http.StatusOK || got.body != string(issuer.JWKS()) {
		t.Fatalf("%d, %s", got.code, got.body)
	}
	hash := fnv.New64()
	_, _ = io.WriteString(hash, got.body)
	for name, want := range map[string]string{
		"Cache-Control":               "max-age=60",
		"Content-Type":                "application/json",
		"Content-Length":              strconv.Itoa(len(got.body)),
		"ETag":                        fmt.Sprintf(`"%x"`, hash.Sum64()),
		"Vary":                        "Origin",
		"Access-Control-Allow-Origin": "",
		"Last-Modified":               "",
	} {
		if value := got.header.Get(name); value != want {
			t.Errorf("%s: %q, want %q", name, value, want)
		}
	}

	got = getWith(t, url, "Origin", "https://elsewhere.example")
	if value := got.header.Get("Access-Control-Allow-Origin"); value != "*" {
		t.Errorf("for another origin: Access-Control-Allow-Origin %q, want *", value)
	}
}

func TestJWKSConditionalGet(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	etag := get(t, url).header.Get("ETag")

	for name, tt := range map[string]struct {
		ifNoneMatch string
		want        int
	}{
		"same":        {etag, http.StatusNotModified},
		"one of many": {`"other", ` + etag, http.StatusNotModified},
		"any":         {"*", http.StatusNotModified},
		"other":       {`"other"`, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			got := getWith(t, url, "If-None-Match", tt.ifNoneMatch)
			if got.code != tt.want {
				t.Errorf("status %d, want %d", got.code, tt.want)
			}
			if got.code == http.StatusNotModified && got.body != "" {
				t.Errorf("304 with a body: %s", got.body)
			}
			if value := got.header.Get("ETag"); value != etag {
				t.Errorf("ETag %s, want %s", value, etag)
			}
		})
	}

	if err := issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	got := getWith(t, url, "If-None-Match", etag)
	if got.code != http.StatusOK || len(publishedIDs(t, got.body)) != 2 {
		t.Errorf("after rotating: %d, %s", got.code, got.body)
	}
	if n := issuer.Fetches(); n != 6 {
		t.Errorf("%d fetches counted, want 6", n)
	}
}

func TestJWKSIsForGetOnly(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL + verifiertest.JWKSPath
	for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodOptions, http.MethodDelete} {
		if got := do(t, newRequest(t, method, url)); got.code != http.StatusMethodNotAllowed || got.body != "" {
			t.Errorf("%s: %d, %q", method, got.code, got.body)
		}
	}
	if n := issuer.Fetches(); n != 0 {
		t.Errorf("%d fetches counted, want none", n)
	}
}

func TestDiscovery(t *testing.T) {
	issuer := newIssuer(t)
	url := serve(t, issuer).URL
	for _, path := range []string{"/.well-known/pomerium", "/.well-known/pomerium/"} {
		r := newRequest(t, http.MethodGet, url+path)
		r.Header.Set("Origin", "https://elsewhere.example")
		r.Host = "grafana.example.com:8443"
		got := do(t, r)
		const want = `{"issuer":"https://grafana.example.com:8443/","authentication_callback_endpoint":"https://authenticate.example.com/oauth2/callback","jwks_uri":"https://grafana.example.com:8443/.well-known/pomerium/jwks.json","frontchannel_logout_uri":"https://grafana.example.com:8443/.pomerium/sign_out"}`
		if got.code != http.StatusOK || strings.TrimSpace(got.body) != want {
			t.Errorf("%s: %d\n got %s\nwant %s", path, got.code, got.body, want)
		}
		if value := got.header.Get("Content-Type"); value != "application/json" {
			t.Errorf("%s: Content-Type %q", path, value)
		}
		if value := got.header.Get("Access-Control-Allow-Origin"); value != "*" {
			t.Errorf("%s: Access-Control-Allow-Origin %q", path, value)
		}
	}
	if got := get(t, url+"/.well-known/pomerium/other"); got.code != http.StatusNotFound {
		t.Errorf("unknown path: %d", got.code)
	}
	if n := issuer.Fetches(); n != 0 {
		t.Errorf("%d fetches of keys counted, want none", n)
	}
}
