package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/session"
	"github.com/ssobridge/ssobridge/bridge/session/store"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// signer begins sessions as an app does that signs people in: the cookie's value is
// opaque.
type signer struct {
	plan  adapter.SessionPlan
	start func(in adapter.Input) ([]*http.Cookie, error)
	// refuse: the person cannot be told of.
	refuse bool
	// account is what the person signs in with there.
	account string

	mu     sync.Mutex
	starts int
}

func (s *signer) Owns() adapter.Owned { return adapter.Owned{Cookies: s.plan.Cookies} }
func (s *signer) Adapt(context.Context, adapter.Input) (adapter.Output, error) {
	return adapter.Output{}, nil
}
func (s *signer) SessionPlan() adapter.SessionPlan { return s.plan }
func (s *signer) DescribeSession(in adapter.Input) ([]string, error) {
	if s.refuse {
		return nil, adapter.ErrUnsendable
	}
	department, _ := in.Principal.Claims["department"].(string)
	return []string{"department: " + department}, nil
}

func (s *signer) SessionSecrets(adapter.Input) []string { return []string{s.account} }

func (s *signer) StartSession(_ context.Context, in adapter.Input, _ adapter.Caller) ([]*http.Cookie, error) {
	s.mu.Lock()
	s.starts++
	n := s.starts
	s.mu.Unlock()
	if s.start != nil {
		return s.start(in)
	}
	return []*http.Cookie{{Name: "session", Value: fmt.Sprintf("%s-%d", in.Principal.Subject, n)}}, nil
}

func nobody(*http.Request) adapter.Caller { return nil }

// world is a keeper with a clock, and a browser.
type world struct {
	t      *testing.T
	now    time.Time
	keeper *session.Keeper
	signer *signer
	app    *session.App
	jar    map[string]string // the browser's
	events []session.Event
	mu     sync.Mutex
}

func newWorld(t *testing.T, plan adapter.SessionPlan) *world {
	t.Helper()
	w := &world{t: t, now: noon, jar: map[string]string{}}
	if plan.Cookies == nil {
		plan.Cookies = []string{"session"}
	}
	if plan.Lifetime == 0 {
		plan.Lifetime = 8 * time.Hour
	}
	if plan.Deliver == "" {
		plan.Deliver = adapter.DeliverBrowser
	}
	plan.SameSite = max(plan.SameSite, http.SameSiteLaxMode)
	w.signer = &signer{plan: plan}
	clock := func() time.Time { return w.now }
	w.keeper = session.NewKeeper(session.Options{
		Store: store.NewMemory(store.MemoryOptions{Now: clock}), Now: clock,
		Observe: func(_ string, e session.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
	w.app = w.keeper.Open("app", w.signer, nobody)
	return w
}

func (w *world) in(subject, role string) adapter.Input {
	return adapter.Input{
		Principal: &verifier.Principal{
			Subject: subject, Email: subject + "@example.com", SessionID: "sid-" + subject, Claims: map[string]any{"iss": "pomerium"},
		},
		Decision: mapping.Decision{Roles: []string{role}, Rule: 1},
		Time:     w.now,
	}
}

func (w *world) cookieLines() []string {
	var pairs []string
	for name, value := range w.jar {
		pairs = append(pairs, name+"="+value)
	}
	return []string{strings.Join(pairs, "; ")}
}

// visit makes a request to which the app answers by setting cookies, and returns the
// session that the app was sent.
func (w *world) visit(in adapter.Input, set ...string) string {
	w.t.Helper()
	v, err := w.app.Find(context.Background(), in, w.cookieLines())
	if err != nil {
		w.t.Fatal(err)
	}
	sent := strings.Join(v.Cookies(), "; ")
	w.answer(v, set...)
	return sent
}

func (w *world) answer(v *session.Visit, set ...string) http.Header {
	w.t.Helper()
	h := http.Header{}
	for _, line := range set {
		h.Add("Set-Cookie", line)
	}
	if err := v.Answer(context.Background(), http.StatusOK, h); err != nil {
		w.t.Fatal(err)
	}
	w.take(h["Set-Cookie"])
	return h
}

// take is what a browser does with Set-Cookies.
func (w *world) take(lines []string) {
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			w.t.Fatalf("the browser is told %q: %v", line, err)
		}
		if c.MaxAge < 0 {
			delete(w.jar, c.Name)
		} else {
			w.jar[c.Name] = c.Value
		}
	}
}

func TestSessionIsKeptWhileThePersonStays(t *testing.T) {
	for _, deliver := range []adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream} {
		t.Run(string(deliver), func(t *testing.T) {
			w := newWorld(t, adapter.SessionPlan{Deliver: deliver})
			ann := w.in("ann", "Viewer")
			if got := w.visit(ann); got != "session=ann-1" {
				t.Fatalf("the app receives %q", got)
			}
			jar := len(w.jar)
			if deliver == adapter.DeliverUpstream && jar != 0 {
				t.Errorf("the browser has %v", w.jar)
			}
			w.now = noon.Add(7 * time.Hour)
			if got := w.visit(w.in("ann", "Viewer")); got != "session=ann-1" {
				t.Errorf("later, the app receives %q", got)
			}
			if len(w.jar) != jar || w.signer.starts != 1 {
				t.Errorf("%d sessions begun; the browser has %v", w.signer.starts, w.jar)
			}
		})
	}
}

