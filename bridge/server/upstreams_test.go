package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// Health checks live as long as a configuration that has them, over reloads of
// anything else, and leave nothing behind. (TestMain looks for goroutines.)
func TestUpstreamsOverReloads(t *testing.T) {
	var checks atomic.Int32
	checked := make(chan struct{}, 1000)
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			checks.Add(1)
			checked <- struct{}{}
			return
		}
		_, _ = io.WriteString(w, "second")
	}))
	t.Cleanup(second.Close)
	r := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "first")
	}, nil)
	r.waitReady()
	reload := func(text string) {
		t.Helper()
		r.overwrite(text)
		r.log.reset()
		r.reload <- struct{}{}
		r.log.wait(t, "msg=reloaded")
	}
	one := r.text()
	if _, text := r.admin("/metrics"); strings.Contains(text, "ssobridge_upstream_up{") {
		t.Error("there is a metric of an only address")
	}
	several := strings.Replace(one, fmt.Sprintf("upstream = %q", r.app.URL),
		fmt.Sprintf("upstreams = [%q, %q]\nhealth = { path = \"/healthz\", interval = \"1ms\" }", r.app.URL, second.URL), 1)
	reload(several)
	<-checked
	r.log.wait(t, "upstream is unhealthy")
	if status, text := r.get(); status != http.StatusOK || text != "second" {
		t.Errorf("%d %q", status, text)
	}
	// The checks go on as they are, and what is known stays known.
	reload(several + "\n[[app.wiki.test]]\nemail = \"bob@example.com\"\nwant = \"Reader\"\n")
	if status, text := r.get(); status != http.StatusOK || text != "second" {
		t.Errorf("after a reload: %d %q", status, text)
	}
	_, text := r.admin("/metrics")
	for _, want := range []string{
		fmt.Sprintf("ssobridge_upstream_up{app=\"wiki\",upstream=%q} 0\n", r.app.URL),
		fmt.Sprintf("ssobridge_upstream_up{app=\"wiki\",upstream=%q} 1\n", second.URL),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	reload(one)
	before := checks.Load()
	if status, text := r.get(); status != http.StatusOK || text != "first" {
		t.Errorf("%d %q", status, text)
	}
	// One that was given up may still arrive.
	if after := checks.Load(); after > before+1 {
		t.Errorf("%d checks after the last configuration with any", after-before)
	}
}
