package adaptertest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// signing is a correct adapter with a session in a cookie, and the start of all
// faulty ones below.
type signing struct {
	app   string
	plan  func(*adapter.SessionPlan)
	owned []string
	begin func(in adapter.Input, cookies []*http.Cookie, err error) ([]*http.Cookie, error)
	read  func(in adapter.Input, v adapter.SessionVerdict) adapter.SessionVerdict
	facts func(in adapter.Input) []any
	lines func(in adapter.Input, lines []string, err error) ([]string, error)
}

func (s *signing) Owns() adapter.Owned {
	return adapter.Owned{Cookies: append([]string{"sid"}, s.owned...)}
}

func (*signing) Adapt(context.Context, adapter.Input) (adapter.Output, error) {
	return adapter.Output{}, nil
}

func (s *signing) SessionPlan() adapter.SessionPlan {
	p := adapter.SessionPlan{Cookies: []string{"sid"}, Deliver: adapter.DeliverBrowser, Lifetime: time.Hour, SameSite: http.SameSiteLaxMode}
	if s.plan != nil {
		s.plan(&p)
	}
	return p
}

func (s *signing) value(in adapter.Input, expires int64) string {
	h := hmac.New(sha256.New, []byte("hush"))
	facts := []any{s.app, in.Principal.Subject, in.Principal.SessionID, in.Principal.Claims["iss"], in.Decision.Roles}
	if s.facts != nil {
		facts = s.facts(in)
	}
	h.Write(fmt.Appendf(nil, "%q %d", facts, expires))
	return strconv.FormatInt(expires, 10) + "." + hex.EncodeToString(h.Sum(nil))
}

func (s *signing) StartSession(_ context.Context, in adapter.Input, _ adapter.Caller) ([]*http.Cookie, error) {
	cookies, err := []*http.Cookie{{Name: "sid", Value: s.value(in, in.Time.Add(time.Hour).Unix())}}, error(nil)
	if in.Principal.Email == "" || !plain(in.Principal.Email) {
		cookies, err = nil, fmt.Errorf("user: %w", adapter.ErrUnsendable)
	}
	if s.begin != nil {
		return s.begin(in, cookies, err)
	}
	return cookies, err
}

func (s *signing) DescribeSession(in adapter.Input) (lines []string, err error) {
	if _, err = (&signing{}).StartSession(context.Background(), in, nil); err == nil {
		lines = []string{"sid"}
	}
	if s.lines != nil {
		return s.lines(in, lines, err)
	}
	return lines, err
}

func (s *signing) ReadSession(_ context.Context, in adapter.Input, cookies map[string]string) (adapter.SessionVerdict, error) {
	v := adapter.SessionForeign
	end, _, _ := strings.Cut(cookies["sid"], ".")
	expires, err := strconv.ParseInt(end, 10, 64)
	switch {
	case err != nil:
	case s.value(in, expires) != cookies["sid"]:
		v = adapter.SessionOther
	case in.Time.Unix() >= expires:
		v = adapter.SessionExpired
	default:
		v = adapter.SessionKept
	}
	if s.read != nil {
		v = s.read(in, v)
	}
	return v, nil
}

func TestSoundSessionsPass(t *testing.T) {
	RunSessions(t, func(testing.TB) adapter.SessionStarter { return &signing{app: "a"} }, SessionOptions{
		OpenOther: func(testing.TB) adapter.SessionStarter { return &signing{app: "b"} },
	})
}

// beginning is a fault that shows in the cookies.
func beginning(change func(in adapter.Input, cookies []*http.Cookie) []*http.Cookie) *signing {
	return &signing{begin: func(in adapter.Input, cookies []*http.Cookie, err error) ([]*http.Cookie, error) {
		if err != nil {
			return nil, err
		}
		return change(in, cookies), nil
	}}
}

