package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// keyConfig has an app whose adapter signs with the keys that %s names.
const keyConfig = `
[issuer.pomerium]
public_key_file = "pomerium.pub"
[app.reports]
host     = "reports.example.com"
upstream = "http://127.0.0.1:3000"
adapter  = "signed"
rule     = [{ role = "user" }]
[adapter.signed]
extends = "bearer"
keys    = %s
`

// keyPair makes a key as its files have it.
func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER}))
}

func TestPrivateKey(t *testing.T) {
	private, public := keyPair(t)
	issuer, issuerPublic := keyPair(t)
	t.Setenv("APP_KEY", private)
	const where = `a private key does not stand in this file: write { file = "jwt.key" } to read it from a PEM file, or { env = "JWT_KEY" } from the environment`
	misspelt := map[string]bool{"in the configuration": true, "nowhere": true, "in two places": true, "somewhere else": true}
	for _, tt := range []struct {
		name, keys string
		want       []string // problems; DIR is where the files are
	}{
		{"file", `[{ file = "app.key" }]`, nil},
		{"environment", `[{ env = "APP_KEY" }]`, nil},
		{"a public key that everybody can read", `[{ file = "app.key" }, { file = "pomerium-2.pub" }]`, nil},
		{"in the configuration", `["hush"]`, []string{`11: adapter.signed.keys[1]: ` + where}},
		{"nowhere", `[{}]`, []string{`11: adapter.signed.keys[1]: says not where the key is: write { file = "jwt.key" } or { env = "JWT_KEY" }`}},
		{"in two places", `[{ file = "app.key", env = "APP_KEY" }]`, []string{`11: adapter.signed.keys[1]: has file and env: keep one of them`}},
		{"somewhere else", `[{ value = "hush" }]`, []string{`11: adapter.signed.keys[1].value: unknown key: there are "env" and "file"`}},
		{"missing file", `[{ file = "app.key" }, { file = "old.key" }]`, []string{`11: adapter.signed.keys[2]: DIR/old.key: no such file or directory`}},
		{"file for everybody", `[{ file = "open.key" }]`, []string{`11: adapter.signed.keys[1]: DIR/open.key is readable for everybody on this machine: chmod 600`}},
		{"huge file", `[{ file = "huge.key" }]`, []string{`11: adapter.signed.keys[1]: DIR/huge.key is larger than 16384 bytes`}},
		{"unset variable", `[{ env = "APP_KEY_2" }]`, []string{`11: adapter.signed.keys[1]: the environment has no variable APP_KEY_2`}},
		{"a public key first", `[{ file = "app.pub" }]`, []string{
			`11: adapter.signed.keys[1]: a public key cannot sign; the first key signs, and only those behind it may be public`,
		}},
		{"the issuer's key", `[{ file = "issuer.key" }]`, []string{
			`7: app.reports.adapter: "signed" signs with a key of issuer.pomerium: whoever has a token of the app could enter others; make a key of its own`,
		}},
		{"the issuer's key, to change to", `[{ file = "app.key" }, { file = "pomerium.pub" }]`, []string{
			`7: app.reports.adapter: "signed" signs with a key of issuer.pomerium: whoever has a token of the app could enter others; make a key of its own`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, another := keyPair(t)
			path := write(t, map[string]string{
				"config.toml": strings.Replace(keyConfig, "%s", tt.keys, 1), "app.key": private, "app.pub": public, "open.key": private,
				"issuer.key": issuer, "pomerium.pub": issuerPublic, "pomerium-2.pub": another, "huge.key": strings.Repeat("x", 20000),
			})
			for _, file := range []string{"open.key", "app.pub", "pomerium-2.pub"} {
				if err := os.Chmod(filepath.Join(filepath.Dir(path), file), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			c, err := Load(path)
			var problems Problems
			errors.As(err, &problems)
			var got []string
			for _, p := range problems {
				got = append(got, strings.ReplaceAll(strings.TrimPrefix(p.String(), path+":"), filepath.Dir(path), "DIR"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			switch {
			case err != nil && strings.Contains(err.Error(), "hush"):
				t.Errorf("the problem tells the key: %v", err)
			case err == nil && len(c.Apps[0].Adapter.(adapter.KeyOwner).PublicKeys()) == 0:
				t.Error("the adapter has no key")
			}
			// Where a policy is reviewed there are no keys.
			if _, err := LoadPolicy(path); (err != nil) != misspelt[tt.name] {
				t.Errorf("LoadPolicy: %v", err)
			}
		})
	}
}
