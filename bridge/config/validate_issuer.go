package config

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/verifier"
)

// maxLeeway bounds the leeway. Pomerium's assertions live for five minutes;
// more than that again would be a second life.
const maxLeeway = 5 * time.Minute

// The bounds of max_stale: keys are fetched every 15 minutes at the least, and a
// key that was withdrawn because it leaked is trusted until max_stale.
const (
	minMaxStale = 15 * time.Minute
	maxMaxStale = 7 * 24 * time.Hour
)

func (l *loader) validIssuer(e entry[issuerTable]) *Issuer {
	t, at := e.table, e.at
	l.applySource(at, &t)
	i := &Issuer{
		DiscoveryURL:  t.DiscoveryURL,
		Audience:      t.Audience,
		Bearer:        t.Bearer,
		TrustEmail:    t.TrustEmail,
		Foreign:       t.DiscoveryURL != "" || t.Source != SourcePomerium,
		Name:          e.name,
		Header:        t.Header,
		Algorithms:    t.Algorithms,
		Format:        t.Format,
		Iss:           t.Iss,
		Leeway:        t.Leeway,
		MaxStale:      t.MaxStale,
		MaxLifetime:   t.MaxLifetime,
		GoogleIAP:     t.Source == SourceGoogleIAP,
		JWKSURL:       t.JWKSURL,
		JWKSFile:      resolvePath(at, t.JWKSFile),
		PublicKeyFile: resolvePath(at, t.PublicKeyFile),
		CAFile:        resolvePath(at, t.CAFile),
		InsecureHTTP:  t.InsecureHTTP,
		IgnoreCase:    t.IgnoreCase,
		ListClaims:    t.ListClaims,

		ClientCertFile: resolvePath(at, t.ClientCert),
		ClientKeyFile:  resolvePath(at, t.ClientKey),
	}
	l.checkClientCert(at, i)
	l.checkTrustEmail(at, t)
	l.checkListClaims(at.key("list_claims"), i)
	l.checkAlgorithms(at.key("algorithms"), t.Algorithms)
	l.checkHeader(at.key("header"), t.Header)
	l.checkExpectedIssuer(at, t)
	if t.Leeway < 0 || t.Leeway > maxLeeway {
		l.report.add(at.key("leeway"), `%s is not between 0 and 5 minutes: "60s" suits clocks that NTP sets`, t.Leeway)
	}
	if t.MaxStale < minMaxStale || t.MaxStale > maxMaxStale {
		l.report.add(at.key("max_stale"), `%s is not between 15 minutes, which keys may be old when all is well, and 7 days: "24h" spans an outage of a day`, t.MaxStale)
	}
	l.checkMaxLifetime(at.key("max_lifetime"), i)
	l.checkNotBlank(at.key("audience"), t.Audience, "leave the key out to expect each app's host")
	l.keySource(at, i)
	return i
}

// The bounds of max_lifetime: Pomerium's assertions are good for five minutes, and
// nobody's for more than a year.
const (
	minMaxLifetime = 5 * time.Minute
	maxMaxLifetime = 366 * 24 * time.Hour
)

// checkMaxLifetime sets the default: a day is far beyond what Pomerium writes, and 31 days
// are as long as a session of Cloudflare Access can be.
func (l *loader) checkMaxLifetime(at place, i *Issuer) {
	switch {
	case !at.doc.has(at.path):
		if i.Foreign {
			i.MaxLifetime = verifier.DefaultMaxLifetimeOIDC
		}
	case !l.report.isSpoilt(at) && (i.MaxLifetime < minMaxLifetime || i.MaxLifetime > maxMaxLifetime):
		l.report.add(at, `%s is not between 5 minutes and 366 days: "24h" suits Pomerium, whose assertions are good for five minutes`, i.MaxLifetime)
	}
}

// checkListClaims refuses what would not be read as a list.
func (l *loader) checkListClaims(at place, i *Issuer) {
	if at.doc.has(at.path) && i.Foreign {
		l.report.add(at, "has no effect: only Pomerium writes lists as text with commas, and this issuer's lists are lists: remove it")
		return
	}
	for n, claim := range i.ListClaims {
		at := at.index(n + 1)
		switch {
		case claim == "":
			l.report.add(at, "empty: name a claim, or remove it")
		case slices.Contains([]string{"iss", "aud", "sub", "user", "email", "name", "sid"}, claim):
			l.report.add(at, "%q is no list: Pomerium writes it itself, and commas in it are a person's or a host's", claim)
		case slices.Contains(i.ListClaims[:n], claim):
			l.report.add(at, "%q is there twice: remove one", claim)
		}
	}
}

func (l *loader) checkAlgorithms(at place, algorithms []string) {
	if len(algorithms) == 0 {
		l.report.add(at, `empty: write ["ES256"], which Pomerium signs with, or ["RS256"]`)
	}
	for i, a := range algorithms {
		if known := []string{verifier.ES256, verifier.RS256}; !slices.Contains(known, a) {
			l.report.add(at.index(i+1), "%q is not accepted: %s", a, wording.ThereAre(known)) // HS256 is none misspelt
		}
	}
}

func (l *loader) checkHeader(at place, header string) {
	switch {
	case !httpguts.ValidHeaderFieldName(header):
		l.report.add(at, `%q is no header name: Pomerium's is "X-Pomerium-Jwt-Assertion"`, header)
	case strings.EqualFold(header, "X-Pomerium-Jwt-Assertion-For"):
		// Somebody else's assertion, perhaps, and still a valid one.
		l.report.add(at, `Pomerium copies %q from the client's own request: write "X-Pomerium-Jwt-Assertion"`, header)
	}
}

