package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// layer is one table of adapter options: a preset's file or an [adapter.NAME].
// Adapters are stacks of them, each laid over the one that it extends.
type layer struct {
	name   string
	at     place // its table
	table  map[string]any
	source []byte // of a preset
	preset bool
	// inUse is set once an app has opened the adapter.
	inUse bool
}

// extends and kind peek before the layer is decoded, which takes knowing both.
func (l *layer) extends() string { return l.text("extends") }
func (l *layer) kind() string    { return l.text("kind") }

func (l *layer) text(key string) string {
	s, _ := l.table[key].(string)
	return s
}

// catalog is every adapter that an app may name.
type catalog struct {
	kinds  map[string]func() adapter.Options
	layers map[string]*layer
	report *reporter
	// partial: there may be others, in a file that could not be parsed.
	partial bool
}

func newCatalog(kinds map[string]func() adapter.Options, r *reporter) *catalog {
	return &catalog{kinds: kinds, layers: map[string]*layer{}, report: r}
}

// addTable takes in an [adapter.NAME].
func (c *catalog) addTable(e entry[map[string]any]) {
	if l := c.layers[e.name]; l != nil && l.preset {
		c.report.spoil(e.at, "%q is a built-in preset: choose another name, and extends = %q", e.name, e.name)
		return
	}
	c.layers[e.name] = &layer{name: e.name, at: e.at, table: e.table}
}

// unknown says that there is no adapter of a name, and which one may be meant.
func (c *catalog) unknown(name string) string {
	const help = "`ssobridge adapters` lists the presets"
	if hint := wording.DidYouMean(name, sortedKeys(c.layers)); hint != "" {
		return fmt.Sprintf("no adapter is called %q%s (%s)", name, hint, help)
	}
	return fmt.Sprintf("no adapter is called %q: %s, and [adapter.NAME] defines others", name, help)
}

// stack returns the layers of an adapter, what is extended first, or nil if
// there is no such stack, which it reports.
func (c *catalog) stack(name string) []*layer {
	var stack []*layer
	for next := c.layers[name]; next != nil; {
		if i := slices.Index(stack, next); i >= 0 {
			c.reportCycle(stack[i:])
			return nil
		}
		stack = append(stack, next)
		base := next.extends()
		if base == "" {
			break
		}
		if c.layers[base] == nil && c.partial {
			return nil
		}
		if c.layers[base] == nil {
			c.report.add(next.at.key("extends"), "%s", c.unknown(base))
			return nil
		}
		if c.mayNotUse(next.at.key("extends"), base) {
			return nil
		}
		next = c.layers[base]
	}
	slices.Reverse(stack)
	return stack
}

// mayNotUse reports an adapter that a file may not name: another team's may carry a
// secret. Presets carry none.
func (c *catalog) mayNotUse(at place, name string) bool {
	l := c.layers[name]
	return l != nil && !l.preset && !at.doc.bounds.check(at, "adapters", name)
}

// reportCycle reports a circle once, whichever of its members led to it.
func (c *catalog) reportCycle(circle []*layer) {
	first := slices.MinFunc(circle, func(a, b *layer) int { return strings.Compare(a.name, b.name) })
	i := slices.Index(circle, first)
	var names []string
	for _, l := range append(slices.Concat(circle[i:], circle[:i]), first) {
		names = append(names, l.name)
	}
	c.report.add(first.at.key("extends"), "goes in a circle, %s: remove one of these", strings.Join(names, " → "))
}

// decode lays the layers of a stack over each other. The options are nil if
// there is no kind to decode them, which it reports.
func (c *catalog) decode(stack []*layer) (optionsTable, adapter.Options) {
	var (
		common optionsTable
		base   = stack[0]
		kind   = base.kind()
	)
	for _, l := range stack[1:] {
		if l.kind() != "" {
			c.report.add(l.at.key("kind"), "extends = %q decides the kind already: remove one of them", l.extends())
		}
	}
	if kind == "" {
		c.report.add(base.at, `needs extends = "PRESET", or kind = %q`, "headers")
		return common, nil
	}
	open, ok := c.kinds[kind]
	if !ok {
		known := sortedKeys(c.kinds)
		c.report.add(base.at.key("kind"), "no kind is called %q%s", kind, wording.Instead(kind, known))
		meant, near := wording.Nearest(kind, known)
		if !near {
			return common, nil
		}
		kind, open = meant, c.kinds[meant] // and what else is wrong is told, too
	}
	options := open()
	for _, l := range stack {
		d := decoder{doc: l.at.doc, report: c.report}
		common.Deny = nil
		d.table(l.at.path, l.table, &common, options)
		c.checkRoles(l, common.Roles)
		c.checkPrivileged(l, common)
		common.denied = append(common.denied, c.deniedBy(l, common.Deny)...)
	}
	common.Kind = kind
	return common, options
}

