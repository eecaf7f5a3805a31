package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// Preset is data for a kind: one that comes with ssobridge, or an [adapter.NAME].
type Preset struct {
	// Name is what an app's adapter key says.
	Name string
	// Place is where an [adapter.NAME] stands, as "file:line"; empty: it comes with
	// ssobridge.
	Place string
	// Kind is the kind that the preset, or the one it extends, is data for.
	Kind string
	// Extends is the preset that this one is laid over, or empty.
	Extends string
	// Description is one line, Setup what to set in the app itself.
	Description string
	Setup       string
	// Roles are the roles that the app knows; nil: any.
	Roles []string
	// Privileged are those that lint warns about giving away; nil: it goes by
	// their names.
	Privileged []string
	// KnownBy are the fields by which the app knows people; nil: all that can be such.
	KnownBy []string
	// Versions are those of the app that it is for, Sources the addresses of what
	// it was checked against, Warnings what can go wrong.
	Versions string
	Sources  []string
	Warnings []string
	// SessionCookies are the app's own: it may believe one, and so whoever it is
	// from, before it believes what the bridge says.
	SessionCookies []string
	// Deny are the requests that nobody may send to the app.
	Deny []PathRule
	// Source is the preset's TOML file.
	Source []byte
	// Needs are the options that an [adapter.NAME] must add to it, by an example,
	// as TOML decodes them; nil: none.
	Needs map[string]any
	// Options are those of its kind, as TOML decodes them.
	Options map[string]any
	// Sends is what the app receives. Owned are the names that clients may not
	// speak for.
	Sends []adapter.Sent
	Owned adapter.Owned
}

// Kind is an adapter's implementation, as people may choose it.
type Kind struct {
	Name, Summary string
	// Start is an adapter to start one's own from, in which NAME stands for its
	// name.
	Start string
}

// Kinds returns the kinds, sorted by name.
func Kinds() []Kind {
	var all []Kind
	kinds := builtinKinds()
	for _, name := range sortedKeys(kinds) {
		k := Kind{Name: name}
		if d, ok := kinds[name]().(adapter.Describer); ok {
			k.Summary, k.Start = d.Summary(), d.Start()
		}
		all = append(all, k)
	}
	return all
}

// SendsRoles reports whether the app is told the role.
func (p *Preset) SendsRoles() bool {
	return slices.ContainsFunc(p.Sends, func(s adapter.Sent) bool { return s.Role })
}

// BuiltinPresets returns the presets that come with ssobridge, sorted by name.
func BuiltinPresets() ([]Preset, error) {
	return readPresets(builtinKinds(), adapter.Presets)
}

