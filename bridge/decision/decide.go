package decision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/request"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// Request is one request to decide about.
type Request struct {
	// In is the request as it came, or as a proxy in front describes it. Nothing here
	// changes it.
	In *http.Request
	// Host is the Host that the app is told: its own, with the port that was asked for.
	// In.Host is what the client sent, which goes no further.
	Host string
	// Path is the path of In.
	Path request.Path
	// SignIn says that the request is at the app's SignInPath. It needs an identity and
	// never reaches the app.
	SignIn bool
	// At is when the request came.
	At time.Time
	// As is who sends the request, if that is known without an assertion: somebody who
	// is described, for an explanation. In is not asked for an assertion then.
	As *Identity
}

// Identity is a person as an issuer knows them.
type Identity struct {
	Principal *verifier.Principal
	// Issuer is the issuer's name in the configuration.
	Issuer string
}

// Grant says that a request goes on to its app, and with what.
type Grant struct {
	// Public says that the path is open to everybody. Then Identity, Decision, Output
	// and Session are zero: the app learns of nobody.
	Public bool
	// Own is the credential of the app's own that the request brings, or nil. The app
	// sees it, and nothing of a person: Output and Session are zero.
	Own *config.OwnCredential
	Identity
	Decision mapping.Decision
	Output   adapter.Output
	// Session is nil for apps without sessions that the bridge carries.
	Session *session.Visit

	trust string        // what the assertion was held to
	load  *atomic.Int64 // counts the requests at the same time; nil if this one is not counted
	// share counts those of one person, who is sharer. It is nil if they are not counted.
	share  *shares
	sharer personKey
}

// Decider decides. It is safe for concurrent use.
type Decider struct {
	// Loads limits how much is asked of apps at a time. A nil Loads limits nothing.
	Loads *Loads
	// Log receives panics.
	Log *slog.Logger
}

// Decide is the straight line from a request to a grant or a refusal. Exactly one of
// them is not nil. It sends nothing of the request anywhere but to where sessions are
// kept or begun. The caller must call the grant's Leave when the request is over.
func (d *Decider) Decide(ctx context.Context, app *App, r *Request) (g *Grant, ref *Refusal) {
	g = new(Grant)
	defer d.guard(ctx, app, &g, &ref)
	if g.Public, ref = app.admit(r); ref != nil {
		return g, ref
	}
	if g.Own = app.ownCredential(r); g.Own != nil {
		g.Public = !g.Own.NeedsIdentity
	}
	if g.Public {
		return g, d.enter(app, r, g)
	}
	return g, d.decidePerson(ctx, app, r, g)
}

// DecidePerson decides as Decide does, but does not look at the path.
func (d *Decider) DecidePerson(ctx context.Context, app *App, r *Request) (g *Grant, ref *Refusal) {
	g = new(Grant)
	defer d.guard(ctx, app, &g, &ref)
	return g, d.decidePerson(ctx, app, r, g)
}

// decidePerson fills g step by step, so that a panic finds in it what must be given up.
func (d *Decider) decidePerson(ctx context.Context, app *App, r *Request, g *Grant) *Refusal {
	rules, ref := app.identify(ctx, r, g)
	if ref == nil {
		ref = app.refuseSignedOut(ctx, g)
	}
	if ref == nil {
		ref = g.decide(rules, r.At)
	}
	if ref == nil {
		ref = app.sameSite(r, g)
	}
	if ref == nil {
		ref = d.allow(app, r, g)
	}
	if ref == nil {
		ref = d.enter(app, r, g)
	}
	if ref == nil && g.Own == nil {
		ref = app.tell(ctx, r, g)
	}
	return ref
}

// errExhausted is for the log.
var errExhausted = errors.New("the app's expressions cost more for this person than one request may, so nothing is granted")

// decide asks the rules.
func (g *Grant) decide(rules *mapping.Mapper, at time.Time) *Refusal {
	g.Decision = rules.Map(g.Principal, at)
	switch {
	case g.Decision.Allowed():
		return nil
	case g.Decision.Rule > 0:
		return &Refusal{Reason: ReasonDeniedByRule, Principal: g.Principal, Decision: g.Decision}
	case g.Decision.Exhausted:
		return &Refusal{Reason: ReasonRulesExhausted, Principal: g.Principal, Err: errExhausted}
	default:
		return &Refusal{Reason: ReasonNoRole, Principal: g.Principal}
	}
}

// refuse returns a refusal of somebody whom the rules let in.
func (g *Grant) refuse(reason Reason) *Refusal {
	return &Refusal{Reason: reason, Principal: g.Principal, Decision: g.Decision}
}

// guard makes a refusal of a panic, and gives up the grant of a request that is refused.
func (d *Decider) guard(ctx context.Context, app *App, g **Grant, ref **Refusal) {
	if p := recover(); p != nil {
		LogPanic(ctx, d.Log, app.Name, p)
		*ref = &Refusal{Reason: ReasonPanic}
	}
	if *ref != nil {
		(*g).Leave()
		*g = nil
	}
}

// LogPanic logs a panic without its value, which may hold what the request held. The
// value's type and the stack say enough.
func LogPanic(ctx context.Context, log *slog.Logger, app string, p any) {
	log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("app", app),
		slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
}
