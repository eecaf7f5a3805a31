package bridge

import (
	"container/list"
	"errors"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// loads are what apps bear at the moment, by name. They outlive snapshots, so that a
// reload neither forgets requests under way nor gives anybody their requests back.
type loads struct{ byApp sync.Map }

type load struct {
	open   atomic.Int64 // by people
	public atomic.Int64 // by anybody
	people people
}

func (l *loads) of(app *App) *load {
	if known, ok := l.byApp.Load(app.loadKey); ok {
		return known.(*load) //nolint:forcetypeassert // nothing else is in it
	}
	known, _ := l.byApp.LoadOrStore(app.loadKey, new(load))
	return known.(*load) //nolint:forcetypeassert // nothing else is in it
}

// keep forgets the apps that a snapshot has not.
func (l *loads) keep(s *Snapshot) {
	names := make(map[string]bool, len(s.apps))
	for _, a := range s.apps {
		names[a.name] = true
	}
	l.byApp.Range(func(name, _ any) bool {
		if !names[name.(string)] { //nolint:forcetypeassert // nothing else is in it
			l.byApp.Delete(name)
		}
		return true
	})
}

// enter counts one more, unless there are most already; 0: no limit.
func enter(open *atomic.Int64, most int) bool {
	if n := open.Add(1); most > 0 && n > int64(most) {
		open.Add(-1)
		return false
	}
	return true
}

// publicShare is how many requests that need no identity an app bears besides those of
// people: none that anybody can send takes the place of one of theirs.
func publicShare(most int) int { return (most + 3) / 4 }

// maxPeople are remembered for an app. Who was not seen for the longest is forgotten,
// which gives them a burst; it takes as many people to make it happen.
const maxPeople = 10_000

// people are how many requests each person has left. The zero value is ready.
type people struct {
	mu     sync.Mutex
	recent list.List // of *person, the last seen in front
	known  map[personKey]*list.Element
}

// personKey: a subject is one person only to its issuer.
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

// admit asks whether the app may bear one more request of a person's.
func (b *Bridge) admit(app *App, g *grant, now time.Time) *refusal {
	if app.limits.Rate == 0 {
		return nil
	}
	key := personKey{g.source.issuer, g.principal.Subject}
	wait, ok := b.loads.of(app).people.allow(key, &app.limits, now)
	if ok {
		return nil
	}
	return &refusal{reason: reasonRate, principal: g.principal, decision: g.decision, retryAfter: int(math.Ceil(wait.Seconds()))}
}

// enter makes a grant one of the app's requests at the same time; the refusal says that
// there are enough, or that its body is too much.
func (b *Bridge) enter(r *http.Request, app *App, g *grant) *refusal {
	if most := app.limits.MaxBody; most > 0 && r.ContentLength > int64(most) {
		return &refusal{reason: reasonBody, principal: g.principal, decision: g.decision}
	}
	load := b.loads.of(app)
	open, most := &load.open, app.limits.MaxConcurrent
	if g.public {
		open, most = &load.public, publicShare(most)
	}
	if !enter(open, most) {
		return &refusal{reason: reasonAppBusy, principal: g.principal, decision: g.decision}
	}
	g.counted = open
	return nil
}

// leave is safe to call twice.
func (g *grant) leave() {
	if g != nil && g.counted != nil {
		g.counted.Add(-1)
		g.counted = nil
	}
}

func isTooLarge(err error) bool {
	_, is := errors.AsType[*http.MaxBytesError](err)
	return is
}

// limitBody bounds a body whose length is not announced: what exceeds it ends the
// request, for the upstream amid the body. It is not told the ResponseWriter, whose
// header it would write to while the answer is written; package proxy closes connections
// whose body is not read to its end.
func (a *App) limitBody(r *http.Request) {
	if most := a.limits.MaxBody; most > 0 && r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(nil, r.Body, int64(most))
	}
}
