package bridge_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
)

var updateCorpus = flag.Bool("update", false, "rewrite the golden files; what may only shrink never grows by it")

// corpusDir has gunicorn's tests/requests (MIT) as "valid" and "invalid".
func corpusDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("SSOBRIDGE_VECTORS"), "gunicorn-http")
	if _, err := os.Stat(dir); os.Getenv("SSOBRIDGE_VECTORS") == "" || err != nil {
		t.Skip("SSOBRIDGE_VECTORS names no directory with gunicorn-http: gunicorn's tests/requests")
	}
	return dir
}

// rawRequest reads a file of the corpus as gunicorn's tests/treq.py does: line ends are
// not part of it, escapes are.
func rawRequest(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "\n", "")
	text = strings.NewReplacer(`\r\n`, "\r\n", `\r`, "\r", `\n`, "\n", `\0`, "\x00", `\t`, "\t").Replace(text)
	return regexp.MustCompile(`\\x[0-9A-Fa-f]{2}`).ReplaceAllStringFunc(text, func(hex string) string {
		var b byte
		for _, c := range []byte(strings.ToLower(hex[2:])) {
			b = b<<4 | byte(strings.IndexByte("0123456789abcdef", c))
		}
		return string([]byte{b})
	})
}

var hostLine = regexp.MustCompile(`(?im)^(Host:[ \t]*)[^\r\n]*\r$`)

// authorized is a raw request with Ann's assertion, for the rig's app: what else is
// wrong with it is all that can refuse it.
func (r *rig) authorized(raw string) string {
	fields, _, _ := strings.Cut(raw, "\r\n\r\n") // and no trailers
	if hosts := hostLine.FindAllString(fields+"\r\n", -1); len(hosts) == 1 && !strings.ContainsAny(strings.TrimPrefix(hosts[0], "Host: "), " ,/@") {
		raw = hostLine.ReplaceAllString(raw, "${1}grafana.example.com\r")
	}
	line, rest, found := strings.Cut(raw, "\r\n")
	if !found {
		return raw
	}
	line = regexp.MustCompile(`https?://(?:[^/@ ]*@)?[^/ ]+`).ReplaceAllString(line, "http://grafana.example.com")
	head := "X-Pomerium-Jwt-Assertion: " + r.ann() + "\r\n"
	if !regexp.MustCompile(`(?im)^Host:`).MatchString(raw) {
		head += "Host: grafana.example.com\r\n"
	}
	return line + "\r\n" + head + rest
}

// carried is a transport that says what became of the requests that it was given.
type carried struct {
	http.RoundTripper
	mu   sync.Mutex
	last string
}

// What an upstream sees of a request.
const (
	answered = "answered" // all of it
	aborted  = "aborted"  // a beginning, and then the end of the connection
)

func (c *carried) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last = answered; err != nil {
		c.last = aborted
	}
	return resp, err
}

func (c *carried) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last
	c.last = ""
	return last
}

// corpus sends every file and returns the statuses, and what the upstream sees of which.
func (r *rig) corpus(t *testing.T, kind string) (status map[string]int, reached []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpusDir(t), kind, "*.http"))
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	transport := &carried{}
	d := r.deps
	d.Transport = func(a *config.App) http.RoundTripper {
		transport.RoundTripper = r.deps.Transport(a)
		return transport
	}
	s, err := decision.Build(loadConfig(t, r.issuer, fmt.Sprintf(rigConfig, r.upstream.addr)), d)
	if err != nil {
		t.Fatal(err)
	}
	r.bridge.Swap(s)
	status = make(map[string]int)
	for _, file := range files {
		name := filepath.Base(file)
		status[name] = r.rawStatus(t, r.authorized(rawRequest(t, file)))
		if what := transport.take(); what != "" {
			reached = append(reached, name+" "+what)
		}
	}
	return status, reached
}

