package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// StartKind returns the TOML of a new adapter of a kind, to be edited.
func StartKind(name, kind string) (string, error) {
	if err := checkNewName(name); err != nil {
		return "", err
	}
	var names []string
	for _, k := range config.Kinds() {
		if k.Name == kind {
			return strings.ReplaceAll(k.Start, "NAME", name), nil
		}
		names = append(names, k.Name)
	}
	return "", fmt.Errorf("no kind is called %q%s", kind, wording.Instead(kind, names))
}

// StartFrom returns the TOML of a new adapter that is a preset with changes. What
// the preset says is in it, switched off.
func StartFrom(name, preset string) (string, error) {
	if err := checkNewName(name); err != nil {
		return "", err
	}
	p, err := config.LookupPreset(preset)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# The preset %q with changes of yours. An app uses it with adapter = %q.", preset, name)
	line("# %s.", p.Description)
	line("# `ssobridge adapters show %s` says more, and what to set in the app itself.", preset)
	line("[adapter.%s]", name)
	line("extends = %q", preset)
	if p.Needs != nil {
		line("")
		line("# The preset needs these; the values are examples.")
		for _, l := range tomlLines(p.Needs) {
			line("%s", l)
		}
	}
	line("")
	line("# What follows is the preset's. Take the # away from what you change: a line")
	line("# replaces the preset's of the same name, and the others stay.")
	for _, l := range tomlLines(rest(&p)) {
		line("#%s", l)
	}
	if p.Kind == "headers" && p.Options["omit"] == nil && len(p.Sends) > 0 {
		line("# Headers that are not sent, though still removed from what clients send:")
		line("#omit = [%q]", slices.Sorted(maps.Keys(sentNames(&p)))[0])
	}
	return b.String(), nil
}

func sentNames(p *config.Preset) map[string]bool {
	names := map[string]bool{}
	for _, s := range p.Sends {
		names[s.Name] = true
	}
	return names
}

// rest is what a preset says that its needs do not replace.
func rest(p *config.Preset) map[string]any {
	options := maps.Clone(p.Options)
	for key, needed := range p.Needs {
		table, isTable := options[key].(map[string]any)
		entries, _ := needed.(map[string]any)
		if !isTable {
			delete(options, key)
			continue
		}
		table = maps.Clone(table)
		for name := range entries {
			delete(table, name)
		}
		options[key] = table
	}
	if p.Roles != nil {
		options["roles"] = anys(p.Roles)
	}
	if p.Privileged != nil {
		options["privileged"] = anys(p.Privileged)
	}
	if p.KnownBy != nil {
		options["known_by"] = anys(p.KnownBy)
	}
	return options
}

func anys(of []string) []any {
	all := make([]any, len(of))
	for i := range of {
		all[i] = of[i]
	}
	return all
}

// checkNewName says why an [adapter.NAME] cannot have a name.
func checkNewName(name string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) {
		return fmt.Errorf(`%q cannot be an adapter's name: it is made of lower-case letters, digits, "-" and "_", such as our-wiki`, name)
	}
	if _, err := config.LookupPreset(name); err == nil {
		return fmt.Errorf("%q is a preset: choose another name, such as: ssobridge adapters new our-%[1]s --from %[1]s", name)
	}
	return nil
}
