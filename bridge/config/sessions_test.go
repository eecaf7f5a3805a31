package config

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/bridge/session/store"
)

const sessionsConfig = `
[sessions]
store             = "rediss+sentinel://s1.example.com,s2.example.com:26380/mymaster/3"
username          = "bridge"
password          = { file = "redis.password" }
sentinel_username = "watcher"
sentinel_password = { file = "sentinel.password" }
ca_file           = "ca.pem"
client_cert_file  = "client.pem"
client_key_file   = "client.key"
key_prefix        = "ours:"
timeout           = "250ms"
on_store_failure  = "relogin"
max_entries       = 1000
max_bytes         = 2_000_000
keys              = [{ file = "new.key" }, { file = "old.key" }]
` + sessionsApp

const sessionsApp = `
[issuer.pomerium]
jwks_url = "https://wiki.example.com/jwks.json"

[app.wiki]
host     = "wiki.example.com"
upstream = "http://127.0.0.1:1"
adapter  = "remote-user"
rule     = [{ role = "user", groups = ["g"] }]
`

// sessionSecrets are what must be seen nowhere.
var sessionSecrets = map[string]string{
	"redis.password":    "canary-of-the-redis-password",
	"sentinel.password": "canary-of-the-sentinel-password",
	"new.key":           "canary-of-the-new-key-0123456789",
	"old.key":           "canary-of-the-old-key-0123456789",
}

func writeSessions(t *testing.T) (path string) {
	t.Helper()
	cert, key := tlsPair(t)
	files := map[string]string{"config.toml": sessionsConfig, "ca.pem": cert, "client.pem": cert, "client.key": key}
	for name, secret := range sessionSecrets {
		files[name] = secret + "\n"
	}
	return write(t, files)
}

func TestSessions(t *testing.T) {
	path := writeSessions(t)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Options{
		Address:          "rediss+sentinel://s1.example.com,s2.example.com:26380/mymaster/3",
		Username:         "bridge",
		Password:         sessionSecrets["redis.password"],
		SentinelUsername: "watcher",
		SentinelPassword: sessionSecrets["sentinel.password"],
		KeyPrefix:        "ours:",
		Timeout:          250 * time.Millisecond,
		Relogin:          true,
		Keys:             [][]byte{[]byte(sessionSecrets["new.key"]), []byte(sessionSecrets["old.key"])},
		MaxEntries:       1000,
		MaxBytes:         2_000_000,
	}
	got := c.Sessions.Options()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Options{}, "TLS")); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	if s := got.TLS; s == nil || s.RootCAs == nil || len(s.Certificates) != 1 || s.MinVersion != tls.VersionTLS12 || s.InsecureSkipVerify {
		t.Errorf("TLS: %+v", s)
	}
	_, closer, err := store.Open(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

func TestSessionsDefault(t *testing.T) {
	c, err := Load(write(t, map[string]string{"config.toml": sessionsApp}))
	if err != nil {
		t.Fatal(err)
	}
	want := store.Options{
		Address: store.InMemory, KeyPrefix: "ssobridge:", Timeout: 500 * time.Millisecond,
		MaxEntries: store.DefaultMaxEntries, MaxBytes: store.DefaultMaxBytes,
	}
	if diff := cmp.Diff(want, c.Sessions.Options()); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	if c.Sessions.Keys() != nil {
		t.Error("there is a key, and none is configured")
	}
}

// TestSessionsShowNoSecret: whatever prints the configuration prints no secret of it.
func TestSessionsShowNoSecret(t *testing.T) {
	c, err := Load(writeSessions(t))
	if err != nil {
		t.Fatal(err)
	}
	options := c.Sessions.Options()
	shown := fmt.Sprintf("%v %+v %#v %v %+v", c.Sessions, c.Sessions, c.Sessions, *c, c.Sessions.keys)
	shown += fmt.Sprintf("%v %+v %#v %x", options, options, &options, options)
	for name, secret := range sessionSecrets {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")} {
			if strings.Contains(shown, form) {
				t.Errorf("%s is shown", name)
			}
		}
	}
}

