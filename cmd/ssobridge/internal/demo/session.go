package demo

import (
	"crypto/rand"
	"sync"
	"time"
)

// codeLifetime is how long a one-time code waits for the browser to follow a
// redirect.
const codeLifetime = time.Minute

// sessions are who is signed in. A session is named by the value of a cookie;
// its person is kept here, so that picking somebody else changes who one is in
// every app at once.
//
// Browsers refuse cookies for all of localhost. So the browser has a cookie for
// the host where it signs in and gets one for each app when it first goes there,
// by a one-time code in a redirect. All hold the same value.
type sessions struct {
	now func() time.Time

	mu       sync.Mutex
	byCookie map[string]session
	codes    map[string]oneTimeCode
}

// session is one browser's, or a ready-made one.
type session struct {
	// id is the assertions' session ID. The cookie's value, which gives access,
	// stays out of them.
	id     string
	person person
	// readyMade sessions have a well-known name, are for curl, and never change
	// or end.
	readyMade bool
}

// oneTimeCode carries a session to an app's host.
type oneTimeCode struct {
	cookie  string
	target  target
	expires time.Time
}

func newSessions(now func() time.Time) *sessions {
	s := &sessions{now: now, byCookie: make(map[string]session), codes: make(map[string]oneTimeCode)}
	for _, p := range samplePeople() {
		s.byCookie[p.Key] = session{id: rand.Text(), person: p, readyMade: true}
	}
	return s
}

// find returns the session that a cookie's value names.
func (s *sessions) find(cookie string) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byCookie[cookie]
	return found, ok
}

// signIn makes p the person of a session and returns the value of its cookie:
// the one given, if there is such a session, or a new one. A value is only ever
// one that was made here, so nobody can choose somebody else's.
func (s *sessions) signIn(cookie string, p person) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	current, ok := s.byCookie[cookie]
	if !ok || current.readyMade {
		cookie, current = rand.Text(), session{id: rand.Text()}
	}
	current.person = p
	s.byCookie[cookie] = current
	return cookie
}

// signOut ends a session, for all apps.
func (s *sessions) signOut(cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.byCookie[cookie].readyMade {
		delete(s.byCookie, cookie)
	}
}

// issueCode returns a code with which the target's host, and no other, gets to
// know the session.
func (s *sessions) issueCode(cookie string, t target) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for code, c := range s.codes {
		if !now.Before(c.expires) {
			delete(s.codes, code)
		}
	}
	code := rand.Text()
	s.codes[code] = oneTimeCode{cookie, t, now.Add(codeLifetime)}
	return code
}

// redeemCode returns what a code stands for, once, at the host it is for.
func (s *sessions) redeemCode(code, host string) (cookie string, t target, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.codes[code]
	delete(s.codes, code)
	if !ok || c.target.app.Host != host || !s.now().Before(c.expires) {
		return "", target{}, false
	}
	return c.cookie, c.target, true
}
