package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What is known of a source need not be written.
func TestSources(t *testing.T) {
	const app = `
[app.wiki]
host     = "wiki.example.com"
upstream = "http://127.0.0.1:3000"
adapter  = "remote-user"
rule     = [{ role = "reader" }]
`
	for name, tt := range map[string]struct {
		text     string
		want     Issuer
		expected string // iss
		audience string
	}{
		"Cloudflare Access": {
			`[issuer.i]
source   = "cloudflare-access"
iss      = "https://team.cloudflareaccess.com"
audience = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"`,
			Issuer{
				Header: "Cf-Access-Jwt-Assertion", Algorithms: []string{"RS256"}, Foreign: true,
				Iss: "https://team.cloudflareaccess.com", JWKSURL: "https://team.cloudflareaccess.com/cdn-cgi/access/certs",
				Audience: "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2",
			},
			"https://team.cloudflareaccess.com", "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2",
		},
		"Google IAP": {
			`[issuer.i]
source   = "google-iap"
audience = "/projects/1/global/backendServices/2"`,
			Issuer{
				Header: "X-Goog-Iap-Jwt-Assertion", Algorithms: []string{"ES256"}, Foreign: true,
				Iss: "https://cloud.google.com/iap", JWKSURL: "https://www.gstatic.com/iap/verify/public_key-jwk",
				Audience: "/projects/1/global/backendServices/2",
			},
			"https://cloud.google.com/iap", "/projects/1/global/backendServices/2",
		},
		"an OpenID provider": {
			`[issuer.i]
discovery_url = "https://idp.example.com/realms/x"
audience      = "wiki-client"`,
			Issuer{
				Header: "Authorization", Bearer: true, Algorithms: []string{"ES256", "RS256"}, Foreign: true,
				DiscoveryURL: "https://idp.example.com/realms/x", Audience: "wiki-client",
			},
			"https://idp.example.com/realms/x", "wiki-client",
		},
		"an OpenID provider by another header": {
			`[issuer.i]
discovery_url = "https://idp.example.com"
header        = "X-Id-Token"
algorithms    = ["RS256"]
audience      = "wiki-client"`,
			Issuer{
				Header: "X-Id-Token", Algorithms: []string{"RS256"}, Foreign: true,
				DiscoveryURL: "https://idp.example.com", Audience: "wiki-client",
			},
			"https://idp.example.com", "wiki-client",
		},
		"Pomerium": {
			"[issuer.i]\njwks_url = \"https://wiki.example.com/.well-known/pomerium/jwks.json\"",
			Issuer{
				Header: "X-Pomerium-Jwt-Assertion", Algorithms: []string{"ES256"},
				JWKSURL: "https://wiki.example.com/.well-known/pomerium/jwks.json",
			},
			"wiki.example.com", "wiki.example.com",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Load(write(t, map[string]string{"config.toml": tt.text + "\n" + app}))
			if err != nil {
				t.Fatal(err)
			}
			got := c.Issuers[0]
			if d := cmp.Diff(tt.want, *got, cmpopts.IgnoreFields(Issuer{}, "Name", "Format", "Leeway", "MaxStale", "MaxLifetime", "GoogleIAP")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if iss, aud := got.ExpectedIssuer(c.Apps[0].Host), c.Apps[0].AudienceOf(got); iss != tt.expected || aud != tt.audience {
				t.Errorf("expects iss %q and aud %q", iss, aud)
			}
		})
	}
}

// An app's own audience is more particular than its issuer's.
func TestAppAudienceBeforeIssuerAudience(t *testing.T) {
	for _, own := range []string{"own", "wiki.example.com"} {
		a := &App{Host: "wiki.example.com", Audience: own}
		if got := a.AudienceOf(&Issuer{Audience: "issuer's"}); got != own {
			t.Errorf("got %q, want %q", got, own)
		}
	}
}
