package session

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// entry is a session as it lies in the store. It says itself whose it is, so that
// nothing that is wrong with a store's keys can make it somebody else's.
type entry struct {
	// ID is the session's own, the same as long as it is the same session.
	ID      string `json:"id"`
	Bond    []byte `json:"bond"`
	Expires int64  `json:"expires"` // Unix time
	Cookies jar    `json:"cookies"`
}

// maxSwaps is how often an update is tried that others get in the way of. Each time one
// of them is done, so as many requests of one person may change the session at once: a
// page has many parts, and some apps write to the session with each.
const maxSwaps = 64

var errSwaps = fmt.Errorf("%d others changed the session meanwhile", maxSwaps)

// fromStore finds the person's session.
func (v *Visit) fromStore(ctx context.Context, _ []string) (came bool, err error) {
	v.at = personKey(v.app.name, &v.in)
	v.turn = v.app.keeper.starts.turn.Add(1)
	if v.kept, err = v.app.keeper.o.Store.Load(ctx, v.at); err != nil {
		return true, err
	}
	v.entry = decodeEntry(v.kept.Value)
	if v.entry == nil {
		return false, nil
	}
	v.verdict = v.judgeEntry()
	if v.verdict == adapter.SessionKept && v.app.reader != nil {
		// The entry says for whom it was begun, and not what the app has made of it.
		if v.verdict, err = v.app.reader.ReadSession(ctx, v.in, v.entry.Cookies); err != nil {
			return true, err
		}
	}
	if v.verdict == adapter.SessionKept {
		v.cookies, v.expires = v.entry.Cookies, time.Unix(v.entry.Expires, 0)
	}
	return true, nil
}

func (v *Visit) judgeEntry() adapter.SessionVerdict {
	switch {
	case !bytes.Equal(v.entry.Bond, v.bond[:]):
		return adapter.SessionOther
	case v.in.Time.Unix() >= v.entry.Expires:
		return adapter.SessionExpired
	}
	return adapter.SessionKept
}

// store puts a session that has begun in the place of what was there. Of several who
// began one for the same person at once, one wins, and the others use that.
func (v *Visit) store(ctx context.Context) error {
	mine := &entry{ID: rand.Text(), Bond: v.bond[:], Expires: v.expires.Unix(), Cookies: v.cookies}
	for range maxSwaps {
		won, err := v.swap(ctx, mine)
		switch {
		case err != nil:
			return err
		case won:
			v.entry = mine
			v.placed()
			return nil
		}
		if v.entry = decodeEntry(v.kept.Value); v.entry != nil && v.judgeEntry() == adapter.SessionKept {
			v.cookies, v.expires, v.fresh = v.entry.Cookies, time.Unix(v.entry.Expires, 0), nil
			v.placed()
			return nil
		}
	}
	return v.storeFailed(errSwaps)
}

// keep writes what the app's answer to held has set, or that the session has ended. An
// answer to a request of a session that is not there any more changes nothing.
func (v *Visit) keep(ctx context.Context, held jar, set []setCookie, ended bool) error {
	if set == nil && !ended {
		return nil
	}
	removed := v.gone(set)
	for range maxSwaps {
		now := decodeEntry(v.kept.Value)
		if now == nil || now.ID != v.entry.ID {
			return nil
		}
		before := now.Cookies
		now.Cookies = before.with(set)
		switch {
		case ended && !removed && !maps.Equal(before, held):
			return nil // it was said of cookies that another answer has replaced
		case ended || removed:
			now = nil
		case len(now.Cookies) > maxCookies:
			return v.storeFailed(errCookies)
		case maps.Equal(now.Cookies, before): // many apps set the same again each time
			return nil
		}
		if won, err := v.swap(ctx, now); err != nil || won {
			return err
		}
	}
	return v.storeFailed(errSwaps)
}

var errCookies = fmt.Errorf("the app has set more than %d session cookies", maxCookies)

// swap puts next where v.kept is, or removes that. If something else is there by now,
// that is v.kept.
func (v *Visit) swap(ctx context.Context, next *entry) (won bool, err error) {
	var value []byte
	ttl := time.Second
	if next != nil {
		if value, err = json.Marshal(next); err != nil {
			return false, err
		}
		ttl = max(ttl, time.Unix(next.Expires, 0).Sub(v.in.Time))
	}
	now, won, err := v.app.keeper.o.Store.Swap(ctx, v.at, v.kept, value, ttl)
	if err != nil {
		return false, v.storeFailed(err)
	}
	v.kept = now
	return won, nil
}

func (v *Visit) storeFailed(err error) error {
	v.app.keeper.o.Observe(v.app.name, StoreFailed)
	return fmt.Errorf("%w: %w", ErrStore, err)
}

func decodeEntry(value []byte) *entry {
	if len(value) == 0 {
		return nil
	}
	var e entry
	if json.Unmarshal(value, &e) != nil || e.ID == "" || len(e.Cookies) == 0 {
		return nil
	}
	return &e
}
