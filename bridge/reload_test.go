package bridge_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/decision"
)

// While snapshots are swapped as fast as they can be, every answer must be
// wholly of one of them: rule, role and header of one file.
func TestReloadStormNeverMixesSnapshots(t *testing.T) {
	const config = `
[issuer.pomerium]
public_key_file = "key.pem"

[adapter.versioned]
kind   = "headers"
[adapter.versioned.header]
X-Role    = { from = "role" }
X-Version = { const = "VERSION" }

[app.grafana]
host     = "grafana.example.com"
upstream = "http://%s"
adapter  = "versioned"

[[app.grafana.rule]]
role   = "VERSION"
emails = ["ann@example.com"]
`
	upstream := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s", q.Header.Get("X-Role"), q.Header.Get("X-Version"))
	})
	r := newRig(t, withConfig(strings.ReplaceAll(config, "VERSION", "0")), withUpstream(upstream))
	addr := httptest.NewServer(upstream)
	defer addr.Close()
	var snapshots []*decision.Snapshot
	for v := range 8 {
		text := strings.ReplaceAll(config, "VERSION", fmt.Sprint(v))
		s, err := decision.Build(loadConfig(t, r.issuer, fmt.Sprintf(text, addr.Listener.Addr())), r.deps)
		if err != nil {
			t.Fatal(err)
		}
		snapshots = append(snapshots, s)
	}
	var requests, swaps sync.WaitGroup
	stop := make(chan struct{})
	for w := range 2 {
		swaps.Go(func() {
			for i := w; ; i++ {
				select {
				case <-stop:
					return
				default:
					r.bridge.Swap(snapshots[i%len(snapshots)])
				}
			}
		})
	}
	seen := make([]map[string]bool, 4)
	for w := range seen {
		seen[w] = make(map[string]bool)
		client := newClient(t)
		requests.Go(func() {
			for range 300 {
				q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.addr+"/", nil)
				if err != nil {
					t.Error(err)
					return
				}
				q.Host = "grafana.example.com"
				q.Header.Set("X-Pomerium-Jwt-Assertion", r.ann())
				resp, err := client.Do(q)
				if err != nil {
					t.Error(err)
					return
				}
				text := body(t, resp)
				_ = resp.Body.Close()
				role, version, _ := strings.Cut(text, " ")
				if resp.StatusCode != http.StatusOK || role == "" || role != version {
					t.Errorf("status %d, role %q with the header of %q", resp.StatusCode, role, version)
				}
				seen[w][role] = true
			}
		})
	}
	requests.Wait()
	close(stop)
	swaps.Wait()
	versions := 0
	for _, s := range seen {
		versions = max(versions, len(s))
	}
	if versions < 2 {
		t.Errorf("only %d snapshots were seen: the test proves nothing", versions)
	}
}
