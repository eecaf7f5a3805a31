package mapping

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/verifier"
)

func TestMatchPattern(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "anything\nat all", true},
		{"**", "", true},
		{"a", "a", true},
		{"a", "", false},
		{"a*", "a", true},
		{"a*", "ba", false},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*c", "abc", true},
		{"a*c", "acb", false},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"*ab", "aab", true},
		{"*aab", "aaab", true},
		{"a.c", "abc", false},
		{"a?", "ab", false},
		{"[a]", "a", false},
		{`\*`, `\x`, true}, // a backslash is a backslash
		{"é*", "éa", true},
		{"*\xa9", "é", true}, // bytes, not letters
	}
	for _, tt := range tests {
		if got := matchPattern(tt.pattern, tt.s); got != tt.want {
			t.Errorf("matchPattern(%q, %q) = %t", tt.pattern, tt.s, got)
		}
	}
}

// bytesAsLetters lets regexp, which reads UTF-8, match byte by byte.
func bytesAsLetters(s string) string {
	letters := make([]rune, len(s))
	for i := range len(s) {
		letters[i] = rune(s[i])
	}
	return string(letters)
}

func checkPattern(t interface{ Errorf(string, ...any) }, pattern, s string) {
	text := `(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(bytesAsLetters(pattern)), `\*`, `.*`) + `\z`
	if want := regexp.MustCompile(text).MatchString(bytesAsLetters(s)); matchPattern(pattern, s) != want {
		t.Errorf("matchPattern(%q, %q) = %t", pattern, s, !want)
	}
}

func TestMatchPatternAgreesWithRegexp(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab*")), 0, 10, -1)
	checkCases(t, func(t *rapid.T) { checkPattern(t, text.Draw(t, "pattern"), text.Draw(t, "s")) })
}

func FuzzMatchPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""}, {"*", "a"}, {"a*b*c", "abbc"}, {"**a**", "aa"}, {"*\xff", "\xff\xff"}, {"é*", "é"}, {"*@x", "a@b@x"}, {"\n*", "\n"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 1000 || len(s) > 1000 {
			t.Skip("regexp takes long")
		}
		checkPattern(t, pattern, s)
		// In an email, the domain is the text behind the one "@".
		e, err := parseEmailPattern(pattern)
		if err != nil || !e.matches(s) {
			return
		}
		local, domain, _ := strings.Cut(s, "@")
		if local == "" || domain == "" || strings.Count(s, "@") != 1 {
			t.Errorf("emails = [%q] matches %q", pattern, s)
		}
		if _, wantDomain, given := strings.Cut(pattern, "@"); given && !strings.Contains(wantDomain, "*") && domain != wantDomain {
			t.Errorf("emails = [%q] matches the domain of %q", pattern, s)
		}
	})
}

// TestPatternsTakeNoTime: a pattern that makes backtracking matchers explode.
func TestPatternsTakeNoTime(t *testing.T) {
	done := make(chan bool)
	go func() { done <- matchPattern(strings.Repeat("a*", 500)+"b", strings.Repeat("a", 10000)) }()
	select {
	case matched := <-done:
		if matched {
			t.Error("matched")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("still matching")
	}
}

// FuzzCompile: no policy and no person make the mapper panic, whatever is wrong
// with them, and what Compile accepts decides as the reference does.
func FuzzCompile(f *testing.F) {
	f.Add("sre @ops", "a", "", "*@x", "ops=a @sre", "sre a", "a@x")
	f.Add("@a", "@b @", "*", "ann", "a=@b;b=@a", "", "")
	f.Add("**", "a*", "*", "a@b@c", "a=", "\x00 \xff *", "a@b@c")
	f.Fuzz(func(t *testing.T, groups, allGroups, notGroups, emails, lists, personGroups, email string) {
		if len(groups)+len(allGroups)+len(notGroups)+len(emails)+len(lists)+len(personGroups) > 1000 {
			t.Skip("regexp takes long")
		}
		// An empty text is no condition, else there is an item to each word.
		split := func(s string) []string {
			if s == "" {
				return nil
			}
			return strings.Split(s, " ")
		}
		p := Policy{Lists: make(map[string][]string)}
		for item := range strings.SplitSeq(lists, ";") {
			name, members, _ := strings.Cut(item, "=")
			p.Lists[name] = split(members)
		}
		p.Rules = []Rule{
			{Role: "A", Groups: split(groups), AllGroups: split(allGroups)},
			{Role: "B", Groups: split(groups), NotGroups: split(notGroups), Emails: split(emails)},
			{Role: "C", AllGroups: split(notGroups), Emails: split(emails), Until: noon},
			{Role: "D"},
		}
		person := &verifier.Principal{Email: bytesAsLetters(email)}
		for _, g := range split(personGroups) {
			person.Groups = append(person.Groups, bytesAsLetters(g))
		}
		m, err := Compile(p)
		if err != nil {
			if one := (*RuleError)(nil); m != nil || !errors.As(err, &one) {
				t.Fatalf("Compile: %v, %v", m, err)
			}
			return
		}
		if strings.ToValidUTF8(groups+allGroups+notGroups+emails+lists, "") != groups+allGroups+notGroups+emails+lists {
			return // regexp reads letters
		}
		want := newReference(p).decide(person, noon)
		if got, _ := m.Explain(person, noon); got != want || m.Map(person, noon) != want {
			t.Fatalf("Explain: %+v, Map: %+v, want %+v", got, m.Map(person, noon), want)
		}
	})
}
