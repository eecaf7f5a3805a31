package config

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/headers"
	"github.com/ssobridge/ssobridge/bridge/adapter/jwt"
	"github.com/ssobridge/ssobridge/bridge/adapter/login"
	"github.com/ssobridge/ssobridge/bridge/adapter/session"
	"github.com/ssobridge/ssobridge/bridge/adapter/sso"
)

// Load reads the configuration at path and the files that it includes. If
// anything is wrong with what they say, the error is Problems and there is no
// Config.
func Load(path string) (*Config, error) {
	return load(path, builtinKinds(), adapter.Presets, true)
}

// LoadPolicy is Load for questions about apps, rules and adapters: it does not
// read the keys and certificates that issuers name, which the machines where
// people review and test a configuration need not have. With such a Config, no
// assertion can be verified: an issuer has no Static keys.
func LoadPolicy(path string) (*Config, error) {
	return load(path, builtinKinds(), adapter.Presets, false)
}

// Files are what the outcome of a load depends on.
type Files struct {
	// Named are the main file and those that the configuration names: keys,
	// secrets, certificates.
	Named []string
	// Patterns are the includes, as patterns for filepath.Glob.
	Patterns []string
}

// LoadFiles is Load for servers that load again when a file changes: it also
// returns the files, if there are problems those that it got to.
func LoadFiles(path string) (*Config, Files, error) {
	files := Files{Named: []string{path}}
	data, err := readMain(path)
	if err != nil {
		return nil, files, err
	}
	l, err := newLoader(path, builtinKinds(), adapter.Presets, true)
	if err != nil {
		return nil, files, err
	}
	c, err := l.load(data)
	files.Patterns = l.patterns
	for _, file := range l.files {
		files.Named = append(files.Named, file.names...)
	}
	return c, files, err
}

// ParsePolicy is LoadPolicy of a file's content; path is what messages call it.
func ParsePolicy(path string, data []byte) (*Config, error) {
	return parse(path, data, builtinKinds(), adapter.Presets, false)
}

// builtinKinds are the kinds of adapters; this is where one is added.
func builtinKinds() map[string]func() adapter.Options {
	return map[string]func() adapter.Options{
		"headers": headers.New,
		"jwt":     jwt.New,
		"login":   login.New,
		"session": session.New,
		"sso":     sso.New,
	}
}

func load(path string, kinds map[string]func() adapter.Options, presets fs.FS, readKeys bool) (*Config, error) {
	data, err := readMain(path)
	if err != nil {
		return nil, err
	}
	return parse(path, data, kinds, presets, readKeys)
}

func parse(path string, data []byte, kinds map[string]func() adapter.Options, presets fs.FS, readKeys bool) (*Config, error) {
	l, err := newLoader(path, kinds, presets, readKeys)
	if err != nil {
		return nil, err
	}
	return l.load(data)
}

func newLoader(path string, kinds map[string]func() adapter.Options, presets fs.FS, readKeys bool) (*loader, error) {
	report := newReporter()
	l := &loader{
		path:    path,
		keys:    readKeys,
		now:     time.Now(),
		report:  report,
		names:   map[string]place{},
		lists:   map[string][]string{},
		groups:  map[string]place{},
		catalog: newCatalog(kinds, report),
	}
	if err := l.catalog.addPresets(presets); err != nil {
		return nil, err
	}
	return l, nil
}

// load reads the main file, which has this content, and all that it refers to.
func (l *loader) load(data []byte) (*Config, error) {
	var c *Config
	if l.readAll(data) {
		c = l.validate()
	}
	if problems := l.report.sorted(); problems != nil {
		return nil, problems
	}
	for _, file := range l.files {
		file.table = nil // decoded
	}
	return c, nil
}

// entry is one [kind.NAME] table.
type entry[T any] struct {
	name  string
	at    place
	table T
}

// loader gathers the tables of all files before anything is checked, because
// tables of one file refer to those of another.
type loader struct {
	path   string
	keys   bool      // whether to read the files of keys and certificates
	now    time.Time // for what the passing of time will change
	report *reporter
	names  map[string]place // "app.grafana", folded: where it is defined
	main   *document
	files  []*document // all of them
	// patterns are the includes, from the root on.
	patterns []string
	trusted  []trustedInclude
	server   serverTable
	sessions sessionsTable
	issuers  []entry[issuerTable]
	lists    map[string][]string // the named group lists
	groups   map[string]place    // where they are defined
	// listsSpoilt: a [groups] could not be read at all, so any list may exist.
	listsSpoilt bool
	// includesLack: include is wrong or matches no file, so what is nowhere may be
	// there.
	includesLack bool
	// partial: an included file could not be parsed.
	partial bool
	apps    []entry[appTable]
	catalog *catalog
}

