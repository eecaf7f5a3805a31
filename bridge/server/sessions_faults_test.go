package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/session/store/storetest"
)

// patience is how long people wait who were refused.
const patience = 10 * time.Millisecond

// crowd is many people who ask both apps by both replicas, each of them twice at once,
// and make sure that they are taken for themselves.
type crowd struct {
	f      *fleet
	people []*person
	// mayRefuse: 503 is an answer, too.
	mayRefuse      atomic.Bool
	right, refused atomic.Int64
	streak         atomic.Int64 // right ones since the last refusal
	stopped        chan struct{}
	clients        sync.WaitGroup
}

func (f *fleet) startCrowd(people int) *crowd {
	c := &crowd{f: f, stopped: make(chan struct{})}
	for i := range people {
		c.people = append(c.people, f.person(fmt.Sprintf("p%02d", i), []string{"admin", "user"}[i%2]))
	}
	for client := range 2 * people {
		c.clients.Go(func() {
			for i := client; ; i++ {
				select {
				case <-c.stopped:
					return
				default:
				}
				if !c.ask(i%2, []string{"desk", "shop"}[i/2%2], c.people[client%people]) {
					return
				}
			}
		})
	}
	f.t.Cleanup(c.stop)
	return c
}

func (c *crowd) stop() {
	select {
	case <-c.stopped:
	default:
		close(c.stopped)
	}
	c.clients.Wait()
}

// ask reports whether the answer is one that may be.
func (c *crowd) ask(replica int, app string, p *person) bool {
	may := c.mayRefuse.Load()
	status, text, err := c.f.ask(replica, app, "/", p)
	switch {
	case err == nil && status == http.StatusOK && p.is(text):
		c.right.Add(1)
		c.streak.Add(1)
	case err == nil && status == http.StatusServiceUnavailable && strings.Contains(text, "sessions_unavailable") && (may || c.mayRefuse.Load()):
		c.refused.Add(1)
		c.streak.Store(0)
		time.Sleep(patience)
	default:
		c.f.t.Errorf("%s of replica %d takes %s %s for %d %q %v", app, replica, p.email, p.role, status, text, err)
		return false
	}
	return true
}

// until waits until something holds, for as long as all goes well.
func (c *crowd) until(what string, holds func() bool) {
	c.f.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	over := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-over:
			c.f.t.Fatalf("never %s: %d answers are right, %d refused", what, c.right.Load(), c.refused.Load())
		case <-tick.C:
		}
		if c.f.t.Failed() {
			c.f.t.FailNow()
		}
	}
}

// answered waits for n more answers.
func (c *crowd) answered(n int64) {
	c.f.t.Helper()
	total := func() int64 { return c.right.Load() + c.refused.Load() }
	want := total() + n
	c.until(fmt.Sprintf("%d more answers", n), func() bool { return total() >= want })
}

// fault is what happens to a Redis.
type fault struct {
	name       string
	begin, end func(*storetest.Server)
	// forgets: the sessions are gone.
	forgets bool
}

func faults() []fault {
	nothing := func(*storetest.Server) {}
	return []fault{
		{"restarted", nothing, (*storetest.Server).Restart, false},
		{"flushed", nothing, func(s *storetest.Server) { s.Do("FLUSHALL") }, true},
		{"killed", (*storetest.Server).Kill, (*storetest.Server).Start, true},
		{"hung", func(s *storetest.Server) { s.Signal(syscall.SIGSTOP) }, func(s *storetest.Server) { s.Signal(syscall.SIGCONT) }, false},
	}
}

const (
	crowdSize = 30
	// few answers are about as many as have everybody served in both apps by both replicas.
	few = 4 * 2 * crowdSize
)

// TestRedisFails: whatever happens to the server, nobody is taken for somebody else, and
// all is well again when it answers.
func TestRedisFails(t *testing.T) {
	for _, policy := range []string{"refuse", "relogin"} {
		for _, fault := range faults() {
			t.Run(policy+"/"+fault.name, func(t *testing.T) {
				redis := storetest.Start(t)
				table := inRedis(redis, keyFile(t)) + fmt.Sprintf("\non_store_failure = %q", policy)
				f := newFleet(t, table, table)
				c := f.startCrowd(crowdSize)
				c.answered(few)
				c.until("all signed in", func() bool { return f.desk.people() == crowdSize })
				signedIn := f.desk.signedIn()

				down := fault.name != "flushed" // it answers all the time
				c.mayRefuse.Store(policy == "refuse" && down)
				fault.begin(redis)
				if fault.name == "killed" || fault.name == "hung" {
					c.answered(few)
				}
				refused := c.refused.Load()
				fault.end(redis)
				c.streak.Store(0)
				c.until("well again", func() bool { return f.storeAnswers() && c.streak.Load() > few })
				c.mayRefuse.Store(false)
				c.answered(few)
				c.stop()
				// Once each replica has forgotten what it kept by itself, both have one session.
				c.everybody(func(app string, p *person) {
					f.meets(0, app, p)
					f.meets(1, app, p)
					f.sees(1, app, p, f.visits(0, app, p)+1)
				})

				t.Logf("%d answers are right, %d refused (%d before the end); %d sign-ins, and then %d",
					c.right.Load(), c.refused.Load(), refused, signedIn, f.desk.signedIn()-signedIn)
				if policy == "refuse" && (fault.name == "killed" || fault.name == "hung") && refused == 0 {
					t.Error("nobody was refused by a Redis that did not answer")
				}
				if anew := f.desk.signedIn() - signedIn; policy == "refuse" && !fault.forgets && anew != 0 {
					t.Errorf("%d sign-ins, though the sessions were still there", anew)
				} else if fault.forgets && anew < crowdSize {
					t.Errorf("%d sign-ins of %d people whose sessions were gone", anew, crowdSize)
				}
			})
		}
	}
}

// storeAnswers reports whether no replica leaves the store alone, having found that it
// does not answer.
func (f *fleet) storeAnswers() bool {
	for _, r := range f.replicas {
		log := r.log.String()
		if strings.Count(log, "the session store fails") > strings.Count(log, "the session store answers again") {
			return false
		}
	}
	return true
}

// everybody does something for each person in both apps.
func (c *crowd) everybody(do func(app string, p *person)) {
	for _, p := range c.people {
		for _, app := range []string{"desk", "shop"} {
			do(app, p)
		}
	}
}

// visits is how often an app says that it has seen the person in this session.
func (f *fleet) visits(replica int, app string, p *person) (n int) {
	_, text, err := f.ask(replica, app, "/", p)
	if _, scanErr := fmt.Sscanf(text, p.email+" "+p.role+" %d", &n); err != nil || scanErr != nil {
		f.t.Errorf("%s of replica %d says %q to %s", app, replica, text, p.email)
	}
	return n
}
