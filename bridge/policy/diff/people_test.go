package policydiff

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// read reads all people of a text, or returns the error.
func read(r io.Reader) (people []*Person, p *People, err error) {
	p = NewPeople("people", r)
	for person, problem := range p.All() {
		if problem != nil {
			return nil, p, problem
		}
		people = append(people, person)
	}
	return people, p, nil
}

func TestReadPeople(t *testing.T) {
	ann := &Person{Email: "ann@example.com", Groups: []string{"sre", "dev"}}
	bob := &Person{Subject: "bob-id", Name: `Bob "B", O'Hara`}
	tests := []struct {
		name, text string
		want       []*Person
	}{
		{"csv", "email,groups\nann@example.com,sre;dev\n", []*Person{ann}},
		{"a byte order mark and CRLF", "\xef\xbb\xbfemail,groups\r\nann@example.com,sre;dev\r\n", []*Person{ann}},
		{"no line break at the end", "email,groups\nann@example.com,sre;dev", []*Person{ann}},
		{"columns in any order", "groups,email\nsre;dev,ann@example.com\n", []*Person{ann}},
		{"quotes", "subject,name\nbob-id,\"Bob \"\"B\"\", O'Hara\"\n", []*Person{bob}},
		{"empty lines", "\n\nemail,groups\n\nann@example.com,sre;dev\n\n", []*Person{ann}},
		{"a line break in a name", "email,name\na@x,\"A\nB\"\nb@x,B\n", []*Person{{Email: "a@x", Name: "A\nB"}, {Email: "b@x", Name: "B"}}},
		{"empty groups", "email,groups\na@x,;a;;\n", []*Person{{Email: "a@x", Groups: []string{"a"}}}},
		{"claims", "email,claim.department,claim.a.b\na@x,support,\n", []*Person{{Email: "a@x", Claims: map[string]any{"department": "support"}}}},
		{"a group with a comma", "email,groups\na@x,\"a,b\"\n", []*Person{{Email: "a@x", Groups: []string{"a,b"}}}},
		{"people twice", "email\na@x\nb@x\na@x\n", []*Person{{Email: "a@x"}, {Email: "b@x"}}},
		{"json", `{"email":"ann@example.com","groups":["sre","dev"]}`, []*Person{ann}},
		{"json, more lines", "\n{\"subject\":\"bob-id\",\"name\":\"Bob \\\"B\\\", O'Hara\"}\r\n\n {\"email\":\"a@x\"}\n", []*Person{bob, {Email: "a@x"}}},
		{"a log", `{"time":"x","level":"INFO","subject":"bob-id","status":403,"Email":"x"}` + "\n" + `{"msg":"serving"}`, []*Person{{Subject: "bob-id"}}},
		{"null", `{"email":"a@x","subject":null,"groups":null,"claims":null}`, []*Person{{Email: "a@x"}}},
		{"a group with spaces and a semicolon", `{"groups":[" a ; b "]}`, []*Person{{Groups: []string{" a ; b "}}}},
		{"claims of several types", `{"subject":"s","claims":{"a":true,"b":[1,"x"],"sub":"s"}}`,
			[]*Person{{Subject: "s", Claims: map[string]any{"a": true, "b": []any{1.0, "x"}, "sub": "s"}}}},
		{"the same groups in another order", "{\"groups\":[\"a\",\"b\"]}\n{\"groups\":[\"b\",\"a\"]}", []*Person{{Groups: []string{"a", "b"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := read(iotest.OneByteReader(strings.NewReader(tt.text)))
			if err != nil {
				t.Fatal(err)
			}
			same := cmp.Comparer(func(a, b *Person) bool {
				return cmp.Equal([]any{a.Email, a.Subject, a.Name, a.Groups, a.Claims}, []any{b.Email, b.Subject, b.Name, b.Groups, b.Claims})
			})
			if !cmp.Equal(tt.want, got, same) {
				t.Errorf("got %d people: %+v", len(got), got)
			}
		})
	}
}

func TestReadPeopleCounts(t *testing.T) {
	_, p, err := read(strings.NewReader("{\"email\":\"a@x\"}\n{}\n{\"email\":\"a@x\",\"time\":2}\n{\"email\":\"a@x\"}\n"))
	if err != nil || p.Repeated != 2 || p.Nobody != 1 {
		t.Errorf("%d repeated, %d nobody, %v", p.Repeated, p.Nobody, err)
	}
}

// TestPeopleWarnings: a separator that is none, and what is no list, give wrong
// answers, but names may be like that.
func TestPeopleWarnings(t *testing.T) {
	const one = ` is taken as one: groups are separated by ";"`
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "email,groups\na@x,a;b\n", nil},
		{"commas", "email,groups\na@x,\"sre,dev\"\n", []string{`people:2: warning: group "sre,dev"` + one}},
		{"bars", "email,groups\na@x,a\nb@x,sre|dev\nc@x,a|b;c|d\n", []string{`people:3: warning: group "sre|dev"` + one + " (and 2 more like it)"}},
		{"names of LDAP", "email,groups\na@x,\"cn=sre,ou=groups,dc=example;cn=dev,dc=example\"\n", nil},
		{"json", `{"groups":["sre,dev","a|b"]}`, nil},
		{"json, a list of rules", "{\"groups\":[\"a\",\"@sre\"]}\n{\"groups\":[\"@sre\"]}",
			[]string{`people:1: warning: group "@sre" is taken as the name of a group: if a list of rules is meant, write one of its groups (and 1 more like it)`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, p, err := read(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, p.Warnings(), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadPeopleErrors(t *testing.T) {
	many := strings.Repeat("x\n", 30)
	tests := []struct{ name, text, want string }{
		{"empty", "", "people: is empty; write a row of column names, such as email,groups, and a row for each person"},
		{"white space", " \n\t\n", "people: is empty; write a row of column names, such as email,groups, and a row for each person"},
		{"only a header", "email,groups\n", "people: names nobody"},
		{"UTF-16", "\xff\xfee\x00m\x00", "people:1: is UTF-16; save it as UTF-8"},
		{"another column", "email,team\na@x,y\n", `people:1: column "team": the columns are email, subject, name, groups and claim.NAME`},
		{"columns that are nearly right", "mail,group,E-Mail\na@x,y,\n", `people:1: column "mail": did you mean "email"?` + "\n" +
			`people:1: column "group": did you mean "groups"?` + "\n" + `people:1: column "E-Mail": did you mean "email"?`},
		{"a list of rules", "email,groups\na@x,a;@sre\n",
			`people:2: group "@sre" looks like a list of rules, and people are in groups: write one of the list's groups, or use JSON if the "@" belongs to the name`},
		{"no header", "ann@example.com,sre\n", `people:1: column "ann@example.com": the columns are email, subject, name, groups and claim.NAME` + "\n" +
			`people:1: column "sre": the columns are email, subject, name, groups and claim.NAME`},
		{"upper case", "Email, groups\na@x,b\n", `people:1: column "Email": write "email"` + "\n" + `people:1: column " groups": write "groups"`},
		{"semicolons", "email;groups\na@x;b\n", `people:1: column "email;groups": separate columns by commas`},
		{"a column twice", "email,email\na@x,b@x\n", `people:1: column "email" is there twice`},
		{"a claim twice", "email,claim.a,claim.a\na@x,,\n", `people:1: column "claim.a" is there twice`},
		{"claim without a name", "email,claim.\na@x,b\n", `people:1: column "claim.": the columns are email, subject, name, groups and claim.NAME, with the name of another claim`},
		{"claim.groups", "claim.groups,email\na,a@x\n", `people:1: column "claim.groups": the columns are email, subject, name, groups and claim.NAME, with the name of another claim`},
		{"nothing to go by", "name\nAnn\n", "people:1: has none of the columns email, subject and groups, so rules have nothing to go by"},
		{"rows that are too long and too short", "email,groups\na@x\nb@x,g,h\nc@x,g\n", "people:2: has 1 field, the header row has 2\npeople:3: has 3 fields, the header row has 2"},
		{"a row without anybody", "email,name\n,Ann\n", "people:2: is nobody: there is no email, no subject and no group"},
		{"a quote within", "email,name\na@x,A\"B\nb@x,B\n", `people:2: column 6: bare " in non-quoted-field; write a text with quotes in it as "say ""hello"""`},
		{"a quote that is not closed", "email,name\na@x,A\nb@x,\"B\nc@x,C\n", `people:3: extraneous or missing " in quoted-field; write a text with quotes in it as "say ""hello"""`},
		{"not UTF-8", "email,name\na@x,\xff\n", `people:2: column "name": "\xff" is not UTF-8`},
		{"an email that is none", "email\nann\nb@x\n", `people:2: email "ann" is not of the form local@domain with one @, so no assertion can hold it`},
		{"two @", "email\na@x\na@b@c\n", `people:3: email "a@b@c" is not of the form local@domain with one @, so no assertion can hold it`},
		{"a space in an email", "email,name\n ann@x,\n", `people:2: email " ann@x" has spaces, separators or invisible characters, so no assertion can hold it`},
		{"an invisible character", "email\nann\u200b@x\n", `people:2: email "ann\u200b@x" has spaces, separators or invisible characters, so no assertion can hold it`},
		{"a subject with a line break", `{"subject":"a\nb"}`, `people:1: subject "a\nb" has control characters, so no assertion can hold it`},
		{"white space around a group", "email,groups\na@x,a; b\n", `people:2: group " b" has white space around it; write a;b, or use JSON if it belongs to the name`},
		{"a JSON list", `[{"email":"a@x"}]`, "people:1: is a JSON list; write one object on each line, as jq -c '.[]' does"},
		{"an object on several lines", "{\n\"email\":\"a@x\"\n}\n", "people:1: is not one JSON object with distinct names on one line\n" +
			"people:2: is no JSON object; every line must be one, or none if the file is CSV\n" +
			"people:3: is no JSON object; every line must be one, or none if the file is CSV"},
		{"duplicate names", `{"email":"a@x","email":"b@x"}`, "people:1: is not one JSON object with distinct names on one line"},
		{"two objects on a line", `{"email":"a@x"}{"email":"b@x"}`, "people:1: is not one JSON object with distinct names on one line"},
		{"wrong types", "{\"email\":1}\n{\"groups\":\"a,b\"}\n{\"groups\":[1]}\n{\"claims\":[]}\n{\"subject\":{}}\n",
			"people:1: email is not a text\npeople:2: groups is not a list of texts, such as [\"sre\", \"dev\"]\n" +
				"people:3: groups is not a list of texts, such as [\"sre\", \"dev\"]\n" +
				"people:4: claims is not an object, such as {\"department\": \"support\"}\npeople:5: subject is not a text"},
		{"another email among the claims", `{"email":"a@x","claims":{"email":"b@x"}}`, "people:1: claims.email differs from email; write it there"},
		{"other groups among the claims", `{"email":"a@x","claims":{"groups":["a"]}}`, "people:1: claims.groups differs from groups; write them there"},
		{"nobody in a log", `{"msg":"a"}`, "people: names nobody"},
		{"more than anybody reads", "email\n" + many, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := read(strings.NewReader(tt.text))
			if err == nil {
				t.Fatal("no error")
			}
			if tt.want == "" {
				if lines := strings.Split(err.Error(), "\n"); len(lines) != mostProblems+1 || lines[mostProblems] != "people: and 10 more problems" {
					t.Errorf("%q", lines)
				}
				return
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// counting counts what is read of something that has no end.
type counting struct {
	text string
	n    int
}

func (c *counting) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		n += copy(b[n:], c.text[(c.n+n)%len(c.text):])
	}
	c.n += n
	return n, nil
}

// TestRowsWithoutEnd: neither a line nor an open quote reads more than a bound
// into memory.
func TestRowsWithoutEnd(t *testing.T) {
	for name, start := range map[string]string{"json": `{"email":"`, "csv": "email,name\na@x,b\na@x,\"", "header": `"email`} {
		t.Run(name, func(t *testing.T) {
			rest := &counting{text: "abc def\n"}
			if name == "json" {
				rest.text = "abc"
			}
			_, _, err := read(io.MultiReader(strings.NewReader(start), rest))
			if err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
				t.Errorf("%v", err)
			}
			if rest.n > 4<<20 {
				t.Errorf("%d bytes were read", rest.n)
			}
		})
	}
}

func TestReadingFails(t *testing.T) {
	broken := errors.New("broken")
	for _, start := range []string{"", "email\na@x\n", "{\"email\":\"a@x\"}\n"} {
		long := start
		if start != "" {
			long += strings.Repeat("\n", mostLine) // past what is looked at first
		}
		_, _, err := read(io.MultiReader(strings.NewReader(long), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("%q: %v", start, err)
		}
	}
}

// people is a log of n people that is never in memory as a whole.
type people struct{ i, n int }

func (p *people) Read(b []byte) (int, error) {
	if p.i == p.n {
		return 0, io.EOF
	}
	p.i++
	return copy(b, fmt.Sprintf("{\"email\":\"p%d@example.com\",\"groups\":[\"a\"]}\n", p.i)), nil
}

// TestManyPeopleAreCountedNotKept: all count, a few are kept.
func TestManyPeopleAreCountedNotKept(t *testing.T) {
	const n = 20_000
	r, err := Compare(load(t, "old.toml", app("x", "", "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]")),
		load(t, "new.toml", app("x", "", "[[rule]]\nrole = \"B\"\ngroups = [\"a\"]")),
		Options{At: noon, Listed: 3, People: NewPeople("people", &people{n: n})})
	if err != nil {
		t.Fatal(err)
	}
	a := r.Apps[0]
	if want := (Counts{People: n, Changes: n}); a.Counts != want || len(a.Groups) != 1 || len(a.Groups[0].Entries) != 3 || a.Groups[0].More != n-3 {
		t.Errorf("%+v", a)
	}
	if who := a.Groups[0].Entries[2].Person.Who(); who != "p3@example.com" {
		t.Errorf("not in the order of the file: %s", who)
	}
}
