package session_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/session/store"
)

// swaps is a store that counts them.
type swaps struct {
	store.Store
	n int
}

func (s *swaps) Swap(ctx context.Context, key string, old store.Entry, value []byte, ttl time.Duration) (store.Entry, bool, error) {
	s.n++
	return s.Store.Swap(ctx, key, old, value, ttl)
}

// newReplicas are two keepers with one store, before an app that is called to sign
// people in.
func newReplicas(t *testing.T) (one, other *world, s *swaps) {
	t.Helper()
	clock := func() time.Time { return noon }
	s = &swaps{Store: store.NewMemory(store.MemoryOptions{Now: clock})}
	plan := adapter.SessionPlan{
		Deliver: adapter.DeliverUpstream, Calls: true, Ended: func(status int, _ string) bool { return status == http.StatusUnauthorized },
	}
	one, other = newWorld(t, plan), newWorld(t, plan)
	other.signer = one.signer
	for _, w := range []*world{one, other} {
		w.keeper = session.NewKeeper(session.Options{Store: s, Now: clock})
		w.app = w.keeper.Open("app", w.signer, nobody)
	}
	return one, other, s
}

// TestSessionThatAnotherReplicaEnded: that a replica has just begun it does not bring it
// back.
func TestSessionThatAnotherReplicaEnded(t *testing.T) {
	for name, end := range map[string]func(w *world, in adapter.Input){
		"signed out": func(w *world, in adapter.Input) {
			v, err := w.app.Look(t.Context(), in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.End(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"removed by the app": func(w *world, in adapter.Input) { w.visit(in, "session=; Max-Age=0") },
		"replaced for another role": func(w *world, in adapter.Input) {
			in.Decision.Roles = []string{"Admin"}
			w.visit(in)
		},
	} {
		t.Run(name, func(t *testing.T) {
			one, other, _ := newReplicas(t)
			ann := one.in("ann", "Viewer")
			before := one.visit(ann)
			if got := other.visit(ann); got != before {
				t.Fatalf("the app receives %q by one and %q by the other", before, got)
			}
			end(other, other.in("ann", "Viewer"))
			if got := one.visit(ann); got == before || !strings.HasPrefix(got, "session=ann-") {
				t.Errorf("the app receives %q again", got)
			}
		})
	}
}

// TestNothingIsWrittenWithoutAChange: many apps set their cookie with every answer.
func TestNothingIsWrittenWithoutAChange(t *testing.T) {
	one, other, s := newReplicas(t)
	ann := one.in("ann", "Viewer")
	sent := one.visit(ann)
	before := s.n
	one.visit(ann, sent+"; Path=/; Max-Age=600")
	if got := other.visit(ann, sent); got != sent || s.n != before {
		t.Errorf("the app receives %q instead of %q, after %d changes", got, sent, s.n-before)
	}
}

// TestLateAnswerToCookiesThatAreReplaced: an app that gives a session another ID answers
// to the one before that nobody is signed in.
func TestLateAnswerToCookiesThatAreReplaced(t *testing.T) {
	one, other, _ := newReplicas(t)
	ann := one.in("ann", "Viewer")
	one.visit(ann)
	late, err := other.app.Find(t.Context(), ann, nil)
	if err != nil {
		t.Fatal(err)
	}
	one.visit(ann, "session=renewed")
	if err := late.Answer(t.Context(), http.StatusUnauthorized, http.Header{}); err != nil {
		t.Fatal(err)
	}
	v, err := one.app.Find(t.Context(), ann, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Cookies(); len(got) != 1 || got[0] != "session=renewed" {
		t.Errorf("the app receives %q", got)
	}
	// Of those that are there, it is believed.
	if err := v.Answer(t.Context(), http.StatusUnauthorized, http.Header{}); err != nil {
		t.Fatal(err)
	}
	if got := other.visit(ann); got != "session=ann-2" {
		t.Errorf("the app receives %q", got)
	}
}
