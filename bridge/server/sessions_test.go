package server_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/session/store/storetest"
)

// inRedis is a table of sessions.
func inRedis(s *storetest.Server, keys ...string) string {
	return fmt.Sprintf("store   = \"redis://%s\"\ntimeout = \"2s\"\nkeys    = [%s]", s.Addr, strings.Join(keys, ", "))
}

// forBothApps runs a test for the desk and the shop, with two replicas.
func forBothApps(t *testing.T, test func(t *testing.T, f *fleet, app string)) {
	t.Helper()
	redis := storetest.Start(t)
	table := inRedis(redis, keyFile(t))
	for _, app := range []string{"desk", "shop"} {
		t.Run(app, func(t *testing.T) {
			redis.Do("FLUSHALL")
			test(t, newFleet(t, table, table), app)
		})
	}
}

func TestReplicasKeepOneSession(t *testing.T) {
	forBothApps(t, func(t *testing.T, f *fleet, app string) {
		for i := range 6 {
			f.sees(i%2, app, f.person("ann", "admin"), i+1)
			f.sees((i+1)%2, app, f.person("bob", "user"), i+1)
		}
		if n := f.desk.signedIn(); app == "desk" && n != 2 {
			t.Errorf("two people were signed in %d times", n)
		}
	})
}

// TestReplicasReplaceForARole: the session of one role is no other's, whichever replica
// learns first.
func TestReplicasReplaceForARole(t *testing.T) {
	forBothApps(t, func(_ *testing.T, f *fleet, app string) {
		admin, user := f.person("ann", "admin"), f.person("ann", "user")
		f.sees(0, app, admin, 1)
		f.sees(1, app, user, 1)
		f.sees(0, app, user, 2)
		f.sees(0, app, admin, 1)
		f.sees(1, app, admin, 2)
	})
}

// TestReplicasSignOut: a person who signs out by one replica is signed out by the other,
// which had begun the session a moment ago. Signing in again begins a new session.
func TestReplicasSignOut(t *testing.T) {
	forBothApps(t, func(_ *testing.T, f *fleet, app string) {
		ann, bob := f.person("ann", "admin"), f.person("bob", "user")
		for _, by := range []int{0, 1} {
			f.sees(1-by, app, ann, 1)
			f.sees(1-by, app, bob, 2*by+1)
			f.gets(by, app, "/.ssobridge/sign_out", ann, http.StatusSeeOther)
			f.gets(by, app, "/", ann, http.StatusUnauthorized)
			f.signsIn(ann, fmt.Sprint("second session, by ", by))
			f.sees(1-by, app, ann, 1)
			f.sees(by, app, bob, 2*by+2)
			f.gets(by, app, "/.ssobridge/sign_out", ann, http.StatusSeeOther)
			f.gets(by, app, "/", ann, http.StatusUnauthorized)
			f.signsIn(ann, fmt.Sprint("third session, by ", by))
		}
	})
}

func TestReplicasLearnThatTheAppHasEndedASession(t *testing.T) {
	forBothApps(t, func(_ *testing.T, f *fleet, app string) {
		ann := f.person("ann", "admin")
		f.sees(0, app, ann, 1)
		f.gets(1, app, "/logout", ann, http.StatusOK)
		f.sees(0, app, ann, 1)
		if app == "desk" {
			f.desk.restart()
			f.gets(1, app, "/", ann, http.StatusFound)
			f.sees(0, app, ann, 1)
		}
	})
}

// TestReplicasFollowANewSessionID: an app that gives a session another ID ends the one
// before.
func TestReplicasFollowANewSessionID(t *testing.T) {
	table := inRedis(storetest.Start(t), keyFile(t))
	f := newFleet(t, table, table)
	ann := f.person("ann", "admin")
	f.sees(0, "desk", ann, 1)
	f.gets(1, "desk", "/renew", ann, http.StatusOK)
	f.sees(0, "desk", ann, 3)
}

// TestReplicasAndManyRequestsAtOnce: a page has many parts, and an app may write to its
// session with each.
func TestReplicasAndManyRequestsAtOnce(t *testing.T) {
	forBothApps(t, func(t *testing.T, f *fleet, app string) {
		ann := f.person("ann", "admin")
		var g sync.WaitGroup
		for i := range 48 {
			g.Go(func() {
				for range 5 {
					status, text, err := f.ask(i%2, app, "/", ann)
					if status != http.StatusOK || !ann.is(text) {
						t.Errorf("%d %q %v", status, text, err)
					}
				}
			})
		}
		g.Wait()
		if n := f.desk.signedIn(); n > 2 {
			t.Errorf("%d sign-ins by two replicas", n)
		}
	})
}

