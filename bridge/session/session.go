package session

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/session/store"
)

// Keeper carries the sessions of all apps. It outlives configurations.
type Keeper struct {
	o        Options
	starts   *starts
	signOuts *signOuts
}

// Options are what a Keeper works with.
type Options struct {
	// Keys seal cookies; nil: a random key, so that nothing sealed is good for another
	// process.
	Keys *Keys
	// Store keeps what browsers do not see; required.
	Store store.Store
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Observe is told what became of sessions, for metrics; nil: nobody is.
	Observe func(app string, e Event)
}

// Event is what became of a session.
type Event string

// The events. What a session that came with a request turned out to be is an event
// too: those of adapter.SessionVerdict.
const (
	Started     Event = "started"
	StartFailed Event = "start_failed"
	Gone        Event = "gone"       // removed by the app
	SignedOut   Event = "signed_out" // by the person
	StoreFailed Event = "store_failed"
)

// NewKeeper returns a Keeper.
func NewKeeper(o Options) *Keeper {
	if o.Keys == nil {
		o.Keys = NewKeys()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, Event) {}
	}
	return &Keeper{o: o, starts: newStarts(o.Now), signOuts: newSignOuts(o.Store, o.Now)}
}

// App carries the sessions of one app, as one configuration has it. It is safe for
// concurrent use.
type App struct {
	keeper  *Keeper
	name    string
	plan    adapter.SessionPlan
	names   map[string]struct{} // of the plan
	aliases map[string]struct{} // folded names, in the browser and in the app
	starter adapter.SessionStarter
	reader  adapter.SessionReader
	caller  func(*http.Request) adapter.Caller
}

// Open returns the App called name, whose adapter begins sessions. caller returns what
// reaches the app because of a request.
func (k *Keeper) Open(name string, starter adapter.SessionStarter, caller func(*http.Request) adapter.Caller) *App {
	a := k.open(name, starter.SessionPlan())
	a.starter, a.caller = starter, caller
	a.reader, _ = starter.(adapter.SessionReader)
	return a
}

// Guard returns an App that begins its sessions itself, for whom the adapter's
// headers name, and then believes its cookies, whoever brings them. They are carried
// like others, and nobody reaches the app with somebody else's.
func (k *Keeper) Guard(name string, cookies []string, lifetime time.Duration) *App {
	return k.open(name, adapter.SessionPlan{
		Cookies: cookies, Deliver: adapter.DeliverBrowser, Lifetime: lifetime, SameSite: http.SameSiteLaxMode, PlainNames: true,
	})
}

func (k *Keeper) open(name string, plan adapter.SessionPlan) *App {
	a := &App{
		keeper: k, name: name, plan: plan, names: make(map[string]struct{}, len(plan.Cookies)),
		aliases: map[string]struct{}{adapter.FoldName(SealName): {}},
	}
	for _, cookie := range plan.Cookies {
		a.names[cookie] = struct{}{}
		a.aliases[adapter.FoldName(cookie)] = struct{}{}
		a.aliases[adapter.FoldName(a.browserName(cookie))] = struct{}{}
	}
	return a
}

// Visit is the session of one request.
type Visit struct {
	app     *App
	in      adapter.Input
	bond    bond
	bound   bool                   // bond is known
	verdict adapter.SessionVerdict // on what was there
	cookies jar                    // that the app is sent
	// expires is the session's hard end; of a session that a reader has kept, only
	// the reader knows it.
	expires time.Time
	// fresh are the cookies that this request began the session with.
	fresh []setCookie
	// stale are cookies that the browser shall not bring again.
	stale []string
	// sealed: the browser has the right seal already.
	sealed bool
	// entry is what the store has, for DeliverUpstream, and at where.
	entry *entry
	at    string
	kept  store.Entry
	// turn is when the store was asked; see starts.
	turn int64
}

// ErrBusy says that more people are to be signed in at the app than it is asked to bear.
var ErrBusy = errors.New("too many sessions are being started")

// ErrStore says that whether there is a session cannot be known.
var ErrStore = errors.New("sessions cannot be looked up")

