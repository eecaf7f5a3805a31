package server

import (
	"fmt"
	"io"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/session/store"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
)

// retireAfter is how long a store of sessions stays open after the last snapshot that
// uses it: requests under way may still have to write to it.
const retireAfter = time.Minute

// openSessions are where sessions are kept by one [sessions] table.
type openSessions struct {
	config config.Sessions
	keeper *session.Keeper
	store  io.Closer
}

// sessions returns those in use if c keeps sessions as before: to open them anew ends
// the ones in memory.
func (s *state) sessions(c *config.Config, m *telemetry.Metrics) (*openSessions, error) {
	if s.kept != nil && s.kept.config.Same(&c.Sessions) {
		return s.kept, nil
	}
	o := c.Sessions.Options()
	o.Metrics, o.Log = s.storeMetrics, s.log
	opened, closer, err := store.Open(o)
	if err != nil {
		return nil, fmt.Errorf("sessions.store: %w", err)
	}
	keys := s.randomKeys
	if configured := c.Sessions.Keys(); configured != nil {
		keys = session.NewKeys(configured...)
	}
	keeper := session.NewKeeper(session.Options{
		Keys: keys, Store: opened, Observe: func(app string, e session.Event) { m.Session(app, string(e)) },
	})
	return &openSessions{c.Sessions, keeper, closer}, nil
}

// discard lets go of what a pending snapshot that is not put in force has opened.
func (s *state) discard(p *pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p != nil && p.sessions != nil && p.sessions != s.kept {
		s.closeStore(p.sessions)
	}
}

// retire closes a store once nobody uses it any more, or when the server ends.
func (s *state) retire(old *openSessions) {
	s.running.Go(func() {
		timer := time.NewTimer(retireAfter)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.stopping:
		}
		s.closeStore(old)
	})
}

func (s *state) closeStore(o *openSessions) {
	if err := o.store.Close(); err != nil {
		s.log.Warn("closing the store of sessions", "error", err)
	}
}
