package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// settling runs settle in a bubble and returns when it sent something.
func settling(t *testing.T, run func(raw chan<- struct{})) []time.Duration {
	t.Helper()
	var sent []time.Duration
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		raw, stirred := make(chan struct{}, 1), make(chan struct{})
		began := time.Now()
		go settle(ctx, raw, stirred)
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-stirred:
					sent = append(sent, time.Since(began))
				}
			}
		}()
		run(raw)
		synctest.Wait()
		stop()
		synctest.Wait()
	})
	return sent
}

func TestSettleWaitsUntilAFileIsWritten(t *testing.T) {
	sent := settling(t, func(raw chan<- struct{}) {
		for range 5 {
			raw <- struct{}{}
			time.Sleep(settleQuiet / 2)
		}
		time.Sleep(time.Second)
	})
	if want := 4*settleQuiet/2 + settleQuiet; len(sent) != 1 || sent[0] != want {
		t.Errorf("sent after %v, want once after %s", sent, want)
	}
}

// A directory in which something happens all the time must not keep a change from
// being seen, and must not be looked at all the time.
func TestSettleIsNeitherPutOffForEverNorAStorm(t *testing.T) {
	const storm = 20 * time.Second
	sent := settling(t, func(raw chan<- struct{}) {
		for began := time.Now(); time.Since(began) < storm; time.Sleep(settleQuiet / 10) {
			raw <- struct{}{}
		}
	})
	if n := len(sent); n < 8 || n > 10 {
		t.Errorf("looked %d times in %s: %v", n, storm, sent)
	}
}

// NFS and the like say nothing.
func TestSettleLooksWithoutBeingTold(t *testing.T) {
	sent := settling(t, func(chan<- struct{}) { time.Sleep(2*pollInterval + time.Second) })
	if len(sent) != 2 || sent[0] != pollInterval {
		t.Errorf("looked after %v", sent)
	}
}
