package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// elsewhere is where the fault "redirect" sends who asks for the keys.
const elsewhere = "https://evil.example.com" + verifiertest.JWKSPath

// endpointFaults are the ways in which a key endpoint fails for a while.
func endpointFaults() map[string]verifiertest.Fault {
	return map[string]verifiertest.Fault{
		"down":       func(http.ResponseWriter, *http.Request, []byte) []byte { panic(http.ErrAbortHandler) },
		"hang":       verifiertest.Hang(nil),
		"stall":      verifiertest.Stall(nil),
		"status 500": verifiertest.Status(http.StatusInternalServerError),
		"redirect":   verifiertest.Redirect(elsewhere),
		"huge":       verifiertest.Huge(2 << 20),
		"garbage":    verifiertest.Garbage,
		"empty set":  verifiertest.EmptySet,
		"empty body": verifiertest.Body(""),
		"truncated":  func(_ http.ResponseWriter, _ *http.Request, jwks []byte) []byte { return jwks[:len(jwks)/2] },
		"cut off":    verifiertest.CutOff,
		"wrong type": verifiertest.Body(`["not an object"]`),
	}
}

// breakable carries requests to the issuer's handler without a network. What
// breaks the connection on a real server breaks it here.
type breakable struct {
	inMemory
	attacked atomic.Int64 // requests to any other host than the issuer's
}

const issuerHost = "pomerium.example.com"

func (b *breakable) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if r.URL.Host != issuerHost {
		b.attacked.Add(1)
		return nil, errors.New("a request to another host")
	}
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // a panic's value, as net/http compares it
			resp, err = nil, errors.New("connection reset")
		} else if p != nil {
			panic(p)
		}
	}()
	return b.inMemory.RoundTrip(r)
}

// stream is what a test's clients send: assertions that must all be accepted.
type stream struct {
	assertions atomic.Pointer[[]string]
	verified   atomic.Int64
}

func (s *stream) send(assertions ...string) { s.assertions.Store(&assertions) }

// verify verifies each assertion of the stream once. In a bubble time stands still while
// anything computes and moves on only when all wait: a Verify during which it moved has waited.
func (s *stream) verify(t *testing.T, v *verifier.Verifier, wait bool) {
	for _, assertion := range *s.assertions.Load() {
		start := time.Now()
		p, err := v.Verify(t.Context(), assertion)
		if err != nil || p.Email != ann().Email {
			t.Errorf("refused: %v", err)
		}
		if waited := time.Since(start); !wait && waited != 0 {
			t.Errorf("Verify waited %s", waited)
		}
		s.verified.Add(1)
	}
}

// longLived is ann with an assertion that outlives any test.
func longLived() verifiertest.Claims {
	c := ann()
	c.Extra = map[string]any{"exp": 4102444800} // the year 2100
	return c
}

// runLoaded starts Run for an issuer in a bubble, and four clients that verify
// the stream twice in a second of test time, and calls test.
func runLoaded(t *testing.T, test func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, v *verifier.Verifier, s *stream, net *breakable)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		issuer, err := verifiertest.NewIssuer()
		if err != nil {
			t.Fatal(err)
		}
		net := &breakable{inMemory: inMemory{handler: issuer.Handler()}}
		client := verifier.NewKeyClient(nil, nil) // for its policy on redirects
		client.Transport = net
		keys, err := verifier.NewRemoteKeys(verifier.RemoteKeysOptions{URL: "https://" + issuerHost + verifiertest.JWKSPath, Client: client})
		if err != nil {
			t.Fatal(err)
		}
		v, err := verifier.New(keys, verifier.Options{Issuer: host, Audience: []string{host}, MaxLifetime: -1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		running.Go(func() { keys.Run(ctx) })
		synctest.Wait()
		s := new(stream)
		s.send(issuer.Assertion(longLived()))
		for range 4 {
			running.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(500 * time.Millisecond) { // in a bubble
					s.verify(t, v, false)
				}
			})
		}
		test(t, issuer, keys, v, s, net)
	})
}

// TestVerifyThroughFaults: whatever the key endpoint does for 100 s, every
// assertion is verified at once, and the endpoint is asked no more often than
// the backoff allows: at the latest 1, 2, 4, 8, 16, 30 and 30 s after another.
func TestVerifyThroughFaults(t *testing.T) {
	for name, fault := range endpointFaults() {
		t.Run(name, func(t *testing.T) {
			runLoaded(t, func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, _ *verifier.Verifier, s *stream, net *breakable) {
				pass(time.Until(keys.Status().NextRefresh) - 1)
				net.fetched()
				issuer.SetFault(fault)
				before := s.verified.Load()
				pass(100 * time.Second)
				if keys.Status().LastError == nil {
					t.Error("the fault was not met")
				}
				came := net.fetched()
				if n := len(came); n < 5 || n > 8 {
					t.Errorf("%d fetches in 100 s", n)
				}
				for i := 1; i < len(came); i++ {
					if gap := came[i].Sub(came[i-1]); gap < min(time.Second<<(i-1), 30*time.Second) {
						t.Errorf("fetch %d came %s after the last", i+1, gap)
					}
				}
				if n := s.verified.Load() - before; n < 4*100*2 {
					t.Errorf("%d assertions in 100 s", n)
				}
				issuer.SetFault(nil)
				pass(40 * time.Second)
				if st := keys.Status(); st.LastError != nil || !st.Usable {
					t.Errorf("after recovery: %+v", st)
				}
				if n := net.attacked.Load(); n != 0 {
					t.Errorf("another host was asked %d times", n)
				}
			})
		})
	}
}