// rawStatus is that of the first answer; 0: none. Where an answer waits for the rest of
// the request, none comes. It returns when all has happened that will.
func (r *rig) rawStatus(t *testing.T, request string) (status int) {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, request) // an error: refused amid the request
	br := bufio.NewReader(conn)
	_ = conn.SetReadDeadline(time.Now().Add(waitsForMore))
	first, err := br.Peek(1)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0
	}
	if len(first) == 0 {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	resp, err := http.ReadResponse(br, &http.Request{Method: strings.Fields(request + " -")[0]})
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = conn.(*net.TCPConn).CloseWrite()
	if _, err := io.Copy(io.Discard, br); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection never ends: %.60q", request)
	}
	return resp.StatusCode
}

// waitsForMore is how long a server on loopback has to answer what is whole.
const waitsForMore = time.Second

// TestInvalidRequestsOfGunicornsCorpus: what gunicorn refuses and we do not is listed,
// and the list may only become shorter. What is on it reaches the upstream written anew,
// with one framing and one meaning:
//   - 006 to 013, 017, limit_header_default_01: beyond limits that gunicorn's test sets;
//     ours are the server's. 011 to 013 are sent to the rig's host.
//   - 003c: a method in small letters, which RFC 9110 §9.1 lets be.
//   - 019: X-Forwarded-* that contradict each other, none of which goes on.
//   - chunked_05: chunked in HTTP/1.0, which has no body to net/http and the upstream.
//   - chunked_09: white space behind a chunk's size.
//   - trailers that are none: no trailer goes on.
//   - cl_te: the upstream gets Transfer-Encoding alone.
//   - what is aborted: the error is in the body, which is not read in advance.
func TestInvalidRequestsOfGunicornsCorpus(t *testing.T) {
	r := newRig(t)
	status, reached := r.corpus(t, "invalid")
	checkShrinking(t, "testdata/gunicorn-invalid.golden", reached)
	for name, code := range status {
		if code == http.StatusOK && !slices.Contains(reached, name+" "+answered) {
			t.Errorf("%s: status 200, and the upstream has not seen it", name)
		}
	}
	if log := r.log.String(); strings.Contains(log, "msg=panic") {
		t.Errorf("a panic:\n%s", log)
	}
}

// TestValidRequestsOfGunicornsCorpus: what is refused of what gunicorn takes is listed,
// with the status:
//   - 005: a fragment, which no client sends.
//   - 028: white space between a header's name and the colon (RFC 9112 §5.1), to net/http.
//   - 040, 040_compat: Transfer_Encoding, which gunicorn drops.
//   - 009, 025, 029, 030, gzip_chunked, te_identity_chunked: transfer codings that net/http
//     does not know.
//   - pp_*: the PROXY protocol, which gunicorn's tests switch on.
//   - target_authority_*: CONNECT, for another host.
func TestValidRequestsOfGunicornsCorpus(t *testing.T) {
	r := newRig(t)
	status, _ := r.corpus(t, "valid")
	var refused []string
	for _, name := range slices.Sorted(maps.Keys(status)) {
		if status[name] != http.StatusOK {
			refused = append(refused, name+" "+http.StatusText(status[name]))
		}
	}
	checkShrinking(t, "testdata/gunicorn-valid-refused.golden", refused)
}

// checkShrinking compares lines with those of a golden file that may lose some, by
// -update, and never gain one.
func checkShrinking(t *testing.T, golden string, got []string) {
	t.Helper()
	data, err := os.ReadFile(golden)
	known := strings.Split(strings.TrimSpace(string(data)), "\n")
	if errors.Is(err, os.ErrNotExist) && *updateCorpus {
		known, err = got, nil // the first
	}
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.DeleteFunc(slices.Clone(known), func(line string) bool { return !slices.Contains(got, line) })
	for _, line := range got {
		if !slices.Contains(known, line) {
			t.Errorf("%s: %q is new; the list may only shrink", golden, line)
		}
	}
	if *updateCorpus {
		if err := os.WriteFile(golden, []byte(strings.Join(kept, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if len(kept) < len(known) {
		t.Errorf("%s: %d of %d lines are no longer so; -update takes them out", golden, len(known)-len(kept), len(known))
	}
}
