package session_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// TestNothingCrossesPeople plays people, roles and sign-ins that come and go in two
// browsers which trade cookies, against an app that knows for whom it has begun each
// session and writes to it as it likes. The app must never be sent a session of
// somebody else, of another role or sign-in, or one that is over.
func TestNothingCrossesPeople(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		deliver := rapid.SampledFrom([]adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream}).Draw(rt, "deliver")
		plan := adapter.SessionPlan{
			Cookies: []string{"session", "extra"}, Deliver: deliver,
			PlainNames: rapid.Bool().Draw(rt, "plain"), Calls: rapid.Bool().Draw(rt, "calls"),
		}
		w := newWorld(t, plan)
		type owner struct {
			who string
			end time.Time
		}
		owners := map[string]owner{} // of each session cookie's value
		values := 0
		fresh := func(o owner) string {
			values++
			value := fmt.Sprintf("v%d", values)
			owners[value] = o
			return value
		}
		who := func(in adapter.Input) string {
			return strings.Join([]string{in.Principal.Subject, in.Principal.SessionID, in.Decision.Roles[0]}, "/")
		}
		w.signer.start = func(in adapter.Input) ([]*http.Cookie, error) {
			return []*http.Cookie{{Name: "session", Value: fresh(owner{who(in), in.Time.Add(plan.Lifetime)})}}, nil
		}
		plan.Lifetime = w.signer.plan.Lifetime
		browsers := []map[string]string{{}, {}}
		draw := func() adapter.Input {
			in := w.in(rapid.SampledFrom([]string{"ann", "bob"}).Draw(rt, "person"), rapid.SampledFrom([]string{"Viewer", "Admin"}).Draw(rt, "role"))
			in.Principal.SessionID += rapid.SampledFrom([]string{"-1", "-2"}).Draw(rt, "sign-in")
			return in
		}
		rt.Repeat(map[string]func(*rapid.T){
			"request": func(rt *rapid.T) {
				w.jar = browsers[rapid.IntRange(0, 1).Draw(rt, "browser")]
				in := draw()
				v, err := w.app.Find(context.Background(), in, w.cookieLines())
				if err != nil {
					rt.Fatal(err)
				}
				sent := v.Cookies()
				if len(sent) == 0 || !strings.HasPrefix(sent[0], "session=") {
					rt.Fatalf("no session: %q", sent)
				}
				_, value, _ := strings.Cut(sent[0], "=")
				o := owners[value]
				if o.who != who(in) || !in.Time.Before(o.end) {
					rt.Fatalf("%s at %s is sent a session of %s that ends %s", who(in), in.Time, o.who, o.end)
				}
				switch rapid.SampledFrom([]string{"nothing", "nothing", "writes", "adds", "removes"}).Draw(rt, "the app") {
				case "nothing":
					w.answer(v)
				case "writes":
					w.answer(v, "session="+fresh(o))
				case "adds":
					w.answer(v, "extra=more")
				case "removes":
					w.answer(v, "session=; Max-Age=0")
				}
			},
			"sign out": func(rt *rapid.T) {
				w.jar = browsers[rapid.IntRange(0, 1).Draw(rt, "browser")]
				v, err := w.app.Look(context.Background(), draw(), w.cookieLines())
				if err != nil {
					rt.Fatal(err)
				}
				lines, err := v.End(context.Background())
				if err != nil {
					rt.Fatal(err)
				}
				w.take(lines)
			},
			"time": func(rt *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 600).Draw(rt, "minutes")) * time.Minute)
			},
			"cookies are traded": func(rt *rapid.T) {
				for name := range maps.Clone(browsers[0]) {
					if rapid.Bool().Draw(rt, "trade "+name) {
						browsers[1][name] = browsers[0][name]
					}
				}
				browsers[0], browsers[1] = browsers[1], browsers[0]
			},
			"a cookie is made up": func(rt *rapid.T) {
				name := rapid.SampledFrom([]string{"session", "__Host-session", "extra", "__Host-extra"}).Draw(rt, "name")
				browsers[0][name] = rapid.SampledFrom(append(slices.Sorted(maps.Keys(owners)), "x")).Draw(rt, "value")
			},
		})
	})
}
