package verifier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the background refresh.
const (
	// minRefresh and maxRefresh bound what the issuer's Cache-Control may ask
	// for; defaultRefresh is used where it says nothing.
	minRefresh     = 30 * time.Second
	maxRefresh     = 15 * time.Minute
	defaultRefresh = 5 * time.Minute
	// firstRetry doubles up to lastRetry while the issuer does not answer.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	// unknownKeyInterval is the least time between two fetches that unknown
	// key IDs cause: anyone can send those.
	unknownKeyInterval = 30 * time.Second
	// DefaultMaxStale is how long the last good keys are trusted while the
	// issuer does not answer.
	DefaultMaxStale = 24 * time.Hour
)

// RemoteKeysOptions say where an issuer publishes its keys.
type RemoteKeysOptions struct {
	// URL of the JWKS; required. https, unless AllowHTTP.
	URL string
	// Client fetches it; nil: NewKeyClient(nil, nil). Another client decides itself
	// which redirects it follows.
	Client *http.Client
	// AllowHTTP lets URL be plain HTTP: whoever is on the way can then sign
	// in as anyone. Loopback hosts are always allowed.
	AllowHTTP bool
	// MaxStale is how long the last good keys are trusted while the issuer
	// does not answer; 0: 24 h.
	MaxStale time.Duration
	// CacheFile keeps the last good keys for the next start; "": nowhere. Its
	// directory must be writable for nobody else. Run writes it; Refresh does
	// not, so that keys which are only tried leave those in use alone.
	CacheFile string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Log receives the outcome of fetches that change something; nil: none.
	Log *slog.Logger
}

// RemoteKeys is a KeySource that keeps an issuer's JWKS. Run fetches it in the
// background; Key answers from memory and never waits for the network. A known
// key ID never causes a fetch, unknown ones cause at most one in 30 s.
type RemoteKeys struct {
	o       RemoteKeysOptions
	state   atomic.Pointer[remoteState] // nil until the first good fetch
	refetch chan struct{}               // capacity 1: an unknown key ID was seen

	fetching    chan struct{} // capacity 1: single flight
	lastUnknown atomic.Int64  // when an unknown key ID last caused a fetch, Unix ns

	cache  keyFile
	stored *remoteState // what is in cache; nil until the first store; guarded by fetching

	mu        sync.Mutex // guards what follows
	lastError error
	next      time.Time
}

// remoteState is one good JWKS.
type remoteState struct {
	set       keySet
	keys      []Key
	skipped   []string
	jwks      []byte // as published; nil if from the cache
	etag      string
	confirmed time.Time // when the issuer last said that these are its keys
}

// KeyStatus describes a RemoteKeys for operators.
type KeyStatus struct {
	// URL of the JWKS.
	URL string
	// Keys that assertions are verified with; empty until the first good fetch.
	Keys []Key
	// Skipped says of each key of the issuer that is not used which it is and why.
	Skipped []string
	// ConfirmedAt is when the issuer last published these keys.
	ConfirmedAt time.Time
	// NextRefresh is when they are fetched again.
	NextRefresh time.Time
	// LastError is why the last fetch failed; nil if it did not.
	LastError error
	// Usable reports whether the keys are there and not older than MaxStale.
	Usable bool
}

// NewRemoteKeys returns a RemoteKeys that has no keys yet, or those in CacheFile.
func NewRemoteKeys(o RemoteKeysOptions) (*RemoteKeys, error) {
	if err := CheckKeyURL(o.URL, o.AllowHTTP); err != nil {
		return nil, err
	}
	r := newRemoteKeys(o, "")
	_, cached, err := r.cache.load(r.o.Now(), func(url string) error {
		if url != o.URL {
			return errors.New("it holds those of another URL")
		}
		return nil
	})
	if err != nil {
		r.o.Log.Warn("cached keys not used", "error", err)
	}
	if cached != nil {
		r.begin(cached)
	}
	return r, nil
}

