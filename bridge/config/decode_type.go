package config

import (
	"fmt"
	"strings"
	"time"
)

// wrongType reports that v is not what was wanted, with a hint for the ways in
// which TOML is most often misunderstood.
func (d *decoder) wrongType(path, want string, v any) {
	hint := ""
	switch v := v.(type) {
	case string:
		switch want {
		case "an array":
			hint = fmt.Sprintf(": write [%q]", v)
		case "an integer", "true or false":
			hint = ": write it without quotes"
		}
	case int64, float64, bool:
		if want == "a string" {
			hint = ": write it in quotes"
		}
	case map[string]any:
		switch {
		case want == "an array of tables":
			hint = fmt.Sprintf(": write [[%s]], with two brackets", path)
		case want == "an array" && strings.Contains(path, ".claims."):
			_, claim, _ := strings.Cut(path, ".claims.")
			hint = fmt.Sprintf(": a claim's name with dots stands in quotes, %q", dottedName(claim, v))
		}
	case []any:
		if want == "a string" && strings.HasSuffix(path, "].role") {
			hint = ": write roles = [...] for several"
		}
	case []map[string]any:
		if want == "a table" && !strings.HasSuffix(path, "]") {
			hint = fmt.Sprintf(": write [%s], with one bracket", path)
		}
	}
	d.report.spoil(place{d.doc, path}, "want %s, got %s%s", want, typeName(v), hint)
}

// dottedName is name with those of the tables in it, as long as there is one
// each: what somebody means who writes a.b.c without quotes.
func dottedName(name string, table map[string]any) string {
	for len(table) == 1 {
		for key, inner := range table {
			name += "." + key
			table, _ = inner.(map[string]any)
		}
	}
	return name
}

// typeName names the type of a TOML value.
func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "an array of tables"
	default:
		return "an array"
	}
}
