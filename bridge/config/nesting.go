package config

import "bytes"

// maxNesting bounds how deep arrays, inline tables and dotted keys nest in a file.
// Both parsers recurse, and a stack that overflows ends the process: a file of two
// million brackets would take the running bridge with it.
const maxNesting = 64

// tooDeep returns the line on which something nests deeper than maxNesting; 0: there
// is none. It looks at nothing but strings, comments, brackets and dots, and stays
// in step with a parser up to the first mistake in the file, where parsers stop.
func tooDeep(data []byte) (line int) {
	depth, dots := 0, 0
	for i := 0; i < len(data); {
		switch c := data[i]; c {
		case '#':
			i += lengthUpTo(data[i:], '\n')
			continue
		case '"', '\'':
			i += stringLength(data[i:], c)
			continue
		case '[', '{':
			depth++
			dots = 0
		case ']', '}':
			depth = max(depth-1, 0)
			dots = 0
		case '.':
			dots++
		case '=', ',', '\n':
			dots = 0
		}
		if depth > maxNesting || dots >= maxNesting {
			return 1 + bytes.Count(data[:i], []byte("\n"))
		}
		i++
	}
	return 0
}

// stringLength returns the length of the TOML string that begins data with quote,
// which ends with the line unless there are three.
func stringLength(data []byte, quote byte) int {
	three := bytes.Repeat([]byte{quote}, 3)
	if !bytes.HasPrefix(data, three) {
		for i := 1; i < len(data); i++ {
			switch {
			case data[i] == '\\' && quote == '"':
				i++
			case data[i] == quote:
				return i + 1
			case data[i] == '\n':
				return i
			}
		}
		return len(data)
	}
	for i := 3; i < len(data); i++ {
		switch {
		case data[i] == '\\' && quote == '"':
			i++
		case bytes.HasPrefix(data[i:], three):
			for i += 3; i < len(data) && data[i] == quote; i++ { // """a""""" is a""
			}
			return i
		}
	}
	return len(data)
}

// lengthUpTo is the length of data before the first end, or all of it.
func lengthUpTo(data []byte, end byte) int {
	if n := bytes.IndexByte(data, end); n >= 0 {
		return n
	}
	return len(data)
}
