package config

import (
	"sort"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxIndexDepth bounds the paths in the index. Nothing that the configuration
// knows lies deeper; a file of ten thousand brackets must not cost their square.
const maxIndexDepth = 16

// lineIndex builds document.lines from the syntax tree of go-toml, because
// BurntSushi/toml keeps no positions of what it decoded. Data that only one of
// the two parsers takes yields an index with gaps, which document.line bridges.
type lineIndex struct {
	parser   unstable.Parser
	newlines []int          // offsets of the line feeds
	lines    map[string]int // by key path
	explicit map[string]bool
	tables   map[string]int // entries so far of each array of tables
}

func indexLines(data []byte) map[string]int {
	x := &lineIndex{lines: map[string]int{}, explicit: map[string]bool{}, tables: map[string]int{}}
	for i, c := range data {
		if c == '\n' {
			x.newlines = append(x.newlines, i)
		}
	}
	x.parser.Reset(data)
	table := ""
	for x.parser.NextExpression() {
		switch e := x.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = x.header(e)
		case unstable.KeyValue:
			x.keyValue(table, e, 1)
		}
	}
	return x.lines
}

// header records a [table] or [[table]] line and returns the table's path.
// A name on the way to it that is an array of tables means its last entry.
func (x *lineIndex) header(e *unstable.Node) string {
	path := ""
	keys := e.Key()
	for depth := 1; keys.Next() && depth <= maxIndexDepth; depth++ {
		key, last := keys.Node(), keys.IsLast()
		path = joinKey(path, string(key.Data))
		x.mark(path, x.line(key), last)
		if last && e.Kind == unstable.ArrayTable {
			x.tables[path]++
		}
		if n := x.tables[path]; n > 0 {
			path = joinIndex(path, n)
			x.mark(path, x.line(key), last)
		}
	}
	return path
}

func (x *lineIndex) keyValue(path string, e *unstable.Node, depth int) {
	line := 0
	for keys := e.Key(); keys.Next(); depth++ {
		if depth > maxIndexDepth {
			return
		}
		key := keys.Node()
		line = x.line(key)
		path = joinKey(path, string(key.Data))
		x.mark(path, line, keys.IsLast())
	}
	x.value(path, e.Value(), line, depth)
}

func (x *lineIndex) value(path string, v *unstable.Node, line, depth int) {
	if depth > maxIndexDepth {
		return
	}
	children := v.Children()
	switch v.Kind {
	case unstable.InlineTable:
		for children.Next() {
			x.keyValue(path, children.Node(), depth)
		}
	case unstable.Array:
		for n := 1; children.Next(); n++ {
			item := children.Node()
			if item.Raw.Length > 0 { // arrays in arrays have no position of their own
				line = x.line(item)
			}
			x.mark(joinIndex(path, n), line, true)
			x.value(joinIndex(path, n), item, line, depth+1)
		}
	}
}

// mark records the line of a key: the first that mentions it, unless a later
// one is its own.
func (x *lineIndex) mark(path string, line int, explicit bool) {
	if _, ok := x.lines[path]; ok && (!explicit || x.explicit[path]) {
		return
	}
	x.lines[path] = line
	x.explicit[path] = explicit
}

func (x *lineIndex) line(n *unstable.Node) int {
	return 1 + sort.SearchInts(x.newlines, int(n.Raw.Offset))
}
