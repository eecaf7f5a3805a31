// Package policydiff says who gains and who loses what between two
// configurations.
//
//	two Configs ─ views ─┬─ people of a file ───┬─ decide in both, now and at
//	                     └─ people made up from ─┘  every later boundary ─ Result
//	                        the rules of both
//
// A view is one app's old and new rules. What a Result says of somebody is what
// the two configurations decide about exactly that person: people are guessed,
// decisions never. As rules can be written so that no guess meets them, rules that
// do not say the same are a change in any case.
package policydiff

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// Options say how to compare.
type Options struct {
	// At is when the new configuration shall come into force. Decisions are
	// compared then, and whenever a rule begins or ends later.
	At time.Time
	// People are whom to compare for; nil: people made up from the rules.
	People *People
	// Listed is how many people are kept for each kind of change; the others are
	// only counted. 0: all, which takes memory for each.
	Listed int
}

// Result is what differs. Its JSON form is in json.go.
type Result struct {
	Old, New string // the files
	At       time.Time
	// Derived: the people were made up from the rules.
	Derived bool
	// Repeated and Nobody are those of the People.
	Repeated, Nobody int
	// Apps are in the order of the new file, those that it lacks last. An app
	// whose issuers spell names differently is there once for each spelling.
	Apps []*App
}

// Changed reports whether anything differs.
func (r *Result) Changed() bool {
	return slices.ContainsFunc(r.Apps, func(a *App) bool { return a.Status != Same })
}

// Status is what became of an app.
type Status string

// The statuses.
const (
	Same    Status = "same"
	Changed Status = "changed"
	Added   Status = "added"
	Removed Status = "removed"
	// RulesDiffer: they do, but no person made up shows how.
	RulesDiffer Status = "rules differ"
)

// App is what differs in one app.
type App struct {
	Name string
	// Issuers are whose people this is about; nil: those of all.
	Issuers []string
	Status  Status
	// Host, Source and Roles are those of the new file, or of the old one if the
	// app was removed.
	Host, Source string
	Roles        []string
	// Settings are what differs besides the rules: who reaches the app, and what
	// they reach. An app's name may differ only if its host does not.
	Settings []Setting
	// Opened are the paths that the new file serves without identity and the old one
	// does not: a grant to everybody. They are among Settings too, unless the app is new.
	Opened []string
	// RulesDiffer: the old and the new rules do not say the same, whether or not
	// they decide otherwise about anybody.
	RulesDiffer bool
	// Groups are the kinds of change, gains first, then loses, then changes.
	Groups []*Group
	Counts Counts
	// Notes are why changes may be missing.
	Notes []Note
	// Unlisted are the people in none of Groups, because there are too many kinds.
	Unlisted int
}

// Setting is a key that differs; empty: not there.
type Setting struct{ Key, Old, New string }

// Note is a sentence about a place in a file; Place may be empty.
type Note struct{ Place, Text string }

func (n Note) String() string { return strings.TrimSpace(wording.Visible(n.Place) + " " + n.Text) }

// Counts say how many people gain, lose, change, or do neither. Somebody who
// does one now and another later changes.
type Counts struct{ People, Gains, Loses, Changes, Same int }

func (c *Counts) add(kind Kind) {
	c.People++
	switch kind {
	case Gains:
		c.Gains++
	case Loses:
		c.Loses++
	case Changes:
		c.Changes++
	default:
		c.Same++
	}
}

// Load reads the policies of both configurations. Its error is about all that is
// wrong with either.
func Load(oldPath, newPath string) (o, n *config.Config, err error) {
	o, oldErr := loadOne("old", oldPath)
	n, newErr := loadOne("new", newPath)
	return o, n, errors.Join(oldErr, newErr)
}

func loadOne(which, path string) (*config.Config, error) {
	c, err := config.LoadPolicy(path)
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		return nil, fmt.Errorf("the %s configuration %s is not valid:\n%w", which, path, err)
	case err != nil:
		return nil, fmt.Errorf("the %s configuration: %w", which, err)
	}
	return c, nil
}

// Compare says what differs between two configurations. It fails only if reading
// people does.
func Compare(o, n *config.Config, options Options) (*Result, error) {
	r := &Result{Old: o.Path, New: n.Path, At: options.At, Derived: options.People == nil}
	views := viewsOf(o, n, options)
	err := error(nil)
	if r.Derived {
		derive(views)
	} else {
		err = comparePeople(views, options.People.All())
		r.Repeated, r.Nobody = options.People.Repeated, options.People.Nobody
	}
	for _, v := range views {
		v.noteTimes()
	}
	if !r.Derived {
		views = mergeAlike(views)
	}
	for _, v := range views {
		r.Apps = append(r.Apps, v.result())
	}
	return r, err
}

// derive makes up people for each view that may differ.
func derive(views []*view) {
	views = slices.DeleteFunc(slices.Clone(views), func(v *view) bool {
		return v.unchanged || v.status == Added || v.status == Removed // said once
	})
	if len(views) == 0 {
		return
	}
	budget := min(max(maxMadeUp/len(views), leastMadeUp), mostMadeUp)
	inParallel(views, func(v *view) { newDeriver(v, budget).run() })
}

// batch is how many people are read before they are decided about: enough to
// keep the views busy, few enough to be forgotten.
const batch = 1024

func comparePeople(views []*view, people iter.Seq2[*Person, error]) error {
	total := 0
	asked := slices.DeleteFunc(slices.Clone(views), func(v *view) bool { return v.unchanged })
	pending := make([]*Person, 0, batch)
	flush := func() {
		for _, p := range pending {
			p.principal = p.given()
		}
		// One view is with one worker, so that its people stay in order.
		inParallel(asked, func(v *view) {
			for _, p := range pending {
				v.found.add(p, v.changes(p.principal))
			}
		})
		total += len(pending)
		pending = pending[:0]
	}
	for p, err := range people {
		if err != nil {
			return err
		}
		if pending = append(pending, p); len(pending) == batch {
			flush()
		}
	}
	flush()
	for _, v := range views {
		if v.unchanged {
			v.found.counts = Counts{People: total, Same: total}
		}
	}
	return nil
}

// inParallel calls f with every view, on all processors.
func inParallel(views []*view, f func(*view)) {
	var (
		next atomic.Int64
		wait sync.WaitGroup
	)
	for range min(runtime.GOMAXPROCS(0), len(views)) {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(views) {
					return
				}
				f(views[i])
			}
		})
	}
	wait.Wait()
}
