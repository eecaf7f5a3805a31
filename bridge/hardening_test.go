package bridge_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
)

// net/url takes "x:y" for an opaque URL, which net/http would write to the
// upstream as it stands: another host, past the upstream's path.
func TestOpaqueTargetNeverReachesUpstream(t *testing.T) {
	r := newRig(t)
	for _, target := range []string{"x:http://other.internal/admin", "x:admin", "x:*", "x:%0d%0aEvil", "mailto:a@b", "*"} {
		method := "GET"
		if target == "*" {
			method = "OPTIONS"
		}
		resp := r.raw(method + " " + target + " HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: " + r.ann() + "\r\n\r\n")
		if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusOK || resp.StatusCode == http.StatusOK && target != "*" {
			t.Errorf("%s: status %d", target, resp.StatusCode)
		}
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream:\n%s", n, r.upstream.last(t))
	}
}

// The host before an absolute target is the one that counts, for us and, as we
// write the request anew, for the upstream.
func TestAbsoluteTargetSelectsTheAppByItsOwnHost(t *testing.T) {
	r := newRig(t)
	wantStatus(t, r.raw("GET http://grafana.example.com/d/1 HTTP/1.1\r\nHost: evil.test\r\nX-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"), http.StatusOK)
	if raw := r.upstream.last(t); !strings.HasPrefix(raw, "GET /d/1 HTTP/1.1\r\n") || len(lines(raw, "Host")) != 1 || strings.Contains(raw, "evil.test") {
		t.Errorf("the upstream sees\n%s", raw)
	}
	wantStatus(t, r.raw("GET http://evil.test/ HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"), http.StatusMisdirectedRequest)
}

func TestDotSegmentsDoNotLeaveTheUpstreamsPath(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(rigConfig, `"http://%s"`, `"http://%s/wiki"`, 1)))
	for _, path := range []string{"/../admin", "/%2e%2e/admin", "/a/../../admin", "/..", "/.", "/a/./b", "/..%2fadmin", "/%2e%2e%5cadmin"} {
		wantStatus(t, r.raw("GET "+path+" HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"), http.StatusBadRequest)
	}
	if n := r.upstream.connections(); n != 0 {
		t.Errorf("%d connections to the upstream", n)
	}
	for path, want := range map[string]string{"/": "/wiki/", "/a..b/...": "/wiki/a..b/...", "/x?y=/../z": "/wiki/x?y=/../z"} {
		wantStatus(t, r.raw("GET "+path+" HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"), http.StatusOK)
		if got := r.upstream.last(t); !strings.HasPrefix(got, "GET "+want+" HTTP/1.1\r\n") {
			t.Errorf("%s reaches the upstream as\n%s", path, got)
		}
	}
}

// net/http reads a refused request to its end before it answers. Whoever
// announces a body and never sends it must not hold the connection for ever.
func TestRefusedBodyThatNeverArrivesEndsTheConnection(t *testing.T) {
	r := newRig(t)
	for _, framing := range []string{"Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"} {
		for _, host := range []string{"grafana.example.com", "nowhere.test"} {
			conn, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			// The bridge's own limit is a second; this one only ends a failure.
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: "+host+"\r\n"+framing+"\r\n"); err != nil {
				t.Fatal(err)
			}
			br := bufio.NewReader(conn)
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusMisdirectedRequest {
				t.Errorf("status %d", resp.StatusCode)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			if _, err := br.ReadByte(); !errors.Is(err, io.EOF) && err == nil {
				t.Errorf("the connection goes on: %v", err)
			}
		}
	}
}

// Of what is everybody's to send, "Proxy" becomes HTTP_PROXY in CGI programs, and
// Pomerium's own names are Pomerium's.
func TestProxyAndPomeriumHeadersNeverReachUpstream(t *testing.T) {
	for _, text := range []string{rigConfig, trustingLoopback + rigConfig} {
		r := newRig(t, withConfig(text))
		if seen := r.sent("/", true, []string{"Proxy", "PROXY", "X-Pomerium-Authorization", "X_Pomerium_Claim_Email"}); seen != nil {
			t.Errorf("the upstream sees %q", seen)
		}
	}
}

// A claim that is not there must not leave room for the client's own header.
func TestMissingClaimLeavesNoRoomForASpoofedHeader(t *testing.T) {
	r := newRig(t)
	assertion := r.nameless()
	wantStatus(t, r.raw("GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Webauth-Name: Mallory\r\nX_Webauth_Name: Mallory\r\nX-Pomerium-Jwt-Assertion: "+assertion+"\r\n\r\n"), http.StatusOK)
	if raw := r.upstream.last(t); strings.Contains(raw, "Mallory") || len(lines(raw, "X-Webauth-Name")) != 0 {
		t.Errorf("the upstream sees\n%s", raw)
	}
}

// panicky panics while an answer is under way.
type panicky struct{}

func (panicky) RoundTrip(*http.Request) (*http.Response, error) { panic("canary-after-the-decision") }

func TestPanicAfterTheDecisionEndsTheConnectionAndHidesItsValue(t *testing.T) {
	r := newRig(t)
	d := r.deps
	d.Transport = func(*config.App) http.RoundTripper { return panicky{} }
	s, err := decision.Build(loadConfig(t, r.issuer, strings.Replace(rigConfig, "%s", "127.0.0.1:1", 1)), d)
	if err != nil {
		t.Fatal(err)
	}
	r.bridge.Swap(s)
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); err != nil || len(b) != 0 {
		t.Errorf("got %q, %v", b, err)
	}
	if log := r.log.String(); strings.Contains(log, "canary") || !strings.Contains(log, "msg=panic") {
		t.Errorf("log:\n%s", log)
	}
}

// An upstream that dies amid its answer is counted, and the client is not told
// that the answer was whole.
func TestUpstreamThatDiesAmidItsAnswer(t *testing.T) {
	r := newRig(t, withUpstream(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = io.WriteString(w, strings.Repeat("x", 256<<10))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})))
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: grafana.example.com\r\nX-Pomerium-Jwt-Assertion: "+r.ann()+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the client reads to the end with %v", err)
	}
	if log := r.log.String(); !strings.Contains(log, `level=WARN msg="the answer broke off" app=grafana reason=answer_aborted`) {
		t.Errorf("log:\n%s", log)
	}
	want := `
# HELP ssobridge_refusals_total Requests that did not get their answer from the upstream, by app and reason.
# TYPE ssobridge_refusals_total counter
ssobridge_refusals_total{app="grafana",reason="answer_aborted"} 1
`
	if err := testutil.GatherAndCompare(r.metrics.Gatherer(), strings.NewReader(want), "ssobridge_refusals_total"); err != nil {
		t.Error(err)
	}
}
