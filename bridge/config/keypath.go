package config

import (
	"slices"
	"strconv"
	"strings"
)

// A key path names a value the way messages show it:
// app.grafana.rule[1].role. Keys that TOML would not take bare are quoted, and
// the entries of lists count from 1, so that different keys have different
// paths.

func joinKey(path, key string) string {
	if !isBareKey(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func joinIndex(path string, n int) string {
	return path + "[" + strconv.Itoa(n) + "]"
}

func isBareKey(key string) bool {
	bare := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
	}
	return key != "" && strings.IndexFunc(key, func(r rune) bool { return !bare(r) }) < 0
}

// prefixes returns path and the paths of all that it lies in, longest first.
func prefixes(path string) []string {
	var all []string
	quoted := false
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '.' || c == '['):
			all = append(all, path[:i])
		}
	}
	if path != "" {
		all = append(all, path)
	}
	slices.Reverse(all)
	return all
}
