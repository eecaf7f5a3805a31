package config

import (
	"bytes"
	"fmt"

	"github.com/BurntSushi/toml"
)

// document is one TOML file: what it says, and on which line it says it.
type document struct {
	// name is the file's name as messages show it.
	name string
	// table is the file's content, as BurntSushi/toml decodes it.
	table map[string]any
	// lines maps key paths to lines. It serves messages only, nothing is
	// decoded from it.
	lines map[string]int
	// comments are those that speak to ssobridge, in order.
	comments []comment
	// names are the files that it names, as resolvePath returned them.
	names []string
	// bounds are what it may name; nil: everything.
	bounds *bounds
}

// parseDocument parses a file. Its Problem is the first syntax error, which
// includes keys and tables that are defined twice.
func parseDocument(name string, data []byte) (*document, *Problem) {
	// Both parsers must count from the same byte.
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if line := tooDeep(data); line > 0 {
		return nil, &Problem{File: name, Line: line,
			Message: fmt.Sprintf("arrays, tables or dotted keys nest deeper than %d: nothing here needs that", maxNesting)}
	}
	doc := &document{name: name}
	if _, err := toml.Decode(string(data), &doc.table); err != nil {
		return nil, syntaxProblem(name, data, err)
	}
	doc.lines, doc.comments = indexLines(data)
	return doc, nil
}

// line returns the line of the key at path or, if the file does not have it,
// of the innermost table around it that the file has.
func (d *document) line(path string) int {
	if line, ok := d.lines[path]; ok {
		return line
	}
	for _, p := range prefixes(path) {
		if line, ok := d.lines[p]; ok {
			return line
		}
	}
	return 1
}

// has reports whether the file writes the key at path.
func (d *document) has(path string) bool {
	_, ok := d.lines[path]
	return ok
}

// source returns where the key at path stands, as "file:line".
func (d *document) source(path string) string {
	return fmt.Sprintf("%s:%d", d.name, d.line(path))
}

func (d *document) problem(path, format string, args ...any) Problem {
	return Problem{File: d.name, Line: d.line(path), Key: path, Message: fmt.Sprintf(format, args...)}
}
