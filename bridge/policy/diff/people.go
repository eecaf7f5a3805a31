package policydiff

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"

	"github.com/ssobridge/ssobridge/verifier"
)

// mostLine bounds a line, or a row of several lines; mostProblems what is
// reported of one file.
const (
	mostLine     = 1 << 20
	mostProblems = 20
)

// People reads people from a file, one at a time: CSV with a header row, or one
// JSON object on a line.
type People struct {
	name string
	in   *bufio.Reader

	// Repeated are the people that were there before and do not count again,
	// Nobody the JSON objects, of a log say, that name none. They are known when
	// all have been read.
	Repeated, Nobody int

	seen     map[[16]byte]bool
	problems []error
	more     int // problems that are not kept

	doubts []doubt
}

// NewPeople reads from r; name stands before every problem.
func NewPeople(name string, r io.Reader) *People {
	return &People{name: name, in: bufio.NewReaderSize(r, mostLine), seen: make(map[[16]byte]bool)}
}

// All yields each person once. Whatever is wrong with the file comes as one
// error at its end.
func (p *People) All() iter.Seq2[*Person, error] {
	return func(yield func(*Person, error) bool) {
		stopped := false
		found := func(line int, person *Person) bool {
			if problem := person.problem(); problem != "" {
				p.fail(line, "%s", problem)
			}
			digest := person.digest()
			if p.seen[digest] {
				p.Repeated++
				return true
			}
			p.seen[digest] = true
			stopped = p.problems == nil && !yield(person, nil)
			return !stopped
		}
		err := p.read(found)
		switch {
		case stopped:
			return
		case err != nil:
			p.problems = append(p.problems, err)
		case p.problems == nil && len(p.seen) == 0:
			p.problems = append(p.problems, fmt.Errorf("%s: names nobody", p.name))
		}
		if p.more > 0 {
			p.problems = append(p.problems, fmt.Errorf("%s: and %d more problems", p.name, p.more))
		}
		if p.problems != nil {
			yield(nil, errors.Join(p.problems...))
		}
	}
}

// doubt is about something that is probably not meant.
type doubt struct {
	first, why string
	more       int // others with the same why
}

// doubt notes what is odd about a group.
func (p *People) doubt(line int, group, why string) {
	i := slices.IndexFunc(p.doubts, func(d doubt) bool { return d.why == why })
	if i >= 0 {
		p.doubts[i].more++
		return
	}
	p.doubts = append(p.doubts, doubt{first: fmt.Sprintf("%s:%d: warning: group %q", p.name, line, group), why: why})
}

// Warnings are about what was read and is probably not meant: one for each kind.
func (p *People) Warnings() []string {
	warnings := make([]string, len(p.doubts))
	for i, d := range p.doubts {
		if warnings[i] = d.first + " " + d.why; d.more > 0 {
			warnings[i] += fmt.Sprintf(" (and %d more like it)", d.more)
		}
	}
	return warnings
}

func (p *People) fail(line int, format string, args ...any) {
	if len(p.problems) >= mostProblems {
		p.more++
		return
	}
	p.problems = append(p.problems, fmt.Errorf("%s:%d: "+format, append([]any{p.name, line}, args...)...))
}

// read finds out the format and reads it. Its error is one after which nothing
// can be read.
func (p *People) read(found func(line int, person *Person) bool) error {
	start, err := p.in.Peek(mostLine)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %s: %w", p.name, err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return fmt.Errorf("%s:1: is UTF-16; save it as UTF-8", p.name)
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		start = start[3:]
		_, _ = p.in.Discard(3)
	}
	start = bytes.TrimLeft(start, " \t\r\n")
	switch {
	case len(start) == 0:
		return fmt.Errorf("%s: is empty; write a row of column names, such as email,groups, and a row for each person", p.name)
	case start[0] == '{':
		return p.readJSON(found)
	case start[0] == '[':
		return fmt.Errorf("%s:1: is a JSON list; write one object on each line, as jq -c '.[]' does", p.name)
	}
	return p.readCSV(found)
}

