package proxy_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// An address is up that answers 200 to 399.
func TestHealthByStatus(t *testing.T) {
	for status, up := range map[int]bool{
		http.StatusOK: true, http.StatusNoContent: true, http.StatusMovedPermanently: true, 399: true,
		http.StatusBadRequest: false, http.StatusNotFound: false, http.StatusInternalServerError: false, 599: false,
	} {
		checks := make(chan struct{}, 100)
		first := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			select {
			case checks <- struct{}{}:
			case <-r.Context().Done():
			}
		})
		f := newFront(t, proxy.Options{
			Health: &proxy.Health{Path: "/healthz", Interval: time.Millisecond, Timeout: 10 * time.Second},
		}, nil, first, serve(t, says("second")))
		f.transport.Start()
		<-checks
		<-checks // so that the one before has been looked at
		if got := f.transport.State()[0].Up; got != up {
			t.Errorf("status %d: up %v, want %v", status, got, up)
		}
	}
}
