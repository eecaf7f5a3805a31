package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// inMemory carries requests to a handler without a network, so that a test's
// time stands still unless the test lets it go on. It notes when they came.
type inMemory struct {
	handler http.Handler

	mu   sync.Mutex
	came []time.Time
}

func (m *inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	m.came = append(m.came, time.Now())
	m.mu.Unlock()
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// fetched returns when requests came since it was last asked.
func (m *inMemory) fetched() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	came := m.came
	m.came = nil
	return came
}

// run starts Run for an issuer in a bubble of test time and calls test. When
// test is done, Run is told to end, and must do so at once.
func run(t *testing.T, test func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, net *inMemory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		issuer, err := verifiertest.NewIssuer()
		if err != nil {
			t.Fatal(err)
		}
		net := &inMemory{handler: issuer.Handler()}
		keys, err := verifier.NewRemoteKeys(verifier.RemoteKeysOptions{
			URL: "https://pomerium.example.com" + verifiertest.JWKSPath, Client: &http.Client{Transport: net},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			keys.Run(ctx)
			close(ended)
		}()
		synctest.Wait()
		test(t, issuer, keys, net)
		told := time.Now()
		cancel()
		<-ended
		if took := time.Since(told); took != 0 {
			t.Errorf("Run took %s to end", took)
		}
	})
}

// pass lets time go on and everything that is due happen.
func pass(d time.Duration) {
	time.Sleep(d) // in a bubble: no real time passes
	synctest.Wait()
}

// within reports whether d is an interval of Run: as long as meant, or up to a
// tenth more.
func within(d, meant time.Duration) bool { return meant <= d && d <= meant+meant/10 }

func TestRunFetchesAtOnceAndThenAsTold(t *testing.T) {
	for cacheControl, want := range map[string]time.Duration{
		"max-age=60":                           time.Minute,
		"public, MAX-AGE=120, must-revalidate": 2 * time.Minute,
		`max-age="90"`:                         90 * time.Second,
		"max-age=0":                            30 * time.Second,
		"max-age=1":                            30 * time.Second,
		"max-age=31536000":                     15 * time.Minute,
		"max-age=99999999999999999999":         5 * time.Minute,
		"max-age=-1":                           5 * time.Minute,
		"max-age=soon":                         5 * time.Minute,
		"max-age":                              5 * time.Minute,
		"s-maxage=7":                           5 * time.Minute,
		"no-store":                             5 * time.Minute,
		"":                                     5 * time.Minute,
	} {
		t.Run(cacheControl, func(t *testing.T) {
			run(t, func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, net *inMemory) {
				wantKey(t, keys, issuer.KeyID(), "")
				issuer.SetFault(func(w http.ResponseWriter, _ *http.Request, jwks []byte) []byte {
					w.Header().Set("Cache-Control", cacheControl)
					_, _ = w.Write(jwks)
					return nil
				})
				pass(time.Until(keys.Status().NextRefresh))
				if n := len(net.fetched()); n != 2 {
					t.Errorf("%d fetches, want one at once and one when announced", n)
				}
				if next := time.Until(keys.Status().NextRefresh); !within(next, want) {
					t.Errorf("next fetch in %s, want %s", next, want)
				}
			})
		})
	}
}

func TestRunBacksOff(t *testing.T) {
	run(t, func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, net *inMemory) {
		issuer.SetFault(verifiertest.Status(http.StatusInternalServerError))
		pass(time.Until(keys.Status().NextRefresh)) // the first that fails
		net.fetched()
		last := time.Now()
		pass(5 * time.Minute)
		want := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30}
		seen := make(map[time.Duration]bool)
		for i, at := range net.fetched() {
			interval := at.Sub(last)
			if i < len(want) && !within(interval, want[i]*time.Second) {
				t.Errorf("attempt %d came after %s, want %ds", i+1, interval, want[i])
			}
			if seen[interval] {
				t.Errorf("the interval of %s came twice: replicas would keep step", interval)
			}
			seen[interval], last = true, at
		}
		if err := keys.Status().LastError; err == nil {
			t.Error("no error in the status")
		}
		wantKey(t, keys, issuer.KeyID(), "")

		issuer.SetFault(nil)
		pass(time.Until(keys.Status().NextRefresh))
		if next := time.Until(keys.Status().NextRefresh); keys.Status().LastError != nil || !within(next, time.Minute) {
			t.Errorf("after recovery, next fetch in %s: %+v", next, keys.Status())
		}
		issuer.SetFault(verifiertest.EmptySet)
		pass(time.Until(keys.Status().NextRefresh))
		if next := time.Until(keys.Status().NextRefresh); !within(next, time.Second) {
			t.Errorf("after another failure, next fetch in %s, want 1s", next)
		}
	})
}

