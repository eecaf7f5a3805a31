package verifier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of one fetch: the JWKS endpoint is trusted for its keys, not with our
// time or memory.
const (
	fetchTimeout           = 5 * time.Second
	maxJWKSBytes           = 1 << 20
	maxResponseHeaderBytes = 64 << 10
)

// NewKeyClient returns a client for fetching keys: 5 s in all, TLS 1.2 or
// later, and no redirects to another host, since whoever answers there would
// be trusted as the issuer. roots are the CAs to trust; nil: the system's.
// certificate, where it is not nil, returns the certificate to show to servers
// that ask for one, and is called for each connection, so that it may change.
func NewKeyClient(roots *x509.CertPool, certificate func() (*tls.Certificate, error)) *http.Client {
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if certificate != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate() }
	}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: fetchTimeout}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    fetchTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxResponseHeaderBytes,
	}
	return &http.Client{Transport: t, Timeout: fetchTimeout, CheckRedirect: sameHost}
}

func sameHost(next *http.Request, via []*http.Request) error {
	if next.URL.Scheme != via[0].URL.Scheme || next.URL.Host != via[0].URL.Host {
		return errors.New("redirect to another host refused")
	}
	if len(via) > 3 {
		return errors.New("more than 3 redirects")
	}
	return nil
}

// CheckKeyURL reports whether keys may be fetched from rawURL: https to a host,
// without user info or fragment; plain http only to this machine or if
// allowHTTP.
func CheckKeyURL(rawURL string, allowHTTP bool) error {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return errors.New("not an absolute URL such as https://app.example.com/.well-known/pomerium/jwks.json")
	}
	if u.User != nil || u.Fragment != "" {
		return errors.New("a key URL has neither user info nor fragment")
	}
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("scheme %q; keys are fetched by https", u.Scheme)
	case allowHTTP || isLoopback(u.Hostname()):
		return nil
	default:
		return errors.New("plain http: whoever is on the way could sign in as anyone; use https")
	}
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761 §6.3
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// jwksAnswer is what one fetch brought.
type jwksAnswer struct {
	keys      []Key
	skipped   []string
	jwks      []byte // as it was sent
	etag      string
	unchanged bool          // 304: the keys are still the ones of the given ETag
	maxAge    time.Duration // within bounds
}

func fetchJWKS(ctx context.Context, client *http.Client, rawURL, etag string) (jwksAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout) // the client may have no limit
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return jwksAnswer{}, fmt.Errorf("fetching JWKS: %w", err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := client.Do(req)
	if err != nil {
		return jwksAnswer{}, fmt.Errorf("fetching JWKS: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer := jwksAnswer{etag: resp.Header.Get("ETag"), maxAge: maxAge(resp.Header.Get("Cache-Control"))}
	switch resp.StatusCode {
	case http.StatusNotModified:
		if etag == "" {
			return jwksAnswer{}, errors.New("fetching JWKS: 304 Not Modified to a request without a condition")
		}
		answer.unchanged = true
		return answer, nil
	case http.StatusOK:
	default:
		return jwksAnswer{}, fmt.Errorf("fetching JWKS: status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKSBytes+1))
	if err != nil {
		return jwksAnswer{}, fmt.Errorf("fetching JWKS: reading body: %w", err)
	}
	if len(body) > maxJWKSBytes {
		return jwksAnswer{}, fmt.Errorf("fetching JWKS: body over %d bytes", maxJWKSBytes)
	}
	// The body stays out of the error: it is another party's text.
	answer.jwks = body
	set, err := ReadJWKS(body)
	answer.keys, answer.skipped = set.Keys, set.Skipped
	return answer, err
}

// maxAge reads how long an answer may be kept (RFC 9111 §5.2.2), within bounds.
func maxAge(cacheControl string) time.Duration {
	for directive := range strings.SplitSeq(cacheControl, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
			return min(max(time.Duration(seconds)*time.Second, minRefresh), maxRefresh)
		}
	}
	return defaultRefresh
}
