package policydiff

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// readCSV reads a header row and one row for each person.
func (p *People) readCSV(found func(line int, person *Person) bool) error {
	in := &rowReader{r: p.in}
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1 // checked here, for a better message
	r.ReuseRecord = true
	in.left = mostLine
	header, err := r.Read()
	if err != nil {
		return p.rowError(err, 1)
	}
	line, _ := r.FieldPos(0)
	columns := p.columns(slices.Clone(header), line)
	for {
		in.left = mostLine
		row, err := r.Read()
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &syntax):
			// Where a quote is not closed, the end of the file is not the place.
			at, column := syntax.Line, fmt.Sprintf("column %d: ", syntax.Column)
			if errors.Is(err, csv.ErrQuote) {
				at, column = syntax.StartLine, ""
			}
			p.fail(at, "%s%v; write a text with quotes in it as \"say \"\"hello\"\"\"", column, syntax.Err)
			continue
		case err != nil:
			return p.rowError(err, line+1)
		}
		line, _ = r.FieldPos(0)
		if len(row) != len(header) {
			p.fail(line, "has %s, the header row has %d", wording.Count(len(row), "field"), len(header))
			continue
		}
		if columns == nil {
			continue // nobody knows what they mean
		}
		person, problem := columns.person(row)
		if problem != "" {
			p.fail(line, "%s", problem)
			continue
		}
		p.checkSeparators(line, person.Groups)
		if !found(line, person) {
			return nil
		}
		line, _ = r.FieldPos(len(row) - 1) // a field may have lines
	}
}

func (p *People) rowError(err error, line int) error {
	var syntax *csv.ParseError
	switch {
	case errors.Is(err, errRow):
		return fmt.Errorf("%s:%d: the row is longer than %d bytes; is a quote not closed?", p.name, line, mostLine)
	case errors.As(err, &syntax):
		return fmt.Errorf("%s:%d: %w", p.name, syntax.Line, syntax.Err)
	}
	return fmt.Errorf("reading %s: %w", p.name, err)
}

var errRow = errors.New("row too long")

// rowReader reads at most so many bytes, until it is given more: a quote that is
// never closed must not read a file into memory.
type rowReader struct {
	r    io.Reader
	left int
}

func (r *rowReader) Read(b []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRow
	}
	n, err := r.r.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}

// column is what a column holds: email, subject, name, groups, or a claim.
type column struct{ name, claim string }

type columnList []column

var plainColumns = []string{"email", "subject", "name", "groups"}

const columnNames = "email, subject, name, groups and claim.NAME"

// columns reads the header row; nil: it is wrong.
func (p *People) columns(header []string, line int) columnList {
	before := len(p.problems)
	var list columnList
	for i, name := range header {
		claim, isClaim := strings.CutPrefix(name, "claim.")
		plain := strings.ToLower(strings.TrimSpace(name))
		switch {
		case slices.Contains(header[:i], name):
			p.fail(line, "column %q is there twice", name)
		case isClaim && slices.Contains([]string{"", "email", "groups", "sub", "name"}, claim):
			p.fail(line, "column %q: the columns are %s, with the name of another claim", name, columnNames)
		case isClaim:
			list = append(list, column{name, claim})
			continue
		case slices.Contains(plainColumns, name):
		case slices.Contains(plainColumns, plain):
			p.fail(line, "column %q: write %q", name, plain)
		case len(header) == 1 && strings.ContainsAny(name, ";\t"):
			p.fail(line, "column %q: separate columns by commas", name)
		default:
			if near := wording.DidYouMean(plain, plainColumns); near != "" {
				p.fail(line, "column %q%s", name, near)
			} else {
				p.fail(line, "column %q: the columns are %s", name, columnNames)
			}
		}
		list = append(list, column{name: name})
	}
	if len(p.problems) > before {
		return nil
	}
	if !slices.ContainsFunc(header, func(name string) bool { return name == "email" || name == "subject" || name == "groups" }) {
		p.fail(line, "has none of the columns email, subject and groups, so rules have nothing to go by")
		return nil
	}
	return list
}

// person reads a row.
func (l columnList) person(row []string) (_ *Person, problem string) {
	p := &Person{}
	for i, c := range l {
		text := strings.Clone(row[i]) // not the whole row
		switch {
		case text == "":
		case !utf8.ValidString(text):
			return nil, fmt.Sprintf("column %q: %q is not UTF-8", c.name, text)
		case c.claim != "":
			if p.Claims == nil {
				p.Claims = make(map[string]any)
			}
			p.Claims[c.claim] = text
		case c.name == "email":
			p.Email = text
		case c.name == "subject":
			p.Subject = text
		case c.name == "name":
			p.Name = text
		case c.name == "groups":
			if p.Groups, problem = splitGroups(text); problem != "" {
				return nil, problem
			}
		}
	}
	return p, ""
}

// splitGroups reads a list with ";". Names are exact, so white space around one
// is neither kept, which would make it another group, nor cut, which it could be
// part of.
func splitGroups(text string) (groups []string, problem string) {
	for group := range strings.SplitSeq(text, ";") {
		switch {
		case group == "":
		case strings.TrimSpace(group) != group:
			return nil, fmt.Sprintf("group %q has white space around it; write a;b, or use JSON if it belongs to the name", group)
		case strings.HasPrefix(group, "@"):
			return nil, fmt.Sprintf("group %q looks like a list of rules, and people are in groups: write one of the list's groups, or use JSON if the \"@\" belongs to the name", group)
		default:
			groups = append(groups, group)
		}
	}
	return groups, ""
}

// checkSeparators warns of groups that may be several with another separator
// between. It is no error: names may hold anything, those of LDAP hold commas.
func (p *People) checkSeparators(line int, groups []string) {
	for _, group := range groups {
		if strings.Contains(group, "|") || strings.Contains(group, ",") && !isDN(group) {
			p.doubt(line, group, `is taken as one: groups are separated by ";"`)
		}
	}
}

// isDN reports whether a text is like "cn=sre,ou=groups,dc=example".
func isDN(text string) bool {
	for part := range strings.SplitSeq(text, ",") {
		if !strings.Contains(part, "=") {
			return false
		}
	}
	return true
}
