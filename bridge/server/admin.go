package server

import (
	"encoding/json"
	"net/http"
)

// adminHandler serves operators, on a listener of its own: no host name and no
// path of an app leads to it.
func (s *server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("GET /keys", s.describeKeys)
	mux.Handle("GET /metrics", s.metrics.Handler())
	return mux
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
	body := readiness{Ready: true, Draining: s.state.draining.Load()}
	for _, i := range s.state.issuers() {
		d := describe(i.issuer, i.fetched)
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
