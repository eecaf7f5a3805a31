package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// serveIDP runs an issuer on loopback, with and without discovery.
func serveIDP(t *testing.T) (*verifiertest.Issuer, *httptest.Server) {
	t.Helper()
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	idp := httptest.NewServer(mux)
	t.Cleanup(idp.Close)
	mux.Handle("/", issuer.Handler())
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["ES256"]}`, idp.URL, idp.URL+verifiertest.JWKSPath)
	})
	return issuer, idp
}

// cacheIn replaces the source of the keys, and has them cached.
func (r *run) cacheIn(dir, source string) {
	r.t.Helper()
	b, err := os.ReadFile(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	text := strings.Replace(string(b), `jwks_url = "`+r.jwks.URL+verifiertest.JWKSPath+`"`, source, 1)
	if dir != "" {
		text = strings.Replace(text, "[server]\n", "[server]\ncache_dir = \""+dir+"\"\n", 1)
	}
	r.overwrite(text)
}

// waitFile waits until a file has text in it, and returns all of it.
func waitFile(t *testing.T, path, text string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), text) {
			return string(b)
		}
	}
	t.Fatalf("%s never had %s", path, text)
	return ""
}

func (r *run) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		r.t.Errorf("ended with %v", err)
	}
	r.ended <- nil
}

func TestRestartWhileTheIssuerIsDown(t *testing.T) {
	for name, source := range map[string]string{
		"jwks_url": `jwks_url = "IDP` + verifiertest.JWKSPath + `"`,
		"discovery_url": `discovery_url = "IDP"
header        = "X-Pomerium-Jwt-Assertion"
audience      = "wiki.example.com"
trust_email   = true`,
	} {
		t.Run(name, func(t *testing.T) {
			issuer, idp := serveIDP(t)
			dir := filepath.Join(t.TempDir(), "cache")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			boot := func(dir string) *run {
				return start(t, echoRole, func(r *run) {
					r.issuer = issuer
					if name == "discovery_url" {
						r.iss = idp.URL
					}
					r.cacheIn(dir, strings.Replace(source, "IDP", idp.URL, 1))
				})
			}
			r := boot(dir)
			waitFile(t, filepath.Join(dir, "keys-pomerium.json"), issuer.KeyID())
			if status, text := r.get(); status != http.StatusOK {
				t.Fatalf("%d %q", status, text)
			}
			r.end()
			idp.Close()
			r = boot(dir)
			if status, text := r.admin("/readyz"); status != http.StatusOK {
				t.Errorf("readyz: %d %s", status, text)
			}
			if status, text := r.get(); status != http.StatusOK || text != "ann@example.com is Reader" {
				t.Errorf("%d %q", status, text)
			}
			if status, _ := boot("").get(); status != http.StatusServiceUnavailable {
				t.Errorf("without cache_dir: %d", status)
			}
		})
	}
}

// Keys that were fetched for a reload that is refused must not cost the next
// start those in force.
func TestRefusedReloadLeavesTheCacheAlone(t *testing.T) {
	other, moved := serveIDP(t)
	file := filepath.Join(t.TempDir(), "keys-pomerium.json")
	if err := os.Chmod(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	r := start(t, echoRole, func(r *run) {
		r.cacheIn(filepath.Dir(file), `jwks_url = "`+r.jwks.URL+verifiertest.JWKSPath+`"`)
	})
	before := waitFile(t, file, r.issuer.KeyID())
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	good := strings.NewReplacer(r.jwks.URL, moved.URL, "[app.wiki]\n", "[app.wiki]\nissuer = \"pomerium\"\n").Replace(string(b))
	r.overwrite(good + "\n[issuer.broken]\njwks_url = \"" + moved.URL + "/nowhere\"\n")
	r.reload <- struct{}{}
	r.log.wait(t, "issuer.broken: keys are new")
	if other.Fetches() != 1 {
		t.Errorf("the new keys were fetched %d times", other.Fetches())
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != before {
		t.Errorf("the file has changed: %v\n%s", err, b)
	}
	r.overwrite(good)
	r.reload <- struct{}{}
	waitFile(t, file, other.KeyID())
}
