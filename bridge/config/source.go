package config

import (
	"github.com/ssobridge/ssobridge/verifier"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// sourceDefaults are what is known of assertions of one sender: keys that may
// then be left out.
type sourceDefaults struct {
	header     string
	algorithms []string
	iss        string // empty: depends on the customer
	jwksURL    func(iss string) string
}

// sources are the senders besides Pomerium whose assertions have the form that
// the verifier insists on. Their facts are from their own documentation:
// developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/validating-json
// and cloud.google.com/iap/docs/signed-headers-howto.
func sources() map[string]sourceDefaults {
	return map[string]sourceDefaults{
		SourcePomerium: {},
		SourceCloudflareAccess: {
			header:     "Cf-Access-Jwt-Assertion",
			algorithms: []string{verifier.RS256},
			jwksURL:    func(iss string) string { return iss + "/cdn-cgi/access/certs" },
		},
		SourceGoogleIAP: {
			header:     "X-Goog-Iap-Jwt-Assertion",
			algorithms: []string{verifier.ES256},
			iss:        "https://cloud.google.com/iap",
			jwksURL:    func(string) string { return "https://www.gstatic.com/iap/verify/public_key-jwk" },
		},
	}
}

// applySource fills in what the file leaves to the source, or to discovery.
func (l *loader) applySource(at place, t *issuerTable) {
	all := sources()
	defaults, known := all[t.Source]
	written := func(key string) bool { return at.doc.has(at.key(key).path) }
	switch {
	case t.Source == "aws-alb":
		l.report.mute(at.key("jwks_url"))
		l.report.add(at.key("source"), "not supported: an AWS ALB signs for no audience, with keys that all its customers in a region share, "+
			"in base64 that is not a JWT's; put the ALB's OpenID provider here with discovery_url, or Pomerium in front")
		return
	case !known:
		l.report.mute(at.key("jwks_url"))
		l.report.add(at.key("source"), "%q is not known%s", t.Source, wording.Instead(t.Source, sortedKeys(all)))
		return
	case t.DiscoveryURL != "":
		defaults = sourceDefaults{header: "Authorization", algorithms: []string{verifier.ES256, verifier.RS256}}
		if !written("header") {
			t.Bearer = true
		}
	}
	if defaults.header != "" && !written("header") {
		t.Header = defaults.header
	}
	if defaults.algorithms != nil && !written("algorithms") {
		t.Algorithms = defaults.algorithms
	}
	if defaults.iss != "" && t.Iss == "" {
		t.Iss = defaults.iss
	}
	if defaults.jwksURL == nil {
		return
	}
	if t.Iss == "" {
		l.report.mute(at.key("jwks_url"))
		l.report.add(at.key("iss"), `missing: write your team's address, such as "https://TEAM.cloudflareaccess.com"`)
		return
	}
	if t.JWKSURL == "" && t.JWKSFile == "" && t.PublicKeyFile == "" {
		t.JWKSURL = defaults.jwksURL(t.Iss)
	}
}

// checkTrustEmail: the key is for ID tokens only.
func (l *loader) checkTrustEmail(at place, t issuerTable) {
	if t.TrustEmail && t.DiscoveryURL == "" {
		l.report.add(at.key("trust_email"), "has no effect without discovery_url: remove it")
	}
}

// checkDiscovery checks an issuer that is an OpenID provider.
func (l *loader) checkDiscovery(at place, i *Issuer) {
	if err := verifier.CheckIssuerURL(i.DiscoveryURL, i.InsecureHTTP); err != nil {
		l.report.add(at.key("discovery_url"), "%v", err)
	}
	for _, key := range []string{"iss", "issuer_format", "source"} {
		if at.doc.has(at.key(key).path) {
			l.report.add(at.key(key), "has no effect beside discovery_url, which is the issuer: remove it")
		}
	}
}

// checkAudience refuses apps whose audience would be their host by default,
// where no issuer but Pomerium writes that.
func (l *loader) checkAudience(app place, a *App) {
	for _, i := range a.Issuers {
		if i.Foreign && i.Audience == "" && !app.doc.has(app.key("audience").path) {
			l.report.add(app.key("audience"), "missing: issuer %q does not write the app's host as aud; "+
				"say what it writes (a client ID, an application's tag), here or in [issuer.%s]", i.Name, i.Name)
		}
	}
}
