package bridge_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// patient is a rig with this timeout.
func patient(t *testing.T, timeout string, app http.HandlerFunc) *rig {
	t.Helper()
	return newRig(t, withConfig(strings.Replace(rigConfig, `timeout  = "2s"`, fmt.Sprintf("timeout  = %q", timeout), 1)), withUpstream(app))
}

// timeout is for an app's header only: neither what is sent before it counts, nor what
// comes after.
func TestTimeoutIsForTheHeader(t *testing.T) {
	const timeout = 300 * time.Millisecond
	for name, c := range map[string]struct {
		slowUpload, slowHeader, slowBody bool
		want                             int
	}{
		"at once":         {false, false, false, http.StatusOK},
		"a slow upload":   {true, false, false, http.StatusOK},
		"a slow download": {false, false, true, http.StatusOK},
		"a slow header":   {false, true, false, http.StatusGatewayTimeout},
		"slow but for it": {true, false, true, http.StatusOK},
		"slow as a whole": {true, true, true, http.StatusGatewayTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := patient(t, timeout.String(), func(w http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
				if c.slowHeader {
					<-q.Context().Done()
					return
				}
				_ = http.NewResponseController(w).Flush()
				if c.slowBody {
					time.Sleep(2 * timeout)
				}
				_, _ = io.WriteString(w, "done")
			})
			conn := r.begin("POST / HTTP/1.1", "X-Pomerium-Jwt-Assertion: "+r.ann(), "Content-Length: 4")
			if c.slowUpload {
				time.Sleep(2 * timeout)
			}
			_, _ = io.WriteString(conn, "body")
			resp := answerOn(t, conn)
			wantStatus(t, resp, c.want)
			if text := body(t, resp); c.want == http.StatusOK && text != "done" {
				t.Errorf("%q", text)
			}
		})
	}
}

// The end of a WebSocket is exact: expiry and grace to the second, or its longest time.
func TestWebSocketEndsToTheSecond(t *testing.T) {
	at := time.Now().Truncate(time.Second)
	for _, c := range []struct {
		keys     string
		lifetime time.Duration // of the assertion
		want     time.Duration
	}{
		{"", 5 * time.Minute, 65 * time.Minute},
		{`stream_grace = "0s"`, 5 * time.Minute, 5 * time.Minute},
		{`stream_grace = "90s"`, 5 * time.Minute, 5*time.Minute + 90*time.Second},
		{"stream_grace = \"90s\"\nstream_max = \"390s\"", 5 * time.Minute, 390 * time.Second}, // both
		{"stream_grace = \"90s\"\nstream_max = \"389s\"", 5 * time.Minute, 389 * time.Second}, // the one
		{"stream_grace = \"90s\"\nstream_max = \"391s\"", 5 * time.Minute, 390 * time.Second}, // the other
		{"stream_grace = \"0s\"\nstream_max = \"1h\"", -30 * time.Second, -30 * time.Second},  // within leeway
	} {
		w := newWebSockets(t, strings.Replace(rigConfig, "timeout  =", c.keys+"\ntimeout  =", 1), withNow(func() time.Time { return at }))
		claims := annsClaims
		claims.IssuedAt, claims.Expires = at.Add(-time.Minute), at.Add(c.lifetime)
		ws := w.dial(t, claims)
		if timer := w.timers.only(t); timer.after != c.want {
			t.Errorf("%q: ends after %s, want %s", c.keys, timer.after, c.want)
		}
		_ = ws.CloseNow()
	}
}

// Without a limit, more are served at the same time than with one.
func TestMaxConcurrentOfNone(t *testing.T) {
	const many = 200
	upstream := newHeld()
	upstream.arrived = make(chan string, many)
	defer upstream.free()
	r := newRig(t, withConfig(limited("max_concurrent = 0")), withUpstream(upstream))
	assertion := "X-Pomerium-Jwt-Assertion: " + r.ann()
	for range many {
		conn := r.begin("GET / HTTP/1.1", assertion)
		defer func() { wantStatus(t, answerOn(t, conn), http.StatusOK) }()
	}
	for range many {
		<-upstream.arrived
	}
	upstream.free()
}
