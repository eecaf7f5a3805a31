// Package store keeps sessions between two requests: in memory or in Redis, and
// encrypted wherever they leave the process.
//
//	Open: Failover ─┬─ Encrypted ── Redis     one server, Sentinel or Cluster
//	                └─ Memory                 stands in, if that is what is wanted
//	      Memory                              without Redis
//
// It knows nothing of people. Whoever uses it binds what is kept to the person it is
// for, inside the value: a store that loses, repeats or rolls back values then costs
// people a sign-in, and never lets one in as another.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Store keeps values under keys, for a while. It is safe for concurrent use.
//
// A store may forget: because it is full, because it started again. What has expired
// is nothing there. No error, and no log line of this package, has a key or a value
// in it.
type Store interface {
	// Load returns what is there under key; nothing is no error.
	Load(ctx context.Context, key string) (Entry, error)

	// Swap puts value in the place of old, for ttl, if old is what is still there, and
	// does so in one step for everybody who uses the store. No value (of length 0)
	// removes what is there. now is what is there afterwards; won says that it is
	// value, and otherwise now is what somebody else has put.
	//
	// An error that wraps ErrUnavailable leaves open whether value was put. Asking
	// again with the same old tells: if it was, that is won.
	Swap(ctx context.Context, key string, old Entry, value []byte, ttl time.Duration) (now Entry, won bool, err error)

	// Delete removes what is there, whatever it is.
	Delete(ctx context.Context, key string) error
}

// Entry is what Load and Swap found. The zero Entry is nothing.
type Entry struct {
	// Value is the caller's own copy; nil: nothing is there.
	Value []byte
	// raw is how the store itself writes it, which Swap compares: two encryptions of
	// one value differ. It may be set without a Value, of what could not be read; Swap
	// puts another value in its place as if nothing were there.
	raw string
}

// Format prints a word: values let people in.
func (Entry) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(session)") }

// LogValue is the same for logs, whose JSON form does not ask Format.
func (Entry) LogValue() slog.Value { return slog.StringValue("(session)") }

// ErrUnavailable is wrapped by errors that say: the store does not answer, or not as
// one that works. The request may be tried again later.
var ErrUnavailable = errors.New("the session store is not available")

// ErrTooLarge is wrapped by the errors of values that no store takes.
var ErrTooLarge = errors.New("the session is too large to be kept")

const (
	// MaxValueBytes is how long a value may be.
	MaxValueBytes = 64 << 10
	// maxRawBytes is the same of what is written in its place.
	maxRawBytes = MaxValueBytes + sealOverhead
	maxKeyBytes = 256
)

func checkKey(key string) error {
	if key == "" || len(key) > maxKeyBytes {
		return fmt.Errorf("session store: a key has 1 to %d bytes, not %d", maxKeyBytes, len(key))
	}
	return nil
}

func checkSwap(key string, value []byte, limit int, ttl time.Duration) error {
	switch {
	case len(value) > limit:
		return fmt.Errorf("%w: %d bytes, and the limit is %d", ErrTooLarge, len(value), limit)
	case len(value) > 0 && ttl < time.Millisecond:
		return fmt.Errorf("session store: a value must live for a millisecond or more, not %s", ttl)
	}
	return checkKey(key)
}
