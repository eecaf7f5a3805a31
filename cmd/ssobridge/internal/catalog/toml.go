package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tomlLines returns a table as lines of keys, tables in it as one line for each of
// their entries: so every line stands for itself, and can be added or removed.
func tomlLines(table map[string]any) []string {
	var lines []string
	for _, key := range tomlOrder(table) {
		entries, is := table[key].(map[string]any)
		if !is || isPlace(entries) {
			lines = append(lines, tomlKey(key)+" = "+tomlValue(table[key]))
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			lines = append(lines, tomlKey(key)+"."+tomlKey(name)+" = "+tomlValue(entries[name]))
		}
	}
	return lines
}

// isPlace reports whether a table says where a secret or a key is.
func isPlace(table map[string]any) bool {
	_, file := table["file"].(string)
	_, env := table["env"].(string)
	return len(table) == 1 && (file || env)
}

// first are the keys that people look for first; the others follow by name.
var first = []string{"from", "claim", "attribute", "const", "secret", "required"}

func tomlOrder(table map[string]any) []string {
	keys := slices.Sorted(maps.Keys(table))
	slices.SortStableFunc(keys, func(a, b string) int {
		return tomlRank(table, a) - tomlRank(table, b)
	})
	return keys
}

func tomlRank(table map[string]any, key string) int {
	if i := slices.Index(first, key); i >= 0 {
		return i
	}
	if _, isTable := table[key].(map[string]any); isTable {
		return len(first) + 1
	}
	return len(first)
}

func tomlKey(key string) string {
	bare := key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
	if bare {
		return key
	}
	return tomlString(key)
}

// tomlString quotes a text. JSON's escapes are TOML's.
func tomlString(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can be encoded
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007f`)
}

// tomlValue writes a value as the decoder of TOML returns it.
func tomlValue(v any) string {
	switch v := v.(type) {
	case string:
		return tomlString(v)
	case []any:
		items := make([]string, len(v))
		for i := range v {
			items[i] = tomlValue(v[i])
		}
		return "[" + strings.Join(items, ", ") + "]"
	case []map[string]any:
		items := make([]string, len(v))
		for i := range v {
			items[i] = tomlValue(v[i])
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		if len(v) == 0 {
			return "{}"
		}
		var items []string
		for _, key := range tomlOrder(v) {
			items = append(items, tomlKey(key)+" = "+tomlValue(v[key]))
		}
		return "{ " + strings.Join(items, ", ") + " }"
	default:
		return fmt.Sprint(v) // a number, a boolean
	}
}