// TestSessionIsReplaced changes one thing that a session is bound to.
func TestSessionIsReplaced(t *testing.T) {
	changes := map[string]func(w *world, in *adapter.Input){
		"another person":     func(_ *world, in *adapter.Input) { in.Principal.Subject = "bob" },
		"another issuer":     func(_ *world, in *adapter.Input) { in.Principal.Claims["iss"] = "other" },
		"another email":      func(_ *world, in *adapter.Input) { in.Principal.Email = "ann@new.example.com" },
		"signed in again":    func(_ *world, in *adapter.Input) { in.Principal.SessionID = "sid-2" },
		"another role":       func(_ *world, in *adapter.Input) { in.Decision.Roles = []string{"Admin"} },
		"one more role":      func(_ *world, in *adapter.Input) { in.Decision.Roles = []string{"Viewer", "Admin"} },
		"another attribute":  func(_ *world, in *adapter.Input) { in.Decision.Attributes = map[string]string{"org": "2"} },
		"another claim":      func(_ *world, in *adapter.Input) { in.Principal.Claims["department"] = "sales" },
		"the end is reached": func(w *world, in *adapter.Input) { w.now = noon.Add(8 * time.Hour); in.Time = w.now },
		"another account":    func(w *world, _ *adapter.Input) { w.signer.account = "guest" },
		"another app": func(w *world, _ *adapter.Input) {
			w.app = w.keeper.Open("other", w.signer, nobody)
		},
		"keys that nobody has": func(w *world, _ *adapter.Input) {
			w.app = session.NewKeeper(session.Options{Store: store.NewMemory(store.MemoryOptions{})}).Open("app", w.signer, nobody)
		},
	}
	for _, deliver := range []adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream} {
		for name, change := range changes {
			t.Run(string(deliver)+"/"+name, func(t *testing.T) {
				w := newWorld(t, adapter.SessionPlan{Deliver: deliver})
				w.visit(w.in("ann", "Viewer"))
				in := w.in("ann", "Viewer")
				change(w, &in)
				want := "session=" + in.Principal.Subject + "-2"
				for range 2 { // and then it is kept
					if got := w.visit(in); got != want {
						t.Fatalf("the app receives %q, want %q", got, want)
					}
				}
			})
		}
	}
}

// TestAppsDataIsKept: what the app makes of its own session stays while the person
// does, and its end with it.
func TestAppsDataIsKept(t *testing.T) {
	for _, deliver := range []adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream} {
		t.Run(string(deliver), func(t *testing.T) {
			w := newWorld(t, adapter.SessionPlan{Deliver: deliver})
			ann := w.in("ann", "Viewer")
			w.visit(ann, "session=written-1; Path=/", "csrf=token")
			if got := w.visit(ann, "session=written-2"); got != "session=written-1" {
				t.Errorf("the app receives %q", got)
			}
			if w.jar["csrf"] != "token" {
				t.Errorf("another cookie of the app did not reach the browser: %v", w.jar)
			}
			w.now = noon.Add(8*time.Hour - time.Second)
			if got := w.visit(w.in("ann", "Viewer"), "session=written-3"); got != "session=written-2" {
				t.Errorf("the app receives %q", got)
			}
			w.now = noon.Add(8 * time.Hour)
			if got := w.visit(w.in("ann", "Viewer")); got != "session=ann-2" {
				t.Errorf("writing has put off the end: the app receives %q", got)
			}
		})
	}
}