// TestVerifyThroughRotation: while two keys are published, what either signed is
// accepted, also if the endpoint fails meanwhile. What a withdrawn key signed is
// refused once the keys have been fetched again, and not before.
func TestVerifyThroughRotation(t *testing.T) {
	runLoaded(t, func(t *testing.T, issuer *verifiertest.Issuer, keys *verifier.RemoteKeys, v *verifier.Verifier, s *stream, net *breakable) {
		next := func() { pass(time.Until(keys.Status().NextRefresh)) }
		for range 3 {
			old := issuer.Assertion(longLived())
			if err := issuer.Rotate(); err != nil {
				t.Fatal(err)
			}
			next() // the stream still has the old key only
			fresh := issuer.Assertion(longLived())
			s.send(old, fresh)
			next()
			issuer.SetFault(verifiertest.CutOff)
			pass(100 * time.Second)
			issuer.SetFault(nil)
			pass(40 * time.Second)
			issuer.Retire()
			pass(time.Until(keys.Status().NextRefresh) - 1)
			s.send(fresh)
			if _, err := v.Verify(t.Context(), old); err != nil {
				t.Errorf("refused before the withdrawal can be known: %v", err)
			}
			pass(1)
			p, err := v.Verify(t.Context(), old)
			wantRefusal(t, p, err, verifier.ReasonKeyUnknown, old)
			pass(30 * time.Second) // the refusal has asked for a fetch
		}
		if n := len(net.fetched()); n > 60 {
			t.Errorf("%d fetches", n)
		}
	})
}

// fetchOutcomes is a slog.Handler that passes on which way each fetch went, when that
// has changed.
type fetchOutcomes chan bool

func (o fetchOutcomes) Enabled(context.Context, slog.Level) bool { return true }
func (o fetchOutcomes) WithAttrs([]slog.Attr) slog.Handler       { return o }
func (o fetchOutcomes) WithGroup(string) slog.Handler            { return o }

func (o fetchOutcomes) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "keys c") && r.Message != "keys changed" {
		o <- r.Message == "keys can be fetched again"
	}
	return nil
}

func (o fetchOutcomes) wait(good bool) {
	for got := range o {
		if got == good {
			return
		}
	}
}

// TestVerifyThroughFaultsOnLoopback has the same faults on a real connection,
// one after the other, and last of all no server.
func TestVerifyThroughFaultsOnLoopback(t *testing.T) {
	issuer, at, log := newIssuer(t), newClock(), make(fetchOutcomes, 1000)
	server := httptest.NewServer(issuer.Handler())
	defer server.Close()
	keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: server.URL + verifiertest.JWKSPath, Now: at.now, Log: slog.New(log)})
	v, err := verifier.New(keys, verifier.Options{Issuer: host, Audience: []string{host}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	refresh(t, keys)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { keys.Run(ctx) })
	s := new(stream)
	s.send(issuer.Assertion(ann()))
	for range 4 {
		running.Go(func() {
			for ctx.Err() == nil {
				s.verify(t, v, true)
			}
		})
	}
	// An unknown key ID makes Run fetch now, once the clock allows it.
	fetch := func(good bool) {
		at.advance(30 * time.Second)
		wantKey(t, keys, "unknown", verifier.ReasonKeyUnknown)
		log.wait(good)
	}
	for _, fault := range endpointFaults() {
		issuer.SetFault(fault)
		fetch(false)
		issuer.SetFault(nil)
		fetch(true)
	}
	server.Close()
	fetch(false)
	wantKey(t, keys, issuer.KeyID(), "")
}

// TestVerifyDuringHungFetch: a fetch is under way, on a real connection, from
// before the first of many calls of Verify until after the last.
func TestVerifyDuringHungFetch(t *testing.T) {
	issuer := newIssuer(t)
	client := verifier.NewKeyClient(nil, nil)
	client.Timeout = 0
	t.Cleanup(client.CloseIdleConnections)
	keys := newRemoteKeys(t, verifier.RemoteKeysOptions{URL: serve(t, issuer), Client: client})
	v, err := verifier.New(keys, verifier.Options{Issuer: host, Audience: []string{host}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	refresh(t, keys)
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	hang := verifiertest.Hang(release)
	issuer.SetFault(func(w http.ResponseWriter, r *http.Request, jwks []byte) []byte {
		arrived <- struct{}{}
		return hang(w, r, jwks)
	})
	done := make(chan error, 1)
	go func() { done <- keys.Refresh(t.Context()) }()
	<-arrived
	s := new(stream)
	s.send(issuer.Assertion(ann()))
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for i := range 100 {
				s.verify(t, v, true)
				wantKey(t, keys, fmt.Sprint("unknown ", i), verifier.ReasonKeyUnknown)
			}
		})
	}
	clients.Wait()
	select {
	case err := <-done:
		t.Fatalf("the fetch has ended: %v", err)
	default:
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := issuer.Fetches(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}