// deniedBy returns the rules by which a layer closes paths of its app to everybody.
// Presets deny the requests by which people change who they are in the app: the email or
// login name there decides whose account the next sign-in finds.
func (c *catalog) deniedBy(l *layer, tables []pathTable) []PathRule {
	rules := validPathRules(c.report, l.at.key("deny"), tables, nil)
	for i := range rules {
		rules[i].Adapter = l.name
		if l.preset {
			rules[i].Source = "preset " + l.name
		}
	}
	return rules
}

func (c *catalog) checkRoles(l *layer, roles []string) {
	at := l.at.key("roles")
	if !at.doc.has(at.path) {
		return
	}
	if len(roles) == 0 {
		c.report.add(at, "empty: name the roles that the app knows, or leave the key out for any")
	}
	for i, role := range roles {
		if problem := roleProblem(role); problem != "" {
			c.report.add(at.index(i+1), "%s", problem)
		}
	}
}

// checkPrivileged checks the privileged roles that a layer names. Those that it
// inherits may be more than its roles.
func (c *catalog) checkPrivileged(l *layer, common optionsTable) {
	at := l.at.key("privileged")
	if !at.doc.has(at.path) || c.report.spoiltBelow(at) || c.report.spoiltBelow(l.at.key("roles")) {
		return
	}
	for i, role := range common.Privileged {
		switch problem := roleProblem(role); {
		case problem != "":
			c.report.add(at.index(i+1), "%s", problem)
		case common.Roles != nil && !slices.Contains(common.Roles, role):
			c.report.add(at.index(i+1), "the adapter has no role %q%s", role, wording.Instead(role, common.Roles))
		}
	}
}

// opened is an adapter as an app uses it.
type opened struct {
	adapter adapter.Adapter
	// roles is the app's vocabulary; nil: any role. privileged are those of them
	// that the adapter calls so; nil: it does not say.
	roles, privileged []string
	// sessionCookies are the app's own.
	sessionCookies []string
	// tells are the headers that the adapter sets, folded.
	tells []string
	// deny are the requests that the adapter closes to everybody.
	deny []PathRule
	// knownBy are the fields by which the app knows people.
	knownBy []string
	// sendsNoRole: the adapter is the file's own and tells the app no role. oneRole:
	// it is none's own, and not opened because the rules may grant several.
	sendsNoRole, oneRole bool
}

// open opens the adapter called name for an app. What is wrong with options
// that no [adapter.NAME] writes is reported at user, the key that asked for
// the adapter.
func (c *catalog) open(name string, env adapter.Env, user place) opened {
	stack := c.stack(name)
	if stack == nil {
		return opened{}
	}
	stack[len(stack)-1].inUse = true
	common, options := c.decode(stack)
	if options == nil {
		return opened{}
	}
	env.Roles, env.Above = common.Roles, above(stack)
	a, err := options.Open(env)
	problems := allErrors[*adapter.OptionError](err)
	if err != nil && problems == nil {
		c.report.add(user, "opening adapter %q: %v", name, err)
	}
	var knownBy []string
	if i, ok := a.(adapter.Identifier); ok {
		knownBy, problems = adapter.KnownBy(common.KnownBy, i.Told())
	}
	others := withOneRole(stack, options, env, problems)
	for _, problem := range append(slices.Clip(others), sessionCookieProblems(common.SessionCookies)...) {
		c.optionProblem(stack, problem, user)
	}
	described, describes := options.(adapter.Describer)
	var tells []string
	if describes {
		for _, sent := range described.Sends() {
			if sent.In == "header" {
				tells = append(tells, adapter.FoldName(sent.Name))
			}
		}
	}
	return opened{
		adapter: a, roles: common.Roles, privileged: common.Privileged, sessionCookies: common.SessionCookies, knownBy: knownBy,
		sendsNoRole: describes && !stack[len(stack)-1].preset &&
			!slices.ContainsFunc(described.Sends(), func(s adapter.Sent) bool { return s.Role }),
		oneRole: len(others) < len(problems),
		tells:   tells,
		deny:    common.denied,
	}
}

