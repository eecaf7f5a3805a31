package policydiff

import (
	"cmp"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// side is an app's rules in one of the two configurations.
type side struct {
	// mapper is nil where the configuration lets nobody in: the app, or the
	// issuer, is not there.
	mapper *mapping.Mapper
	policy mapping.Policy
	timing timing
	// app and issuer are whose assertions people are described by; nil: they are
	// made up, and nobody's.
	app    *config.App
	issuer *config.Issuer
}

func newSide(policy mapping.Policy, m *mapping.Mapper, at time.Time) side {
	s := side{mapper: m, policy: policy}
	if m != nil {
		s.timing = newTiming(policy, at)
	}
	return s
}

// as returns the person as the issuer's assertion would present them.
func (s *side) as(p *verifier.Principal) *verifier.Principal {
	if s.issuer == nil {
		return p
	}
	return s.app.Describe(s.issuer, p)
}

// describesAs reports whether both sides present everybody alike.
func (s *side) describesAs(other *side) bool {
	a, b := s.issuer, other.issuer
	if a == nil || b == nil {
		return a == b
	}
	return (a.DiscoveryURL != "") == (b.DiscoveryURL != "") && a.Foreign == b.Foreign &&
		a.ExpectedIssuer(s.app.Host) == b.ExpectedIssuer(other.app.Host) && s.app.AudienceOf(a) == other.app.AudienceOf(b)
}

func (s *side) decide(p *verifier.Principal, at time.Time) mapping.Decision {
	if s.mapper == nil {
		return mapping.Decision{}
	}
	return s.mapper.Map(p, at)
}

// view is what two configurations make of the people of some of an app's issuers.
type view struct {
	name     string
	issuers  []string // nil: of all
	status   Status   // of the app: Same unless it was added or removed
	app      *config.App
	settings []Setting
	opened   []string
	old, new side
	// sameRules: both sides have the same. unchanged: and people are described
	// alike, so nobody's decision can differ.
	sameRules, unchanged bool
	at                   time.Time
	found                *collector
	notes                []Note
}

// viewsOf pairs the apps of both configurations: by name or, if one was renamed,
// by host, which is what people reach it by.
func viewsOf(o, n *config.Config, options Options) []*view {
	before, renamed := make(map[string]*config.App), make(map[string]*config.App)
	for _, a := range o.Apps {
		before[a.Name] = a
		if !slices.ContainsFunc(n.Apps, func(b *config.App) bool { return a.Name == b.Name }) {
			renamed[a.Host] = a
		}
	}
	var views []*view
	add := func(v *view, from, to *spelling) {
		v.old, v.new = from.side(options), to.side(options)
		v.at, v.found = options.At, newCollector(options.Listed)
		v.sameRules = from != nil && to != nil && sameRules(&v.old.policy, &v.new.policy, options.At)
		v.unchanged = v.sameRules && v.old.describesAs(&v.new)
		views = append(views, v)
	}
	for _, a := range n.Apps {
		was := cmp.Or(before[a.Name], renamed[a.Host])
		if was == nil {
			for _, s := range spellings(a, options.People != nil) {
				add(&view{name: a.Name, issuers: s.only, status: Added, app: a, opened: opened(nil, a)}, nil, &s)
			}
			continue
		}
		delete(before, was.Name)
		settings := settingsOf(o, n, was, a)
		for _, p := range pairIssuers(was, a, options.People != nil) {
			add(&view{name: a.Name, issuers: p.only, status: Same, app: a, settings: settings, opened: opened(was, a)}, p.old, p.new)
		}
	}
	for _, a := range o.Apps {
		if before[a.Name] != nil {
			for _, s := range spellings(a, options.People != nil) {
				add(&view{name: a.Name, issuers: s.only, status: Removed, app: a}, &s, nil)
			}
		}
	}
	return views
}

// spelling are an app's rules for issuers whose assertions are read alike.
type spelling struct {
	policy mapping.Policy
	mapper *mapping.Mapper
	app    *config.App
	issuer *config.Issuer // the first of them
	only   []string       // the issuers, if the app has others besides
}

func spellingFor(a *config.App, i *config.Issuer) *spelling {
	return &spelling{policy: i.PolicyFor(a.Policy), mapper: a.MapperOf(i), app: a, issuer: i}
}

// side is the spelling as one side of a view; of nil, one that lets nobody in.
func (s *spelling) side(options Options) side {
	if s == nil {
		return side{}
	}
	side := newSide(s.policy, s.mapper, options.At)
	if options.People != nil {
		side.app, side.issuer = s.app, s.issuer
	}
	return side
}

// spellings are the few that an app has; with each, there is one for each
// issuer, as assertions of each describe people in their own way.
func spellings(a *config.App, each bool) []spelling {
	var list []spelling
	for _, i := range a.Issuers {
		policy := i.PolicyFor(a.Policy)
		n := slices.IndexFunc(list, func(s spelling) bool { return !each && readAlike(&s.policy, &policy) })
		if n < 0 {
			n = len(list)
			list = append(list, *spellingFor(a, i))
		}
		list[n].only = append(list[n].only, i.Name)
	}
	if len(list) == 1 {
		list[0].only = nil
	}
	return list
}

// issuerPair are the rules for the people of some issuers, old and new; nil:
// their assertions are not accepted.
type issuerPair struct {
	old, new *spelling
	only     []string
}

// pairIssuers pairs an app's issuers by name, and those that are left over in
// their order: an issuer that was renamed, or replaced, is no news about rules.
// Pairs with the same rules are one, unless each is asked for.
func pairIssuers(o, n *config.App, each bool) []issuerPair {
	var pairs []issuerPair
	for _, m := range matchIssuers(o, n) {
		p := issuerPair{only: []string{m.name()}}
		if m.old != nil {
			p.old = spellingFor(o, m.old)
		}
		if m.new != nil {
			p.new = spellingFor(n, m.new)
		}
		same := slices.IndexFunc(pairs, func(q issuerPair) bool { return !each && q.old.equal(p.old) && q.new.equal(p.new) })
		if same < 0 {
			pairs = append(pairs, p)
			continue
		}
		pairs[same].only = append(pairs[same].only, m.name())
	}
	if len(pairs) == 1 {
		pairs[0].only = nil
	}
	return pairs
}

// issuerMatch is an app's issuer, old and new; one may be nil.
type issuerMatch struct{ old, new *config.Issuer }

func (m issuerMatch) name() string {
	if m.new != nil {
		return m.new.Name
	}
	return m.old.Name
}

func matchIssuers(o, n *config.App) []issuerMatch {
	named := func(list []*config.Issuer, name string) *config.Issuer {
		if i := slices.IndexFunc(list, func(i *config.Issuer) bool { return i.Name == name }); i >= 0 {
			return list[i]
		}
		return nil
	}
	var gone []*config.Issuer
	for _, i := range o.Issuers {
		if named(n.Issuers, i.Name) == nil {
			gone = append(gone, i)
		}
	}
	var matches []issuerMatch
	for _, i := range n.Issuers {
		from := named(o.Issuers, i.Name)
		if from == nil && len(gone) > 0 {
			from, gone = gone[0], gone[1:]
		}
		matches = append(matches, issuerMatch{from, i})
	}
	for _, i := range gone {
		matches = append(matches, issuerMatch{i, nil})
	}
	return matches
}

// equal reports whether two spellings of one app are the same.
func (s *spelling) equal(other *spelling) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.mapper == other.mapper
}

