// Package baseline is what the bridge's speed is measured against.
package baseline

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// ReverseProxy is net/http/httputil's, without a check.
func ReverseProxy(upstream *url.URL, transport http.RoundTripper) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(upstream)
			pr.SetXForwarded()
		},
		Transport: transport,
	}
}

// Verifying puts one bare ES256 check of the assertion's signature in front of next.
func Verifying(key *ecdsa.PublicKey, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assertion := r.Header.Get("X-Pomerium-Jwt-Assertion")
		i := strings.LastIndexByte(assertion, '.')
		sig, err := base64.RawURLEncoding.DecodeString(assertion[i+1:])
		if i < 0 || err != nil || len(sig) != 64 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		digest := sha256.Sum256([]byte(assertion[:i]))
		if !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
