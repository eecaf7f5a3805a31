package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// wrongType reports that v is not what was wanted, with a hint for the ways in
// which TOML is most often misunderstood.
func (d *decoder) wrongType(path, want string, v any) {
	hint := ""
	switch v := v.(type) {
	case string:
		hint = instead(path, want, v)
	case int64, float64, bool:
		switch want {
		case "a string":
			hint = inQuotes(path, v)
		case "an array":
			hint = fmt.Sprintf(`: write ["%v"]`, v)
		}
	case map[string]any:
		switch {
		case want == "an array of tables":
			hint = fmt.Sprintf(": write [[%s]], with two brackets", path)
		case want == "an array" && strings.Contains(path, ".claims."):
			_, claim, _ := strings.Cut(path, ".claims.")
			hint = fmt.Sprintf(": a claim's name with dots stands in quotes, %q", dottedName(claim, v))
		case want == "an array":
			hint = `: write it like ["a", "b"]`
		}
	case []any:
		one, isText := "", false
		if len(v) == 1 {
			one, isText = v[0].(string)
		}
		switch {
		case want == "a string" && isText:
			hint = fmt.Sprintf(": write %q, without brackets", one)
		case want == "a string" && strings.HasSuffix(path, "].role"):
			hint = ": write roles = [...] for several"
		case want == "a string":
			hint = ": write one value, without brackets"
		case want == "a table":
			hint = ": write it like { name = ... }, in braces"
		}
	case []map[string]any:
		if want == "a table" && !strings.HasSuffix(path, "]") {
			hint = fmt.Sprintf(": write [%s], with one bracket", path)
		}
	}
	d.report.spoil(place{d.doc, path}, "want %s, got %s%s", want, typeName(v), hint)
}

// instead is what to write in place of a string that is none of what is wanted.
func instead(path, want, v string) string {
	switch {
	case want == "an array":
		return fmt.Sprintf(": write [%q]", v)
	case want == "an array of tables":
		return fmt.Sprintf(": write [[%s]] on a line of its own, and its keys below", path)
	case want == "true or false":
		switch strings.ToLower(v) {
		case "true", "yes", "on", "1":
			return ": write true, without quotes"
		case "false", "no", "off", "0":
			return ": write false, without quotes"
		}
		return ": write true or false, without quotes"
	case want != "an integer":
		return ""
	}
	if _, err := strconv.ParseInt(v, 10, 64); err == nil {
		return fmt.Sprintf(": write %s, without quotes", v)
	}
	if strings.HasSuffix(path, "_bytes") {
		return ": write the number of bytes, such as 131072, without quotes"
	}
	return ": write a number, without quotes"
}

// inQuotes is what to write in place of a value that is no string. A port alone is
// no address either.
func inQuotes(path string, v any) string {
	if n, ok := v.(int64); ok {
		switch path[strings.LastIndex(path, ".")+1:] {
		case "listen":
			return fmt.Sprintf(`: write ":%d"`, n)
		case "admin_listen":
			return fmt.Sprintf(`: write "127.0.0.1:%d"`, n)
		case "upstream":
			return fmt.Sprintf(`: write "http://127.0.0.1:%d"`, n)
		case "rate":
			return fmt.Sprintf(`: write "%d/s"`, n)
		}
	}
	return ": write it in quotes"
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
