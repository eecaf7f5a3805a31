package verifier_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// runProvider starts Run for a provider in a bubble of test time, with the given
// fault of discovery from the start, and calls test. Then Run is told to end, and
// must do so at once.
func runProvider(t *testing.T, fault http.HandlerFunc, test func(t *testing.T, idp *idp, p *verifier.Provider, net *inMemory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		issuer, err := verifiertest.NewIssuer()
		if err != nil {
			t.Fatal(err)
		}
		idp := &idp{issuer: issuer, url: idpURL}
		if fault != nil {
			idp.setFault(fault)
		}
		net := &inMemory{handler: idp}
		p, err := verifier.NewProvider(verifier.ProviderOptions{Issuer: idpURL, Client: &http.Client{Transport: net}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { p.Run(ctx) })
		synctest.Wait()
		test(t, idp, p, net)
		told := time.Now()
		cancel()
		running.Wait()
		if took := time.Since(told); took != 0 {
			t.Errorf("Run took %s to end", took)
		}
	})
}

func hangUntilDone(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestProviderRunKeepsKeysFresh(t *testing.T) {
	runProvider(t, nil, func(t *testing.T, idp *idp, p *verifier.Provider, _ *inMemory) {
		wantKey(t, p, idp.issuer.KeyID(), "")
		// Rotation: the first ID token under a new key is refused, the next is not.
		if err := idp.issuer.Rotate(); err != nil {
			t.Fatal(err)
		}
		wantKey(t, p, idp.issuer.KeyID(), verifier.ReasonKeyUnknown)
		synctest.Wait()
		wantKey(t, p, idp.issuer.KeyID(), "")
		// Rotation just before signing, unnoticed by any request.
		if err := idp.issuer.Rotate(); err != nil {
			t.Fatal(err)
		}
		pass(66 * time.Second)
		wantKey(t, p, idp.issuer.KeyID(), "")
		if n := idp.asked.Load(); n != 1 {
			t.Errorf("the discovery document was fetched %d times", n)
		}
		pass(24 * time.Hour)
		if n := idp.asked.Load(); n < 85 || n > 97 {
			t.Errorf("the discovery document was fetched %d times in a day, want one each 15 min or a tenth more", n)
		}
	})
}

// TestProviderRunBacksOff: the provider is down when the bridge starts.
func TestProviderRunBacksOff(t *testing.T) {
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	runProvider(t, down, func(t *testing.T, idp *idp, p *verifier.Provider, net *inMemory) {
		last := net.fetched()[0]
		if next := time.Until(p.Status().NextRefresh); !within(next, time.Second) || p.Status().LastError == nil {
			t.Errorf("next attempt in %s: %+v", next, p.Status())
		}
		pass(2 * time.Minute)
		want := []time.Duration{1, 2, 4, 8, 16, 30, 30}
		for i, at := range net.fetched() {
			if i < len(want) && !within(at.Sub(last), want[i]*time.Second) {
				t.Errorf("attempt %d came after %s, want %ds", i+1, at.Sub(last), want[i])
			}
			last = at
		}
		wantKey(t, p, idp.issuer.KeyID(), verifier.ReasonKeysUnavailable)
		idp.heal()
		pass(33 * time.Second)
		wantKey(t, p, idp.issuer.KeyID(), "")
		if st := p.Status(); !st.Usable || st.LastError != nil {
			t.Errorf("after recovery: %+v", st)
		}
		// The next time it begins anew.
		var came []time.Time
		idp.setFault(func(w http.ResponseWriter, r *http.Request) {
			came = append(came, time.Now())
			down(w, r)
		})
		pass(17 * time.Minute)
		wantKey(t, p, idp.issuer.KeyID(), "")
		if len(came) < 2 || !within(came[1].Sub(came[0]), time.Second) {
			t.Errorf("attempts at %v, want the second after 1s", came)
		}
		if p.Status().LastError == nil {
			t.Error("no error in the status")
		}
	})
}

// TestProviderRunHungDiscovery: each attempt ends after 5 s although this client
// would wait for ever, and readers do not notice.
func TestProviderRunHungDiscovery(t *testing.T) {
	runProvider(t, hangUntilDone, func(t *testing.T, idp *idp, p *verifier.Provider, _ *inMemory) {
		start := time.Now()
		wantKey(t, p, idp.issuer.KeyID(), verifier.ReasonKeysUnavailable)
		_ = p.Status()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("readers waited %s", waited)
		}
		pass(4 * time.Second)
		if p.Status().LastError != nil {
			t.Error("the attempt is over too soon")
		}
		pass(time.Second)
		if err := p.Status().LastError; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after 5 s: %v", err)
		}
	})
	runProvider(t, nil, func(t *testing.T, idp *idp, p *verifier.Provider, _ *inMemory) {
		idp.setFault(hangUntilDone)
		pass(15*time.Minute + 90*time.Second)
		start := time.Now()
		wantKey(t, p, idp.issuer.KeyID(), "")
		wantKey(t, p, "unknown", verifier.ReasonKeyUnknown)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("readers waited %s", waited)
		}
	})
}