// TestRunUnknownKeyIDFlood: anyone can send key IDs that nobody knows. Ten
// thousand of them cause one fetch, and no more in 30 s; known ones, none.
func TestRunUnknownKeyIDFlood(t *testing.T) {
	run(t, func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, net *inMemory) {
		net.fetched()
		flood := func() {
			var wg sync.WaitGroup
			for sender := range 10 {
				wg.Go(func() {
					for i := range 1000 {
						if _, err := keys.Key(t.Context(), fmt.Sprint(sender, "/", i)); err == nil {
							t.Error("found")
						}
					}
				})
			}
			wg.Wait()
			synctest.Wait()
		}
		for range 1000 {
			wantKey(t, keys, issuer.KeyID(), "")
		}
		synctest.Wait()
		if n := len(net.fetched()); n != 0 {
			t.Errorf("known key IDs: %d fetches", n)
		}
		for _, step := range []struct {
			wait time.Duration
			want int
		}{
			{0, 1}, {0, 0}, {29 * time.Second, 0}, {time.Second, 1}, {0, 0}, {30 * time.Second, 1},
		} {
			pass(step.wait)
			flood()
			if n := len(net.fetched()); n != step.want {
				t.Errorf("after %s more: %d fetches, want %d", step.wait, n, step.want)
			}
		}
	})
}

// TestRunBadSignatureFlood: bad signatures under a known key ID cause no fetch.
func TestRunBadSignatureFlood(t *testing.T) {
	run(t, func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, net *inMemory) {
		net.fetched()
		v, err := verifier.New(keys, verifier.Options{Issuer: host, Audience: []string{host}})
		if err != nil {
			t.Fatal(err)
		}
		good := issuer.Assertion(ann())
		bad := good[:len(good)-4] + "AAAA"
		for range 100 {
			p, err := v.Verify(t.Context(), bad)
			wantRefusal(t, p, err, verifier.ReasonSignature, bad)
		}
		synctest.Wait()
		if n := len(net.fetched()); n != 0 {
			t.Errorf("%d fetches", n)
		}
	})
}

// TestRunPicksUpRotation: the first assertion under a new key is refused, and
// the next one is not.
func TestRunPicksUpRotation(t *testing.T) {
	run(t, func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, _ *inMemory) {
		if err := issuer.Rotate(); err != nil {
			t.Fatal(err)
		}
		wantKey(t, keys, issuer.KeyID(), verifier.ReasonKeyUnknown)
		synctest.Wait()
		wantKey(t, keys, issuer.KeyID(), "")

		// Within 30 s of that, only the regular fetch finds the next.
		if err := issuer.Rotate(); err != nil {
			t.Fatal(err)
		}
		wantKey(t, keys, issuer.KeyID(), verifier.ReasonKeyUnknown)
		synctest.Wait()
		wantKey(t, keys, issuer.KeyID(), verifier.ReasonKeyUnknown)
		pass(66 * time.Second)
		wantKey(t, keys, issuer.KeyID(), "")
	})
}

// TestRunHungIssuer: each attempt ends after 5 s although this client would wait
// for ever, and readers do not notice.
func TestRunHungIssuer(t *testing.T) {
	run(t, func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, net *inMemory) {
		issuer.SetFault(verifiertest.Hang(nil))
		pass(time.Until(keys.Status().NextRefresh))
		net.fetched()
		pass(4 * time.Second)
		start := time.Now()
		wantKey(t, keys, issuer.KeyID(), "")
		wantKey(t, keys, "unknown", verifier.ReasonKeyUnknown)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("readers waited %s", waited)
		}
		if keys.Status().LastError != nil {
			t.Error("the attempt is over too soon")
		}
		pass(time.Second)
		if err := keys.Status().LastError; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after 5 s: %v", err)
		}
	})
}

// TestRunEndsAtOnce: whatever it is doing. run sees to it.
func TestRunEndsAtOnce(t *testing.T) {
	for name, f := range map[string]verifiertest.Fault{
		"waiting":  nil,
		"fetching": verifiertest.Hang(nil),
		"retrying": verifiertest.EmptySet,
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(_ *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, _ *inMemory) {
				issuer.SetFault(f)
				pass(time.Until(keys.Status().NextRefresh))
			})
		})
	}
}
