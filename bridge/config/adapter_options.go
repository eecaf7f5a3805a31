package config

import (
	"encoding/json"
	"fmt"
)

// AdapterOptions returns the options that the file's own [adapter.NAME] tables
// write for an adapter, by key, as text that differs where they do: those of the
// adapter itself as "header.X-Role", those of another one that it extends as
// "[NAME].header.X-Role". Presets have none: they come with the binary.
func (c *Config) AdapterOptions(name string) map[string]string {
	fresh := newCatalog(c.catalog.kinds, newReporter())
	fresh.layers = c.catalog.layers
	options := map[string]string{}
	stack := fresh.stack(name)
	for i, l := range stack {
		if l.preset {
			continue
		}
		prefix := ""
		if i < len(stack)-1 {
			prefix = "[" + l.name + "]."
		}
		for key, value := range l.table {
			entries, isTable := value.(map[string]any)
			if !isTable || len(entries) == 0 {
				options[prefix+joinKey("", key)] = optionText(value)
			}
			for entry, v := range entries {
				options[prefix+joinKey(joinKey("", key), entry)] = optionText(v)
			}
		}
	}
	return options
}

// optionText writes a value of TOML on one line; tables are sorted.
func optionText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // such as nan, which JSON lacks; fmt sorts tables, too
	}
	return string(text)
}
