package demo

import (
	"testing"
	"time"
)

// clock is a time that only a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newTestSessions() (*sessions, *clock) {
	c := &clock{time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	return newSessions(c.now), c
}

func TestSwitchingKeepsTheCookie(t *testing.T) {
	s, _ := newTestSessions()
	cookie := s.signIn("", person{Email: "a@example.com"})
	before, _ := s.find(cookie)
	if again := s.signIn(cookie, person{Email: "b@example.com"}); again != cookie {
		t.Errorf("another cookie, %q after %q", again, cookie)
	}
	after, ok := s.find(cookie)
	if !ok || after.person.Email != "b@example.com" || after.id != before.id {
		t.Errorf("the session is %v", after)
	}
	if after.id == cookie {
		t.Error("the assertions would give the cookie away")
	}
}

// TestFixation signs in with a cookie that somebody else has set.
func TestFixation(t *testing.T) {
	for _, planted := range []string{"planted", "ann"} {
		s, _ := newTestSessions()
		if cookie := s.signIn(planted, person{Email: "a@example.com"}); cookie == planted {
			t.Errorf("%q names a session of somebody else's choice", planted)
		}
	}
}

// TestReadyMadeSessions are for everybody, so nobody may change or end them.
func TestReadyMadeSessions(t *testing.T) {
	s, _ := newTestSessions()
	s.signIn("ann", person{Email: "mallory@example.com"})
	s.signOut("ann")
	for _, p := range samplePeople() {
		if got, ok := s.find(p.Key); !ok || got.person.Email != p.Email {
			t.Errorf("session %q is %v", p.Key, got)
		}
	}
}

func TestSignOutEndsTheSession(t *testing.T) {
	s, _ := newTestSessions()
	cookie := s.signIn("", person{Email: "a@example.com"})
	s.signOut(cookie)
	if _, ok := s.find(cookie); ok {
		t.Error("the session is still there")
	}
	if again := s.signIn(cookie, person{Email: "a@example.com"}); again == cookie {
		t.Error("signing in revives the cookie of a session that has ended")
	}
}

func TestOneTimeCode(t *testing.T) {
	to := target{app: sampleApps()[0], path: "/x?y=1"}
	redeem := func(s *sessions, code, host string) bool {
		cookie, got, ok := s.redeemCode(code, host)
		if ok && (cookie != "c" || got.path != to.path) {
			t.Errorf("redeemed for %q at %q", cookie, got.path)
		}
		return ok
	}
	t.Run("once", func(t *testing.T) {
		s, _ := newTestSessions()
		code := s.issueCode("c", to)
		if !redeem(s, code, to.app.Host) {
			t.Error("refused")
		}
		if redeem(s, code, to.app.Host) {
			t.Error("accepted twice")
		}
	})
	t.Run("at its host only", func(t *testing.T) {
		s, _ := newTestSessions()
		code := s.issueCode("c", to)
		if redeem(s, code, "wiki.localhost") {
			t.Error("accepted at another host")
		}
		if redeem(s, code, to.app.Host) {
			t.Error("accepted after another host has seen it")
		}
	})
	t.Run("within a minute", func(t *testing.T) {
		s, c := newTestSessions()
		code := s.issueCode("c", to)
		c.at = c.at.Add(codeLifetime)
		if redeem(s, code, to.app.Host) {
			t.Error("accepted when it had expired")
		}
	})
	t.Run("expired ones are forgotten", func(t *testing.T) {
		s, c := newTestSessions()
		for range 10 {
			s.issueCode("c", to)
		}
		c.at = c.at.Add(codeLifetime)
		s.issueCode("c", to)
		if n := len(s.codes); n != 1 {
			t.Errorf("%d codes are kept", n)
		}
	})
	t.Run("none", func(t *testing.T) {
		s, _ := newTestSessions()
		if redeem(s, "", to.app.Host) {
			t.Error("no code was accepted")
		}
	})
}
