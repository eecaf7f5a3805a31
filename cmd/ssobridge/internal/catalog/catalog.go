// Package catalog is what `ssobridge adapters` says: which kinds and presets there
// are, what one of them does, what to set in the app itself, and what to start an
// adapter of one's own from.
package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// Catalog is all that an app's adapter key can name without an [adapter.NAME]. Its
// JSON form, and that of what is in it, is an interface: fields are added, never
// renamed.
type Catalog struct {
	Kinds   []Kind  `json:"kinds"`
	Presets []Entry `json:"presets"`
}

// Kind is an adapter's implementation.
type Kind struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

// Entry is a preset, or an [adapter.NAME].
type Entry struct {
	Name string `json:"name"`
	// Place is where an [adapter.NAME] stands, as "file:line".
	Place       string `json:"place,omitempty"`
	Kind        string `json:"kind"`
	Extends     string `json:"extends,omitempty"`
	Description string `json:"description"`
	// Roles are those that the app knows, null: any; Privileged those to be careful
	// with, null: by their names. SendsRoles: the app is told them.
	Roles      []string `json:"roles"`
	Privileged []string `json:"privileged"`
	SendsRoles bool     `json:"sends_roles"`
	Versions   string   `json:"versions"`
	Warnings   []string `json:"warnings"`
	// Needs are options that an [adapter.NAME] must add, by an example.
	Needs map[string]any `json:"needs"`
	// Sends is what the app receives. Strip are the headers that clients may not
	// send, StripCookies the cookies, StripQuery the parameters of addresses;
	// SessionCookies are those of the app's sessions.
	Sends          []Sent   `json:"sends"`
	Strip          []string `json:"strip"`
	StripCookies   []string `json:"strip_cookies"`
	StripQuery     []string `json:"strip_query"`
	SessionCookies []string `json:"session_cookies"`
	// Deny are the requests that nobody may send to the app, such as "PUT /api/user".
	Deny []string `json:"deny"`
	// Options are the kind's, in the words of the configuration.
	Options map[string]any `json:"options"`
	Setup   string         `json:"setup"`
	Sources []string       `json:"sources"`
}

// Sent is one thing that an app receives: see [adapter.Sent].
type Sent struct {
	In     string   `json:"in"`
	Name   string   `json:"name"`
	Source string   `json:"source"`
	How    []string `json:"how"`
}

// New returns the catalogue.
func New() (*Catalog, error) {
	presets, err := config.BuiltinPresets()
	if err != nil {
		return nil, err
	}
	c := &Catalog{Presets: make([]Entry, len(presets))}
	for _, k := range config.Kinds() {
		c.Kinds = append(c.Kinds, Kind{k.Name, k.Summary})
	}
	for i := range presets {
		c.Presets[i] = entryOf(&presets[i])
	}
	return c, nil
}

func entryOf(p *config.Preset) Entry {
	e := Entry{
		Name: p.Name, Place: p.Place, Kind: p.Kind, Extends: p.Extends, Description: p.Description,
		Roles: p.Roles, Privileged: p.Privileged, SendsRoles: p.SendsRoles(),
		Versions: p.Versions, Warnings: list(p.Warnings), Needs: p.Needs, Options: p.Options,
		Strip: list(p.Owned.Headers), StripCookies: list(p.Owned.Cookies), StripQuery: list(p.Owned.Query), SessionCookies: list(p.SessionCookies),
		Setup: p.Setup, Sources: list(p.Sources), Sends: []Sent{}, Deny: []string{},
	}
	for i := range p.Deny {
		e.Deny = append(e.Deny, p.Deny[i].String())
	}
	for _, prefix := range p.Owned.Prefixes {
		e.Strip = append(e.Strip, prefix+"*")
	}
	for _, prefix := range p.Owned.CookiePrefixes {
		e.StripCookies = append(e.StripCookies, prefix+"*")
	}
	slices.Sort(e.Strip)
	slices.Sort(e.StripCookies)
	slices.Sort(e.StripQuery)
	for _, s := range p.Sends {
		e.Sends = append(e.Sends, Sent{s.In, s.Name, s.Source, list(s.How)})
	}
	return e
}

// list is a copy that is an array in JSON even if it is empty.
func list(of []string) []string { return append([]string{}, of...) }

// RolesInWords says which roles a rule can grant, in at most about width
// characters: "-" if the app is told none.
func (e *Entry) RolesInWords(width int) string {
	switch {
	case !e.SendsRoles && e.Roles == nil:
		return "-"
	case e.Roles == nil:
		return "any"
	}
	all := strings.Join(e.Roles, ", ")
	if len(all) <= width {
		return all
	}
	short := ""
	for _, role := range e.Roles {
		if len(short)+len(role)+len(", ...") > width && short != "" {
			break
		}
		short += role + ", "
	}
	return short + "..."
}

// Parts splits the description into what the entry is for, and what to know first.
func (e *Entry) Parts() (purpose, note string) {
	purpose, note, _ = strings.Cut(e.Description, "; ")
	return purpose, note
}

// LogoutPath is where people sign out of the app, if that takes something.
func (e *Entry) LogoutPath() string {
	logout, _ := e.Options["logout"].(map[string]any)
	return text(logout["path"], "")
}

// NeedsInWords names the options that an [adapter.NAME] must add.
func (e *Entry) NeedsInWords() []string {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(e.Needs)) {
		entries, isTable := e.Needs[key].(map[string]any)
		switch {
		case isTable && !isPlace(entries):
			for _, name := range slices.Sorted(maps.Keys(entries)) {
				names = append(names, key+"."+name)
			}
		case e.Options[key] == nil: // or else it makes room for another
			names = append(names, key)
		}
	}
	return names
}

// Markdown returns the presets as a table for README.
func (c *Catalog) Markdown() string {
	var b strings.Builder
	b.WriteString("| Preset | App | Roles | Note |\n|---|---|---|---|\n")
	cell := strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace
	for i := range c.Presets {
		e := &c.Presets[i]
		app, note := e.Parts()
		roles := e.RolesInWords(1 << 10)
		if e.Roles != nil {
			roles = "`" + strings.Join(e.Roles, "`, `") + "`"
		}
		b.WriteString("| `" + e.Name + "` | " + cell(app) + " | " + roles + " | " + cell(note) + " |\n")
	}
	return b.String()
}
