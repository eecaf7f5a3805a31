package jwt

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxReused bounds how many tokens one generation holds; there are two of them.
// Beyond, tokens are made more often than they would have to be.
const maxReused = 2048

// reuse remembers tokens, so that an app that remembers whose they are need not
// check each request's anew, and none need be signed for it. Whoever is sent one
// again would be sent another with the same claims but for iat, exp and jti.
//
// Nothing is removed one by one: what is not made anew goes with its generation.
type reuse struct {
	every time.Duration

	mu         sync.Mutex
	began      time.Time // of the young ones
	young, old map[claimsKey]minted
}

// claimsKey is the hash of the claims that say who somebody is.
type claimsKey [sha256.Size]byte

// minted is a token, with when it was made and when it ends, in seconds.
type minted struct {
	text     string
	at, ends int64
}

func newReuse(every time.Duration) *reuse {
	return &reuse{every: every, young: make(map[claimsKey]minted)}
}

// find returns the token for claims, if there is one that may be sent again: not
// older than every, no longer good than the assertion of this request, and with at
// least half of the time left that a new one would have.
func (r *reuse) find(key claimsKey, now time.Time, ends, assertionEnds int64) (text string, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, found := r.young[key]
	if !found {
		m, found = r.old[key]
	}
	age, left := now.Sub(time.Unix(m.at, 0)), m.ends-now.Unix()
	if !found || age < 0 || age >= r.every || m.ends > assertionEnds || 2*left < ends-now.Unix() {
		return "", false
	}
	return m.text, true
}

// keep remembers a token.
func (r *reuse) keep(key claimsKey, now time.Time, m minted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now.Sub(r.began); age < 0 || age >= r.every || len(r.young) >= maxReused {
		r.old, r.young = r.young, make(map[claimsKey]minted)
		r.began = now
	}
	r.young[key] = m
}
