package policydiff

import (
	"cmp"
	"slices"
	"strings"
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
}

func newSide(policy mapping.Policy, m *mapping.Mapper, at time.Time) side {
	s := side{mapper: m, policy: policy}
	if m != nil {
		s.timing = newTiming(policy, at)
	}
	return s
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
	old, new side
	// unchanged: the rules are the same, so nobody's decision can differ.
	unchanged bool
	at        time.Time
	found     *collector
	notes     []Note
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
		if from != nil {
			v.old = newSide(from.policy, from.mapper, options.At)
		}
		if to != nil {
			v.new = newSide(to.policy, to.mapper, options.At)
		}
		v.at, v.found = options.At, newCollector(options.Listed)
		v.unchanged = from != nil && to != nil && sameRules(&v.old.policy, &v.new.policy)
		views = append(views, v)
	}
	for _, a := range n.Apps {
		was := cmp.Or(before[a.Name], renamed[a.Host])
		if was == nil {
			for _, s := range spellings(a) {
				add(&view{name: a.Name, issuers: s.only, status: Added, app: a}, nil, &s)
			}
			continue
		}
		delete(before, was.Name)
		settings := settingsOf(was, a)
		for _, p := range pairIssuers(was, a) {
			add(&view{name: a.Name, issuers: p.only, status: Same, app: a, settings: settings}, p.old, p.new)
		}
	}
	for _, a := range o.Apps {
		if before[a.Name] != nil {
			for _, s := range spellings(a) {
				add(&view{name: a.Name, issuers: s.only, status: Removed, app: a}, &s, nil)
			}
		}
	}
	return views
}

// spelling are an app's rules for issuers that agree about upper and lower case.
type spelling struct {
	policy mapping.Policy
	mapper *mapping.Mapper
	only   []string // the issuers, if the app has others besides
}

func spellingFor(a *config.App, i *config.Issuer) *spelling {
	s := &spelling{policy: a.Policy, mapper: a.MapperOf(i)}
	s.policy.IgnoreCase = i.IgnoreCase
	return s
}

// spellings are the one or two that an app has.
func spellings(a *config.App) []spelling {
	var list []spelling
	for _, i := range a.Issuers {
		n := slices.IndexFunc(list, func(s spelling) bool { return s.policy.IgnoreCase == i.IgnoreCase })
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
// Pairs with the same rules are one.
func pairIssuers(o, n *config.App) []issuerPair {
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
	var pairs []issuerPair
	add := func(from, to *config.Issuer, name string) {
		p := issuerPair{only: []string{name}}
		if from != nil {
			p.old = spellingFor(o, from)
		}
		if to != nil {
			p.new = spellingFor(n, to)
		}
		same := slices.IndexFunc(pairs, func(q issuerPair) bool { return q.old.equal(p.old) && q.new.equal(p.new) })
		if same < 0 {
			pairs = append(pairs, p)
			return
		}
		pairs[same].only = append(pairs[same].only, name)
	}
	for _, i := range n.Issuers {
		from := named(o.Issuers, i.Name)
		if from == nil && len(gone) > 0 {
			from, gone = gone[0], gone[1:]
		}
		add(from, i, i.Name)
	}
	for _, i := range gone {
		add(i, nil, i.Name)
	}
	if len(pairs) == 1 {
		pairs[0].only = nil
	}
	return pairs
}

// equal reports whether two spellings of one app are the same.
func (s *spelling) equal(other *spelling) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.mapper == other.mapper
}

// settingsOf returns the settings that differ.
func settingsOf(o, n *config.App) []Setting {
	issuers := func(a *config.App) string {
		names := make([]string, len(a.Issuers))
		for i, issuer := range a.Issuers {
			names[i] = issuer.Name
		}
		return strings.Join(names, ", ")
	}
	settings := []Setting{
		{"name", o.Name, n.Name},
		{"host", o.Host, n.Host},
		{"upstream", o.Upstream.String(), n.Upstream.String()},
		{"audience", o.Audience, n.Audience},
		{"issuers", issuers(o), issuers(n)},
		{"adapter", o.AdapterName, n.AdapterName},
	}
	return slices.DeleteFunc(settings, func(s Setting) bool { return s.Old == s.New })
}

// result is what has been found out.
func (v *view) result() *App {
	a := &App{
		Name: v.name, Issuers: v.issuers, Status: v.status, Host: v.app.Host, Source: v.app.Source,
		Settings: v.settings, Counts: v.found.counts, Notes: v.notes,
	}
	a.Groups, a.Unlisted = v.found.sorted(v)
	last := &v.new
	if v.status == Removed {
		last = &v.old
	}
	if last.mapper != nil {
		a.Roles = last.mapper.Roles()
	}
	if v.status == Same && (len(a.Groups) > 0 || len(a.Settings) > 0) {
		a.Status = Changed
	}
	return a
}
