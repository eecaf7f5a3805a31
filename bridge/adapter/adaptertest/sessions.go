package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// SessionOptions say what the suite of sessions cannot know of an adapter.
type SessionOptions struct {
	Options
	// App is what an adapter reaches; nil: one that must not be called.
	App func() adapter.Caller
	// OpenOther opens the adapter for another app; nil: that is not tried.
	OpenOther func(t testing.TB) adapter.SessionStarter
}

// RunSessions tries what the contract promises of adapters that begin sessions; what
// it promises of all, [Run] does.
func RunSessions(t *testing.T, open func(t testing.TB) adapter.SessionStarter, o SessionOptions) {
	for _, c := range sessionChecks {
		t.Run(c.name, func(t *testing.T) {
			c.run(newSessions(t, open, o), t.Errorf)
		})
	}
}

// sessionCheck is one promise of the contract.
type sessionCheck struct {
	name string
	run  func(*sessions, report)
}

var sessionChecks = []sessionCheck{
	{"PlanIsSteady", planIsSteady},
	{"StartsWithinPlan", startsWithinPlan},
	{"DescribesAsItStarts", describesAsItStarts},
	{"DescriptionsLetNobodyIn", descriptionsLetNobodyIn},
	{"RefusalsSayNoValues", refusalsSayNoValues},
	{"KeepsOnlyTheirs", keepsOnlyTheirs},
	{"OthersAreDropped", othersAreDropped},
	{"NoFlipIsKept", noFlipIsKept},
	{"SessionsInParallel", sessionsInParallel},
}

// sessions is one adapter under test.
type sessions struct {
	*suite
	ctx    context.Context
	a      adapter.SessionStarter
	reader adapter.SessionReader // nil: it reads none
	second adapter.SessionStarter
	other  adapter.SessionStarter // nil: not given
	app    func() adapter.Caller
}

func newSessions(t testing.TB, open func(t testing.TB) adapter.SessionStarter, o SessionOptions) *sessions {
	s := &sessions{ctx: t.Context(), a: open(t), second: open(t), app: o.App}
	s.suite = newSuite(t.Context(), func() adapter.Adapter { return s.a }, o.Options)
	s.reader, _ = s.a.(adapter.SessionReader)
	if o.OpenOther != nil {
		s.other = o.OpenOther(t)
	}
	if s.app == nil {
		s.app = func() adapter.Caller { return noApp{} }
	}
	return s
}

// noApp is an app that must not be called.
type noApp struct{}

func (noApp) Do(*http.Request) (*http.Response, error) { panic("the app was called") }

func (s *sessions) start(a adapter.SessionStarter, in adapter.Input) (map[string]string, []*http.Cookie, error) {
	list, err := a.StartSession(s.ctx, in, s.app())
	cookies := make(map[string]string, len(list))
	for _, c := range list {
		cookies[c.Name] = c.Value
	}
	return cookies, list, err
}

// begun is a session of the principal in the options.
func (s *sessions) begun(r report) map[string]string {
	cookies, _, err := s.start(s.a, s.input())
	if err != nil {
		r("the person of Options.Principal is refused: %v", err)
	}
	return cookies
}

func planIsSteady(s *sessions, r report) {
	plan := s.a.SessionPlan()
	ignore := cmpopts.IgnoreFields(adapter.SessionPlan{}, "Match", "Ended")
	for _, again := range []adapter.SessionPlan{s.a.SessionPlan(), s.second.SessionPlan()} {
		if diff := cmp.Diff(plan, again, ignore); diff != "" {
			r("the plan is not always the same:\n%s", diff)
		}
	}
	switch {
	case len(plan.Cookies) == 0 || slices.Contains(plan.Cookies, ""):
		r("the plan has no cookie, or one without a name: %q", plan.Cookies)
	case plan.Deliver != adapter.DeliverBrowser && plan.Deliver != adapter.DeliverUpstream:
		r("the plan delivers to %q", plan.Deliver)
	case plan.Lifetime < time.Minute:
		r("sessions last %s", plan.Lifetime)
	case plan.SameSite != http.SameSiteLaxMode && plan.SameSite != http.SameSiteStrictMode && plan.SameSite != http.SameSiteNoneMode:
		r("browsers are not told which sites' requests the cookies go with")
	}
}

