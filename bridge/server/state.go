package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/keys"
	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/session/store"
	"github.com/ssobridge/ssobridge/bridge/telemetry"
	"github.com/ssobridge/ssobridge/verifier"
)

// state is what outlives a snapshot: keys, connections to upstreams, and sessions. All
// are looked up by what they depend on, so a reload that leaves an issuer or an
// upstream as it was leaves its keys and connections too.
type state struct {
	background context.Context // ends when the server does
	log        *slog.Logger
	running    sync.WaitGroup
	stopping   chan struct{} // closed when the server ends

	// What is at random, and what counts, is the same for all stores of sessions.
	randomKeys   *session.Keys
	storeMetrics *store.Metrics

	mu         sync.Mutex
	keys       map[keys.ID]*runningKeys
	transports map[transportID]*proxy.Transport
	inUse      []issuerKeys
	kept       *openSessions
}

// runningKeys are fetched keys with what stops their fetching.
type runningKeys struct {
	keys.Fetched
	stop context.CancelFunc // nil until commit
}

type transportID struct {
	app       string
	upstreams [sha256.Size]byte
}

// issuerKeys are the keys of one issuer of the configuration in force; fetched is
// nil if they came from a file.
type issuerKeys struct {
	issuer  *config.Issuer
	fetched keys.Fetched
}

func newState(background context.Context, log *slog.Logger) *state {
	return &state{
		background: background,
		log:        log,
		keys:       make(map[keys.ID]*runningKeys),
		transports: make(map[transportID]*proxy.Transport),
		stopping:   make(chan struct{}),
		randomKeys: session.NewKeys(), storeMetrics: store.NewMetrics(),
	}
}

// pending is a snapshot that is not in force yet, with what it uses.
type pending struct {
	snapshot   *decision.Snapshot
	keys       map[keys.ID]*runningKeys
	transports map[transportID]*proxy.Transport
	inUse      []issuerKeys
	sessions   *openSessions
}

// build makes a snapshot of c. Until commit, nothing has changed.
func (s *state) build(c *config.Config, m *telemetry.Metrics) (*pending, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &pending{keys: make(map[keys.ID]*runningKeys), transports: make(map[transportID]*proxy.Transport)}
	for _, i := range c.Issuers {
		fetched, err := s.fetchedKeys(i, c.Server.CacheDir, p.keys)
		if err != nil {
			return nil, fmt.Errorf("issuer.%s: %w", i.Name, err)
		}
		p.inUse = append(p.inUse, issuerKeys{i, fetched})
	}
	var err error
	if p.sessions, err = s.sessions(c, m); err != nil {
		return nil, err
	}
	p.snapshot, err = decision.Build(c, decision.Deps{
		Keys:      p.keySource,
		Transport: func(a *config.App) http.RoundTripper { return s.transport(a, p.transports) },
		Sessions:  p.sessions.keeper,
		Metrics:   m,
		Log:       s.log,
	})
	return p, err
}

// keySource returns what build has found for an issuer. It is not looked up anew:
// a file that has changed meanwhile would make it another one, or none.
func (p *pending) keySource(i *config.Issuer) (verifier.KeySource, error) {
	for _, k := range p.inUse {
		if k.issuer == i && k.fetched != nil {
			return k.fetched, nil
		}
	}
	if i.Fetched() {
		return nil, fmt.Errorf("no keys for issuer %s", i.Name)
	}
	return verifier.StaticKeys(i.Static...), nil
}

// fetchNew fetches the keys that no snapshot has used before. A reload must not
// replace keys that work by keys that are not there.
func (s *state) fetchNew(ctx context.Context, p *pending) error {
	var g errgroup.Group
	for id, k := range p.keys {
		if k.stop != nil {
			continue // in use already
		}
		g.Go(func() error {
			if err := k.Refresh(ctx); err != nil {
				return fmt.Errorf("issuer.%s: keys are new or fetched in a new way, and cannot be had: %w", id.Issuer, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// fetchedKeys returns the keys of i if they are fetched, nil if they are static.
func (s *state) fetchedKeys(i *config.Issuer, cacheDir string, used map[keys.ID]*runningKeys) (keys.Fetched, error) {
	if !i.Fetched() {
		return nil, nil
	}
	id := keys.IDOf(i, cacheDir)
	if k, ok := s.keys[id]; ok {
		used[id] = k
		return k, nil
	}
	opened, err := keys.Open(i, id.CacheFile, s.log)
	if err != nil {
		return nil, err
	}
	used[id] = &runningKeys{Fetched: opened}
	return opened, nil
}

func (s *state) transport(a *config.App, used map[transportID]*proxy.Transport) *proxy.Transport {
	id := transportID{a.Name, a.Upstreams.ID}
	t, ok := s.transports[id]
	if !ok {
		t = proxy.Open(decision.TransportOptions(a, s.log))
	}
	used[id] = t
	return t
}

// commit puts in force what p uses, and lets go of what only the snapshot before
// it used.
func (s *state) commit(p *pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range s.keys {
		if p.keys[id] == nil {
			k.stop()
		}
	}
	for id, t := range s.transports {
		if p.transports[id] == nil {
			t.Close()
		}
	}
	for _, t := range p.transports {
		t.Start()
	}
	if s.kept != nil && s.kept != p.sessions {
		s.retire(s.kept)
	}
	s.keys, s.transports, s.inUse, s.kept = p.keys, p.transports, p.inUse, p.sessions
	for _, k := range p.keys {
		if k.stop != nil {
			continue
		}
		var ctx context.Context
		ctx, k.stop = context.WithCancel(s.background)
		s.running.Go(func() { k.Run(ctx) })
	}
}

// close stops everything and waits for it.
func (s *state) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		k.stop()
	}
	for _, t := range s.transports {
		t.Close()
	}
	close(s.stopping)
	s.running.Wait()
	if s.kept != nil {
		s.closeStore(s.kept)
	}
}

func (s *state) issuers() []issuerKeys {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inUse
}

var (
	keyAgeDesc = prometheus.NewDesc("ssobridge_key_age_seconds",
		"Time since the issuer last published the keys in use; absent until it has.", []string{"issuer"}, nil)
	keysUsableDesc = prometheus.NewDesc("ssobridge_keys_usable",
		"1 if the issuer's keys are known and not too old to be trusted.", []string{"issuer"}, nil)
)

// Describe and Collect make the state a prometheus.Collector.
func (s *state) Describe(ch chan<- *prometheus.Desc) {
	ch <- keyAgeDesc
	ch <- keysUsableDesc
	ch <- upstreamUpDesc()
}

// Collect sends the age of each issuer's keys, and what is known of upstreams.
func (s *state) Collect(ch chan<- prometheus.Metric) {
	s.collectUpstreams(ch)
	for _, i := range s.issuers() {
		usable := 1.0
		if i.fetched != nil {
			st := i.fetched.Status()
			if !st.Usable {
				usable = 0
			}
			if !st.ConfirmedAt.IsZero() {
				ch <- prometheus.MustNewConstMetric(keyAgeDesc, prometheus.GaugeValue, time.Since(st.ConfirmedAt).Seconds(), i.issuer.Name)
			}
		}
		ch <- prometheus.MustNewConstMetric(keysUsableDesc, prometheus.GaugeValue, usable, i.issuer.Name)
	}
}
