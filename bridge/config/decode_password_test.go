package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPasswords: others have chosen them, so any length and several lines will do; what
// stands in the file itself, or is for everybody to read, will not.
func TestPasswords(t *testing.T) {
	const head = `
[issuer.pomerium]
jwks_url = "https://desks.example.com/jwks.json"
[app.desks]
host = "desks.example.com"
upstream = "http://127.0.0.1:1"
adapter = "ours"
rule = [{ role = "user", groups = ["g"] }]
[adapter.ours]
extends = "guacamole-json"
secret = { file = "app.secret" }
[adapter.ours.connections.Build]
protocol = "ssh"
parameters = { hostname = "build.internal" }
roles = ["user"]
secrets = { password = `
	const at = "config.toml:16: adapter.ours.connections.Build.secrets.password: "
	for _, tt := range []struct {
		name, option, content string
		mode                  os.FileMode
		want                  string
	}{
		{"short", `{ file = "build.password" }`, "x\n", 0o600, ""},
		{"a key", `{ file = "build.password" }`, "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n", 0o600, ""},
		{"in the environment", `{ env = "SSOBRIDGE_TEST_PASSWORD" }`, "", 0o600, ""},
		{"empty", `{ file = "build.password" }`, "\n", 0o600, "DIR/build.password: empty: write the password, or remove the option"},
		{"Latin-1", `{ file = "build.password" }`, "stra\xdfe", 0o600, "DIR/build.password: not UTF-8: write it as a text"},
		{"for everybody to read", `{ file = "build.password" }`, "hush", 0o644, "DIR/build.password is readable for everybody on this machine: chmod 600"},
		{"missing", `{ file = "other.password" }`, "hush", 0o600, "DIR/other.password: no such file or directory"},
		{"not in the environment", `{ env = "SSOBRIDGE_TEST_NO_PASSWORD" }`, "", 0o600, "the environment has no variable SSOBRIDGE_TEST_NO_PASSWORD"},
		{"written down", `"hush"`, "", 0o600, `a password does not stand in this file: write { file = "app.password" } to read it from a file, or { env = "APP_PASSWORD" } from the environment`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("SSOBRIDGE_TEST_PASSWORD", "x")
			path := write(t, map[string]string{
				"config.toml": head + tt.option + " }\n", "app.secret": "0123456789abcdef0123456789abcdef", "build.password": tt.content,
			})
			dir := filepath.Dir(path)
			if err := os.Chmod(filepath.Join(dir, "build.password"), tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			problems, _ := errors.AsType[Problems](err)
			got := ""
			for _, p := range problems {
				got += p.String()
			}
			want := ""
			if tt.want != "" {
				want = dir + "/" + at + strings.ReplaceAll(tt.want, "DIR", dir)
			}
			if got != want {
				t.Errorf("%v, want\n%s", err, want)
			}
			if strings.Contains(got, "hush") {
				t.Error("the message has the password")
			}
		})
	}
}