// sessionCookieProblems: a name that no cookie has would keep nobody's session from
// anybody.
func sessionCookieProblems(names []string) (problems []*adapter.OptionError) {
	for _, name := range names {
		if !httpguts.ValidHeaderFieldName(name) || strings.Contains(adapter.FoldName(name), "ssobridge") {
			problems = append(problems, &adapter.OptionError{
				Key: "session_cookies", Problem: fmt.Sprintf(`%q is no name of an app's cookie; write it as the app does, such as "grafana_session"`, name),
			})
		}
	}
	return problems
}

// withOneRole leaves out the problems that a preset only has because decisions may
// hold several roles: whoever chose it can change the rules, and not the preset.
func withOneRole(stack []*layer, options adapter.Options, env adapter.Env, problems []*adapter.OptionError) []*adapter.OptionError {
	if len(problems) == 0 || env.Grants == nil || !env.Grants.SeveralRoles {
		return problems
	}
	grants := *env.Grants
	grants.SeveralRoles = false
	env.Grants = &grants
	_, err := options.Open(env)
	rest := allErrors[*adapter.OptionError](err)
	return slices.DeleteFunc(slices.Clone(problems), func(p *adapter.OptionError) bool {
		writer, _ := writerOf(stack, p.Key)
		return writer.preset && !slices.ContainsFunc(rest, func(r *adapter.OptionError) bool { return *r == *p })
	})
}

// openUnused checks the [adapter.NAME] tables that no app uses yet.
func (c *catalog) openUnused() {
	for _, name := range sortedKeys(c.layers) {
		if l := c.layers[name]; !l.preset && !l.inUse {
			c.open(name, adapter.Env{App: "example", Host: "app.example.com"}, l.at)
		}
	}
}

// optionProblem reports a wrong option in the table that wrote it. An option of
// a preset is reported where the preset was chosen, which is what people can
// change.
func (c *catalog) optionProblem(stack []*layer, e *adapter.OptionError, user place) {
	top := stack[len(stack)-1]
	writer, at := writerOf(stack, e.Key)
	switch {
	case c.report.spoiltBelow(at): // it lacks what could not be decoded
	case !writer.preset:
		c.report.add(at, "%s", e.Problem)
	case !top.preset:
		c.report.add(top.at.key("extends"), "preset %q: %s: %s", writer.name, e.Key, e.Problem)
	default:
		c.report.add(user, "preset %q: %s: %s", writer.name, e.Key, e.Problem)
	}
}

// writerOf returns the layer that an option's value is from, and the option's
// place there. Tables of options are merged by entry, so an entry is from the
// last layer that has it. What no layer has is missing in the last.
func writerOf(stack []*layer, key string) (*layer, place) {
	writer, at, deepest := stack[len(stack)-1], place{}, -1
	for _, l := range slices.Backward(stack) {
		found, depth := l.find(key)
		if depth = min(depth, 2); depth > deepest {
			writer, at, deepest = l, found, depth
		}
	}
	return writer, at
}

// above returns Env.Above for the adapter of a stack.
func above(stack []*layer) func(key, other string) bool {
	return func(key, other string) bool {
		upper, _ := writerOf(stack, key)
		lower, _ := writerOf(stack, other)
		return slices.Index(stack, upper) > slices.Index(stack, lower)
	}
}

// find returns the place of the option at key, a path whose keys are joined by
// dots and not quoted, and how many of its keys the layer has.
func (l *layer) find(key string) (at place, depth int) {
	at = l.at
	for table := l.table; key != ""; depth++ {
		next := ""
		for k := range table {
			if len(k) > len(next) && (key == k || strings.HasPrefix(key, k+".")) {
				next = k
			}
		}
		if next == "" {
			if at.path != "" {
				key = at.path + "." + key
			}
			return place{at.doc, key}, depth
		}
		at = at.key(next)
		key = strings.TrimPrefix(key[len(next):], ".")
		table, _ = table[next].(map[string]any)
	}
	return at, depth
}

// allErrors returns every error of type E that err is or joins.
func allErrors[E error](err error) []E {
	if err == nil {
		return nil
	}
	if e, ok := err.(E); ok { //nolint:errorlint // the walk below unwraps
		return []E{e}
	}
	var all []E
	switch w := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		for _, inner := range w.Unwrap() {
			all = append(all, allErrors[E](inner)...)
		}
	case interface{ Unwrap() error }:
		all = allErrors[E](errors.Unwrap(err))
	}
	return all
}
