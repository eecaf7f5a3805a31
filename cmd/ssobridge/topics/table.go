package topics

import (
	"strings"
	"unicode/utf8"
)

// table writes a table. One that is too wide has its cells broken into lines; one that
// has many columns, too, becomes a list.
func (r *renderer) table() {
	var rows [][]string
	for ; r.next < len(r.lines) && strings.HasPrefix(strings.TrimSpace(r.lines[r.next]), "|"); r.next++ {
		rows = append(rows, cells(r.lines[r.next]))
	}
	if len(rows) < 2 {
		return
	}
	head, body := rows[0], rows[2:]
	all := append([][]string{head}, body...)
	widths := natural(all)
	switch total := sum(widths) + 2*(len(widths)-1); {
	case total <= Width:
		r.columns(head, body, widths)
	case len(head) <= 3 && shrink(widths, all):
		r.columns(head, body, widths)
	default:
		r.records(head, body)
	}
}

// cells takes a row apart.
func cells(line string) []string {
	line = strings.Trim(strings.TrimSpace(line), "|")
	line = strings.ReplaceAll(line, `\|`, "\x00")
	var all []string
	for cell := range strings.SplitSeq(line, "|") {
		all = append(all, inline(strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|"))))
	}
	return all
}

func natural(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			if i < len(widths) {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	return widths
}

func sum(widths []int) (total int) {
	for _, w := range widths {
		total += w
	}
	return total
}

// shrink takes from the widest columns until the table fits. It reports whether every
// column still has room for its longest word, and for a few words.
func shrink(widths []int, rows [][]string) bool {
	const few = 16
	least := make([]int, len(widths))
	for i, w := range widths {
		least[i] = min(w, few)
		for _, row := range rows {
			if i < len(row) {
				for word := range strings.FieldsSeq(row[i]) {
					least[i] = max(least[i], utf8.RuneCountInString(word))
				}
			}
		}
	}
	for sum(widths)+2*(len(widths)-1) > Width {
		widest := -1
		for i, w := range widths {
			if w > least[i] && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		widths[widest]--
	}
	return true
}

// columns writes a table with its columns below each other.
func (r *renderer) columns(head []string, body [][]string, widths []int) {
	r.row(head, widths)
	line := make([]string, len(widths))
	for i, w := range widths {
		line[i] = strings.Repeat("-", w)
	}
	r.row(line, widths)
	for _, row := range body {
		r.row(row, widths)
	}
}

// row writes one row, over several lines if a cell needs them.
func (r *renderer) row(row []string, widths []int) {
	broken := make([][]string, len(widths))
	height := 1
	for i, w := range widths {
		if i < len(row) {
			broken[i] = strings.Split(strings.TrimSuffix(fill(strings.Fields(row[i]), "", "", w), "\n"), "\n")
		}
		height = max(height, len(broken[i]))
	}
	for n := range height {
		var line strings.Builder
		for i, w := range widths {
			cell := ""
			if n < len(broken[i]) {
				cell = broken[i][n]
			}
			line.WriteString(cell + strings.Repeat(" ", max(0, w-utf8.RuneCountInString(cell))+2))
		}
		r.out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// records writes each row as a list: its first cell, and below that the others by the
// names of their columns.
func (r *renderer) records(head []string, body [][]string) {
	for i, row := range body {
		if i > 0 {
			r.gap()
		}
		r.out.WriteString(row[0] + "\n")
		for n, cell := range row[1:] {
			if cell != "" && n+1 < len(head) {
				r.out.WriteString(fill(strings.Fields(cell), "  "+head[n+1]+": ", "    ", Width))
			}
		}
	}
}
