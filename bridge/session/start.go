package session

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// Limits of sign-ins that call an app. They are for all people and all apps with one
// configuration alike: an app that is down, or refuses somebody, must not be asked
// again with every request of every page.
const (
	// startTimeout is how long one may take.
	startTimeout = 15 * time.Second
	// startMemory is how long one that succeeded serves requests that came with it:
	// a browser asks for much at once before it has its cookie.
	startMemory = 10 * time.Second
	// failureMemory is how long one that failed is not tried again.
	failureMemory = 3 * time.Second
	// startsPerSecond and startBurst limit them per app, the others per person in it: who
	// signs out over and over, or has the app end each session, must not use up what is
	// for all.
	startsPerSecond = 20
	startBurst      = 100
	personEvery     = 2 * time.Second
	personBurst     = 10
	// maxRemembered bounds what is remembered, of all apps.
	maxRemembered = 10_000
)

// begun is a session that has been started.
type begun struct {
	cookies []setCookie
	expires time.Time
}

func (b *begun) jar() jar { return jar(nil).with(b.cookies) }

// starts makes sure that nobody is signed in twice at once.
type starts struct {
	now    func() time.Time
	flight singleflight.Group
	// turn orders looks into the store and what is put there.
	turn atomic.Int64

	mu       sync.Mutex
	recent   map[string]outcome       // by bond
	limiters map[string]*rate.Limiter // by app
	people   map[string]*rate.Limiter // by personKey
}

type outcome struct {
	begun *begun
	err   error
	until time.Time
	// placed is the turn at which the session was in the store; 0: not yet, or it goes
	// to the browser. Who looks there later and does not find it is not to have it: it
	// has been ended or replaced, perhaps by another replica.
	placed int64
}

func newStarts(now func() time.Time) *starts {
	return &starts{now: now, recent: make(map[string]outcome), limiters: make(map[string]*rate.Limiter), people: make(map[string]*rate.Limiter)}
}

// begin starts a session for the person of v.
func (a *App) begin(ctx context.Context, v *Visit) (*begun, error) {
	if !a.plan.Calls {
		return a.call(ctx, v.in)
	}
	if err := v.bind(); err != nil {
		return nil, err
	}
	s, key, turn := a.keeper.starts, hex.EncodeToString(v.bond[:]), v.turn
	if b, err, known := s.remembered(key, turn); known {
		return b, err
	}
	// The flight goes on when the request that began it ends: others wait for it.
	done := s.flight.DoChan(key, func() (any, error) {
		if b, err, known := s.remembered(key, turn); known {
			return b, err
		}
		if !s.allow(a.name, personKey(a.name, &v.in)) {
			return nil, ErrBusy
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
		defer cancel()
		b, err := a.call(ctx, v.in)
		s.remember(key, b, err)
		return b, err
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-done:
		b, _ := r.Val.(*begun)
		return b, r.Err
	}
}

// call has the adapter start a session, and checks what it returns. A panic in it
// ends this start and nothing else.
func (a *App) call(ctx context.Context, in adapter.Input) (b *begun, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, fmt.Errorf("starting a session: panic of type %T", p)
		}
	}()
	cookies, err := a.starter.StartSession(ctx, in, a.caller(in.Request))
	if err != nil {
		return nil, fmt.Errorf("starting a session: %w", err)
	}
	b = &begun{expires: in.Time.Add(a.plan.Lifetime)}
	for _, c := range cookies {
		if !a.owns(c.Name) || c.Value == "" || !validValue(c.Value) {
			return nil, fmt.Errorf("starting a session: cookie %q is not one of the plan, or not valid", c.Name)
		}
		b.cookies = append(b.cookies, setCookie{name: c.Name, value: c.Value, maxAge: max(c.MaxAge, 0), sameSite: c.SameSite, path: c.Path})
	}
	if !a.whole(b.jar()) {
		return nil, fmt.Errorf("starting a session: %w: no cookie %s", adapter.ErrSignInFailed, a.plan.Cookies[0])
	}
	a.keeper.o.Observe(a.name, Started)
	return b, nil
}

// validValue reports whether a value can stand in a Cookie header without beginning
// another cookie or header.
func validValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c == ';' || c == ',' || c == '\\' || c >= 0x7f {
			return false
		}
	}
	return true
}

// remembered is what came of a start, for who has looked into the store at that turn.
func (s *starts) remembered(key string, turn int64) (*begun, error, bool) { //nolint:revive // the error is part of what is remembered
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.recent[key]
	if !ok || !s.now().Before(o.until) || o.placed != 0 && o.placed < turn {
		return nil, nil, false
	}
	return o.begun, o.err, true
}

func (s *starts) remember(key string, b *begun, err error) {
	memory := startMemory
	if err != nil {
		memory = failureMemory
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if len(s.recent) >= maxRemembered {
		for k, o := range s.recent {
			if !now.Before(o.until) {
				delete(s.recent, k)
			}
		}
		if len(s.recent) >= maxRemembered {
			clear(s.recent) // the flights still hold one per person
		}
	}
	s.recent[key] = outcome{begun: b, err: err, until: now.Add(memory)}
}

// placed notes that the store has the session now.
func (v *Visit) placed() {
	if !v.app.plan.Calls {
		return
	}
	s, key := v.app.keeper.starts, hex.EncodeToString(v.bond[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.recent[key]; ok {
		o.placed = s.turn.Add(1)
		s.recent[key] = o
	}
}

// forget makes the person's next request start a session anew.
func (v *Visit) forget() {
	if !v.app.plan.Calls || v.bind() != nil {
		return
	}
	s := v.app.keeper.starts
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.recent, hex.EncodeToString(v.bond[:]))
}

func (s *starts) allow(app, person string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, one := s.limiters[app], s.people[person]
	if all == nil {
		all = rate.NewLimiter(startsPerSecond, startBurst)
		s.limiters[app] = all
	}
	if one == nil {
		if len(s.people) >= maxRemembered {
			clear(s.people)
		}
		one = rate.NewLimiter(rate.Every(personEvery), personBurst)
		s.people[person] = one
	}
	now := s.now()
	return one.AllowN(now, 1) && all.AllowN(now, 1)
}
