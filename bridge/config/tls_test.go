package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const tlsConfig = `
include = ["apps/*.toml"]
[server]
tls_cert_file = "tls.pem"
tls_key_file = "tls.key"
tls_client_ca_file = "ca.pem"
cache_dir = "cache"
[issuer.pomerium]
jwks_url = "https://wiki.example.com/jwks.json"
ca_file = "ca.pem"
[adapter.mine]
extends = "metabase"
secret = { file = "secret" }
`

const tlsApp = `
[app.wiki]
host = "wiki.example.com"
upstream = "http://127.0.0.1:1"
adapter = "mine"
rule = [{ role = "user", groups = ["g"] }]
`

// tlsPair returns a certificate and its key, PEM.
func tlsPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func writeTLS(t *testing.T) string {
	t.Helper()
	cert, key := tlsPair(t)
	path := write(t, map[string]string{
		"config.toml": tlsConfig, "apps/wiki.toml": tlsApp, "tls.pem": cert, "tls.key": key, "ca.pem": cert,
		"secret": strings.Repeat("s", 32), "cache/.keep": "",
	})
	if err := os.Chmod(filepath.Join(filepath.Dir(path), "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTLSIsWholeOrRefused(t *testing.T) {
	other, otherKey := tlsPair(t)
	for _, test := range []struct {
		name, file, text string
		mode             os.FileMode
		problem          string
	}{
		{"as it should be", "tls.pem", "", 0, ""},
		{"another certificate than the key's", "tls.pem", other, 0o600, "server.tls_cert_file: DIR/tls.pem and DIR/tls.key are no certificate with its key: tls: private key does not match public key"},
		{"another key", "tls.key", otherKey, 0o600, "server.tls_cert_file: DIR/tls.pem and DIR/tls.key are no certificate"},
		{"half a file", "tls.pem", other[:100], 0o600, "server.tls_cert_file: DIR/tls.pem and DIR/tls.key are no certificate"},
		{"key readable for everybody", "tls.key", "", 0o604, "server.tls_key_file: DIR/tls.key is readable for everybody on this machine: chmod 600"},
		{"certificate writable for everybody", "tls.pem", "", 0o602, "server.tls_cert_file: DIR/tls.pem can be written by everybody"},
		{"CA without a certificate", "ca.pem", "-", 0o600, "server.tls_client_ca_file: DIR/ca.pem: no certificate found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := writeTLS(t)
			good, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Dir(path)
			file := filepath.Join(dir, test.file)
			if test.text != "" {
				if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if test.mode != 0 {
				if err := os.Chmod(file, test.mode); err != nil {
					t.Fatal(err)
				}
			}
			want := strings.ReplaceAll(test.problem, "DIR", dir)
			_, loadErr := Load(path)
			fresh, rereadErr := good.Server.TLS.Reread()
			for _, err := range []error{loadErr, rereadErr} {
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
				if err != nil && strings.Contains(err.Error(), "PRIVATE") {
					t.Errorf("the message quotes the key: %v", err)
				}
			}
			if (fresh == nil) != (want != "") {
				t.Errorf("Reread returned %v", fresh)
			}
		})
	}
}

// Where people review a configuration, there is no private key.
func TestLoadPolicyNeedsNoTLSFiles(t *testing.T) {
	path := writeTLS(t)
	if err := os.Remove(filepath.Join(filepath.Dir(path), "tls.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadPolicy(path); err != nil {
		t.Error(err)
	}
}

func TestLoadFiles(t *testing.T) {
	path := writeTLS(t)
	dir := filepath.Dir(path)
	check := func(files Files, named ...string) {
		t.Helper()
		want := Files{Named: []string{path}, Patterns: []string{filepath.Join(dir, "apps/*.toml")}}
		for _, name := range named {
			want.Named = append(want.Named, filepath.Join(dir, name))
		}
		if diff := cmp.Diff(want, files); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	_, files, err := LoadFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	// Not cache_dir, which ssobridge itself writes to.
	check(files, "tls.pem", "tls.key", "ca.pem", "ca.pem", "secret")

	// What is missing is among them: when it comes, the outcome is another.
	if err := os.Remove(filepath.Join(dir, "secret")); err != nil {
		t.Fatal(err)
	}
	if _, files, err = LoadFiles(path); err == nil {
		t.Error("loaded without a secret")
	}
	check(files, "tls.pem", "tls.key", "ca.pem", "ca.pem", "secret")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, files, err = LoadFiles(path); err == nil || len(files.Named) != 1 || files.Named[0] != path {
		t.Errorf("without a main file: %v %v", files, err)
	}
}