// TestProviderRunFollowsKeys: once the keys have moved, the old place is left
// alone and the new one kept fresh.
func TestProviderRunFollowsKeys(t *testing.T) {
	runProvider(t, nil, func(t *testing.T, idp *idp, p *verifier.Provider, net *inMemory) {
		old, before := idp.issuer.Handler(), idp.issuer.KeyID()
		successor, err := verifiertest.NewIssuer()
		if err != nil {
			t.Fatal(err)
		}
		oldAsked := 0
		net.mu.Lock()
		net.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, discoveryPath):
				idp.ServeHTTP(w, r)
			case r.URL.Host == "keys.example.com":
				successor.Handler().ServeHTTP(w, r)
			default:
				oldAsked++
				old.ServeHTTP(w, r)
			}
		})
		net.mu.Unlock()
		successor.SetFault(verifiertest.EmptySet)
		idp.moveKeys("https://keys.example.com" + verifiertest.JWKSPath)
		pass(17 * time.Minute)
		wantKey(t, p, before, "")
		successor.SetFault(nil)
		pass(33 * time.Second)
		wantKey(t, p, successor.KeyID(), "")
		wantKey(t, p, before, verifier.ReasonKeyUnknown)
		asked := oldAsked
		if err := successor.Rotate(); err != nil {
			t.Fatal(err)
		}
		pass(66 * time.Second)
		wantKey(t, p, successor.KeyID(), "")
		pass(time.Hour)
		if oldAsked != asked {
			t.Errorf("the old place was asked %d more times", oldAsked-asked)
		}
	})
}

// TestProviderRunAgain: a Run after a Run goes on with the keys there are, also
// while the provider is down.
func TestProviderRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, err := verifiertest.NewIssuer()
		if err != nil {
			t.Fatal(err)
		}
		idp := &idp{issuer: issuer, url: idpURL}
		p, err := verifier.NewProvider(verifier.ProviderOptions{Issuer: idpURL, Client: &http.Client{Transport: &inMemory{handler: idp}}})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			if n == 1 {
				idp.setFault(hangUntilDone)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { p.Run(ctx) })
			pass(10 * time.Second)
			if err := issuer.Rotate(); err != nil {
				t.Fatal(err)
			}
			pass(66 * time.Second)
			wantKey(t, p, issuer.KeyID(), "")
			cancel()
			running.Wait()
		}
	})
}

// slowToStop is a transport that, once silent, does not answer and takes a second
// to notice that nobody waits for it any more.
type slowToStop struct {
	http.RoundTripper
	silent, ended atomic.Bool
}

func (s *slowToStop) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.silent.Load() {
		return s.RoundTripper.RoundTrip(r)
	}
	<-r.Context().Done()
	time.Sleep(time.Second) // in a bubble
	s.ended.Store(true)
	return nil, r.Context().Err()
}

// TestProviderRunWaits: when Run has ended, so has every fetch that it began.
func TestProviderRunWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, err := verifiertest.NewIssuer()
		if err != nil {
			t.Fatal(err)
		}
		net := &slowToStop{RoundTripper: &inMemory{handler: &idp{issuer: issuer, url: idpURL}}}
		p, err := verifier.NewProvider(verifier.ProviderOptions{Issuer: idpURL, Client: &http.Client{Transport: net}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { p.Run(ctx) })
		synctest.Wait()
		net.silent.Store(true)
		pass(67 * time.Second) // into the second fetch of the keys
		cancel()
		running.Wait()
		if !net.ended.Load() {
			t.Error("Run has ended before its fetch")
		}
	})
}
