//go:build unix

package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// TestLoad runs ssobridge, httputil.ReverseProxy, and that with one ecdsa.Verify before
// it, each in a process of its own, before the same upstream, and loads one after the
// other, a slice of time each in turn so that they share what the machine does
// besides. Every request has an assertion of its own, as Pomerium's have. Of what it
// prints, only ratios mean something: client and upstream share the processors.
//
//	go test ./bridge/proxy -run 'TestLoad$' -load 10s -v
//
// Without -load it only shows that it works.
func TestLoad(t *testing.T) {
	slice := *loadFor / loadRounds
	if *loadFor == 0 {
		slice = 20 * time.Millisecond
	}
	w := newLoad(t)
	out := tabwriter.NewWriter(t.Output(), 2, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(out, "scenario\tfront\treq/s\tratio\tp50\tp99\tp99.9\tCPU/req\tRSS\t")
	for _, s := range []scenario{
		{"1 kB, 32 connections", 0, 1 << 10, 32, true},
		{"1 kB, 1,000 connections", 0, 1 << 10, 1000, true},
		{"1 kB, new connections", 0, 1 << 10, 32, false},
		{"1 MB down, 32 connections", 0, 1 << 20, 32, true},
		{"1 MB up, 32 connections", 1 << 20, 0, 32, true},
	} {
		if *loadFor == 0 {
			s.connections = min(s.connections, 8)
		}
		results := make([]result, len(w.fronts))
		for range loadRounds {
			for i, f := range w.fronts {
				w.run(t, f, s, slice, &results[i])
			}
		}
		for i, f := range w.fronts {
			r := &results[i]
			if r.failed > 0 || len(r.latencies) == 0 {
				t.Errorf("%s: %s: %d of %d requests failed", s.name, f.name, r.failed, len(r.latencies)+r.failed)
				continue
			}
			slices.Sort(r.latencies)
			_, _ = fmt.Fprintf(out, "%s\t%s\t%.0f\t%.2f\t%s\t%s\t%s\t%s\t%.0f MiB\t\n", s.name, f.name, r.rate(), r.rate()/results[1].rate(),
				r.quantile(0.5), r.quantile(0.99), r.quantile(0.999), r.cpu/time.Duration(len(r.latencies)), float64(r.rss)/(1<<20))
		}
	}
	_ = out.Flush()
}

var loadFor = flag.Duration("load", 0, "how long TestLoad loads each front in each scenario; 0: only as long as it takes to show that it works")

const loadRounds = 5

type scenario struct {
	name        string
	up, down    int // bytes of the bodies
	connections int
	keepAlive   bool
}

// result is what one front did in one scenario.
type result struct {
	latencies []time.Duration
	failed    int
	took, cpu time.Duration
	rss       int64
}

func (r *result) rate() float64 { return float64(len(r.latencies)) / r.took.Seconds() }

func (r *result) quantile(q float64) time.Duration {
	return r.latencies[int(q*float64(len(r.latencies)-1))].Round(10 * time.Microsecond)
}

// front is a process that stands before the upstream.
type front struct {
	name string
	addr string
	ask  func(t *testing.T) usage
}

// usage is what a front has used so far.
type usage struct {
	CPU time.Duration
	RSS int64
}

type loadWorld struct {
	fronts     []front
	assertions []string
	body       []byte
	next       atomic.Uint64
}

const loadHost = "app.example.com"

func newLoad(t *testing.T) *loadWorld {
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pomerium.pem"), issuer.PublicPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 1<<20)
	upstream := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		rw.Header()["Content-Length"] = []string{strconv.Itoa(n)}
		_, _ = rw.Write(body[:n])
	}))
	t.Cleanup(upstream.Close)
	number := 20_000
	if *loadFor == 0 {
		number = 100
	}
	w := &loadWorld{body: body, assertions: issuer.Assertions(number, verifiertest.Claims{
		Audience: loadHost, Subject: "ann-id", Email: "ann@example.com", Name: "Ann", SessionID: "sid",
		Groups: []string{"dev@example.com", "ops@example.com", "sre@example.com"},
	})}
	for _, name := range []string{"ReverseProxy", "ReverseProxy+ecdsa", "ssobridge"} {
		w.fronts = append(w.fronts, startFront(t, name, dir, upstream.Listener.Addr().String()))
	}
	return w
}

// startFront runs this test binary as a front.
func startFront(t *testing.T, name, dir, upstream string) front {
	// Not t's context: that ends before it is told to.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "-test.run=^TestLoadFront$", "-test.timeout=1h")
	cmd.Env = append(os.Environ(), "SSOBRIDGE_LOAD_FRONT="+name, "SSOBRIDGE_LOAD_DIR="+dir, "SSOBRIDGE_LOAD_UPSTREAM="+upstream)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	lines := bufio.NewReader(out)
	addr, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("%s does not start: %v", name, err)
	}
	return front{name, strings.TrimSpace(addr), func(t *testing.T) usage {
		t.Helper()
		var u usage
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(line, &u)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return u
	}}
}

// run loads a front for some time.
func (w *loadWorld) run(t *testing.T, f front, s scenario, length time.Duration, r *result) {
	t.Helper()
	transport := &http.Transport{
		MaxIdleConnsPerHost: s.connections, MaxConnsPerHost: s.connections, DisableKeepAlives: !s.keepAlive, DisableCompression: true,
	}
	defer transport.CloseIdleConnections()
	before := f.ask(t)
	start := time.Now()
	end := start.Add(length)
	all := make([][]time.Duration, s.connections)
	var failed atomic.Int64
	var g sync.WaitGroup
	for i := range s.connections {
		g.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				if err := w.request(t.Context(), transport, f.addr, s); err != nil {
					failed.Add(1)
					continue
				}
				all[i] = append(all[i], time.Since(began))
			}
		})
	}
	g.Wait()
	after := f.ask(t)
	r.took += time.Since(start)
	r.latencies = slices.Concat(r.latencies, slices.Concat(all...))
	r.failed += int(failed.Load())
	r.cpu += after.CPU - before.CPU
	r.rss = max(r.rss, after.RSS)
}

func (w *loadWorld) request(ctx context.Context, transport http.RoundTripper, addr string, s scenario) error {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if s.up > 0 {
		method, body = http.MethodPost, bytes.NewReader(w.body[:s.up])
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/"+strconv.Itoa(s.down), body)
	if err != nil {
		return err
	}
	q.Host = loadHost
	q.Header.Set("X-Pomerium-Jwt-Assertion", w.assertions[w.next.Add(1)%uint64(len(w.assertions))])
	q.Header.Set("Accept", "application/json")
	q.Header.Set("Cookie", "theme=dark")
	q.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
	resp, err := transport.RoundTrip(q)
	if err != nil {
		return err
	}
	got, err := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || got != int64(s.down) {
		return fmt.Errorf("status %d, %d bytes: %w", resp.StatusCode, got, err)
	}
	return nil
}