// Find returns the session that a person's request is answered in, and begins one if
// there is none. cookies are the request's Cookie headers.
func (a *App) Find(ctx context.Context, in adapter.Input, cookies []string) (*Visit, error) {
	v, err := a.look(ctx, in, cookies)
	if err != nil || v.verdict == adapter.SessionKept || a.starter == nil {
		return v, err
	}
	if err := v.start(ctx); err != nil {
		return nil, err
	}
	if a.plan.Deliver == adapter.DeliverUpstream {
		return v, v.store(ctx)
	}
	return v, nil
}

// look finds the session that is there.
func (a *App) look(ctx context.Context, in adapter.Input, cookies []string) (*Visit, error) {
	v := &Visit{app: a, in: in}
	if a.reader == nil || a.plan.Deliver == adapter.DeliverUpstream { // or it is in the session itself
		if err := v.bind(); err != nil {
			return nil, err
		}
	}
	looks := v.fromBrowser
	if a.plan.Deliver == adapter.DeliverUpstream {
		looks = v.fromStore
	}
	came, err := looks(ctx, cookies)
	switch {
	case errors.Is(err, adapter.ErrUnsendable): // no store has failed
		return nil, err
	case err != nil:
		return nil, v.storeFailed(err)
	}
	if came {
		a.keeper.o.Observe(a.name, Event(v.verdict.String()))
	}
	return v, nil
}

// bind finds out what the session must be bound to.
func (v *Visit) bind() error {
	if v.bound {
		return nil
	}
	var facts, secrets []string
	if v.app.starter != nil {
		var err error
		if facts, err = v.app.starter.DescribeSession(v.in); err != nil {
			return err
		}
	}
	if s, ok := v.app.starter.(adapter.SessionSecrets); ok {
		secrets = s.SessionSecrets(v.in)
	}
	v.bond, v.bound = newBond(v.app.name, &v.in, facts, secrets), true
	return nil
}

// fromBrowser looks among the cookies that came for a session of the person.
func (v *Visit) fromBrowser(ctx context.Context, cookies []string) (came bool, err error) {
	found := v.app.find(cookies)
	for n := range found.most {
		j := found.jar(n)
		verdict, err := v.judge(ctx, j, found.seals)
		if err != nil {
			return true, err
		}
		v.verdict = max(v.verdict, verdict)
		if verdict == adapter.SessionKept {
			v.cookies = j
			return true, nil
		}
	}
	v.stale = slices.Sorted(maps.Keys(found.values))
	return found.most > 0, nil
}

// judge says what one set of cookies is to the person.
func (v *Visit) judge(ctx context.Context, j jar, seals []string) (adapter.SessionVerdict, error) {
	if v.app.starter != nil && !v.app.whole(j) {
		return adapter.SessionForeign, nil
	}
	if v.app.reader != nil {
		return v.app.reader.ReadSession(ctx, v.in, j)
	}
	for _, text := range seals {
		expires, theirs, ok := v.app.keeper.o.Keys.open(text, v.app.name, j, v.bond)
		switch {
		case !ok:
			continue
		case !theirs:
			return adapter.SessionOther, nil
		case !v.in.Time.Before(expires):
			return adapter.SessionExpired, nil
		}
		v.expires, v.sealed = expires, true
		return adapter.SessionKept, nil
	}
	return adapter.SessionForeign, nil
}

// whole reports whether a jar may be a session: that of an app which cuts its cookie
// into pieces need not have the first by its own name.
func (a *App) whole(j jar) bool {
	_, first := j[a.plan.Cookies[0]]
	return first || a.plan.Match != nil && len(j) > 0
}

// start begins a session.
func (v *Visit) start(ctx context.Context) error {
	begun, err := v.app.begin(ctx, v)
	if err != nil {
		v.app.keeper.o.Observe(v.app.name, StartFailed)
		return err
	}
	v.fresh, v.expires = begun.cookies, begun.expires
	v.cookies = begun.jar()
	v.stale = slices.DeleteFunc(v.stale, func(name string) bool { _, anew := v.cookies[name]; return anew })
	return nil
}

// Cookies are the session as it goes to the app: "name=value" each.
func (v *Visit) Cookies() []string { return v.app.pairs(v.cookies) }
