package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// flaky is a Store that fails when it is told to.
type flaky struct {
	Store
	err     atomic.Pointer[error]
	deletes atomic.Int32
}

func (f *flaky) fail(err error) { f.err.Store(&err) }

func (f *flaky) failure() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *flaky) Load(ctx context.Context, key string) (Entry, error) {
	if err := f.failure(); err != nil {
		return Entry{}, err
	}
	return f.Store.Load(ctx, key)
}

func (f *flaky) Swap(ctx context.Context, key string, old Entry, value []byte, ttl time.Duration) (Entry, bool, error) {
	if err := f.failure(); err != nil {
		return Entry{}, false, err
	}
	return f.Store.Swap(ctx, key, old, value, ttl)
}

func (f *flaky) Delete(ctx context.Context, key string) error {
	if err := f.failure(); err != nil {
		return err
	}
	f.deletes.Add(1)
	return f.Store.Delete(ctx, key)
}

// failing is a Failover over a store that tests make fail.
type failing struct {
	subject
	flaky   *flaky
	standIn *Memory
}

func newFailing(t *testing.T) *failing {
	t.Helper()
	c := newClock()
	f := &failing{flaky: &flaky{Store: encrypt(t, newMemory(c), "a")}, standIn: newMemory(c)}
	f.subject = subject{NewFailover(f.flaky, f.standIn), c.advance}
	return f
}

func (f *failing) down() { f.flaky.fail(fmt.Errorf("%w: no answer", ErrUnavailable)) }
func (f *failing) up()   { f.flaky.fail(nil) }

func (f *failing) delete(t *testing.T, key string) {
	t.Helper()
	if err := f.store.Delete(t.Context(), key); err != nil {
		t.Error(err)
	}
}

// TestSignOutDuringOutageIsNotUndone: the store still has the session when it is back.
func TestSignOutDuringOutageIsNotUndone(t *testing.T) {
	for name, signOut := range map[string]func(t *testing.T, f *failing, e Entry){
		"Delete": func(t *testing.T, f *failing, _ Entry) { f.delete(t, "ann") },
		"Swap": func(t *testing.T, f *failing, e Entry) {
			if now, won, err := f.store.Swap(t.Context(), "ann", e, nil, 0); err != nil || !won || now.Value != nil {
				t.Errorf("%q, %v, %v", now.Value, won, err)
			}
		},
		"Swap after Swap": func(t *testing.T, f *failing, e Entry) {
			if now, won, err := f.store.Swap(t.Context(), "ann", f.put(t, "ann", e, "changed"), nil, 0); err != nil || !won || now.Value != nil {
				t.Errorf("%q, %v, %v", now.Value, won, err)
			}
		},
		"twice": func(t *testing.T, f *failing, _ Entry) { f.delete(t, "ann"); f.delete(t, "ann") },
		"after a load that failed": func(t *testing.T, f *failing, _ Entry) {
			if _, won, err := f.store.Swap(t.Context(), "ann", f.load(t, "ann"), nil, 0); err != nil || !won {
				t.Error(won, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFailing(t)
			before := f.put(t, "ann", Entry{}, "before")
			f.down()
			signOut(t, f, before)
			f.want(t, "ann", "")
			f.lose(t, "ann", before, "an update under way", "")
			f.up()
			f.want(t, "ann", "")
			if f.standIn.has("ann") {
				t.Error("it is remembered for ever")
			}
			f.put(t, "ann", Entry{}, "after")
			f.want(t, "ann", "after")
		})
	}
}

// TestOutageEndsWithReLogin: what was begun in memory ends when the store is back, and
// so does what the store had from before.
func TestOutageEndsWithReLogin(t *testing.T) {
	f := newFailing(t)
	f.put(t, "ann", Entry{}, "before")
	f.put(t, "bob", Entry{}, "before")
	f.down()
	f.want(t, "ann", "")
	first := f.put(t, "ann", Entry{}, "meanwhile")
	f.want(t, "ann", "meanwhile")
	f.lose(t, "ann", Entry{}, "another", "meanwhile")
	second := f.put(t, "ann", first, "meanwhile 2")
	f.up()
	f.lose(t, "ann", second, "meanwhile 3", "")
	f.want(t, "ann", "")
	f.want(t, "bob", "before") // was not touched
	f.put(t, "ann", Entry{}, "after")
	f.down()
	f.want(t, "ann", "")
}

// TestSessionFromBeforeTheOutageGoesOn: what was loaded may still be changed.
func TestSessionFromBeforeTheOutageGoesOn(t *testing.T) {
	f := newFailing(t)
	before := f.put(t, "ann", Entry{}, "before")
	f.down()
	changed := f.put(t, "ann", before, "changed")
	f.want(t, "ann", "changed")
	f.lose(t, "ann", before, "late", "changed")
	f.put(t, "ann", changed, "changed again")
}

// TestStoreBackEndsOneSessionOnce: of many who come when the store is back, none ends
// the session that another has begun since.
func TestStoreBackEndsOneSessionOnce(t *testing.T) {
	for range 50 {
		f := newFailing(t)
		f.down()
		f.put(t, "ann", Entry{}, "meanwhile")
		f.up()
		var (
			wg   sync.WaitGroup
			wins atomic.Int32
		)
		for i := range 8 {
			wg.Go(func() {
				e := f.load(t, "ann")
				_, won, err := f.store.Swap(t.Context(), "ann", e, fmt.Appendf(nil, "after %d", i), time.Minute)
				if err != nil {
					t.Error(err)
				}
				if e.Value == nil && won {
					wins.Add(1)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 || f.flaky.deletes.Load() != 1 {
			t.Fatalf("%d began a session, and the store was cleared %d times", wins.Load(), f.flaky.deletes.Load())
		}
	}
}

// TestForgottenAlready: whoever comes late forgets nothing that was begun since.
func TestForgottenAlready(t *testing.T) {
	f := newFailing(t)
	f.put(t, "ann", Entry{}, "since")
	if err := f.store.(*Failover).forget(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	f.want(t, "ann", "since")
}

// TestFailsAgainWhileBack: nothing is forgotten in memory that the store could not
// forget.
func TestFailsAgainWhileBack(t *testing.T) {
	f := newFailing(t)
	f.put(t, "ann", Entry{}, "before")
	f.down()
	f.delete(t, "ann")
	f.flaky.fail(fmt.Errorf("%w: still", ErrUnavailable))
	f.want(t, "ann", "")
	f.up()
	f.want(t, "ann", "")
}

// TestOtherErrorsPass: whoever has gone, and whoever asks what cannot be, is told so.
func TestOtherErrorsPass(t *testing.T) {
	f := newFailing(t)
	for _, want := range []error{context.Canceled, ErrTooLarge} {
		f.flaky.fail(want)
		_, err1 := f.store.Load(t.Context(), "ann")
		_, _, err2 := f.store.Swap(t.Context(), "ann", Entry{}, []byte("v"), time.Minute)
		err3 := f.store.Delete(t.Context(), "ann")
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
	}
	if f.standIn.has("ann") {
		t.Error("the memory stood in")
	}
}

// TestSignOutIsForgottenInTheEnd: it is remembered as long as a session can last.
func TestSignOutIsForgottenInTheEnd(t *testing.T) {
	f := newFailing(t)
	f.down()
	f.delete(t, "ann")
	f.pass(endedFor - time.Minute)
	if !f.standIn.has("ann") {
		t.Error("forgotten too early")
	}
	f.pass(time.Minute)
	if f.standIn.has("ann") {
		t.Error("remembered for ever")
	}
}