// startsWithinPlan: a cookie that is not in the plan is one that the bridge would
// let anybody bring.
func startsWithinPlan(s *sessions, r report) {
	plan, owned := s.a.SessionPlan(), fold(s.a.Owns().Cookies)
	for _, name := range plan.Cookies {
		if !owned[adapter.FoldName(name)] {
			r("cookie %s is in the plan but not owned", name)
		}
	}
	for _, in := range s.everybody() {
		_, list, err := s.start(s.a, in)
		if err != nil {
			refuse(r, "starting a session", err)
			if len(list) > 0 {
				r("StartSession returned an error and cookies as well")
			}
			continue
		}
		seen := make(map[string]bool)
		for _, c := range list {
			switch {
			case !slices.Contains(plan.Cookies, c.Name) && (plan.Match == nil || !plan.Match(c.Name)):
				r("cookie %s is set but not in the plan", c.Name)
			case seen[c.Name]:
				r("cookie %s is set twice", c.Name)
			case c.Value == "" || strings.ContainsFunc(c.Value, func(b rune) bool { return b <= ' ' || b >= 0x7f || strings.ContainsRune(`;,\"`, b) }):
				r("cookie %s has a value that does not stand in a Cookie header", c.Name)
			}
			seen[c.Name] = true
		}
		if !seen[plan.Cookies[0]] && (plan.Match == nil || len(list) == 0) {
			r("the session has no cookie %s", plan.Cookies[0])
		}
	}
}

// describesAsItStarts: what `explain` says of somebody is what becomes of them.
func describesAsItStarts(s *sessions, r report) {
	for _, in := range s.everybody() {
		lines, err := s.a.DescribeSession(in)
		again, againErr := s.second.DescribeSession(in)
		if diff := cmp.Diff(lines, again); diff != "" || fmt.Sprint(err) != fmt.Sprint(againErr) {
			r("the same input is described differently: %v, %v:\n%s", err, againErr, diff)
		}
		_, _, startErr := s.start(s.a, in)
		if (err == nil) != (startErr == nil) {
			r("described with %v, and started with %v", err, startErr)
		}
		if err == nil && len(lines) == 0 {
			r("nothing is said of a session")
		}
	}
}

func descriptionsLetNobodyIn(s *sessions, r report) {
	cookies := s.begun(r)
	lines, err := s.a.DescribeSession(s.input())
	if err != nil {
		r("the person of Options.Principal is not described: %v", err)
	}
	for _, line := range lines {
		for name, value := range cookies {
			if len(value) > 8 && strings.Contains(line, value) {
				r("the value of %s is in the description", name)
			}
		}
		if strings.ContainsAny(line, "\r\n") {
			r("a line of the description is several")
		}
	}
}

func refusalsSayNoValues(s *sessions, r report) {
	for _, p := range s.places() {
		for _, text := range append([]string{"", canary}, hostileTexts()...) {
			in := s.input()
			p.put(&in, text)
			_, _, err := s.start(s.a, in)
			if err == nil {
				continue
			}
			for _, value := range []string{canary, s.o.Principal.Email, s.o.Principal.Subject, s.o.Principal.Name} {
				if value != "" && strings.Contains(err.Error(), value) {
					r("%s %q: the error quotes the person: %v", p.name, text, err)
				}
			}
		}
	}
}

// verdict is what the reader says; nil error or none.
func (s *sessions) verdict(in adapter.Input, cookies map[string]string) adapter.SessionVerdict {
	v, err := s.reader.ReadSession(s.ctx, in, cookies)
	if err != nil && !errors.Is(err, adapter.ErrUnsendable) {
		panic(err)
	}
	if err != nil {
		return adapter.SessionForeign
	}
	return v
}