// readAll reads the main file and its includes. It reports whether the main file could be
// parsed. What is in an included file that could not be must not be called missing.
func (l *loader) readAll(data []byte) bool {
	var problem *Problem
	if l.main, problem = parseDocument(l.path, data); problem != nil {
		l.report.record(*problem)
		return false
	}
	main := l.add(l.main)
	l.server, l.sessions = main.Server, main.Sessions
	entries := main.Include
	if pattern, isOne := l.main.table["include"].(string); isOne {
		entries = []includeTable{{Files: pattern, plain: true}} // which is what it would be in brackets
	} else {
		l.includesLack = l.report.spoiltBelow(place{l.main, "include"})
	}
	for _, file := range l.includes(entries) {
		l.partial = !l.readInclude(file) || l.partial
	}
	l.includesLack = l.includesLack || l.partial
	l.listsSpoilt = l.listsSpoilt || l.partial
	l.catalog.partial = l.partial
	return true
}

// add decodes a file and takes over its tables.
func (l *loader) add(doc *document) fileTable {
	l.files = append(l.files, doc)
	var file fileTable
	file.Server.setDefaults()
	file.Sessions.setDefaults()
	d := decoder{doc: doc, report: l.report}
	d.table("", doc.table, &file)

	l.issuers = append(l.issuers, entries(l, doc, "issuer", file.Issuers)...)
	l.apps = append(l.apps, entries(l, doc, "app", file.Apps)...)
	for _, e := range entries(l, doc, "adapter", file.Adapters) {
		l.catalog.addTable(e)
	}
	for _, e := range entries(l, doc, "groups", file.Groups) {
		// Not nil even if it could not be decoded: mapping takes nil for unknown.
		l.lists[e.name] = append([]string{}, e.table...)
		l.groups[e.name] = e.at
	}
	l.addSpoiltLists(doc)
	return file
}

// addSpoiltLists makes the lists known that were refused, so that rules which
// use them are not called wrong as well.
func (l *loader) addSpoiltLists(doc *document) {
	at := place{doc, "groups"}
	l.listsSpoilt = l.listsSpoilt || l.report.isSpoilt(at)
	lists, _ := doc.table["groups"].(map[string]any)
	for name := range lists {
		if _, ok := l.lists[name]; !ok {
			l.lists[name], l.groups[name] = []string{}, at.key(name)
		}
	}
}

// entries returns the tables of one kind in the order of the file, without
// those whose name another file has taken.
func entries[T any](l *loader, doc *document, kind string, tables map[string]T) []entry[T] {
	var list []entry[T]
	for name, table := range tables {
		list = append(list, entry[T]{name, place{doc, kind}.key(name), table})
	}
	slices.SortFunc(list, func(a, b entry[T]) int {
		if c := doc.line(a.at.path) - doc.line(b.at.path); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	return slices.DeleteFunc(list, func(e entry[T]) bool {
		folded := kind + "." + strings.ToLower(e.name)
		other, taken := l.names[folded]
		if taken {
			l.report.spoil(e.at, "already defined at %s: a name can be defined once in all files", other.source())
			return true
		}
		l.names[folded] = e.at
		doc.bounds.name(kind, e.name, e.at)
		l.checkName(kind, e.name, e.at)
		return false
	})
}

// checkName keeps names fit for log fields, metric labels and key paths.
func (l *loader) checkName(kind, name string, at place) {
	switch {
	case kind == "groups" && (name == "" || strings.HasPrefix(name, "@")):
		l.report.add(at, `a list's name stands here without "@"; rules refer to it with one`)
	case kind == "groups" || isName(name):
	case isName(strings.ToLower(name)):
		l.report.add(at, "names are lower case: write [%s.%s]", kind, strings.ToLower(name))
	default:
		l.report.add(at, `a name is made of lower-case letters, digits, "-" and "_"`)
	}
}

func isName(s string) bool {
	return isBareKey(s) && s == strings.ToLower(s)
}

func sortedKeys[T any](m map[string]T) []string {
	return slices.Sorted(maps.Keys(m))
}
