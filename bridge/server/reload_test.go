package server_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestReload(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	fetches := r.issuer.Fetches()

	// A bad file changes nothing and says why, with file and line.
	for name, bad := range map[string]func(){
		"syntax":       func() { r.overwrite("[app.wiki\n") },
		"unknown role": func() { r.overwrite("[[app.wiki.rule]]\nroel = \"x\"\n") },
		"empty":        func() { r.overwrite("") },
		"failing test": func() { r.write("Writer", "Reader") },
		"missing":      func() { _ = os.Remove(r.path) },
	} {
		bad()
		r.log.reset()
		r.reload <- struct{}{}
		r.log.wait(t, "reload refused")
		if status, text := r.get(); status != http.StatusOK || text != "ann@example.com is Reader" {
			t.Fatalf("%s: %d %q", name, status, text)
		}
		if log := r.log.String(); !strings.Contains(log, "ssobridge.toml") && !strings.Contains(log, "ROLE") {
			t.Errorf("%s: the log does not say what is wrong: %s", name, log)
		}
		if _, text := r.admin("/metrics"); !strings.Contains(text, "ssobridge_config_last_reload_successful 0") {
			t.Errorf("%s: metrics do not show it", name)
		}
	}

	// A good one swaps at once, without asking for the keys again.
	r.write("Writer", "Writer")
	r.log.reset()
	r.reload <- struct{}{}
	r.log.wait(t, "reloaded")
	if status, text := r.get(); status != http.StatusOK || text != "ann@example.com is Writer" {
		t.Errorf("%d %q", status, text)
	}
	if _, text := r.admin("/metrics"); !strings.Contains(text, "ssobridge_config_last_reload_successful 1") {
		t.Error("metrics do not show the good reload")
	}
	if n := r.issuer.Fetches(); n != fetches {
		t.Errorf("%d fetches of the keys by reloads", n-fetches)
	}
}

// A typing error in an address, or an issuer that is down just now, must not
// replace keys that work by keys that are not there.
func TestReloadNeverTradesKeysForNone(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(text string) string{
		"a wrong address": func(text string) string { return strings.Replace(text, "jwks.json", "jwsk.json", 1) },
		"max_stale while the issuer is down": func(text string) string {
			r.issuer.SetFault(verifiertest.Status(http.StatusBadGateway))
			return strings.Replace(text, "jwks_url", "max_stale = \"48h\"\njwks_url", 1)
		},
	} {
		r.overwrite(change(string(b)))
		r.log.reset()
		r.reload <- struct{}{}
		r.log.wait(t, "reload refused")
		if log := r.log.String(); !strings.Contains(log, "issuer.pomerium: keys are new") {
			t.Errorf("%s: the log does not say why: %s", name, log)
		}
		if status, _ := r.get(); status != http.StatusOK {
			t.Errorf("%s: status %d", name, status)
		}
		r.issuer.SetFault(nil)
	}
	// With an issuer that answers, it is in force without a gap.
	r.overwrite(strings.Replace(string(b), "jwks_url", "max_stale = \"48h\"\njwks_url", 1))
	r.log.reset()
	r.reload <- struct{}{}
	r.log.wait(t, "reloaded")
	if status, _ := r.get(); status != http.StatusOK {
		t.Errorf("right after a good reload: status %d", status)
	}
}

func TestReloadSaysWhatNeedsARestart(t *testing.T) {
	r := start(t, echoRole, nil)
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	r.overwrite(strings.Replace(string(b), `listen        = "127.0.0.1:0"`, `listen        = "127.0.0.2:0"`, 1))
	r.reload <- struct{}{}
	r.log.wait(t, "key=server.listen")
	if log := r.log.String(); strings.Contains(log, "key=server.drain_timeout") {
		t.Errorf("it names what has not changed: %s", log)
	}
}