// TestFaultySessionsFail shows that each check finds the fault that it is for.
func TestFaultySessionsFail(t *testing.T) {
	var plans, parallel atomic.Int64
	without := func(left int) *signing {
		s := &signing{app: "a"}
		s.facts = func(in adapter.Input) []any {
			all := []any{s.app, in.Principal.Subject, in.Principal.SessionID, in.Principal.Claims["iss"], in.Decision.Roles}
			return slices.Delete(all, left, left+1)
		}
		return s
	}
	tests := []struct {
		name  string
		a     *signing
		check string
	}{
		{"a plan that changes", &signing{plan: func(p *adapter.SessionPlan) { p.Lifetime += time.Duration(plans.Add(1)) }}, "PlanIsSteady"},
		{"no cookie in the plan", &signing{plan: func(p *adapter.SessionPlan) { p.Cookies = nil }}, "PlanIsSteady"},
		{"no end", &signing{plan: func(p *adapter.SessionPlan) { p.Lifetime = 0 }}, "PlanIsSteady"},
		{"SameSite not said", &signing{plan: func(p *adapter.SessionPlan) { p.SameSite = 0 }}, "PlanIsSteady"},
		{"delivered nowhere", &signing{plan: func(p *adapter.SessionPlan) { p.Deliver = "" }}, "PlanIsSteady"},
		{"a cookie that is not owned", &signing{plan: func(p *adapter.SessionPlan) { p.Cookies = append(p.Cookies, "other") }}, "StartsWithinPlan"},
		{"a cookie beside the plan", beginning(func(_ adapter.Input, c []*http.Cookie) []*http.Cookie {
			return append(c, &http.Cookie{Name: "other", Value: "x"})
		}), "StartsWithinPlan"},
		{"a cookie twice", beginning(func(_ adapter.Input, c []*http.Cookie) []*http.Cookie { return append(c, c...) }), "StartsWithinPlan"},
		{"no cookie", beginning(func(adapter.Input, []*http.Cookie) []*http.Cookie { return nil }), "StartsWithinPlan"},
		{"a value that begins another cookie", beginning(func(adapter.Input, []*http.Cookie) []*http.Cookie {
			return []*http.Cookie{{Name: "sid", Value: "x; admin=1"}}
		}), "StartsWithinPlan"},
		{"refuses without saying so", &signing{begin: func(_ adapter.Input, c []*http.Cookie, err error) ([]*http.Cookie, error) {
			if err != nil {
				return nil, fmt.Errorf("no")
			}
			return c, nil
		}}, "StartsWithinPlan"},
		{"describes whom it refuses", &signing{lines: func(adapter.Input, []string, error) ([]string, error) { return []string{"sid"}, nil }}, "DescribesAsItStarts"},
		{"says nothing", &signing{lines: func(_ adapter.Input, _ []string, err error) ([]string, error) { return nil, err }}, "DescribesAsItStarts"},
		{"shows the cookie", &signing{lines: func(in adapter.Input, _ []string, err error) ([]string, error) {
			return []string{"sid=" + (&signing{}).value(in, in.Time.Add(time.Hour).Unix())}, err
		}}, "DescriptionsLetNobodyIn"},
		{"errors quote the person", &signing{begin: func(in adapter.Input, c []*http.Cookie, err error) ([]*http.Cookie, error) {
			if err != nil {
				err = fmt.Errorf("%w: %q", err, in.Principal.Subject)
			}
			return c, err
		}}, "RefusalsSayNoValues"},
		{"anybody's session", &signing{read: func(_ adapter.Input, v adapter.SessionVerdict) adapter.SessionVerdict {
			if v == adapter.SessionOther {
				return adapter.SessionKept
			}
			return v
		}}, "KeepsOnlyTheirs"},
		{"nobody's session", &signing{read: func(adapter.Input, adapter.SessionVerdict) adapter.SessionVerdict { return adapter.SessionOther }}, "KeepsOnlyTheirs"},
		{"without an end", &signing{read: func(_ adapter.Input, v adapter.SessionVerdict) adapter.SessionVerdict {
			if v == adapter.SessionExpired {
				return adapter.SessionKept
			}
			return v
		}}, "KeepsOnlyTheirs"},
		{"whoever it is", without(1), "KeepsOnlyTheirs"},
		{"whenever they signed in", without(2), "KeepsOnlyTheirs"},
		{"whoever says so", without(3), "KeepsOnlyTheirs"},
		{"in any role", without(4), "KeepsOnlyTheirs"},
		{"another app's", without(0), "OthersAreDropped"},
		{"anything", &signing{read: func(adapter.Input, adapter.SessionVerdict) adapter.SessionVerdict { return adapter.SessionKept }}, "OthersAreDropped"},
		{"unsigned", &signing{read: func(_ adapter.Input, v adapter.SessionVerdict) adapter.SessionVerdict {
			if v == adapter.SessionOther {
				return adapter.SessionKept
			}
			return v
		}}, "NoFlipIsKept"},
		{"mixes people up", &signing{read: func(_ adapter.Input, v adapter.SessionVerdict) adapter.SessionVerdict {
			if parallel.Add(1)%3 == 0 {
				return adapter.SessionKept
			}
			return v
		}}, "SessionsInParallel"},
	}
	covered := make(map[string]bool)
	for _, tt := range tests {
		covered[tt.check] = true
		t.Run(tt.name, func(t *testing.T) {
			i := slices.IndexFunc(sessionChecks, func(c sessionCheck) bool { return c.name == tt.check })
			other := *tt.a
			other.app = "b"
			if tt.a.facts != nil {
				other.facts = func(in adapter.Input) []any { return tt.a.facts(in) }
			}
			s := newSessions(t, func(testing.TB) adapter.SessionStarter { return tt.a }, SessionOptions{
				OpenOther: func(testing.TB) adapter.SessionStarter { return &other },
			})
			failed := ""
			sessionChecks[i].run(s, func(format string, args ...any) { failed = fmt.Sprintf(format, args...) })
			if failed == "" {
				t.Errorf("%s finds no fault", tt.check)
			}
			t.Logf("%s: %.200s", tt.check, failed)
		})
	}
	for _, c := range sessionChecks {
		if !covered[c.name] {
			t.Errorf("no faulty adapter shows what %s finds", c.name)
		}
	}
}