func TestAppRemovesItsSession(t *testing.T) {
	for _, deliver := range []adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream} {
		for _, removal := range []string{
			"session=; Max-Age=0", "session=x; Max-Age=-1", "session=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "session=",
			"session=x; expires=Thu, 01-Jan-1970 00:00:01 GMT",
		} {
			t.Run(string(deliver)+"/"+removal, func(t *testing.T) {
				w := newWorld(t, adapter.SessionPlan{Deliver: deliver})
				ann := w.in("ann", "Viewer")
				w.visit(ann)
				w.visit(ann, removal)
				if len(w.jar) != 0 {
					t.Errorf("the browser still has %v", w.jar)
				}
				if got := w.visit(ann); got != "session=ann-2" {
					t.Errorf("the app receives %q", got)
				}
			})
		}
	}
}

// TestAppCutsItsSessionIntoPieces as it grows, and puts it together again.
func TestAppCutsItsSessionIntoPieces(t *testing.T) {
	for _, deliver := range []adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream} {
		t.Run(string(deliver), func(t *testing.T) {
			w := newWorld(t, adapter.SessionPlan{Deliver: deliver, Match: func(name string) bool { return strings.HasPrefix(name, "session.") }})
			ann := w.in("ann", "Viewer")
			w.visit(ann, "session=; Max-Age=0", "session.0=first", "session.1=second")
			if got := w.visit(ann); got != "session.0=first; session.1=second" {
				t.Errorf("the app receives %q", got)
			}
			w.visit(ann, "session=whole", "session.0=; Max-Age=0", "session.1=; Max-Age=0")
			if got := w.visit(ann); got != "session=whole" {
				t.Errorf("the app receives %q", got)
			}
			if got := w.visit(w.in("bob", "Viewer")); got != "session=bob-2" {
				t.Errorf("the app receives %q", got)
			}
		})
	}
}

// TestAppSaysThatTheSessionHasEnded: its cookie is still there, and worth nothing.
func TestAppSaysThatTheSessionHasEnded(t *testing.T) {
	for _, deliver := range []adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream} {
		t.Run(string(deliver), func(t *testing.T) {
			w := newWorld(t, adapter.SessionPlan{Deliver: deliver, Ended: func(status int, _ string) bool { return status == 401 }})
			ann := w.in("ann", "Viewer")
			find := func() *session.Visit {
				v, err := w.app.Find(context.Background(), ann, w.cookieLines())
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			// An answer to the request that began it says nothing about it: no loop.
			h := http.Header{}
			if err := find().Answer(context.Background(), 401, h); err != nil {
				t.Fatal(err)
			}
			w.take(h["Set-Cookie"])
			v := find()
			if got := v.Cookies(); !slices.Equal(got, []string{"session=ann-1"}) {
				t.Fatalf("the app receives %q", got)
			}
			h = http.Header{}
			if err := v.Answer(context.Background(), 401, h); err != nil {
				t.Fatal(err)
			}
			w.take(h["Set-Cookie"])
			if got := find().Cookies(); !slices.Equal(got, []string{"session=ann-2"}) || len(w.jar) != 0 {
				t.Errorf("the app receives %q, and the browser has %v", got, w.jar)
			}
		})
	}
}

