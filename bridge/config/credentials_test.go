package config

import (
	"strings"
	"testing"
)

func TestOwnCredentialProblems(t *testing.T) {
	for table, want := range map[string]string{
		``:                                    `app.grafana.own_credentials[1]: missing: write authorization = "Bearer glsa_*"`,
		`authorization = "glsa_*"`:            `.authorization: "glsa_*" has no scheme`,
		`authorization = "Bearer glsa"`:       `.authorization: "Bearer glsa": one * stands at the end`,
		`authorization = "Bearer *_*"`:        `one * stands at the end`,
		`authorization = "Bearer a b*"`:       `one * stands at the end`,
		`header = "x_webauth_user"`:           `the adapter tells the app by X_webauth_user who somebody is`,
		`header = "Cookie"`:                   `.header: "Cookie" cannot be a credential here`,
		`header = "authorization"`:            `.header: "authorization" cannot be a credential here`,
		`header = "X_Pomerium_Jwt_Assertion"`: `is the header of an issuer's assertions`,
		`header = "X-Key"
authorization = "Bearer *"`: `.header: beside authorization: write one of them`,
		`header = "X-Key"
identity = "maybe"`: `.identity: "maybe" is not known`,
		`header = "X-Key"
path = "x"`: `.path: "x" does not begin with a slash`,
		`header = "X-Key"
path = "/x"
prefix = "/y/"`: `.prefix: beside path`,
		`header = "X-Key"
methods = ["post"]`: `.methods[1]: methods are written in capitals: write "POST"`,
	} {
		text := minimal + "\n[[app.grafana.own_credentials]]\n" + table + "\n"
		if _, err := Load(write(t, map[string]string{"config.toml": text})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: no %q in\n%v", table, want, err)
		}
	}
}

// TestOwnCredentialBesideBearerAssertions: nobody could tell a token from an assertion.
func TestOwnCredentialBesideBearerAssertions(t *testing.T) {
	text := strings.Replace(minimal, "[issuer.pomerium]", "[issuer.pomerium]\nheader = \"Authorization\"\nbearer = true", 1) +
		"\n[[app.grafana.own_credentials]]\nauthorization = \"Bearer glsa_*\"\n"
	_, err := Load(write(t, map[string]string{"config.toml": text}))
	if err == nil || !strings.Contains(err.Error(), "sends its assertions as bearer tokens") {
		t.Errorf("%v", err)
	}
}
