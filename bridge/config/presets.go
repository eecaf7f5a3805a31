package config

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// Preset is an adapter that comes with ssobridge: data for a kind.
type Preset struct {
	// Name is what an app's adapter key says.
	Name string
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
	// Versions are those of the app that it is for, Sources the addresses of what
	// it was checked against, Warnings what can go wrong.
	Versions string
	Sources  []string
	Warnings []string
	// SessionCookies are the app's own: it may believe one, and so whoever it is
	// from, before it believes what the bridge says.
	SessionCookies []string
	// Source is the preset's TOML file.
	Source []byte
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

func readPresets(kinds map[string]func() adapter.Options, files fs.FS) ([]Preset, error) {
	r := newReporter()
	c := newCatalog(kinds, r)
	sources, err := c.addPresets(files)
	if err != nil {
		return nil, err
	}
	var presets []Preset
	for _, name := range sortedKeys(c.layers) {
		stack := c.stack(name)
		if stack == nil {
			continue
		}
		common, _ := c.decode(stack)
		presets = append(presets, Preset{
			Name:        name,
			Kind:        common.Kind,
			Extends:     c.layers[name].extends(),
			Description: common.Description,
			Setup:       common.Setup,
			Roles:       common.Roles,
			Privileged:  common.Privileged,
			Versions:    common.Versions,
			Sources:     common.Sources,
			Warnings:    common.Warnings,
			Source:      sources[name],

			SessionCookies: common.SessionCookies,
		})
	}
	if problems := r.sorted(); problems != nil {
		return nil, fmt.Errorf("reading presets: %w", problems)
	}
	return presets, nil
}

// addPresets takes in the presets and returns their sources by name.
func (c *catalog) addPresets(files fs.FS) (map[string][]byte, error) {
	matches, err := fs.Glob(files, "presets/*.toml")
	if err != nil {
		return nil, fmt.Errorf("listing presets: %w", err)
	}
	sources := make(map[string][]byte, len(matches))
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
		sources[name] = data
		c.layers[name] = &layer{name: name, at: place{doc: doc}, table: doc.table, preset: true}
	}
	return sources, nil
}
