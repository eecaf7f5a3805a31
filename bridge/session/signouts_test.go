package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/session/store"
)

// looks is a store that counts how often it is asked, and that can fail.
type looks struct {
	store.Store
	n    int
	fail error
}

func (l *looks) Load(ctx context.Context, key string) (store.Entry, error) {
	l.n++
	if l.fail != nil {
		return store.Entry{}, l.fail
	}
	return l.Store.Load(ctx, key)
}

// signOutRig is two replicas with one store and one clock.
type signOutRig struct {
	t          *testing.T
	now        time.Time
	store      *looks
	one, other *session.Keeper
}

func newSignOutRig(t *testing.T) *signOutRig {
	t.Helper()
	r := &signOutRig{t: t, now: noon}
	clock := func() time.Time { return r.now }
	r.store = &looks{Store: store.NewMemory(store.MemoryOptions{Now: clock})}
	r.one = session.NewKeeper(session.Options{Store: r.store, Now: clock})
	r.other = session.NewKeeper(session.Options{Store: r.store, Now: clock})
	return r
}

func (r *signOutRig) signOut(k *session.Keeper, s session.SignIn) {
	r.t.Helper()
	if err := k.SignOut(r.t.Context(), s, 5*time.Minute); err != nil {
		r.t.Fatal(err)
	}
}

func (r *signOutRig) want(k *session.Keeper, s session.SignIn, issuedAt time.Time, want bool) {
	r.t.Helper()
	got, err := k.SignedOut(r.t.Context(), s, issuedAt)
	if err != nil || got != want {
		r.t.Errorf("signed out: %v, %v; want %v", got, err, want)
	}
}

var annHere = session.SignIn{Issuer: "pomerium", Subject: "ann", SessionID: "1"}

func TestSignOutHoldsForTheSession(t *testing.T) {
	r := newSignOutRig(t)
	r.want(r.one, annHere, r.now, false)
	r.signOut(r.one, annHere)
	// Pomerium signs a new assertion for each request: a later one is no new sign-in.
	r.want(r.one, annHere, r.now.Add(time.Minute), true)
	for _, other := range []session.SignIn{
		{Issuer: "pomerium", Subject: "ann", SessionID: "2"},
		{Issuer: "pomerium", Subject: "bob", SessionID: "1"},
		{Issuer: "backup", Subject: "ann", SessionID: "1"},
		{Issuer: "pomerium", Subject: "ann"},
	} {
		r.want(r.one, other, r.now, false)
	}
	r.now = r.now.Add(5*time.Minute + 59*time.Second)
	r.want(r.one, annHere, r.now, true)
	r.now = r.now.Add(2 * time.Second) // past the assertion and a minute for clocks that differ
	r.want(r.one, annHere, r.now, false)
}

func TestSignOutHoldsAtEveryReplica(t *testing.T) {
	r := newSignOutRig(t)
	r.want(r.other, annHere, r.now, false)
	r.signOut(r.one, annHere)
	r.now = r.now.Add(time.Second)
	r.want(r.other, annHere, r.now, true)
	r.now = r.now.Add(time.Minute)
	r.want(r.other, annHere, r.now, true)
}

func TestSignOutWithoutASessionIDEndsWhatWasIssuedBefore(t *testing.T) {
	r := newSignOutRig(t)
	ann := session.SignIn{Issuer: "google", Subject: "ann"}
	r.signOut(r.one, ann)
	for _, k := range []*session.Keeper{r.one, r.other} {
		r.want(k, ann, r.now.Add(-time.Minute), true)
		r.want(k, ann, r.now, true) // times of issue are whole seconds
		r.want(k, ann, r.now.Add(time.Second), false)
	}
	// The second sign-out, at the other replica, ends what came after the first.
	r.now = r.now.Add(2 * time.Second)
	r.signOut(r.other, ann)
	r.now = r.now.Add(time.Second)
	r.want(r.one, ann, r.now.Add(-2*time.Second), true)
	r.want(r.one, ann, r.now, false)
}

// TestSignOutsAreLookedUpOnceASecond: a page brings a hundred requests at once.
func TestSignOutsAreLookedUpOnceASecond(t *testing.T) {
	r := newSignOutRig(t)
	for range 100 {
		r.want(r.one, annHere, r.now, false)
	}
	if r.store.n != 1 {
		t.Errorf("the store was asked %d times", r.store.n)
	}
	r.now = r.now.Add(time.Second)
	r.want(r.one, annHere, r.now, false)
	if r.store.n != 2 {
		t.Errorf("a second later, the store has been asked %d times", r.store.n)
	}
}

func TestSignOutWhileTheStoreIsDown(t *testing.T) {
	r := newSignOutRig(t)
	r.store.fail = store.ErrUnavailable
	if _, err := r.one.SignedOut(t.Context(), annHere, r.now); !errors.Is(err, session.ErrStore) {
		t.Errorf("nobody knows whether Ann has signed out, and the error is %v", err)
	}
	if err := r.one.SignOut(t.Context(), annHere, 5*time.Minute); !errors.Is(err, session.ErrStore) {
		t.Errorf("the other replicas have not been told, and the error is %v", err)
	}
	r.want(r.one, annHere, r.now, true) // this process has been told
	r.store.fail = nil
	r.now = r.now.Add(time.Second)
	r.want(r.one, annHere, r.now, true)
}

// TestStoreThatForgetsBringsNobodyBack: what a full or restarted store has forgotten,
// the replica at which the person signed out still knows.
func TestStoreThatForgetsBringsNobodyBack(t *testing.T) {
	r := newSignOutRig(t)
	r.signOut(r.one, annHere)
	r.store.Store = store.NewMemory(store.MemoryOptions{Now: func() time.Time { return r.now }})
	r.now = r.now.Add(time.Minute)
	r.want(r.one, annHere, r.now, true)
	noSession := session.SignIn{Issuer: "google", Subject: "ann"}
	r.signOut(r.one, noSession)
	r.store.Store = store.NewMemory(store.MemoryOptions{Now: func() time.Time { return r.now }})
	r.now = r.now.Add(time.Minute)
	r.want(r.one, noSession, r.now.Add(-2*time.Minute), true)
}
