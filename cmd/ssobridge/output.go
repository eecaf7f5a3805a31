package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// printer writes a command's output and keeps the first error, so that a full
// disk or a closed pipe is not taken for success.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printMembers prints the members of a JSON object, times also in words.
func printMembers(p *printer, members map[string]any, now time.Time) {
	if members == nil {
		p.printf("  cannot be read\n")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value, err := json.Marshal(members[name])
		if err != nil {
			value = []byte("?")
		}
		if seconds, ok := members[name].(float64); ok && (name == "exp" || name == "iat" || name == "nbf") {
			at := unixTime(seconds)
			p.printf("  %s: %.0f (%s, %s)\n", name, seconds, at.Format(time.RFC3339), inWords(at.Sub(now)))
			continue
		}
		p.printf("  %s: %s\n", wording.Visible(name), wording.Visible(string(value)))
	}
}

// inWords says how far away a time is.
func inWords(d time.Duration) string {
	switch rounded := d.Round(time.Second); {
	case rounded > 0:
		return "in " + rounded.String()
	case rounded < 0:
		return (-rounded).String() + " ago"
	default:
		return "now"
	}
}