// readJSON reads one object on a line.
func (p *People) readJSON(found func(line int, person *Person) bool) error {
	for line, last := 1, false; !last; line++ {
		text, err := p.in.ReadSlice('\n')
		last = errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%s:%d: is longer than %d bytes", p.name, line, mostLine)
		case err != nil && !last:
			return fmt.Errorf("reading %s: %w", p.name, err)
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		person, problem := parseJSON(text)
		switch {
		case problem != "":
			p.fail(line, "%s", problem)
		case person.Email == "" && person.Subject == "" && len(person.Groups) == 0:
			p.Nobody++
		default:
			for _, group := range person.Groups {
				if strings.HasPrefix(group, "@") {
					p.doubt(line, group, "is taken as the name of a group: if a list of rules is meant, write one of its groups")
				}
			}
			if !found(line, person) {
				return nil
			}
		}
	}
	return nil
}

// parseJSON reads the members of an object that describe a person.
func parseJSON(text []byte) (_ *Person, problem string) {
	if text[0] != '{' {
		return nil, "is no JSON object; every line must be one, or none if the file is CSV"
	}
	var members struct {
		Email   any `json:"email"`
		Subject any `json:"subject"`
		Name    any `json:"name"`
		Groups  any `json:"groups"`
		Claims  any `json:"claims"`
	}
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, "is not one JSON object with distinct names on one line"
	}
	person := &Person{}
	for _, m := range []struct {
		name string
		from any
		to   *string
	}{{"email", members.Email, &person.Email}, {"subject", members.Subject, &person.Subject}, {"name", members.Name, &person.Name}} {
		var ok bool
		if *m.to, ok = m.from.(string); !ok && m.from != nil {
			return nil, m.name + " is not a text"
		}
	}
	if person.Groups, problem = groupsOf(members.Groups); problem != "" {
		return nil, problem
	}
	claims, ok := members.Claims.(map[string]any)
	if !ok && members.Claims != nil {
		return nil, `claims is not an object, such as {"department": "support"}`
	}
	person.Claims = claims
	return person, person.claimProblem()
}

func groupsOf(v any) (groups []string, problem string) {
	list, ok := v.([]any)
	if !ok && v != nil {
		return nil, `groups is not a list of texts, such as ["sre", "dev"]`
	}
	for _, item := range list {
		group, ok := item.(string)
		if !ok {
			return nil, `groups is not a list of texts, such as ["sre", "dev"]`
		}
		groups = append(groups, group)
	}
	return groups, ""
}

// claimProblem refuses claims that say something else than the members that an
// assertion fills from them.
func (p *Person) claimProblem() string {
	for claim, member := range map[string]string{"email": p.Email, "sub": p.Subject, "name": p.Name} {
		if value, there := p.Claims[claim]; there && value != any(member) {
			return fmt.Sprintf("claims.%s differs from %s; write it there", claim, strings.Replace(claim, "sub", "subject", 1))
		}
	}
	if value, there := p.Claims["groups"]; there {
		if groups, problem := groupsOf(value); problem != "" || !slices.Equal(groups, p.Groups) {
			return "claims.groups differs from groups; write them there"
		}
	}
	return ""
}

// problem says why no assertion could describe the person.
func (p *Person) problem() string {
	if p.Email != "" {
		if err := verifier.CheckEmail(p.Email); err != nil {
			return fmt.Sprintf("email %q %v, so no assertion can hold it", p.Email, err)
		}
	}
	switch {
	case p.Email == "" && p.Subject == "" && len(p.Groups) == 0:
		return "is nobody: there is no email, no subject and no group"
	case strings.ContainsFunc(p.Subject, unicode.IsControl):
		return fmt.Sprintf("subject %q has control characters, so no assertion can hold it", p.Subject)
	}
	return ""
}

// digest tells people apart.
func (p *Person) digest() [16]byte {
	text := fmt.Appendf(nil, "%q%q%q%q", p.Email, p.Subject, p.Name, slices.Sorted(slices.Values(p.Groups)))
	for _, claim := range slices.Sorted(maps.Keys(p.Claims)) {
		value, err := json.Marshal(p.Claims[claim], json.Deterministic(true))
		if err != nil {
			value = []byte("?") // it came from JSON
		}
		text = fmt.Appendf(text, "%q%s", claim, value)
	}
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}
