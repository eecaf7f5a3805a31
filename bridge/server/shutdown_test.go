package server

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestShutdownDelayPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shutdown{delay: 20 * time.Second}
		began := time.Now()
		s.begin()
		s.wait(make(chan struct{}))
		if took := time.Since(began); took != s.delay {
			t.Errorf("it took %s", took)
		}
	})
}

func TestShutdownDelayInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shutdown{delay: 20 * time.Second}
		began := time.Now()
		s.begin()
		hurry := make(chan struct{})
		go func() {
			time.Sleep(7 * time.Second)
			hurry <- struct{}{}
		}()
		s.wait(hurry)
		if took := time.Since(began); took != 7*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// Connections are asked to end by and by, as the delay passes, and all after it.
func TestShutdownAsksMoreAndMoreToLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shutdown{delay: 20 * time.Second}
		share := func() (percent int) {
			for range 10_000 {
				if s.asksToLeave() {
					percent++
				}
			}
			return percent / 100
		}
		if got := share(); got != 0 {
			t.Errorf("%d %% before the signal", got)
		}
		s.begin()
		for passed, want := range []int{0, 25, 50, 75, 100, 100} {
			if got := share(); got < want-3 || got > want+3 || want == 100 && got != 100 {
				t.Errorf("%d %% after %d quarters of the delay", got, passed)
			}
			time.Sleep(s.delay / 4)
		}

		in, none := shutdown{delay: time.Hour}, shutdown{}
		in.begin()
		in.over.Store(true) // in a hurry
		none.begin()
		if !in.asksToLeave() || !none.asksToLeave() {
			t.Error("a connection is kept though the listener is closed")
		}
	})
}
