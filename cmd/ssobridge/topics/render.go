package topics

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Width is how many characters a line of a rendered page has at most, but for lines
// that must not be broken.
const Width = 80

// Render returns a page for a terminal: paragraphs and tables are set to Width, links
// say where they lead, and blocks of code stay as they are.
func Render(markdown string) string {
	r := &renderer{lines: strings.Split(strings.TrimRight(markdown, "\n"), "\n")}
	for r.next < len(r.lines) {
		r.block()
	}
	return strings.TrimLeft(strings.TrimRight(r.out.String(), "\n")+"\n", "\n")
}

type renderer struct {
	lines []string
	next  int
	out   strings.Builder
}

var (
	listItem = regexp.MustCompile(`^( *)([-*]|[0-9]+\.) +`)
	// A link is [text](target) or, as an image, ![text](target).
	link = regexp.MustCompile(`!?\[([^][]*)\]\(([^()\s]*)\)`)
)

// block renders what begins at the next line.
func (r *renderer) block() {
	line := r.lines[r.next]
	trimmed := strings.TrimLeft(line, " ")
	switch {
	case trimmed == "":
		r.next++
		r.gap()
	case strings.HasPrefix(trimmed, "```"):
		r.code(len(line) - len(trimmed))
	case strings.HasPrefix(trimmed, "<!--"):
		r.comment()
	case strings.HasPrefix(line, "#"):
		r.heading(line)
	case strings.HasPrefix(trimmed, "|"):
		r.table()
	default:
		r.paragraph()
	}
}

// gap writes an empty line, of which there are never two.
func (r *renderer) gap() {
	if !strings.HasSuffix(r.out.String(), "\n\n") {
		r.out.WriteByte('\n')
	}
}

// heading writes a heading with a line below it.
func (r *renderer) heading(line string) {
	r.next++
	text := inline(strings.TrimSpace(strings.TrimLeft(line, "#")))
	under := "-"
	if strings.HasPrefix(line, "# ") {
		under = "="
	}
	r.out.WriteString(text + "\n" + strings.Repeat(under, utf8.RuneCountInString(text)) + "\n")
}

// comment leaves out a comment.
func (r *renderer) comment() {
	for r.next < len(r.lines) {
		r.next++
		if strings.Contains(r.lines[r.next-1], "-->") {
			return
		}
	}
}

// code writes a block of code by four characters further to the right.
func (r *renderer) code(indent int) {
	for r.next++; r.next < len(r.lines); r.next++ {
		line := r.lines[r.next]
		if strings.HasPrefix(strings.TrimLeft(line, " "), "```") {
			r.next++
			return
		}
		if line != "" {
			line = strings.Repeat(" ", indent+4) + line[min(indent, len(line)-len(strings.TrimLeft(line, " "))):]
		}
		r.out.WriteString(line + "\n")
	}
}

// paragraph writes the lines up to the next block, or up to the next item of a list.
func (r *renderer) paragraph() {
	first := r.lines[r.next]
	lead := first[:len(first)-len(strings.TrimLeft(first, " "))]
	hang := lead
	if item := listItem.FindString(first); item != "" {
		lead, hang = item, strings.Repeat(" ", len(item))
	}
	words := strings.Fields(inline(first[len(lead):] + " " + r.rest()))
	r.out.WriteString(fill(words, lead, hang, Width))
}

// rest takes the lines that go on the paragraph of the next one.
func (r *renderer) rest() string {
	var more []string
	for r.next++; r.next < len(r.lines); r.next++ {
		line := strings.TrimSpace(r.lines[r.next])
		if line == "" || strings.HasPrefix(line, "```") || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "#") ||
			listItem.MatchString(r.lines[r.next]) {
			break
		}
		more = append(more, line)
	}
	return strings.Join(more, " ")
}

// fill breaks words into lines of this width.
func fill(words []string, lead, hang string, width int) string {
	var b strings.Builder
	b.WriteString(lead)
	column := utf8.RuneCountInString(lead)
	for i, word := range words {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + hang)
			column = utf8.RuneCountInString(hang)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
	return b.String()
}

// inline takes the marks off a text that a terminal cannot show, and says where links
// lead. Between backticks nothing is changed.
func inline(text string) string {
	parts := strings.Split(text, "`")
	if len(parts)%2 == 0 { // a backtick without its second
		return text
	}
	// Links may have code in their text: they are replaced before.
	text = link.ReplaceAllStringFunc(text, func(found string) string {
		m := link.FindStringSubmatch(found)
		return linkText(m[1], m[2])
	})
	parts = strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = unescape.Replace(strings.ReplaceAll(parts[i], "**", ""))
	}
	return strings.Join(parts, "`")
}

var unescape = strings.NewReplacer(`\|`, "|", `\*`, "*", "&lt;", "<", "&gt;", ">")

// linkText is a link in words.
func linkText(text, target string) string {
	page, _, _ := strings.Cut(target, "#")
	topic, isTopic := strings.CutSuffix(page, ".md")
	switch {
	case page == "":
		return text
	case isTopic && !strings.Contains(topic, "/"):
		if text == topic {
			return "`ssobridge help " + topic + "`"
		}
		return text + " (`ssobridge help " + topic + "`)"
	case strings.HasPrefix(target, "https://") && text != target && "https://"+text != target:
		return text + " (" + target + ")"
	case strings.HasPrefix(target, "../"):
		return text + " (" + strings.TrimLeft(target, "./") + ")"
	default:
		return text
	}
}