// mergeAlike makes one view of those of an app that show the same of the same
// people: of which issuer they are does not matter then.
func mergeAlike(views []*view) []*view {
	of := make(map[*config.App]int)
	var merged []*view
	for _, v := range views {
		i := slices.IndexFunc(merged, func(w *view) bool {
			return v.app == w.app && v.found.digest == w.found.digest && v.sameRules == w.sameRules &&
				(v.old.mapper == nil) == (w.old.mapper == nil) && (v.new.mapper == nil) == (w.new.mapper == nil)
		})
		if i >= 0 {
			merged[i].issuers = append(merged[i].issuers, v.issuers...)
			continue
		}
		merged = append(merged, v)
		of[v.app]++
	}
	for _, v := range merged {
		if of[v.app] == 1 {
			v.issuers = nil
		}
	}
	return merged
}

// result is what has been found out.
func (v *view) result() *App {
	a := &App{
		Name: v.name, Issuers: v.issuers, Status: v.status, Host: v.app.Host, Source: v.app.Source,
		Settings: v.settings, Opened: v.opened, Counts: v.found.counts, Notes: v.notes,
	}
	a.Groups, a.Unlisted = v.found.sorted(v)
	last := &v.new
	if v.status == Removed {
		last = &v.old
	}
	if last.mapper != nil {
		a.Roles = last.mapper.Roles()
	}
	if v.status == Same {
		a.RulesDiffer = !v.sameRules && v.old.mapper != nil && v.new.mapper != nil
		a.Status = v.became(a)
	}
	return a
}

// became is the status of an app that is in both configurations. Of people made
// up, nobody proves anything: rules that differ are a change. What the people of a
// file prove is for them only, and for times that are understood.
func (v *view) became(a *App) Status {
	switch made := v.old.issuer == nil && v.new.issuer == nil; {
	case len(a.Groups) > 0, len(a.Settings) > 0, !made && len(a.Notes) > 0:
		return Changed
	case made && a.RulesDiffer:
		return RulesDiffer
	}
	return Same
}
