package verifier_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// fetchPace is how often the benchmark fetches the keys: a hundred times as often
// as Run ever does, so that fetches that cost the requests anything show.
const fetchPace = 10 * time.Millisecond

// BenchmarkVerifyDuringFaults measures each Verify while nothing is fetched
// ("quiet"), while keys are fetched from an endpoint that is well ("healthy"),
// and while it fails in each way. p99-ratio is p99-ns by that of "quiet" in the
// same run. How far the ratio of "quiet again" is from 1 is how much of the
// others is the machine's.
func BenchmarkVerifyDuringFaults(b *testing.B) {
	faults := endpointFaults()
	names := []string{"quiet"}
	for name := range faults {
		names = append(names, name)
	}
	slices.Sort(names[1:])
	names = append(names, "healthy", "quiet again")
	var quiet time.Duration
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			_, p99 := benchmarkDuringFault(b, faults[name], !strings.HasPrefix(name, "quiet"))
			if name == "quiet" {
				quiet = p99
			}
			if quiet > 0 {
				b.ReportMetric(float64(p99)/float64(quiet), "p99-ratio")
			}
		})
	}
}

// benchmarkDuringFault reports and returns the median and the 99th percentile.
func benchmarkDuringFault(b *testing.B, fault verifiertest.Fault, fetch bool) (p50, p99 time.Duration) {
	b.Helper()
	issuer := newIssuer(b)
	server := httptest.NewServer(issuer.Handler())
	defer server.Close()
	client := verifier.NewKeyClient(nil, nil)
	defer client.CloseIdleConnections()
	keys, err := verifier.NewRemoteKeys(verifier.RemoteKeysOptions{URL: server.URL + verifiertest.JWKSPath, Client: client})
	if err != nil {
		b.Fatal(err)
	}
	v, err := verifier.New(keys, verifier.Options{Issuer: host, Audience: []string{host}, Now: now})
	if err != nil {
		b.Fatal(err)
	}
	if err := keys.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	assertions := make([]string, distinct)
	for i := range assertions {
		c := ann()
		c.ID = fmt.Sprint(i)
		assertions[i] = issuer.Assertion(c)
	}
	issuer.SetFault(fault)
	ctx, cancel := context.WithCancel(b.Context())
	var fetching sync.WaitGroup
	defer fetching.Wait()
	defer cancel()
	fetching.Go(func() {
		pace := time.NewTicker(fetchPace)
		defer pace.Stop()
		for fetch && ctx.Err() == nil {
			_ = keys.Refresh(ctx) // fails, or the fault is none
			select {
			case <-pace.C:
			case <-ctx.Done():
			}
		}
	})
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		if _, err := v.Verify(ctx, assertions[i%distinct]); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	p50, p99 = took[len(took)/2], took[len(took)*99/100]
	b.ReportMetric(float64(p50), "p50-ns")
	b.ReportMetric(float64(p99), "p99-ns")
	return p50, p99
}
