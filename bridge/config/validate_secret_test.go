package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
)

// TestTwoAppsWithOneSecret: what is signed for one app must be no use at another.
func TestTwoAppsWithOneSecret(t *testing.T) {
	const apps = `
[issuer.pomerium]
jwks_url = "https://bi.example.com/jwks.json"
[app.bi]
host = "bi.example.com"
upstream = "http://127.0.0.1:1"
adapter = "one"
rule = [{ role = "user", groups = ["g"] }]
[app.staging]
host = "staging.example.com"
upstream = "http://127.0.0.1:2"
adapter = "two"
rule = [{ role = "user", groups = ["g"] }]
[adapter.one]
%s
secret = { file = "one.secret" }
[adapter.two]
%s
secret = { file = "two.secret" }
`
	const sso, token = `extends = "metabase"`, "kind = \"jwt\"\nheader = \"X-Token\""
	const one, two = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	const want = `config.toml:12: app.staging.adapter: "two" signs with the secret of app.bi: whoever enters one app could enter the other as well; ` +
		`make another secret, in an [adapter.NAME] of its own`
	for _, tt := range []struct{ first, second, firstKind, secondKind, want string }{
		{one, two, sso, sso, ""},
		{one, one, sso, sso, want},
		{one, two, token, token, ""},
		{one, one, token, token, want}, // not every app compares aud
		{one, one, sso, token, want},
		{one, one, token, sso, want},
	} {
		path := write(t, map[string]string{
			"config.toml": fmt.Sprintf(apps, tt.firstKind, tt.secondKind), "one.secret": tt.first, "two.secret": tt.second + "\n",
		})
		_, err := Load(path)
		var problems Problems
		errors.As(err, &problems)
		got := ""
		for _, p := range problems {
			got += p.String()
		}
		if tt.want != "" {
			tt.want = filepath.Join(filepath.Dir(path), tt.want)
		}
		if got != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
		if _, err := LoadPolicy(path); err != nil { // there are no secrets where a policy is reviewed
			t.Error(err)
		}
	}
}