func (l *loader) checkExpectedIssuer(at place, t issuerTable) {
	if t.Format != FormatHost && t.Format != FormatURI {
		l.report.add(at.key("issuer_format"), `%q is neither "host" nor "uri": write what Pomerium's jwt_issuer_format says`, t.Format)
	}
	l.checkNotBlank(at.key("iss"), t.Iss, "leave the key out to expect each app's host")
	if format := at.key("issuer_format"); t.Iss != "" && at.doc.has(format.path) {
		l.report.add(format, "has no effect, because iss is a fixed value: remove one of them")
	}
}

// keySource checks that the keys come from exactly one source, and loads those
// that are in a file.
func (l *loader) keySource(at place, i *Issuer) {
	var given []string
	misspelt := false
	for _, key := range []string{"jwks_url", "jwks_file", "public_key_file", "discovery_url"} {
		if at.doc.has(at.key(key).path) {
			given = append(given, key)
		}
		misspelt = misspelt || l.report.isSpoilt(at.key(key))
	}
	switch {
	case len(given) == 0 && misspelt:
		return
	case len(given) == 0 && i.JWKSURL != "": // known from the source
		given = []string{"jwks_url"}
	case len(given) == 0:
		l.report.add(at.key("jwks_url"),
			`missing: say where the keys are, such as "https://grafana.example.com/.well-known/pomerium/jwks.json", or give jwks_file, public_key_file or discovery_url`)
		return
	case len(given) > 1:
		l.report.add(at.key(given[1]), "a second source of keys beside %s: keep one of %s", given[0], wording.Quoted(given))
		return
	}
	switch given[0] {
	case "jwks_url":
		l.checkJWKSURL(at, i)
	case "jwks_file":
		i.Static = l.readKeys(at.key("jwks_file"), i, i.JWKSFile, verifier.ParseJWKS)
	case "discovery_url":
		l.checkDiscovery(at, i)
	case "public_key_file":
		i.Static = l.readKeys(at.key("public_key_file"), i, i.PublicKeyFile, verifier.ParsePEM)
	}
	if i.CAFile != "" {
		l.checkCAFile(at.key("ca_file"), i)
	}
}

func (l *loader) checkJWKSURL(at place, i *Issuer) {
	key := at.key("jwks_url")
	u, problem := parseURL(i.JWKSURL, "https://grafana.example.com/.well-known/pomerium/jwks.json")
	switch {
	case problem != "":
		l.report.add(key, "%s", problem)
	case u.Fragment != "" || strings.Contains(i.JWKSURL, "#"):
		l.report.add(key, "a fragment (#...) is never sent: remove it")
	case u.Scheme == "http" && !isLoopback(u.Hostname()) && !i.InsecureHTTP:
		// Whoever answers in the server's place chooses who may sign.
		l.report.add(key, "http to another machine lets the network choose the keys: write https (with ca_file for a private CA), or insecure_http = true")
	}
}

func (l *loader) readKeys(at place, i *Issuer, path string, parse func([]byte) ([]verifier.Key, error)) []verifier.Key {
	if !l.keys {
		return nil
	}
	data, err := readRegular(path, maxKeyBytes)
	if err != nil {
		l.report.add(at, "%v", err)
		return nil
	}
	keys, err := parse(data)
	if err != nil {
		l.report.add(at, "%s: %v", path, err)
		return nil
	}
	usable := func(k verifier.Key) bool { return slices.Contains(i.Algorithms, k.Algorithm) }
	if !slices.ContainsFunc(keys, usable) {
		l.report.add(at, "%s: no key is for %s, the issuer's algorithms", path, wording.Quoted(i.Algorithms))
	}
	return keys
}

func (l *loader) checkCAFile(at place, i *Issuer) {
	if !i.Fetched() {
		l.report.add(at, "has no effect without jwks_url or discovery_url: remove it")
		return
	}
	if !l.keys {
		return
	}
	data, err := readRegular(i.CAFile, maxKeyBytes)
	if err != nil {
		l.report.add(at, "%v", err)
		return
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		l.report.add(at, "%s: no certificate found; one starts with -----BEGIN CERTIFICATE-----", i.CAFile)
	}
}

func (l *loader) checkClientCert(at place, i *Issuer) {
	cert, key := at.key("client_cert_file"), at.key("client_key_file")
	switch {
	case i.ClientCertFile == "" && i.ClientKeyFile == "":
		return
	case i.ClientKeyFile == "":
		l.report.add(cert, "needs client_key_file, its private key")
		return
	case i.ClientCertFile == "":
		l.report.add(key, "needs client_cert_file, the certificate of the key")
		return
	case !i.Fetched():
		l.report.add(cert, "has no effect without jwks_url or discovery_url: remove it")
		return
	case !l.keys:
		return
	}
	if _, err := os.Stat(i.ClientKeyFile); err == nil { // else LoadX509KeyPair says it
		if err := worldReadable(i.ClientKeyFile); err != nil {
			l.report.add(key, "%v", err)
		}
	}
	if _, err := tls.LoadX509KeyPair(i.ClientCertFile, i.ClientKeyFile); err != nil {
		l.report.add(cert, "%v", err)
	}
}

// resolvePath makes the path of a file that will be read relative to the one
// that names it. It is empty, and reported, if that may not name the file.
func resolvePath(at place, path string) string {
	if path == "" {
		return ""
	}
	path = besideFile(at, path)
	if at.doc.bounds != nil {
		path = filepath.Clean(path)
	}
	if !at.doc.bounds.file(at, path) {
		return ""
	}
	at.doc.names = append(at.doc.names, path)
	return path
}

// besideFile is resolvePath for what is not read.
func besideFile(at place, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(at.doc.name), path)
}
