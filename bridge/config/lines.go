package config

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
	"strings"

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
	data     []byte
	newlines []int          // offsets of the line feeds
	lines    map[string]int // by key path
	explicit map[string]bool
	tables   map[string]int // entries so far of each array of tables
	// comments are those that speak to ssobridge.
	comments []comment
}

// comment is a comment that begins with commentMark.
type comment struct {
	line int
	// text is what stands behind commentMark.
	text string
	// behind is set if a value stands before it on its line.
	behind bool
	// below is the line under the comment and those right under it; 0: blank.
	below int
}

// commentMark begins the comments that say something to ssobridge.
const commentMark = "ssobridge:"

func indexLines(data []byte) (lines map[string]int, comments []comment) {
	x := &lineIndex{data: data, lines: map[string]int{}, explicit: map[string]bool{}, tables: map[string]int{}}
	x.parser.KeepComments = bytes.Contains(data, []byte(commentMark))
	for i, c := range data {
		if c == '\n' {
			x.newlines = append(x.newlines, i)
		}
	}
	x.parser.Reset(data)
	table := ""
	for x.parser.NextExpression() {
		e := x.parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = x.header(e)
		case unstable.KeyValue:
			x.keyValue(table, e, 1)
		case unstable.Comment:
			x.comment(e)
			continue
		}
		if behind := e.Next(); behind.Valid() {
			x.comment(behind)
		}
	}
	slices.SortFunc(x.comments, func(a, b comment) int { return cmp.Compare(a.line, b.line) })
	return x.lines, x.comments
}

// comment records a comment, and those that the parser hangs below it: the
// others that stand between the same two items of a list.
func (x *lineIndex) comment(c *unstable.Node) {
	text := strings.TrimSpace(strings.TrimLeft(string(c.Data), "#"))
	if text, ok := strings.CutPrefix(text, commentMark); ok {
		line := x.line(c)
		behind := x.textOf(line)[0] != '#'
		x.comments = append(x.comments, comment{line, strings.TrimSpace(text), behind, x.below(line)})
	}
	for more := c.Children(); more.Next(); {
		x.comment(more.Node())
	}
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
			if item := children.Node(); item.Kind == unstable.Comment {
				x.comment(item)
			} else {
				x.keyValue(path, item, depth)
			}
		}
	case unstable.Array:
		for n := 1; children.Next(); n++ {
			item := children.Node()
			if item.Kind == unstable.Comment {
				x.comment(item)
				n--
				continue
			}
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

func (x *lineIndex) below(line int) int {
	for {
		line++
		switch text := x.textOf(line); {
		case len(text) == 0:
			return 0
		case text[0] != '#':
			return line
		}
	}
}

// textOf returns a line without the white space around it; nil if there is none.
func (x *lineIndex) textOf(line int) []byte {
	start, end := 0, len(x.data)
	if line > len(x.newlines)+1 {
		return nil
	}
	if line > 1 {
		start = x.newlines[line-2] + 1
	}
	if line <= len(x.newlines) {
		end = x.newlines[line-1]
	}
	return bytes.TrimSpace(x.data[start:end])
}
