package store

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/singleflight"
)

// Failover lets people sign in again while a store does not answer: a Memory stands in
// for it, for each operation that fails.
//
// What the two have drifts apart meanwhile, and neither can be trusted over the other:
// the Memory may hold a session that the store has let somebody end, the store one that
// ended while it did not answer. So a key that was changed in the Memory is forgotten
// in both when the store answers again, and its owner signs in once more. Of a key that
// the Memory knows nothing of, Swap believes what the caller has loaded before. A sign-out
// is forgotten with the process, if that ends before the store answers; then the
// session in the store lives on, for the person whom it belongs to.
type Failover struct {
	store    Store
	standIn  *Memory
	settling singleflight.Group
}

// What the Memory holds begins with one of these.
const (
	ended   = 'x' // the key was deleted, and nothing follows
	replace = '+' // a value follows
)

// endedFor is how long a sign-out is remembered: the longest that a session can last.
const endedFor = 30 * 24 * time.Hour

// NewFailover returns s with a Memory that stands in.
func NewFailover(s Store, standIn *Memory) *Failover {
	return &Failover{store: s, standIn: standIn}
}

// Load implements Store.
func (f *Failover) Load(ctx context.Context, key string) (there Entry, err error) {
	err = f.settle(ctx, key)
	if err == nil {
		there, err = f.store.Load(ctx, key)
	}
	if !errors.Is(err, ErrUnavailable) {
		return there, err
	}
	there, err = f.standIn.Load(ctx, key)
	return unmarked(there), err
}

// Swap implements Store.
func (f *Failover) Swap(ctx context.Context, key string, old Entry, value []byte, ttl time.Duration) (now Entry, won bool, err error) {
	if err := checkSwap(key, value, MaxValueBytes, ttl); err != nil {
		return Entry{}, false, err
	}
	err = f.settle(ctx, key)
	if err == nil {
		now, won, err = f.store.Swap(ctx, key, old, value, ttl)
	}
	if !errors.Is(err, ErrUnavailable) {
		return now, won, err
	}
	marked := append([]byte{replace}, value...)
	if len(value) == 0 {
		marked, ttl = []byte{ended}, endedFor
	}
	now, won, err = f.standIn.Swap(ctx, key, old, marked, ttl)
	if err == nil && !won && (now.raw == "" || old.Value == nil && unmarked(now).Value == nil) {
		now, won, err = f.standIn.Swap(ctx, key, now, marked, ttl)
	}
	return unmarked(now), won, err
}

// Delete implements Store.
func (f *Failover) Delete(ctx context.Context, key string) error {
	err := f.store.Delete(ctx, key)
	if err == nil {
		return f.standIn.Delete(ctx, key)
	}
	if !errors.Is(err, ErrUnavailable) {
		return err
	}
	for there := (Entry{}); ; {
		now, won, err := f.standIn.Swap(ctx, key, there, []byte{ended}, endedFor)
		if err != nil || won {
			return err
		}
		there = now
	}
}

// settle forgets, in the store and then in the Memory, a key that was changed while the
// store did not answer. Of several who ask for it at once, one does so: otherwise the
// second would end the session that the first has begun since.
func (f *Failover) settle(ctx context.Context, key string) error {
	if !f.standIn.has(key) {
		return nil
	}
	// Whoever asked first may leave; the others still wait for it.
	_, err, _ := f.settling.Do(key, func() (any, error) { return nil, f.forget(context.WithoutCancel(ctx), key) })
	return err
}

// forget is settle for one at a time, who may come when another has done it.
func (f *Failover) forget(ctx context.Context, key string) error {
	if !f.standIn.has(key) {
		return nil
	}
	if err := f.store.Delete(ctx, key); err != nil {
		return err
	}
	return f.standIn.Delete(ctx, key)
}

// unmarked is what the Memory holds for those who asked.
func unmarked(e Entry) Entry {
	if len(e.Value) < 2 {
		return Entry{raw: e.raw}
	}
	return Entry{Value: e.Value[1:], raw: e.raw}
}