// TestForeignCookiesNeverReachTheApp brings what somebody may try.
func TestForeignCookiesNeverReachTheApp(t *testing.T) {
	const name = "__Host-session"
	w := newWorld(t, adapter.SessionPlan{})
	ann := w.in("ann", "Viewer")
	w.visit(ann)
	good, seal := w.jar[name], w.jar[session.SealName]
	for what, line := range map[string]string{
		"no seal":                name + "=" + good,
		"no cookie":              session.SealName + "=" + seal,
		"another value":          name + "=bob-1; " + session.SealName + "=" + seal,
		"seal cut":               name + "=" + good + "; " + session.SealName + "=" + seal[:len(seal)-1],
		"seal with padding":      name + "=" + good + "; " + session.SealName + "=" + seal + "=",
		"the app's own name":     "session=" + good + "; " + session.SealName + "=" + seal,
		"an empty value":         name + "=; " + session.SealName + "=" + seal,
		"one more cookie of its": name + "=" + good + "; " + name + "=; " + session.SealName + "=",
	} {
		t.Run(what, func(t *testing.T) {
			v, err := w.app.Find(context.Background(), ann, []string{line})
			if err != nil {
				t.Fatal(err)
			}
			if got := v.Cookies(); slices.Contains(got, "session="+good) {
				t.Errorf("the app receives %q", got)
			}
		})
	}
	for i := range len(seal) {
		changed := []byte(seal)
		changed[i] ^= 1
		v, err := w.app.Find(context.Background(), ann, []string{name + "=" + good + "; " + session.SealName + "=" + string(changed)})
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(v.Cookies(), "session="+good) {
			t.Fatalf("a seal with byte %d changed is good", i)
		}
	}
}

// TestShadowedCookie: a neighbouring host has set cookies of the same name, which
// browsers may send first.
func TestShadowedCookie(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{PlainNames: true})
	ann := w.in("ann", "Viewer")
	w.visit(ann)
	good := "session=" + w.jar["session"]
	seal := session.SealName + "=" + w.jar[session.SealName]
	for n, lines := range [][]string{
		{"session=evil; " + good + "; " + seal},
		{"session=evil; session=worse", good + "; " + session.SealName + "=x; " + seal},
		{good, "session=evil", seal},
	} {
		v, err := w.app.Find(context.Background(), ann, lines)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Cookies(); !slices.Equal(got, []string{good}) {
			t.Errorf("%d: the app receives %q", n, got)
		}
	}
}

// TestHundredDuplicates are not all tried.
func TestHundredDuplicates(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{PlainNames: true})
	ann := w.in("ann", "Viewer")
	w.visit(ann)
	good := "session=" + w.jar["session"]
	line := strings.Repeat("session=evil; ", 100) + good + "; " + session.SealName + "=" + w.jar[session.SealName]
	v, err := w.app.Find(context.Background(), ann, []string{line})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Cookies(); !slices.Equal(got, []string{"session=ann-2"}) {
		t.Errorf("the app receives %q", got)
	}
}

// TestWhatBrowsersAreTold holds the attributes of cookies, whatever the app says.
func TestWhatBrowsersAreTold(t *testing.T) {
	const sealed = `; Path=/; HttpOnly; Secure; SameSite=Lax`
	for _, test := range []struct{ name, set, want string }{
		{"bare", "session=v", "__Host-session=v; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"for all hosts of a domain", "session=v; Domain=example.com; Path=/app", "__Host-session=v; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"stricter", "session=v; SameSite=Strict", "__Host-session=v; Path=/; HttpOnly; Secure; SameSite=Strict"},
		{"laxer", "session=v; SameSite=None; Secure", "__Host-session=v; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"for an hour", "session=v; max-age=3600", "__Host-session=v; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"},
		{"for a year", "session=v; Max-Age=31536000", "__Host-session=v; Path=/; Max-Age=28800; HttpOnly; Secure; SameSite=Lax"},
		{"until a time", "session=v; Expires=Tue, 01 Dec 2026 13:00:00 GMT", "__Host-session=v; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"},
		{"value as it stands", `session="a=b"; x`, `__Host-session="a=b"; Path=/; HttpOnly; Secure; SameSite=Lax`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, adapter.SessionPlan{})
			v, err := w.app.Find(context.Background(), w.in("ann", "Viewer"), nil)
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{"Set-Cookie": {test.set}}
			if err := v.Answer(context.Background(), http.StatusOK, h); err != nil {
				t.Fatal(err)
			}
			lines := h["Set-Cookie"]
			if len(lines) != 2 || lines[0] != test.want {
				t.Fatalf("the browser is told %q, want %q and a seal", lines, test.want)
			}
			if !strings.HasPrefix(lines[1], session.SealName+"=") || !strings.HasSuffix(lines[1], sealed) {
				t.Errorf("the seal is %q", lines[1])
			}
			if h.Get("Cache-Control") != "no-store" {
				t.Errorf("caches may keep the answer: %v", h)
			}
		})
	}
}

