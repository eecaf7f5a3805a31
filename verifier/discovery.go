package verifier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Bounds of a discovery document, beside those of every fetch.
const (
	discoveryPath     = "/.well-known/openid-configuration"
	maxDiscoveryBytes = 1 << 20
	maxURLBytes       = 2 << 10
)

// CheckIssuerURL reports whether an OpenID provider may be discovered under this
// issuer: what CheckKeyURL asks for, and neither a query nor the path of the
// discovery document itself.
func CheckIssuerURL(issuer string, allowHTTP bool) error {
	if err := CheckKeyURL(issuer, allowHTTP); err != nil {
		return err
	}
	if strings.ContainsAny(issuer, "?#") {
		return errors.New("an issuer has neither query nor fragment")
	}
	if strings.HasSuffix(issuer, discoveryPath) {
		return errors.New("an issuer is the discovery URL without " + discoveryPath)
	}
	return nil
}

// discoveryURL is where OpenID Connect Discovery §4 has the document.
func discoveryURL(issuer string) string { return strings.TrimSuffix(issuer, "/") + discoveryPath }

// discoverJWKSURL fetches the discovery document and returns its jwks_uri, once
// the document is found to be of this very issuer and the URL fit to fetch keys
// from.
func discoverJWKSURL(ctx context.Context, client *http.Client, issuer string, allowHTTP bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout) // the client may have no limit
	defer cancel()
	bounded := *client
	bounded.Transport = boundedTransport{client.Transport}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, &bounded), issuer)
	if err != nil {
		return "", fmt.Errorf("fetching discovery document: %w", discoveryError(err))
	}
	// go-oidc has matched the issuer, but reads member names without case.
	var raw json.RawMessage
	if err := provider.Claims(&raw); err != nil {
		return "", fmt.Errorf("reading discovery document: %w", err)
	}
	document, err := decodeObject(raw)
	if err != nil {
		return "", fmt.Errorf("reading discovery document: %w", err)
	}
	jwksURL, _ := document["jwks_uri"].(string)
	if document["issuer"] != issuer || jwksURL == "" {
		return "", errors.New("reading discovery document: it does not say issuer and jwks_uri")
	}
	if err := checkJWKSURL(jwksURL, issuer, allowHTTP); err != nil {
		return "", fmt.Errorf("reading discovery document: %w", err)
	}
	return jwksURL, nil
}

// checkJWKSURL reports whether a provider of this issuer may send us there for
// its keys.
func checkJWKSURL(jwksURL, issuer string, allowHTTP bool) error {
	if len(jwksURL) > maxURLBytes {
		return fmt.Errorf("jwks_uri is over %d bytes", maxURLBytes)
	}
	if err := CheckKeyURL(jwksURL, allowHTTP); err != nil {
		return fmt.Errorf("jwks_uri: %w", err)
	}
	if isInternal(jwksURL) && !isInternal(issuer) {
		return errors.New("jwks_uri is an internal address, and the issuer is not")
	}
	return nil
}

// discoveryError keeps of go-oidc's error what is ours: it may hold the whole
// document, which is another party's text.
func discoveryError(err error) error {
	if mismatch := (*oidc.IssuerMismatchError)(nil); errors.As(err, &mismatch) {
		if strings.TrimSuffix(mismatch.Discovered, "/") == strings.TrimSuffix(mismatch.Provided, "/") {
			return fmt.Errorf("it is for the issuer %q: mind the slash at the end", mismatch.Discovered)
		}
		return errors.New("it is for another issuer")
	}
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err
	}
	return errors.New("not a discovery document")
}

// isInternal reports whether a URL's host is an address, or a name for one, that
// only means something inside some network: a provider on the Internet could
// name it to have us fetch from our own (SSRF). Other names are not resolved: a
// company's provider may well be on a private address, under a name.
func isInternal(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil {
		return true
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if isLoopback(host) {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.WithZone("").Unmap()
		return !ip.IsGlobalUnicast() || ip.IsPrivate() || slices.ContainsFunc(inside, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	// "127.1" and "0x7f000001" are addresses to some resolvers. No top-level
	// domain begins with a digit.
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last == "" || '0' <= last[0] && last[0] <= '9'
}

// inside are addresses that are not, or need not be, on the Internet: those for carriers
// (RFC 6598), a cloud's metadata among them, and others for special use (RFC 6890), and
// those that stand for an IPv4 address, which may be any.
var inside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4-compatible, IPv4-translated
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), // NAT64
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"), // 6to4, Teredo
	netip.MustParsePrefix("fec0::/10"),
}

// boundedTransport lets through redirects, which the client judges, and whole
// bodies within bounds: go-oidc reads whatever comes.
type boundedTransport struct{ base http.RoundTripper }

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	resp, err := base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	replaced := *resp
	switch resp.StatusCode {
	case http.StatusOK:
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxDiscoveryBytes+1))
		if err != nil {
			return nil, fmt.Errorf("reading body: %w", err)
		}
		if len(body) > maxDiscoveryBytes {
			return nil, fmt.Errorf("body over %d bytes", maxDiscoveryBytes)
		}
		replaced.Body = io.NopCloser(bytes.NewReader(body))
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		replaced.Body = http.NoBody
	default:
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return &replaced, nil
}