// newRemoteKeys returns a RemoteKeys without keys. The URL has been checked.
// issuer is whose discovery named it.
func newRemoteKeys(o RemoteKeysOptions, issuer string) *RemoteKeys {
	if o.Client == nil {
		o.Client = NewKeyClient(nil, nil)
	}
	if o.MaxStale <= 0 {
		o.MaxStale = DefaultMaxStale
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &RemoteKeys{
		o: o, refetch: make(chan struct{}, 1), fetching: make(chan struct{}, 1), cache: keyFile{o.CacheFile, issuer},
	}
}

// begin puts cached keys in force. They are trusted for as long as if this
// process had fetched them.
func (r *RemoteKeys) begin(cached *remoteState) {
	r.state.Store(cached)
	r.o.Log.Info("keys from the cache", "jwks_url", r.o.URL, "key_ids", keyIDs(cached.keys), "confirmed_at", cached.confirmed)
}

// cacheInterval is how often the cache is written although the keys are the same,
// so that their age in it stays true enough.
const cacheInterval = 10 * time.Minute

// storeCache keeps s for the next start. Failing to is no reason to stop.
func (r *RemoteKeys) storeCache(s *remoteState) {
	if r.cache.path == "" ||
		r.stored != nil && bytes.Equal(r.stored.jwks, s.jwks) && s.confirmed.Sub(r.stored.confirmed) < cacheInterval {
		return
	}
	if err := r.cache.store(r.o.URL, s); err != nil {
		r.o.Log.Warn("keys not cached", "error", err)
		return
	}
	r.stored = s
}

// Key returns the key of exactly this ID, from memory.
func (r *RemoteKeys) Key(_ context.Context, keyID string) (Key, error) {
	s := r.state.Load()
	if s == nil {
		return Key{}, refuse(ReasonKeysUnavailable, "issuer's keys have not been fetched yet")
	}
	now := r.o.Now()
	if now.Sub(s.confirmed) > r.o.MaxStale {
		return Key{}, refuse(ReasonKeysUnavailable, "issuer's keys were last confirmed %s ago", now.Sub(s.confirmed).Round(time.Second))
	}
	k, err := s.set.find(keyID)
	if err != nil {
		r.requestRefetch(now)
	}
	return k, err
}

// requestRefetch asks Run to fetch soon, unless unknown key IDs have caused a
// fetch just now.
func (r *RemoteKeys) requestRefetch(now time.Time) {
	last := r.lastUnknown.Load()
	if now.UnixNano()-last < int64(unknownKeyInterval) || !r.lastUnknown.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	select {
	case r.refetch <- struct{}{}:
	default:
	}
}

// Run keeps the keys fresh until ctx ends: at once, then as the issuer's
// Cache-Control says within bounds, sooner after failures and unknown key IDs.
func (r *RemoteKeys) Run(ctx context.Context) {
	defer r.o.Client.CloseIdleConnections()
	retry := firstRetry
	for ctx.Err() == nil {
		interval, err := r.refresh(ctx, true)
		if err != nil {
			interval, retry = retry, min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		// Replicas that started together need not fetch together.
		interval += rand.N(interval/10 + 1)
		r.schedule(interval)
		timer := time.NewTimer(interval)
		select {
		case <-timer.C:
		case <-r.refetch:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (r *RemoteKeys) schedule(interval time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = r.o.Now().Add(interval)
}

// Refresh fetches the keys now. On failure the last good ones stay.
func (r *RemoteKeys) Refresh(ctx context.Context) error {
	_, err := r.refresh(ctx, false)
	return err
}

// refresh returns how long the answer may be kept; keep has it cached.
func (r *RemoteKeys) refresh(ctx context.Context, keep bool) (time.Duration, error) {
	select {
	case r.fetching <- struct{}{}:
		defer func() { <-r.fetching }()
	case <-ctx.Done():
		return 0, fmt.Errorf("fetching JWKS: waiting for another fetch: %w", ctx.Err())
	}
	old := r.state.Load()
	var (
		etag   string
		before keySet
	)
	if old != nil {
		etag, before = old.etag, old.set
	}
	now := r.o.Now()
	answer, err := fetchJWKS(ctx, r.o.Client, r.o.URL, etag)
	r.recordOutcome(ctx, err)
	if err != nil {
		return 0, err
	}
	fresh := &remoteState{set: newKeySet(answer.keys, before), keys: answer.keys, skipped: answer.skipped, jwks: answer.jwks, etag: answer.etag, confirmed: now}
	if answer.unchanged {
		fresh = &remoteState{set: old.set, keys: old.keys, skipped: old.skipped, jwks: old.jwks, etag: old.etag, confirmed: now}
	}
	r.state.Store(fresh)
	// Once told to stop, the file may be somebody else's.
	if keep && ctx.Err() == nil {
		r.storeCache(fresh)
	}
	if old == nil || !slices.Equal(keyIDs(old.keys), keyIDs(fresh.keys)) || !slices.Equal(old.skipped, fresh.skipped) {
		attrs := []slog.Attr{slog.String("jwks_url", r.o.URL), slog.Any("key_ids", keyIDs(fresh.keys))}
		if fresh.skipped != nil {
			attrs = append(attrs, slog.Any("skipped", fresh.skipped))
		}
		r.o.Log.LogAttrs(ctx, slog.LevelInfo, "keys changed", attrs...)
	}
	return answer.maxAge, nil
}

// recordOutcome logs the first failure of a row and the recovery.
func (r *RemoteKeys) recordOutcome(ctx context.Context, err error) {
	r.mu.Lock()
	before := r.lastError
	r.lastError = err
	r.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case err != nil && (before == nil || before.Error() != err.Error()):
		r.o.Log.LogAttrs(ctx, slog.LevelWarn, "keys could not be fetched", slog.String("jwks_url", r.o.URL), slog.Any("error", err))
	case err == nil && before != nil:
		r.o.Log.LogAttrs(ctx, slog.LevelInfo, "keys can be fetched again", slog.String("jwks_url", r.o.URL))
	}
}

func keyIDs(keys []Key) []string {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	slices.Sort(ids)
	return ids
}

// Status describes the keys as they are now.
func (r *RemoteKeys) Status() KeyStatus {
	r.mu.Lock()
	st := KeyStatus{URL: r.o.URL, NextRefresh: r.next, LastError: r.lastError}
	r.mu.Unlock()
	if s := r.state.Load(); s != nil {
		st.Keys, st.Skipped, st.ConfirmedAt = s.keys, s.skipped, s.confirmed
		st.Usable = r.o.Now().Sub(s.confirmed) <= r.o.MaxStale
	}
	return st
}
