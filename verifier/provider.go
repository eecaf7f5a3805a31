package verifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// rediscoverInterval is how often a Provider looks whether its issuer's keys
// have moved.
const rediscoverInterval = 15 * time.Minute

// ProviderOptions say which OpenID provider to discover.
type ProviderOptions struct {
	// Issuer is the provider's exact issuer URL: the discovery URL without
	// /.well-known/openid-configuration. Required; https, unless AllowHTTP.
	Issuer string
	// Client fetches the discovery document and the keys; nil:
	// NewKeyClient(nil, nil). Another client decides itself which redirects it
	// follows.
	Client *http.Client
	// AllowHTTP lets both URLs be plain HTTP: whoever is on the way can then
	// sign in as anyone. Loopback hosts are always allowed.
	AllowHTTP bool
	// MaxStale is how long the last good keys are trusted while the provider
	// does not answer; 0: 24 h.
	MaxStale time.Duration
	// CacheFile keeps the last good keys, and where they are, for the next start;
	// "": nowhere. Its directory must be writable for nobody else. Run writes it;
	// Refresh does not, so that keys which are only tried leave those in use
	// alone.
	CacheFile string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Log receives the outcome of fetches that change something; nil: none.
	Log *slog.Logger
}

// Provider is a KeySource that finds an OpenID provider's keys by discovery and
// keeps them as RemoteKeys does. Run does so in the background; Key answers from
// memory and never waits for the network.
//
// Keys are only ever replaced by keys: when the provider is down, answers
// nonsense, or names a new jwks_uri that does not work, the last good ones stay,
// for as long as their own jwks_uri confirms them and MaxStale after that.
//
// The jwks_uri may be on another host than the issuer, as Google's is, under
// the same rules for its scheme. An internal literal address is refused there,
// unless the issuer itself is one.
type Provider struct {
	o       ProviderOptions
	keys    atomic.Pointer[RemoteKeys] // nil until the first good fetch
	adopted chan struct{}              // capacity 1: keys has changed

	discovering chan struct{} // capacity 1: single flight

	mu        sync.Mutex // guards what follows
	lastError error
	next      time.Time
}

var _ KeySource = (*Provider)(nil)

// NewProvider returns a Provider that has discovered nothing yet, and has no keys
// but those in CacheFile.
func NewProvider(o ProviderOptions) (*Provider, error) {
	if err := CheckIssuerURL(o.Issuer, o.AllowHTTP); err != nil {
		return nil, err
	}
	if o.Client == nil {
		o.Client = NewKeyClient(nil, nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Provider{o: o, adopted: make(chan struct{}, 1), discovering: make(chan struct{}, 1)}
	p.loadCache()
	return p, nil
}

// loadCache goes on from what was discovered before. The jwks_uri is under the
// same rules as one that has just been.
func (p *Provider) loadCache() {
	file := keyFile{p.o.CacheFile, p.o.Issuer}
	url, cached, err := file.load(p.o.Now(), func(url string) error { return checkJWKSURL(url, p.o.Issuer, p.o.AllowHTTP) })
	if err != nil {
		p.o.Log.Warn("cached keys not used", "error", err)
	}
	if cached != nil {
		keys := p.keysAt(url)
		keys.begin(cached)
		p.keys.Store(keys)
	}
}

// keysAt returns keys that have not been fetched yet, from a checked URL.
func (p *Provider) keysAt(jwksURL string) *RemoteKeys {
	return newRemoteKeys(RemoteKeysOptions{
		URL: jwksURL, Client: p.o.Client, AllowHTTP: p.o.AllowHTTP,
		MaxStale: p.o.MaxStale, CacheFile: p.o.CacheFile, Now: p.o.Now, Log: p.o.Log,
	}, p.o.Issuer)
}

// Issuer returns the issuer URL, which is what Options.Issuer must be.
func (p *Provider) Issuer() string { return p.o.Issuer }

// Key returns the key of exactly this ID, from memory.
func (p *Provider) Key(ctx context.Context, keyID string) (Key, error) {
	keys := p.keys.Load()
	if keys == nil {
		return Key{}, refuse(ReasonKeysUnavailable, "issuer's keys have not been discovered yet")
	}
	return keys.Key(ctx, keyID)
}

// Run discovers the provider and keeps its keys fresh until ctx ends.
func (p *Provider) Run(ctx context.Context) {
	var fetching sync.WaitGroup
	stop := func() {}
	defer func() {
		stop()
		fetching.Wait()
		p.o.Client.CloseIdleConnections()
	}()
	if p.keys.Load() != nil { // from the cache, a Refresh, or a Run before
		p.announce()
	}
	retry := firstRetry
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.adopted:
			stop()
			stop = runKeys(ctx, &fetching, p.keys.Load())
		case <-timer.C:
			interval := rediscoverInterval
			if err := p.discover(ctx); err != nil {
				interval, retry = retry, min(2*retry, lastRetry)
			} else {
				retry = firstRetry
			}
			// Replicas that started together need not ask together.
			interval += rand.N(interval/10 + 1)
			p.schedule(interval)
			timer.Reset(interval)
		}
	}
}

