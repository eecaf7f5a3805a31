package config

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loadOwn loads an app whose adapter is the [adapter.ours] in text, and returns what
// it removes from requests and what is wrong.
func loadOwn(t *testing.T, text string) (owned, problems []string) {
	t.Helper()
	const head = `
[issuer.pomerium]
jwks_url = "https://app.example.com/jwks.json"
[app.app]
host = "app.example.com"
upstream = "http://127.0.0.1:1"
adapter = "ours"
rule = [{ role = "user", groups = ["g"] }]
`
	path := write(t, map[string]string{"config.toml": head + text, "app.secret": "0123456789abcdef"})
	c, err := Load(path)
	if list, ok := errors.AsType[Problems](err); ok {
		for _, p := range list {
			p.File = filepath.Base(p.File)
			problems = append(problems, p.String())
		}
		return nil, problems
	}
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(c.Apps[0].Adapter.Owns().Headers)), nil
}

// TestHeaderAbovePresetsStrip: a header that a table lays over a preset is sent,
// although the preset removes it from what clients send. Within one table, that is a
// mistake, and so it is to strip what a preset sends.
func TestHeaderAbovePresetsStrip(t *testing.T) {
	const secret = `{ secret = { file = "app.secret" }, prefix = "Basic " }`
	for _, tt := range []struct {
		name, text      string
		owned, problems []string
	}{
		{"a header over the preset's strip", `
[adapter.ours]
extends = "trino"
[adapter.ours.header]
Authorization = ` + secret, []string{"Authorization", "X-Trino-User"}, nil},
		{"two tables above", `
[adapter.middle]
extends = "trino"
[adapter.ours]
extends = "middle"
header.Authorization = ` + secret, []string{"Authorization", "X-Trino-User"}, nil},
		{"both in one table", `
[adapter.ours]
extends = "trino"
strip = ["authorization"]
header.Authorization = ` + secret, nil, []string{
			`config.toml:12: adapter.ours.strip: "authorization" is never sent to the app, but header.Authorization says what to send; remove one of them`,
		}},
		{"strip over a preset's header", `
[adapter.ours]
extends = "trino"
strip = ["X-Trino-User"]
`, nil, []string{
			`config.toml:12: adapter.ours.strip: "X-Trino-User" is never sent to the app, but header.X-Trino-User says what to send; remove one of them`,
		}},
		{"a preset that needs a secret", `
[adapter.ours]
extends = "kubernetes"
`, nil, []string{
			`config.toml:11: adapter.ours.extends: preset "kubernetes": header.Authorization: missing: the token of a service account that may impersonate; ` +
				`write { secret = { file = "..." }, prefix = "Bearer " }`,
		}},
		{"with it", `
[adapter.ours]
extends = "elasticsearch"
header.Authorization = ` + secret, []string{"Authorization", "Es-Security-Runas-User"}, nil},
		{"a token in the header that is stripped", `
[adapter.ours]
kind = "jwt"
header = "Authorization"
strip = ["authorization"]
secret = { file = "app.secret" }
`, nil, []string{
			`config.toml:13: adapter.ours.strip: "authorization" is never sent to the app, but header says what to send; remove one of them`,
			"config.toml:14: adapter.ours.secret: shorter than 32 bytes, which HS256 needs: `openssl rand -hex 32` makes one",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			owned, problems := loadOwn(t, tt.text)
			if diff := cmp.Diff(tt.problems, problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.owned, owned); diff != "" {
				t.Errorf("removed from requests (-want +got):\n%s", diff)
			}
		})
	}
}
