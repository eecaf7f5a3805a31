package server

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type closing struct{ closed atomic.Bool }

func (c *closing) Close() error {
	c.closed.Store(true)
	return nil
}

// Requests under way still write to a store that a reload has replaced; then it is
// closed, and before the server has ended in any case.
func TestReplacedStoreIsClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newState(t.Context(), slog.New(slog.DiscardHandler))
		first, second, last := &closing{}, &closing{}, &closing{}
		s.retire(&openSessions{store: first})
		time.Sleep(retireAfter - time.Second)
		s.retire(&openSessions{store: second})
		synctest.Wait()
		if first.closed.Load() {
			t.Error("closed at once")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !first.closed.Load() || second.closed.Load() {
			t.Errorf("after %s, the first is closed: %v, the second: %v", retireAfter, first.closed.Load(), second.closed.Load())
		}
		s.kept = &openSessions{store: last}
		s.close()
		if !second.closed.Load() || !last.closed.Load() {
			t.Errorf("the server has ended, and the second is closed: %v, the last: %v", second.closed.Load(), last.closed.Load())
		}
	})
}
