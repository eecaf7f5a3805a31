package config

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/verifier"
)

// secretConfig has an app whose adapter sends the secret that %s says where it is.
const secretConfig = `
[issuer.pomerium]
jwks_url = "https://grafana.example.com/.well-known/pomerium/jwks.json"
[app.cameras]
host     = "grafana.example.com"
upstream = "http://127.0.0.1:8971"
adapter  = "cameras"
rule     = [{ role = "viewer" }]
[adapter.cameras]
kind = "headers"
[adapter.cameras.header]
X-Proxy-Secret = { secret = %s }
`

const cameraSecret = "hush-0123456789abcdef"

// sentSecret is what the app receives.
func sentSecret(t *testing.T, c *Config) string {
	t.Helper()
	out, err := c.Apps[0].Adapter.Adapt(t.Context(), adapter.Input{Principal: &verifier.Principal{Subject: "ann"}, Request: new(http.Request)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Header.Get("X-Proxy-Secret")
}

func TestSecret(t *testing.T) {
	t.Setenv("CAMERA_SECRET", cameraSecret)
	t.Setenv("SHORT_SECRET", "hush")
	t.Setenv("EMPTY_SECRET", "")
	const key = "12: adapter.cameras.header.X-Proxy-Secret.secret: "
	tests := []struct {
		name, secret string
		file         string // what cameras.secret holds
		mode         os.FileMode
		want         []string // problems; DIR is where the files are
	}{
		{"file", `{ file = "cameras.secret" }`, cameraSecret, 0o600, nil},
		{"file that ends in a line break", `{ file = "cameras.secret" }`, cameraSecret + "\n", 0o600, nil},
		{"file that ends in Windows' line break", `{ file = "cameras.secret" }`, cameraSecret + "\r\n", 0o640, nil},
		{"environment", `{ env = "CAMERA_SECRET" }`, "", 0, nil},

		{"in the configuration", `"` + cameraSecret + `"`, "", 0, []string{
			key + `a secret does not stand in this file: write { file = "app.secret" } to read it from a file, or { env = "APP_SECRET" } from the environment`,
		}},
		{"in the configuration, as a list", `["` + cameraSecret + `"]`, "", 0, []string{
			key + `a secret does not stand in this file: write { file = "app.secret" } to read it from a file, or { env = "APP_SECRET" } from the environment`,
		}},
		{"nowhere", `{}`, "", 0, []string{key + `says not where the secret is: write { file = "app.secret" } or { env = "APP_SECRET" }`}},
		{"in two places", `{ file = "cameras.secret", env = "CAMERA_SECRET" }`, cameraSecret, 0o600, []string{key + `has file and env: keep one of them`}},
		{"somewhere else", `{ value = "` + cameraSecret + `" }`, "", 0, []string{
			`12: adapter.cameras.header.X-Proxy-Secret.secret.value: unknown key: there are "env" and "file"`,
		}},
		{"file by number", `{ file = 7 }`, "", 0, []string{
			`12: adapter.cameras.header.X-Proxy-Secret.secret.file: want a string, got an integer: write it in quotes`,
		}},
		{"missing file", `{ file = "cameras.secret" }`, "", 0, []string{key + `DIR/cameras.secret: no such file or directory`}},
		{"directory", `{ file = "." }`, "", 0, []string{key + `DIR is no regular file`}},
		{"file for everybody", `{ file = "cameras.secret" }`, cameraSecret, 0o644, []string{
			key + `DIR/cameras.secret is readable for everybody on this machine: chmod 600`,
		}},
		{"short file", `{ file = "cameras.secret" }`, "0123456789abcde\n", 0o600, []string{
			key + "DIR/cameras.secret: shorter than 16 bytes, so it could be guessed: `openssl rand -hex 32` makes one",
		}},
		{"empty file", `{ file = "cameras.secret" }`, "\n", 0o600, []string{
			key + "DIR/cameras.secret: shorter than 16 bytes, so it could be guessed: `openssl rand -hex 32` makes one",
		}},
		{"file of several lines", `{ file = "cameras.secret" }`, cameraSecret + "\nX-Role: admin\n", 0o600, []string{
			key + "DIR/cameras.secret: more than one line: a secret is one",
		}},
		{"file that is no text", `{ file = "cameras.secret" }`, cameraSecret + "\x00", 0o600, []string{key + "value has control characters"}},
		{"huge file", `{ file = "cameras.secret" }`, strings.Repeat("x", 5000), 0o600, []string{key + "DIR/cameras.secret is larger than 4096 bytes"}},
		{"unset variable", `{ env = "CAMERA_SECRET_2" }`, "", 0, []string{key + "the environment has no variable CAMERA_SECRET_2"}},
		{"empty variable", `{ env = "EMPTY_SECRET" }`, "", 0, []string{
			key + "variable EMPTY_SECRET: shorter than 16 bytes, so it could be guessed: `openssl rand -hex 32` makes one",
		}},
		{"short variable", `{ env = "SHORT_SECRET" }`, "", 0, []string{
			key + "variable SHORT_SECRET: shorter than 16 bytes, so it could be guessed: `openssl rand -hex 32` makes one",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, map[string]string{"config.toml": strings.Replace(secretConfig, "%s", tt.secret, 1)})
			if tt.file != "" {
				file := filepath.Join(filepath.Dir(path), "cameras.secret")
				if err := errors.Join(os.WriteFile(file, []byte(tt.file), tt.mode), os.Chmod(file, tt.mode)); err != nil {
					t.Fatal(err)
				}
			}
			c, err := Load(path)
			var problems Problems
			errors.As(err, &problems)
			var got []string
			for _, p := range problems {
				text := strings.TrimPrefix(p.String(), path+":")
				got = append(got, strings.ReplaceAll(text, filepath.Dir(path), "DIR"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			switch {
			case err != nil && strings.Contains(err.Error(), "hush"):
				t.Errorf("the problem tells the secret: %v", err)
			case err == nil && sentSecret(t, c) != cameraSecret:
				t.Errorf("sent %q", sentSecret(t, c))
			}
		})
	}
}

// TestSecretOfInclude: paths start at the file that names them.
func TestSecretOfInclude(t *testing.T) {
	main, app, found := strings.Cut(secretConfig, "[app.cameras]")
	if !found {
		t.Fatal("no app")
	}
	c, err := Load(write(t, map[string]string{
		"config.toml":         "include = [\"apps/*.toml\"]\n" + main,
		"apps/cameras.toml":   "[app.cameras]" + strings.Replace(app, "%s", `{ file = "cameras.secret" }`, 1),
		"apps/cameras.secret": cameraSecret,
		"cameras.secret":      "another-0123456789abcdef",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := sentSecret(t, c); got != cameraSecret {
		t.Errorf("sent %q", got)
	}
}

// TestSecretsAreReadOnlyToServe: where a policy is reviewed there are none, and
// an adapter that no app uses needs none.
func TestSecretsAreReadOnlyToServe(t *testing.T) {
	toml := strings.Replace(secretConfig, "%s", `{ file = "nowhere.secret" }`, 1)
	c, err := LoadPolicy(write(t, map[string]string{"config.toml": toml}))
	if err != nil {
		t.Fatal(err)
	}
	if got := sentSecret(t, c); got != adapter.HiddenSecret {
		t.Errorf("sent %q", got)
	}
	unused := strings.Replace(toml, `adapter  = "cameras"`, `adapter  = "remote-user"`, 1)
	if _, err := Load(write(t, map[string]string{"config.toml": unused})); err != nil {
		t.Errorf("the secret of an unused adapter: %v", err)
	}
}