// TestAppCannotSetTheSeal, nor a cookie that would come back as the session's.
func TestAppCannotSetTheSeal(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{})
	v, err := w.app.Find(context.Background(), w.in("ann", "Viewer"), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"Set-Cookie": {session.SealName + "=mine", "__Host-session=mine", "=session", "session"}}
	if err := v.Answer(context.Background(), http.StatusOK, h); err != nil {
		t.Fatal(err)
	}
	for _, line := range h["Set-Cookie"] {
		if strings.Contains(line, "mine") || !strings.HasPrefix(line, "__Host-s") {
			t.Errorf("the browser is told %q", line)
		}
	}
}

func TestSignInIsOncePerPerson(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{Calls: true})
	release := make(chan struct{})
	var inside sync.WaitGroup
	inside.Add(1)
	var once sync.Once
	w.signer.start = func(in adapter.Input) ([]*http.Cookie, error) {
		once.Do(inside.Done)
		<-release
		return []*http.Cookie{{Name: "session", Value: in.Principal.Subject}}, nil
	}
	ann := w.in("ann", "Viewer")
	var g sync.WaitGroup
	for range 50 {
		g.Go(func() {
			v, err := w.app.Find(context.Background(), ann, nil)
			if err != nil || !slices.Equal(v.Cookies(), []string{"session=ann"}) {
				t.Errorf("%v", err)
			}
		})
	}
	inside.Wait()
	close(release)
	g.Wait()
	if w.signer.starts != 1 {
		t.Errorf("the app was asked %d times", w.signer.starts)
	}
}

// TestWhoStartedGoesAway: others wait for the same sign-in, which goes on.
func TestWhoStartedGoesAway(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{Calls: true})
	inside, release := make(chan struct{}), make(chan struct{})
	w.signer.start = func(adapter.Input) ([]*http.Cookie, error) {
		close(inside)
		<-release
		return []*http.Cookie{{Name: "session", Value: "v"}}, nil
	}
	ctx, leave := context.WithCancel(context.Background())
	gone := make(chan error)
	go func() {
		_, err := w.app.Find(ctx, w.in("ann", "Viewer"), nil)
		gone <- err
	}()
	<-inside
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away gets %v", err)
	}
	close(release)
	if got := w.visit(w.in("ann", "Viewer")); got != "session=v" || w.signer.starts != 1 {
		t.Errorf("the app receives %q after %d sign-ins", got, w.signer.starts)
	}
}

func TestFailedSignInIsNotTriedAtOnce(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{Calls: true})
	w.signer.start = func(adapter.Input) ([]*http.Cookie, error) { return nil, adapter.ErrSignInFailed }
	for range 5 {
		if _, err := w.app.Find(context.Background(), w.in("ann", "Viewer"), nil); !errors.Is(err, adapter.ErrSignInFailed) {
			t.Fatal(err)
		}
	}
	if w.signer.starts != 1 {
		t.Errorf("the app was asked %d times at once", w.signer.starts)
	}
	if _, err := w.app.Find(context.Background(), w.in("bob", "Viewer"), nil); err == nil || w.signer.starts != 2 {
		t.Errorf("somebody else is refused for it: %v after %d", err, w.signer.starts)
	}
	w.now = w.now.Add(3 * time.Second)
	if _, err := w.app.Find(context.Background(), w.in("ann", "Viewer"), nil); err == nil || w.signer.starts != 3 {
		t.Errorf("it is never tried again: %v after %d", err, w.signer.starts)
	}
}

func TestSignInsAreLimited(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{Calls: true})
	busy := 0
	for i := range 150 {
		if _, err := w.app.Find(context.Background(), w.in(fmt.Sprint("p", i), "Viewer"), nil); errors.Is(err, session.ErrBusy) {
			busy++
		}
	}
	if busy != 50 {
		t.Errorf("%d of 150 at once were refused, want 50", busy)
	}
}

