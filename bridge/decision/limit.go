package decision

import (
	"container/list"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// Loads are what apps bear at the moment, by name. They outlive snapshots, so that a
// reload neither forgets requests under way nor gives anybody their requests back. The
// zero Loads is ready, and safe for concurrent use.
type Loads struct{ byApp sync.Map }

type load struct {
	open   atomic.Int64 // by people
	public atomic.Int64 // by anybody
	people people
	shares shares
}

func (l *Loads) of(app *App) *load {
	if known, ok := l.byApp.Load(app.loadKey); ok {
		return known.(*load) //nolint:forcetypeassert // nothing else is in it
	}
	known, _ := l.byApp.LoadOrStore(app.loadKey, new(load))
	return known.(*load) //nolint:forcetypeassert // nothing else is in it
}

// Keep forgets the apps that a snapshot does not have.
func (l *Loads) Keep(s *Snapshot) {
	names := s.Names()
	l.byApp.Range(func(name, _ any) bool {
		if !names[name.(string)] { //nolint:forcetypeassert // nothing else is in it
			l.byApp.Delete(name)
		}
		return true
	})
}

// enter counts one more, unless there are most already. 0 means no limit.
func enter(open *atomic.Int64, most int) bool {
	if n := open.Add(1); most > 0 && n > int64(most) {
		open.Add(-1)
		return false
	}
	return true
}

// publicShare is how many requests that need no identity an app bears besides those of
// people, so that a request which anybody can send never takes the place of theirs.
func publicShare(most int) int { return (most + 3) / 4 }

// maxPeople is how many people are remembered for an app. The one who was not seen for
// the longest is forgotten first, and so has a burst again. Only as many people together
// can make that happen.
const maxPeople = 10_000

// people are how many requests each person has left. The zero value is ready.
type people struct {
	mu     sync.Mutex
	recent list.List // of *person, the last seen in front
	known  map[personKey]*list.Element
}

// personKey names a person: a subject means one person to its issuer only.
type personKey struct{ issuer, subject string }

type person struct {
	key     personKey
	limiter *rate.Limiter
}

// allow takes one request of a person's, or says how long to wait for the next.
func (p *people) allow(key personKey, l *config.RequestLimits, now time.Time) (wait time.Duration, ok bool) {
	next := p.limiter(key, l).ReserveN(now, 1)
	if wait = next.DelayFrom(now); wait > 0 {
		next.CancelAt(now)
		return wait, false
	}
	return 0, true
}

func (p *people) limiter(key personKey, l *config.RequestLimits) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, known := p.known[key]
	if !known {
		if p.known == nil {
			p.known = make(map[personKey]*list.Element)
		}
		if len(p.known) >= maxPeople {
			oldest := p.recent.Back()
			delete(p.known, p.recent.Remove(oldest).(*person).key) //nolint:forcetypeassert // nothing else is in it
		}
		e = p.recent.PushFront(&person{key, rate.NewLimiter(rate.Limit(l.Rate), l.Burst)})
		p.known[key] = e
	}
	p.recent.MoveToFront(e)
	limiter := e.Value.(*person).limiter //nolint:forcetypeassert // nothing else is in it
	if limiter.Limit() != rate.Limit(l.Rate) || limiter.Burst() != l.Burst {
		limiter.SetLimit(rate.Limit(l.Rate)) // by a reload
		limiter.SetBurst(l.Burst)
	}
	return limiter
}

// allow asks whether the app may bear one more request of a person's.
func (d *Decider) allow(app *App, r *Request, g *Grant) *Refusal {
	if app.Limits.Rate == 0 || d.Loads == nil {
		return nil
	}
	key := personKey{g.Issuer, g.Principal.Subject}
	wait, ok := d.Loads.of(app).people.allow(key, &app.Limits, r.At)
	if ok {
		return nil
	}
	ref := g.refuse(ReasonRate)
	ref.RetryAfter = int(math.Ceil(wait.Seconds()))
	return ref
}

// enter makes a grant one of the app's requests at the same time. The refusal says that
// there are enough, or that the request's body is too large.
func (d *Decider) enter(app *App, r *Request, g *Grant) *Refusal {
	if most := app.Limits.MaxBody; most > 0 && r.In.ContentLength > int64(most) {
		return g.refuse(ReasonBody)
	}
	if d.Loads == nil {
		return nil
	}
	load := d.Loads.of(app)
	open, most := &load.open, app.Limits.MaxConcurrent
	if g.Public {
		open, most = &load.public, publicShare(most)
	}
	if !enter(open, most) {
		return g.refuse(ReasonAppBusy)
	}
	g.load = open
	if share := app.Limits.MaxPerPerson; share > 0 && !g.Public {
		key := personKey{g.Issuer, g.Principal.Subject}
		if !load.shares.enter(key, share) {
			return g.refuse(ReasonTooManyAtOnce) // the grant of a refused request is given up
		}
		g.share, g.sharer = &load.shares, key
	}
	return nil
}

// shares count the requests of each person at the same time. The zero value is ready.
type shares struct {
	mu   sync.Mutex
	open map[personKey]int
}

func (s *shares) enter(key personKey, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[key] >= most {
		return false
	}
	if s.open == nil {
		s.open = make(map[personKey]int)
	}
	s.open[key]++
	return true
}

func (s *shares) leave(key personKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[key]--; s.open[key] == 0 {
		delete(s.open, key)
	}
}

// Leave says that the request of a grant is over. It may be called twice, and of nil.
func (g *Grant) Leave() {
	if g == nil || g.load == nil {
		return
	}
	g.load.Add(-1)
	g.load = nil
	if g.share != nil {
		g.share.leave(g.sharer)
		g.share = nil
	}
}
