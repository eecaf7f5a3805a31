package deploy

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// tool skips a test that needs a program that is not there, unless the
// environment says that it must be.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// runBlock runs the first block of commands below a heading of the compose
// folder's README, without those that need Docker or take time.
func runBlock(t *testing.T, dir, heading string) {
	t.Helper()
	tool(t, "openssl")
	_, text, found := strings.Cut(read(t, "compose/README.md"), "\n"+heading)
	_, text, foundBlock := strings.Cut(text, "```sh\n")
	block, _, _ := strings.Cut(text, "```")
	if !found || !foundBlock {
		t.Fatalf("README.md has no commands below %s", heading)
	}
	block = regexp.MustCompile(`(?m)^(docker|sleep) .*$`).ReplaceAllString(block, "")
	run := exec.CommandContext(t.Context(), "sh", "-euc", block)
	run.Dir = dir
	if output, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

// signingKey returns an issuer that signs with the key that Pomerium would.
func signingKey(t *testing.T, dir string) *verifiertest.Issuer {
	t.Helper()
	block, _ := pem.Decode([]byte(read(t, dir+"/secrets/signing_key.pem")))
	if block == nil {
		t.Fatal("signing_key.pem is no PEM file")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes) // what Pomerium tries first
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := verifiertest.NewIssuer(verifiertest.Key(key))
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

// publicKeyIDs returns the IDs of the keys that ssobridge is given.
func publicKeyIDs(t *testing.T, dir string) string {
	t.Helper()
	keys, err := verifier.ParsePEM([]byte(read(t, dir+"/ssobridge/pomerium.pub.pem")))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range keys {
		if k.Algorithm != verifier.ES256 {
			t.Errorf("key %s is for %s", k.ID, k.Algorithm)
		}
		ids = append(ids, k.ID)
	}
	return strings.Join(ids, " ")
}

// TestKeyRecipe: the README's commands make a key with which an assertion of
// Pomerium's becomes the role that the README shows.
func TestKeyRecipe(t *testing.T) {
	dir := composeWithKeys(t)
	issuer := signingKey(t, dir)
	if got := publicKeyIDs(t, dir); got != issuer.KeyID() {
		t.Errorf("ssobridge knows key %s, Pomerium signs with %s", got, issuer.KeyID())
	}
	c, err := config.Load(dir + "/ssobridge/ssobridge.toml")
	if err != nil {
		t.Fatal(err)
	}
	app := c.Apps[0]
	visits, err := explain.VerifyAssertion(t.Context(), c, c.Apps, issuer.Assertion(verifiertest.Claims{
		Audience: app.Host, Subject: "u1", Email: "bob@example.com", Groups: []string{"sre"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := app.MapperOf(visits[0].Issuer).Map(visits[0].Principal, time.Now()).Role(); got != "Editor" {
		t.Errorf("role %q, want Editor", got)
	}
}

// TestSecretsRecipe: Pomerium refuses secrets with white space around them.
func TestSecretsRecipe(t *testing.T) {
	dir := composeWithKeys(t)
	for _, name := range []string{"shared_secret", "cookie_secret", "grafana_secret_key"} {
		secret := read(t, dir+"/secrets/"+name)
		if raw, err := base64.StdEncoding.DecodeString(secret); err != nil || len(raw) != 32 || strings.TrimSpace(secret) != secret {
			t.Errorf("%s: %d bytes, %v", name, len(raw), err)
		}
	}
	if secret := read(t, dir+"/secrets/idp_client_secret"); strings.TrimSpace(secret) != secret {
		t.Errorf("idp_client_secret is %q", secret)
	}
	folder, err := os.Stat(dir + "/secrets")
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("secrets: %v, %v", folder.Mode(), err)
	}
	entries, err := os.ReadDir(dir + "/secrets")
	if err != nil {
		t.Fatal(err)
	}
	compose := read(t, "compose/compose.yaml")
	for _, entry := range entries {
		if !strings.Contains(compose, "file: ./secrets/"+entry.Name()+"\n") {
			t.Errorf("compose.yaml does not use secrets/%s", entry.Name())
		}
		info, err := entry.Info()
		if err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v: the containers run as other users", entry.Name(), info.Mode(), err)
		}
	}
	if used := strings.Count(compose, "file: ./secrets/"); used != len(entries) {
		t.Errorf("compose.yaml uses %d secrets, the README makes %d", used, len(entries))
	}
}

// TestRotationRecipe: after the README's commands Pomerium and ssobridge have the
// same new key, and the old one is gone.
func TestRotationRecipe(t *testing.T) {
	dir := composeWithKeys(t)
	old := signingKey(t, dir).KeyID()
	runBlock(t, dir, "**Change the signing key.**")
	fresh := signingKey(t, dir).KeyID()
	if got := publicKeyIDs(t, dir); got != fresh || fresh == old {
		t.Errorf("ssobridge knows %s, Pomerium signs with %s, and before with %s", got, fresh, old)
	}
}
