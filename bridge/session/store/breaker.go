package store

import (
	"sync/atomic"
	"time"
)

const (
	// breakAfter is how many operations in a row fail before a server is left alone.
	breakAfter = 5
	// breakFor is how long; then one operation at a time tries it again.
	breakFor = time.Second
)

// breaker keeps requests from queueing for a server that does not answer: each would
// wait for the whole timeout to learn what the one before it has.
type breaker struct {
	now      func() time.Time
	failures atomic.Int32
	retryAt  atomic.Int64 // Unix time in nanoseconds; 0: closed
}

// allow reports whether the server may be asked.
func (b *breaker) allow() bool {
	at := b.retryAt.Load()
	if at == 0 {
		return true
	}
	now := b.now().UnixNano()
	return now >= at && b.retryAt.CompareAndSwap(at, now+int64(breakFor))
}

// succeeded reports whether that was a surprise.
func (b *breaker) succeeded() (back bool) {
	b.failures.Store(0)
	return b.retryAt.Load() != 0 && b.retryAt.Swap(0) != 0
}

// failed reports whether the server is left alone from now on.
func (b *breaker) failed() (gone bool) {
	return b.failures.Add(1) >= breakAfter && b.retryAt.CompareAndSwap(0, b.now().Add(breakFor).UnixNano())
}
