package verifiertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"time"
)

// JWKSPath is where Pomerium publishes its keys, on every route's host.
const JWKSPath = "/.well-known/pomerium/jwks.json"

const discoveryPath = "/.well-known/pomerium"

// Handler serves the published keys at JWKSPath and the discovery document at
// /.well-known/pomerium, on every host and without signing in, as Pomerium does.
func (i *Issuer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(JWKSPath, i.serveJWKS)
	mux.HandleFunc(discoveryPath, serveDiscovery)
	mux.HandleFunc(discoveryPath+"/{$}", serveDiscovery)
	return mux
}

// Fetches returns how many requests for the published keys have arrived, those
// that met a fault or got "304 Not Modified" included. A request counts before
// its fault runs.
func (i *Issuer) Fetches() int { return int(i.fetches.Load()) }

func (i *Issuer) serveJWKS(w http.ResponseWriter, r *http.Request) {
	// Pomerium routes GET only: HEAD gets 405, too.
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	i.fetches.Add(1)
	allowAnyOrigin(w, r)
	jwks := i.JWKS()
	if f := i.fault.Load(); f != nil && *f != nil {
		if jwks = (*f)(w, r, jwks); jwks == nil {
			return
		}
	}
	hash := fnv.New64()
	_, _ = hash.Write(jwks)
	w.Header().Set("Cache-Control", "max-age=60")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, hash.Sum64()))
	http.ServeContent(w, r, "jwks.json", time.Time{}, bytes.NewReader(jwks))
}

// serveDiscovery says what Pomerium says, which is of limited use: the issuer
// has the URI form even where assertions carry the bare host, and every URL is
// https whatever the request came by.
func serveDiscovery(w http.ResponseWriter, r *http.Request) {
	at := func(path string) string {
		return (&url.URL{Scheme: "https", Host: r.Host, Path: path}).String()
	}
	document, err := json.Marshal(struct {
		Issuer   string `json:"issuer"`
		Callback string `json:"authentication_callback_endpoint"`
		JWKS     string `json:"jwks_uri"`
		Logout   string `json:"frontchannel_logout_uri"`
	}{at("/"), "https://authenticate.example.com/oauth2/callback", at(JWKSPath), at("/.pomerium/sign_out")})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	allowAnyOrigin(w, r)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(document, '\n'))
}

// allowAnyOrigin lets scripts of any site read the response. Requests without an
// Origin, which is what servers send, do not see the header.
func allowAnyOrigin(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	if r.Header.Get("Origin") != "" {
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}
}
