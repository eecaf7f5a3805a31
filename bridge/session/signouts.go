package session

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/bridge/session/store"
)

// SignIn names one sign-in of one person: what an assertion proves, as far as a
// sign-out can end it.
type SignIn struct {
	// Issuer is the issuer's name in the configuration. The "iss" claim does not
	// serve: Pomerium writes another one for each route.
	Issuer string
	// Subject is the person's "sub" claim.
	Subject string
	// SessionID is the "sid" claim. It is empty for issuers that send none.
	SessionID string
}

const (
	// lookFor is how long one answer of the store counts. A sign-out at another
	// replica takes effect here within this time.
	lookFor = time.Second
	// maxLooks bounds the answers that are remembered, and the sign-outs.
	maxLooks = 10_000
	// clockSkew is how much longer than its assertions a sign-out is remembered,
	// because the clocks of replicas differ.
	clockSkew = time.Minute
)

// signOuts remembers who has signed out, for as long as an assertion from before
// the sign-out can still arrive. The store holds the sign-outs of all replicas.
type signOuts struct {
	store store.Store
	now   func() time.Time

	mu    sync.Mutex
	out   map[SignIn]signedOut // by this process, or learned from the store
	looks map[SignIn]time.Time // until when "not signed out" counts
}

type signedOut struct {
	at    time.Time // to the second
	until time.Time
}

func newSignOuts(s store.Store, now func() time.Time) *signOuts {
	return &signOuts{store: s, now: now, out: make(map[SignIn]signedOut), looks: make(map[SignIn]time.Time)}
}

// SignOut remembers that a person has signed out, for every replica that shares the
// store. assertionLife is how long an assertion of the person's issuer is valid. If
// the store fails, the error wraps ErrStore, and this process remembers the sign-out
// by itself.
func (k *Keeper) SignOut(ctx context.Context, s SignIn, assertionLife time.Duration) error {
	o := k.signOuts
	now := o.now()
	left := assertionLife + clockSkew
	o.remember(s, signedOut{at: now.Truncate(time.Second), until: now.Add(left)})
	value := binary.BigEndian.AppendUint64(nil, uint64(now.Unix())) //nolint:gosec // G115: after 1970
	key := s.key()
	old, err := o.store.Load(ctx, key)
	for range maxSwaps {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrStore, err)
		}
		var won bool
		if old, won, err = o.store.Swap(ctx, key, old, value, left); won {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", ErrStore, errSwaps)
}

// SignedOut reports whether a person has signed out since an assertion was issued.
// An assertion that names the session ("sid") which was ended is always from before
// the sign-out. Without a session ID, the time of issue decides. If the store fails,
// the error wraps ErrStore: the caller must refuse, because nobody knows.
func (k *Keeper) SignedOut(ctx context.Context, s SignIn, issuedAt time.Time) (bool, error) {
	o := k.signOuts
	was, fresh := o.remembered(s)
	if !fresh {
		entry, err := o.store.Load(ctx, s.key())
		if err != nil {
			return true, fmt.Errorf("%w: %w", ErrStore, err)
		}
		was = o.learn(s, entry.Value)
	}
	switch {
	case was.at.IsZero():
		return false, nil
	case s.SessionID != "":
		return true, nil
	default:
		return !issuedAt.Truncate(time.Second).After(was.at), nil
	}
}

// key is where the sign-out lies in the store. It tells nobody who signed out.
func (s SignIn) key() string {
	h := sha256.New()
	writeFields(h, "signed out 1", s.Issuer, s.Subject, s.SessionID)
	return hex.EncodeToString(h.Sum(nil))
}

// remembered returns what this process knows. fresh reports whether that is recent
// enough to decide by.
func (o *signOuts) remembered(s SignIn) (was signedOut, fresh bool) {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if out, known := o.out[s]; known && now.Before(out.until) {
		// The end of a session is final. Without a session ID, a later sign-out at
		// another replica may have replaced this one.
		if s.SessionID != "" {
			return out, true
		}
		return out, now.Before(o.looks[s])
	}
	return signedOut{}, now.Before(o.looks[s])
}

// learn remembers what the store has, which is nothing for most people.
func (o *signOuts) learn(s SignIn, value []byte) signedOut {
	now := o.now()
	o.mu.Lock()
	if len(o.looks) >= maxLooks {
		clear(o.looks) // everybody is looked up once more
	}
	o.looks[s] = now.Add(lookFor)
	known := o.out[s]
	o.mu.Unlock()
	var was signedOut
	if len(value) == 8 {
		was.at = time.Unix(int64(binary.BigEndian.Uint64(value)), 0) //nolint:gosec // G115: SignOut wrote it
		was.until = now.Add(lookFor)
	}
	if now.Before(known.until) && known.at.After(was.at) {
		return known // the store has forgotten it, or has not been told
	}
	if !was.at.IsZero() {
		o.remember(s, was)
	}
	return was
}

func (o *signOuts) remember(s SignIn, out signedOut) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.out) >= maxLooks {
		now := o.now()
		for key, old := range o.out {
			if !now.Before(old.until) {
				delete(o.out, key)
			}
		}
		if len(o.out) >= maxLooks {
			clear(o.out) // the store has them
		}
	}
	if known := o.out[s]; known.until.After(out.until) && !out.at.After(known.at) {
		return
	}
	o.out[s] = out
}