// LookupPreset returns the preset of a name.
func LookupPreset(name string) (Preset, error) {
	presets, err := BuiltinPresets()
	if err != nil {
		return Preset{}, err
	}
	var names []string
	for _, p := range presets {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Preset{}, fmt.Errorf("no preset is called %q%s", name, wording.DidYouMean(name, names))
}

// AdapterOf returns the preset or the [adapter.NAME] of a name, as an app would
// have it; nil: one that is made up.
func (c *Config) AdapterOf(name string, app *App) (Preset, error) {
	fresh := newCatalog(c.catalog.kinds, newReporter())
	fresh.layers = c.catalog.layers
	stack := fresh.stack(name)
	if stack == nil {
		return Preset{}, errors.New(fresh.unknown(name))
	}
	env := exampleEnv
	if app != nil {
		env = adapter.Env{App: app.Name, Host: app.Host}
	}
	return fresh.preset(stack, env), nil
}

// exampleEnv is the app of adapters that no app uses.
var exampleEnv = adapter.Env{App: "example", Host: "app.example.com"}

func readPresets(kinds map[string]func() adapter.Options, files fs.FS) ([]Preset, error) {
	r := newReporter()
	c := newCatalog(kinds, r)
	if err := c.addPresets(files); err != nil {
		return nil, err
	}
	var presets []Preset
	for _, name := range sortedKeys(c.layers) {
		if stack := c.stack(name); stack != nil {
			presets = append(presets, c.preset(stack, exampleEnv))
		}
	}
	if problems := r.sorted(); problems != nil {
		return nil, fmt.Errorf("reading presets: %w", problems)
	}
	return presets, nil
}

// preset describes the adapter of a stack.
func (c *catalog) preset(stack []*layer, env adapter.Env) Preset {
	top := stack[len(stack)-1]
	common, options := c.decode(stack)
	p := Preset{
		Name:        top.name,
		Kind:        common.Kind,
		Extends:     top.extends(),
		Description: common.Description,
		Setup:       common.Setup,
		Roles:       common.Roles,
		Privileged:  common.Privileged,
		KnownBy:     common.KnownBy,
		Versions:    common.Versions,
		Sources:     common.Sources,
		Warnings:    common.Warnings,
		Source:      top.source,
		Options:     optionsOf(stack),

		SessionCookies: common.SessionCookies,
		Deny:           common.denied,
	}
	if top.preset {
		p.Needs = c.needs(top, common.Description)
	} else {
		p.Place = top.at.source()
	}
	if d, ok := options.(adapter.Describer); ok {
		p.Sends = d.Sends()
	}
	if options == nil {
		return p
	}
	if p.Needs != nil {
		own := &layer{name: "own", at: place{doc: &document{name: top.name}}, table: p.Needs}
		stack = append(slices.Clone(stack), own)
		_, options = c.decode(stack)
	}
	env.Roles, env.Above = common.Roles, above(stack)
	if a, err := options.Open(env); err == nil {
		p.Owned = a.Owns()
	}
	return p
}

// optionsOf returns the options of a stack's kind. Tables of options are merged
// by entry.
func optionsOf(stack []*layer) map[string]any {
	common := map[string]bool{}
	for field := range reflect.TypeFor[optionsTable]().Fields() {
		common[field.Tag.Get("toml")] = true
	}
	options := map[string]any{}
	for _, l := range stack {
		for key, value := range l.table {
			below, isTable := options[key].(map[string]any)
			entries, isToo := value.(map[string]any)
			switch {
			case common[key]:
			case isTable && isToo:
				below = maps.Clone(below)
				maps.Copy(below, entries)
				options[key] = below
			default:
				options[key] = value
			}
		}
	}
	return options
}

// needs returns what an [adapter.NAME] must add to a preset: nothing, unless the
// description says "needs" and the comment at the top shows such a table.
func (c *catalog) needs(l *layer, description string) map[string]any {
	if !strings.Contains(description, "needs ") {
		return nil
	}
	var example strings.Builder
	for line := range strings.Lines(string(l.source)) {
		text, isComment := strings.CutPrefix(line, "#")
		if !isComment || strings.TrimSpace(text) == "" && example.Len() > 0 {
			break
		}
		if code, indented := strings.CutPrefix(text, "   "); indented {
			example.WriteString(code)
		}
	}
	doc, problem := parseDocument(l.at.doc.name, []byte(example.String()))
	if problem != nil {
		c.report.add(l.at, "the table in the comment at the top: %s", problem.Message)
		return nil
	}
	adapters, _ := doc.table["adapter"].(map[string]any)
	for _, name := range sortedKeys(adapters) {
		if table, _ := adapters[name].(map[string]any); table["extends"] == l.name {
			table = maps.Clone(table)
			delete(table, "extends")
			return table
		}
	}
	return nil
}

// addPresets takes in the presets.
func (c *catalog) addPresets(files fs.FS) error {
	parse := parsePresets
	if files == fs.FS(adapter.Presets) {
		parse = func(fs.FS) ([]layer, error) { return builtinLayers() }
	}
	layers, err := parse(files)
	for _, l := range layers {
		c.layers[l.name] = &l
	}
	return err
}

// builtinLayers are parsed once: they are the same at every load, and most loads
// use a few of them. Nothing changes a document once it is parsed.
var builtinLayers = sync.OnceValues(func() ([]layer, error) { return parsePresets(adapter.Presets) })

func parsePresets(files fs.FS) ([]layer, error) {
	matches, err := fs.Glob(files, "presets/*.toml")
	if err != nil {
		return nil, fmt.Errorf("listing presets: %w", err)
	}
	var layers []layer
	for _, match := range matches {
		data, err := fs.ReadFile(files, match)
		if err != nil {
			return nil, fmt.Errorf("reading preset: %w", err)
		}
		doc, problem := parseDocument(match, data)
		if problem != nil {
			return nil, fmt.Errorf("reading preset: %w", Problems{*problem})
		}
		name := strings.TrimSuffix(path.Base(match), ".toml")
		layers = append(layers, layer{name: name, at: place{doc: doc}, table: doc.table, source: data, preset: true})
	}
	return layers, nil
}