// TestSessionsOfAPolicy: machines where policies are reviewed have no secrets, and no
// certificates.
func TestSessionsOfAPolicy(t *testing.T) {
	path := write(t, map[string]string{"config.toml": sessionsConfig})
	if _, err := Load(path); err == nil {
		t.Error("Load does without the files")
	}
	c, err := LoadPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	if o := c.Sessions.Options(); o.Password != "" || o.Keys != nil || o.TLS != nil {
		t.Error("LoadPolicy has secrets")
	}
}

// TestSessionsSame: what ends the sessions in memory is a change that concerns them.
func TestSessionsSame(t *testing.T) {
	path := writeSessions(t)
	first, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := tlsPair(t)
	for _, change := range []struct {
		name  string
		files map[string]string
		same  bool
	}{
		{"nothing", nil, true},
		{"another table", map[string]string{"config.toml": strings.Replace(sessionsConfig, `["g"]`, `["h"]`, 1)}, true},
		{"the password", map[string]string{"redis.password": "another-password-than-before"}, false},
		{"a key", map[string]string{"new.key": strings.Repeat("k", 32)}, false},
		{"the CA", map[string]string{"ca.pem": cert}, false},
		{"the client certificate", map[string]string{"client.pem": cert, "client.key": key}, false},
		{"the timeout", map[string]string{"config.toml": strings.Replace(sessionsConfig, "250ms", "251ms", 1)}, false},
		{"the order of keys", map[string]string{"new.key": sessionSecrets["old.key"], "old.key": sessionSecrets["new.key"]}, false},
	} {
		t.Run(change.name, func(t *testing.T) {
			for name, text := range change.files {
				file := filepath.Join(filepath.Dir(path), name)
				before, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := os.WriteFile(file, before, 0o600); err != nil {
						t.Error(err)
					}
				})
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			now, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if first.Sessions.Same(&now.Sessions) != change.same {
				t.Errorf("Same is not %v", change.same)
			}
		})
	}
}

// TestSessionsRefuseWeakSecrets: short keys, those that everybody can read, one key
// twice, a password that could be guessed.
func TestSessionsRefuseWeakSecrets(t *testing.T) {
	for _, test := range []struct {
		name, file, text string
		mode             os.FileMode
		problem          string
	}{
		{"short key", "old.key", strings.Repeat("k", 31), 0o600, "sessions.keys[2]: shorter than 32 bytes"},
		{"very short key", "old.key", "kkkk", 0o600, "shorter than 16 bytes"},
		{"readable key", "new.key", strings.Repeat("k", 32), 0o644, "readable for everybody"},
		{"key twice", "old.key", sessionSecrets["new.key"], 0o600, "sessions.keys[2]: the same key as keys[1]"},
		{"short password", "redis.password", "xyzzy", 0o600, "sessions.password: "},
		{"readable password", "sentinel.password", sessionSecrets["new.key"], 0o604, "readable for everybody"},
		{"readable client key", "client.key", "", 0o644, "sessions.client_key_file: "},
		{"other client key", "client.key", "other", 0o600, "are no certificate with its key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := writeSessions(t)
			file := filepath.Join(filepath.Dir(path), test.file)
			switch test.text {
			case "":
			case "other":
				_, test.text = tlsPair(t)
				fallthrough
			default:
				if err := os.WriteFile(file, []byte(test.text), test.mode); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(file, test.mode); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Fatalf("%v, want %s", err, test.problem)
			}
			if test.text != "" && strings.Contains(err.Error(), test.text) {
				t.Error("the problem quotes the secret")
			}
		})
	}
}

// TestSessionsFilesAreWatched: a changed secret is a reason to load again.
func TestSessionsFilesAreWatched(t *testing.T) {
	path := writeSessions(t)
	_, files, err := LoadFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"redis.password", "sentinel.password", "new.key", "old.key", "ca.pem", "client.pem", "client.key"} {
		if file := filepath.Join(filepath.Dir(path), name); !strings.Contains(strings.Join(files.Named, "\n")+"\n", file+"\n") {
			t.Errorf("%s is not named", name)
		}
	}
}