// keepsOnlyTheirs: a session is of one person, as they signed in that time, in
// their roles, until its end.
func keepsOnlyTheirs(s *sessions, r report) {
	if s.reader == nil {
		return
	}
	cookies := s.begun(r)
	if v := s.verdict(s.input(), cookies); v != adapter.SessionKept {
		r("the person's own session is %s", v)
	}
	life := s.a.SessionPlan().Lifetime
	for what, change := range map[string]func(in *adapter.Input){
		"another subject":     func(in *adapter.Input) { in.Principal.Subject = "somebody-else" },
		"no subject":          func(in *adapter.Input) { in.Principal.Subject = "" },
		"another sign-in":     func(in *adapter.Input) { in.Principal.SessionID += "2" },
		"another issuer":      func(in *adapter.Input) { in.Principal.Claims["iss"] = "https://else.example" },
		"another role":        func(in *adapter.Input) { in.Decision.Roles = []string{s.o.OtherRole} },
		"no role":             func(in *adapter.Input) { in.Decision.Roles = nil },
		"a role more":         func(in *adapter.Input) { in.Decision.Roles = []string{s.o.Role, s.o.OtherRole} },
		"the end":             func(in *adapter.Input) { in.Time = in.Time.Add(life) },
		"long after":          func(in *adapter.Input) { in.Time = in.Time.Add(100 * life) },
		"subject and sign-in": func(in *adapter.Input) { in.Principal.Subject += in.Principal.SessionID; in.Principal.SessionID = "" },
	} {
		in := s.input()
		change(&in)
		if v := s.verdict(in, cookies); v == adapter.SessionKept {
			r("%s: the session is kept", what)
		}
	}
}

// othersAreDropped: what is nobody's, or another app's.
func othersAreDropped(s *sessions, r report) {
	if s.reader == nil {
		return
	}
	cookies := s.begun(r)
	try := func(what string, cookies map[string]string) {
		if v := s.verdict(s.input(), cookies); v == adapter.SessionKept {
			r("%s: the session is kept", what)
		}
	}
	try("no cookies", nil)
	for name := range cookies {
		less := maps.Clone(cookies)
		delete(less, name)
		try("without "+name, less)
		for _, value := range []string{"", "x", ".", "..", "e30", "null", strings.Repeat("A", 100_000), "\x00", "%", "a.b.c.d.e"} {
			less[name] = value
			try(fmt.Sprintf("%s as %.10q", name, value), less)
		}
	}
	if s.other == nil {
		return
	}
	theirs, _, err := s.start(s.other, s.input())
	if err != nil {
		r("the other app: %v", err)
	}
	try("of another app", theirs)
}

// noFlipIsKept: nothing about a session can be changed on the way.
func noFlipIsKept(s *sessions, r report) {
	if s.reader == nil {
		return
	}
	cookies := s.begun(r)
	for name, value := range cookies {
		for i := range 8 * len(value) {
			flipped := []byte(value)
			flipped[i/8] ^= 1 << (i % 8)
			changed := maps.Clone(cookies)
			changed[name] = string(flipped)
			if v := s.verdict(s.input(), changed); v == adapter.SessionKept {
				r("%s with bit %d flipped is kept", name, i)
				return
			}
		}
	}
}

// sessionsInParallel: requests of different people at the same time, whose sessions
// must not get mixed up. It finds most under -race.
func sessionsInParallel(s *sessions, r report) {
	const people = 8
	inputs := make([]adapter.Input, people)
	cookies := make([]map[string]string, people)
	failed := make([]error, people)
	var wg sync.WaitGroup
	for i := range people {
		inputs[i] = s.input()
		inputs[i].Principal.Subject += fmt.Sprint(i)
		wg.Go(func() { cookies[i], _, failed[i] = s.start(s.a, inputs[i]) })
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		r("%v", err)
		return
	}
	if s.reader == nil {
		return
	}
	verdicts := make([][people]adapter.SessionVerdict, people)
	for i := range people {
		wg.Go(func() {
			for k := range people {
				verdicts[i][k] = s.verdict(inputs[i], cookies[k])
			}
		})
	}
	wg.Wait()
	for i := range people {
		for k, v := range verdicts[i] {
			if (v == adapter.SessionKept) != (i == k) {
				r("person %d with the session of person %d: %s", i, k, v)
			}
		}
	}
}