// TestReplicasChangeKeys: a new key comes second everywhere, then first, and the old
// one goes when what it has sealed has ended, or has been written again. Then nobody is
// signed in anew. Who is in a hurry pays with sign-ins, and with nothing else.
func TestReplicasChangeKeys(t *testing.T) {
	old, fresh := keyFile(t), keyFile(t)
	steps := []struct {
		name  string
		keys  [2]string
		ended string // where sessions end
	}{
		{"one key", [2]string{old, old}, ""},
		{"the new one second, by and by", [2]string{old + "," + fresh, old}, ""},
		{"everywhere", [2]string{old + "," + fresh, old + "," + fresh}, ""},
		{"the new one first, by and by", [2]string{fresh + "," + old, old + "," + fresh}, ""},
		{"everywhere", [2]string{fresh + "," + old, fresh + "," + old}, ""},
		{"the old one gone, by and by", [2]string{fresh, fresh + "," + old}, "desk"}, // which writes to no session
		{"everywhere", [2]string{fresh, fresh}, "desk"},
		{"the next one first at once, by and by", [2]string{old + "," + fresh, fresh}, "desk shop"},
		{"everywhere", [2]string{old, old}, "desk shop"},
	}
	forBothApps(t, func(t *testing.T, f *fleet, app string) {
		ann, bob := f.person("ann", "admin"), f.person("bob", "user")
		visits := 0
		for _, step := range steps {
			for i, r := range f.replicas {
				r.reloaded(keysLine.ReplaceAllString(r.text(), "keys = ["+step.keys[i]+"]"))
			}
			for i := range 4 {
				visits++
				for _, p := range []*person{ann, bob} {
					if strings.Contains(step.ended, app) {
						f.meets(i%2, app, p)
					} else {
						f.sees(i%2, app, p, visits)
					}
				}
			}
			if t.Failed() {
				t.Fatalf("at %q", step.name)
			}
		}
	})
}

var keysLine = regexp.MustCompile(`(?m)^keys .*$`)

// reloaded puts a configuration in force.
func (r *run) reloaded(text string) {
	r.t.Helper()
	r.overwrite(text)
	r.log.reset()
	r.reload <- struct{}{}
	r.log.wait(r.t, "reload")
	if log := r.log.String(); !strings.Contains(log, "msg=reloaded") {
		r.t.Fatal(log)
	}
}

// TestReloadKeepsSessions: in memory, they end with the table that says how they are
// kept, and with no other change.
func TestReloadKeepsSessions(t *testing.T) {
	for _, app := range []string{"desk", "shop"} {
		t.Run(app, func(t *testing.T) {
			f := newFleet(t, `max_entries = 100`)
			r, ann := f.replicas[0], f.person("ann", "admin")
			f.sees(0, app, ann, 1)
			text := r.text()
			r.reloaded(text + strings.NewReplacer("APP", "wiki", "UPSTREAM", "http://127.0.0.1:1", `"APP"`, `"desk"`).Replace(fleetApp))
			f.sees(0, app, ann, 2)

			// One that is refused for its keys has opened another store.
			other := strings.Replace(text, "max_entries = 100", "max_entries = 200", 1)
			r.overwrite(regexp.MustCompile(`public_key_file = .*`).ReplaceAllString(other, `jwks_url = "http://127.0.0.1:1/"`))
			r.log.reset()
			r.reload <- struct{}{}
			r.log.wait(t, "cannot be had")
			f.sees(0, app, ann, 3)

			r.reloaded(other)
			f.sees(0, app, ann, 1)
			f.sees(0, app, ann, 2)
		})
	}
}

// TestReloadOfAStoreInUse: requests that have begun with one connection to a Redis end
// with it, and nothing of it is left when the server has ended.
func TestReloadOfAStoreInUse(t *testing.T) {
	redis := storetest.Start(t)
	table := inRedis(redis, keyFile(t))
	f := newFleet(t, table, table)
	ann := f.person("ann", "admin")
	f.sees(0, "desk", ann, 1)
	c := f.startCrowd(8)
	text := f.replicas[0].text()
	for i := range 6 {
		for _, r := range f.replicas {
			r.reloaded(strings.Replace(text, "2s", fmt.Sprintf("%dms", 2000+i), 1))
		}
		c.answered(100)
	}
	c.stop()
	f.sees(1, "desk", ann, 2)
	if n := strings.Count(redis.Do("CLIENT", "LIST").(string), "\n"); n < 2 {
		t.Errorf("%d connections while both servers run", n)
	}
	f.client.CloseIdleConnections()
	for _, r := range f.replicas {
		r.end()
	}
	redis.Until("lose the connections of servers that have ended", func() bool {
		return strings.Count(redis.Do("CLIENT", "LIST").(string), "\n") == 1 // who asks
	})
}
