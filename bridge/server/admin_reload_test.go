package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// post sends a POST to the admin listener.
func (r *run) post(path string, header http.Header) (int, string) {
	r.t.Helper()
	resp, err := r.tryPost(path, header)
	if err != nil {
		r.t.Fatal(err)
	}
	return read(r.t, resp)
}

func (r *run) tryPost(path string, header http.Header) (*http.Response, error) {
	q, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+r.addrs.Admin.String()+path, nil)
	if err != nil {
		return nil, err
	}
	if header != nil {
		q.Header = header
	}
	return r.client.Do(q)
}

func TestReloadByPost(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	r.write("Writer", "Writer")
	if status, text := r.post("/-/reload", nil); status != http.StatusOK || text != "reloaded, 1 apps\n" {
		t.Errorf("%d %q", status, text)
	}
	if _, text := r.get(); text != "ann@example.com is Writer" {
		t.Error("the answer came before the reload")
	}
	r.write("Reader", "deny")
	status, text := r.post("/-/reload", nil)
	if status != http.StatusUnprocessableEntity || !strings.HasPrefix(text, "reload refused; the configuration before it stays in force\n1 of the configuration's policy tests failed\n") {
		t.Errorf("%d %q", status, text)
	}
	r.overwrite("[server]\nlitsen = \"x\"\n")
	if status, text := r.post("/-/reload", nil); status != http.StatusUnprocessableEntity || !strings.Contains(text, r.path+":2: server.litsen: unknown key") {
		t.Errorf("%d %q", status, text)
	}
	if _, text := r.get(); text != "ann@example.com is Writer" {
		t.Errorf("a refused reload changed something: %q", text)
	}
}

func TestReloadByPostSaysWhatNeedsARestart(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	r.overwrite(strings.Replace(string(b), "[server]\n", "[server]\nh2c = true\nmax_uri_bytes = 1000\n", 1))
	want := "reloaded, 1 apps\n" +
		"server.h2c: changed in the file, but only a restart puts it in force\n" +
		"server.max_uri_bytes: changed in the file, but only a restart puts it in force\n"
	if status, text := r.post("/-/reload", nil); status != http.StatusOK || text != want {
		t.Errorf("%d %q", status, text)
	}
}

// A link, an image or a page that an operator's browser opens must not reload.
func TestReloadByForeignPagesIsRefused(t *testing.T) {
	r := start(t, echoRole, nil)
	r.log.reset()
	for name, header := range map[string]http.Header{
		"another site's page":        {"Sec-Fetch-Site": {"cross-site"}},
		"another site's old browser": {"Origin": {"https://evil.example"}},
	} {
		if status, _ := r.post("/-/reload", header); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		q, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.addrs.Admin.String()+"/-/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := read(t, resp); status != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow: %s", method, status, resp.Header.Get("Allow"))
		}
	}
	// Nor by users, whatever host they name.
	for _, host := range []string{"wiki.example.com", r.addrs.Admin.String()} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addrs.Listen.String()+"/-/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Host = host
		resp, err := r.client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := read(t, resp); status < 400 {
			t.Errorf("%s: %d", host, status)
		}
	}
	if log := r.log.String(); strings.Contains(log, "reload") {
		t.Errorf("something reloaded: %s", log)
	}
}

// Reloads go one after the other, and each caller learns of their own.
func TestReloadsAtTheSameTime(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	r.log.reset()
	const callers = 20
	var answered sync.WaitGroup
	for range callers {
		answered.Go(func() {
			resp, err := r.tryPost("/-/reload", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if status, text := read(t, resp); status != http.StatusOK {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	answered.Wait()
	if n := strings.Count(r.log.String(), "msg=reloaded"); n != callers {
		t.Errorf("%d reloads for %d callers", n, callers)
	}
}

// TestReloadStorm reloads again and again under load, between configurations that
// give other roles and lead to another app. Every answer must be wholly of the one or
// the other, and none may fail, though nothing repeats a POST.
func TestReloadStorm(t *testing.T) {
	reloads := 1000
	if testing.Short() {
		reloads = 50
	}
	app := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			body, _ := io.ReadAll(q.Body)
			_, _ = fmt.Fprintf(w, "%s %s %s %s", q.Header.Get("X-Role"), q.Header.Get("X-Witness"), name, body)
		}
	}
	other := httptest.NewServer(app("second"))
	t.Cleanup(other.Close)
	r := start(t, app("first"), func(r *run) {
		b, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		r.overwrite(strings.Replace(string(b), "[app.wiki]", "X-Witness = { const = \"Reader\" }\n[app.wiki]", 1))
	})
	r.waitReady()
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{string(b), strings.NewReplacer(`"Reader"`, `"Writer"`, r.app.URL, other.URL).Replace(string(b)), "[server\n"}
	seen := map[string]*atomic.Int64{"Reader Reader first sent": {}, "Writer Writer second sent": {}}
	load, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for load.Err() == nil {
				resp, err := r.send(context.Background(), http.MethodPost, strings.NewReader("sent"))
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				status, text := read(t, resp)
				if seen[text] == nil || status != http.StatusOK {
					t.Errorf("neither of the one nor of the other: %d %q", status, text)
					return
				}
				seen[text].Add(1)
			}
		})
	}
	refused := 0
	for n := range reloads {
		r.overwrite(texts[n%len(texts)])
		if status, _ := r.post("/-/reload", nil); status != http.StatusOK {
			refused++
		}
	}
	stop()
	clients.Wait()
	if refused != reloads/3 {
		t.Errorf("%d of %d reloads were refused, and a third was bad", refused, reloads)
	}
	for text, n := range seen {
		if n.Load() == 0 {
			t.Errorf("nobody was ever %q", text)
		}
	}
	if fetches := r.issuer.Fetches(); fetches > 2 {
		t.Errorf("%d fetches of the keys", fetches)
	}
}

// Who asks while the server stops gets an answer, too.
func TestReloadWhileStopping(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := start(t, func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}, nil)
	r.waitReady()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if resp, err := r.request(context.Background()); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-arrived
	r.stop()
	r.log.wait(t, "draining")
	for deadline := time.Now().Add(10 * time.Second); ; {
		status, text := r.post("/-/reload", nil)
		if status == http.StatusServiceUnavailable && text == "not reloaded: stopping\n" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d %q", status, text)
		}
	}
	close(release)
	<-answered
}
