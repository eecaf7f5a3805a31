package server

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// shutdown is the time from the signal to stop to the closing of the listener. Load
// balancers learn from /readyz, or from Kubernetes' API, that the server goes; until
// they have, they send what a closed listener would refuse.
type shutdown struct {
	delay time.Duration
	begun atomic.Pointer[time.Time] // nil: not yet
	over  atomic.Bool               // the listener is closed
}

func (s *shutdown) begin() {
	now := time.Now()
	s.begun.Store(&now)
}

// wait returns when delay has passed since begin, or hurry receives something.
func (s *shutdown) wait(hurry <-chan struct{}) {
	timer := time.NewTimer(s.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	}
}

func (s *shutdown) hasBegun() bool { return s.begun.Load() != nil }

// asksToLeave reports whether an answer is to say that its connection ends. During
// the delay, it is the more probable the more has passed, as with Envoy's draining:
// balancers move no connection that is kept, but who asked all at once to leave would
// come back here, with a handshake for each request.
func (s *shutdown) asksToLeave() bool {
	begun := s.begun.Load()
	switch {
	case begun == nil:
		return false
	case s.delay <= 0 || s.over.Load():
		return true
	}
	return time.Since(*begun) > rand.N(s.delay)
}