func runKeys(ctx context.Context, running *sync.WaitGroup, keys *RemoteKeys) (stop context.CancelFunc) {
	ctx, stop = context.WithCancel(ctx)
	running.Go(func() { keys.Run(ctx) })
	return stop
}

// announce tells Run that keys has changed.
func (p *Provider) announce() {
	select {
	case p.adopted <- struct{}{}:
	default:
	}
}

func (p *Provider) schedule(interval time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = p.o.Now().Add(interval)
}

// Refresh discovers the provider and fetches its keys now. On failure the last
// good ones stay.
func (p *Provider) Refresh(ctx context.Context) error {
	err := p.discover(ctx)
	if keys := p.keys.Load(); keys != nil {
		err = errors.Join(err, keys.Refresh(ctx))
	}
	return err
}

// discover finds where the keys are, and adopts a new place once it has
// published good keys.
func (p *Provider) discover(ctx context.Context) error {
	select {
	case p.discovering <- struct{}{}:
		defer func() { <-p.discovering }()
	case <-ctx.Done():
		return fmt.Errorf("fetching discovery document: waiting for another fetch: %w", ctx.Err())
	}
	fresh, err := p.findKeys(ctx)
	p.recordOutcome(ctx, err)
	if err != nil {
		return err
	}
	if fresh != nil {
		p.keys.Store(fresh)
		p.announce()
		p.o.Log.LogAttrs(ctx, slog.LevelInfo, "provider's keys discovered",
			slog.String("oidc_issuer", p.o.Issuer), slog.String("jwks_url", fresh.o.URL))
	}
	return nil
}

// findKeys returns nil if the keys are still in the same place.
func (p *Provider) findKeys(ctx context.Context) (*RemoteKeys, error) {
	jwksURL, err := discoverJWKSURL(ctx, p.o.Client, p.o.Issuer, p.o.AllowHTTP)
	if err != nil {
		return nil, err
	}
	if keys := p.keys.Load(); keys != nil && keys.o.URL == jwksURL {
		return nil, nil
	}
	fresh := p.keysAt(jwksURL)
	return fresh, fresh.Refresh(ctx)
}

// recordOutcome logs the first failure of a row and the recovery.
func (p *Provider) recordOutcome(ctx context.Context, err error) {
	p.mu.Lock()
	before := p.lastError
	p.lastError = err
	p.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case err != nil && (before == nil || before.Error() != err.Error()):
		p.o.Log.LogAttrs(ctx, slog.LevelWarn, "provider could not be discovered",
			slog.String("oidc_issuer", p.o.Issuer), slog.Any("error", err))
	case err == nil && before != nil:
		p.o.Log.LogAttrs(ctx, slog.LevelInfo, "provider can be discovered again", slog.String("oidc_issuer", p.o.Issuer))
	}
}

// Status describes the keys as they are now. Before there are any, URL and
// NextRefresh are those of discovery. LastError is discovery's, if fetching the
// keys has none of its own.
func (p *Provider) Status() KeyStatus {
	p.mu.Lock()
	st := KeyStatus{URL: discoveryURL(p.o.Issuer), NextRefresh: p.next, LastError: p.lastError}
	p.mu.Unlock()
	if keys := p.keys.Load(); keys != nil {
		discovery := st.LastError
		if st = keys.Status(); st.LastError == nil {
			st.LastError = discovery
		}
	}
	return st
}