// TestAdapterThatBreaksThePlan sets what it does not own, or panics.
func TestAdapterThatBreaksThePlan(t *testing.T) {
	for name, start := range map[string]func(adapter.Input) ([]*http.Cookie, error){
		"another cookie": func(adapter.Input) ([]*http.Cookie, error) { return []*http.Cookie{{Name: "other", Value: "v"}}, nil },
		"no cookie":      func(adapter.Input) ([]*http.Cookie, error) { return nil, nil },
		"empty":          func(adapter.Input) ([]*http.Cookie, error) { return []*http.Cookie{{Name: "session"}}, nil },
		"two in one": func(adapter.Input) ([]*http.Cookie, error) {
			return []*http.Cookie{{Name: "session", Value: "a; b=c"}}, nil
		},
		"panic": func(adapter.Input) ([]*http.Cookie, error) { panic("secret") },
	} {
		for _, calls := range []bool{false, true} {
			t.Run(fmt.Sprint(name, calls), func(t *testing.T) {
				w := newWorld(t, adapter.SessionPlan{Calls: calls})
				w.signer.start = start
				_, err := w.app.Find(context.Background(), w.in("ann", "Viewer"), nil)
				if err == nil || strings.Contains(err.Error(), "secret") {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

func TestSignOutLeavesNothing(t *testing.T) {
	for _, deliver := range []adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream} {
		t.Run(string(deliver), func(t *testing.T) {
			w := newWorld(t, adapter.SessionPlan{Deliver: deliver, Calls: true})
			ann := w.in("ann", "Viewer")
			w.visit(ann)
			before := w.cookieLines()
			v, err := w.app.Look(context.Background(), ann, before)
			if err != nil || !slices.Equal(v.Cookies(), []string{"session=ann-1"}) {
				t.Fatalf("%q, %v", v.Cookies(), err)
			}
			lines, err := v.End(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			w.take(lines)
			if len(w.jar) != 0 {
				t.Errorf("the browser still has %v", w.jar)
			}
			again := w.in("ann", "Viewer")
			again.Principal.SessionID = "sid-after"
			v, err = w.app.Find(context.Background(), again, before)
			if err != nil || !slices.Equal(v.Cookies(), []string{"session=ann-2"}) {
				t.Errorf("after signing in again with the old cookies: %q, %v", v.Cookies(), err)
			}
		})
	}
}

// TestGuard: the app begins its sessions by itself, and believes its cookie before
// the headers.
func TestGuard(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{})
	w.app = w.keeper.Guard("app", []string{"sid", "remember"}, time.Hour)
	ann, bob := w.in("ann", "Viewer"), w.in("bob", "Viewer")
	if got := w.visit(ann, "sid=of-ann; HttpOnly", "remember=ann", "theme=dark"); got != "" {
		t.Errorf("the app receives %q", got)
	}
	if got := w.visit(ann); got != "sid=of-ann; remember=ann" {
		t.Errorf("the app receives %q", got)
	}
	if got := w.visit(bob); got != "" {
		t.Errorf("with Ann's cookies, Bob's request has %q", got)
	}
	if w.jar["sid"] != "" || w.jar["theme"] != "dark" {
		t.Errorf("the browser has %v", w.jar)
	}
	w.visit(bob, "sid=of-bob")
	if got := w.visit(bob); got != "sid=of-bob" {
		t.Errorf("the app receives %q", got)
	}
	w.now = w.now.Add(time.Hour)
	if got := w.visit(w.in("bob", "Viewer")); got != "" {
		t.Errorf("past the end, the app receives %q", got)
	}
}

// TestLateAnswerOfASessionThatIsOver must not bring it back.
func TestLateAnswerOfASessionThatIsOver(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{Deliver: adapter.DeliverUpstream})
	viewer, admin := w.in("ann", "Viewer"), w.in("ann", "Admin")
	late, err := w.app.Find(context.Background(), viewer, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.visit(admin); got != "session=ann-2" {
		t.Fatalf("the app receives %q", got)
	}
	w.answer(late, "session=of-the-viewer")
	if got := w.visit(admin); got != "session=ann-2" {
		t.Errorf("the app receives %q", got)
	}
}
