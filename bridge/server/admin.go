package server

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/keys"
)

// adminHandler serves operators, on a listener of its own: no host name and no
// path of an app leads to it.
func (s *server) adminHandler(c config.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /readyz", underKnownName(c, true, http.HandlerFunc(s.ready)))
	mux.Handle("GET /keys", underKnownName(c, true, http.HandlerFunc(s.describeKeys)))
	mux.Handle("GET /metrics", underKnownName(c, true, s.metrics.Handler()))
	mux.Handle("POST /-/reload", underKnownName(c, false, http.HandlerFunc(s.answerReload)))
	// A page that an operator's browser is led to must not reload.
	return http.NewCrossOriginProtection().Handler(mux)
}

// underKnownName refuses requests for a host that only DNS says is this one. A page of
// somebody's whose name leads to their server first, and to this listener then, would be
// of the same origin (DNS rebinding). No name of theirs is an address, localhost, the name
// in admin_listen or one in admin_hosts. A name without a dot cannot be theirs either, but
// may be read only: browsers resolve it by search domains.
func underKnownName(c config.Server, reads bool, next http.Handler) http.Handler {
	own := ""
	if network, address := config.SplitListen(c.AdminListen); network == "tcp" {
		own, _, _ = net.SplitHostPort(address)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower((&url.URL{Host: r.Host}).Hostname())
		_, notAddress := netip.ParseAddr(host)
		switch {
		case notAddress == nil, host == "localhost", own != "" && strings.EqualFold(host, own), slices.Contains(c.AdminHosts, host),
			reads && host != "" && !strings.Contains(host, "."):
			next.ServeHTTP(w, r)
		default:
			http.Error(w, "Ask by an IP address, by localhost, or by the host name in admin_listen, or add this name to server.admin_hosts: "+
				"under another name, a web page could ask from an operator's browser.", http.StatusForbidden)
		}
	})
}

// answerReload loads the configuration again and says what came of it: 200, or 422
// with every problem.
func (s *server) answerReload(w http.ResponseWriter, r *http.Request) {
	outcome, err := s.requestReload(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch {
	case err != nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, "not reloaded: %v\n", err)
	case outcome.err != nil:
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = fmt.Fprintf(w, "reload refused; the configuration before it stays in force\n%v\n", outcome.err)
	default:
		_, _ = fmt.Fprintf(w, "reloaded, %d apps\n", outcome.apps)
		for _, key := range outcome.needRestart {
			_, _ = fmt.Fprintf(w, "%s: changed in the file, but only a restart puts it in force\n", key)
		}
	}
}

// readiness is the body of /readyz.
type readiness struct {
	Ready    bool          `json:"ready"`
	Draining bool          `json:"draining,omitempty"`
	Issuers  []issuerState `json:"issuers"`
}

type issuerState struct {
	Issuer string   `json:"issuer"`
	Ready  bool     `json:"ready"`
	KeyIDs []string `json:"key_ids"`
	Error  string   `json:"error,omitempty"`
}

// ready answers 200 if every issuer's keys are there, 503 otherwise, and says
// which are missing.
func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	body := readiness{Ready: true, Draining: s.shutdown.hasBegun()}
	for _, i := range s.state.issuers() {
		d := keys.Describe(i.issuer, i.fetched)
		st := issuerState{Issuer: d.Issuer, Ready: d.Usable, KeyIDs: []string{}, Error: d.LastError}
		for _, k := range d.Keys {
			st.KeyIDs = append(st.KeyIDs, k.ID)
		}
		body.Ready = body.Ready && st.Ready
		body.Issuers = append(body.Issuers, st)
	}
	body.Ready = body.Ready && !body.Draining
	w.Header().Set("Content-Type", "application/json")
	if !body.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
