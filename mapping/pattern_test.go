package mapping

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
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
		{"ab*ba", "aba", false}, // the "b" counts once
		{"ab*ba", "abba", true},
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

// matchRegexp is matchPattern by way of a regular expression.
func matchRegexp(pattern, s string) bool {
	text := `(?s)\A` + strings.ReplaceAll(regexp.QuoteMeta(letters(pattern)), `\*`, `.*`) + `\z`
	return regexp.MustCompile(text).MatchString(letters(s))
}

func TestMatchPatternAgreesWithRegexp(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab*")), 0, 10, -1)
	checkCases(t, func(t *rapid.T) {
		for range peoplePerPolicy {
			if pattern, s := text.Draw(t, "pattern"), text.Draw(t, "s"); matchPattern(pattern, s) != matchRegexp(pattern, s) {
				t.Fatalf("matchPattern(%q, %q) = %t", pattern, s, matchPattern(pattern, s))
			}
		}
	})
}

func FuzzMatchPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""}, {"*", "a"}, {"a*b*c", "abbc"}, {"**a**", "aa"}, {"*\xff", "\xff\xff"}, {"é*", "é"}, {"*@x", "a@b@x"}, {"\n*", "\n"}, {"*@X", "a@x"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 1000 || len(s) > 1000 {
			t.Skip("regexp takes long")
		}
		if want := matchRegexp(pattern, s); matchPattern(pattern, s) != want {
			t.Errorf("matchPattern(%q, %q) = %t", pattern, s, !want)
		}
		// In an email, the domain is the text behind the one "@".
		_, domain, ok := splitEmail(s)
		if checkEmail(pattern) != nil || !ok || !matchEmail(lowerDomain(pattern), lowerDomain(s)) {
			return
		}
		if strings.Count(s, "@") != 1 {
			t.Errorf("emails = [%q] matches %q", pattern, s)
		}
		if _, wanted, given := strings.Cut(pattern, "@"); given && !strings.Contains(wanted, "*") && asciiLower(domain) != asciiLower(wanted) {
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

// checkPatternIndexes holds an index of patterns, and of those that are of
// emails, against trying them all.
func checkPatternIndexes(t fataler, patterns, texts []string) {
	t.Helper()
	checkPatternIndex(t, patterns, texts, matchPattern)
	wrong := func(email string) bool { return checkEmail(email) != nil }
	checkPatternIndex(t, slices.DeleteFunc(patterns, wrong), slices.DeleteFunc(texts, wrong), matchEmail)
}

func checkPatternIndex(t fataler, patterns, texts []string, match func(pattern, text string) bool) {
	t.Helper()
	var x patternIndex
	numbers := make(map[string]int32)
	for i, p := range patterns {
		if _, ok := x.number(p); !ok {
			x.add(p, int32(i))
			numbers[p] = int32(i)
		}
		if n, ok := x.number(p); !ok || n != numbers[p] {
			t.Fatalf("pattern %q has number %d, %t; want %d", p, n, ok, numbers[p])
		}
	}
	for _, text := range texts {
		var got, want []int32
		x.find(text, match, func(n int32) { got = append(got, n) })
		for p, n := range numbers {
			if match(p, text) {
				want = append(want, n)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("of %q, %v match %q; want %v", patterns, got, text, want)
		}
	}
}

func TestPatternIndexAgreesWithTryingAll(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab@")), 0, 6, -1)
	pattern := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab@")), 0, 3, -1), 2, 3).Draw(t, "parts")
		return strings.Join(parts, "*")
	})
	patterns, texts := rapid.SliceOfN(pattern, 0, 8), rapid.SliceOfN(text, peoplePerPolicy, peoplePerPolicy)
	checkCases(t, func(t *rapid.T) {
		checkPatternIndexes(t, patterns.Draw(t, "patterns"), texts.Draw(t, "texts"))
	})
}

func FuzzPatternIndex(f *testing.F) {
	f.Add("*\na*\n*b\nab*ba\n**\n*@x\na*@*", "aba")
	f.Add("\xff*\n*\xff", "\xff")
	f.Fuzz(func(t *testing.T, lines, text string) {
		patterns := slices.DeleteFunc(strings.Split(lines, "\n"), func(p string) bool { return !isPattern(p) })
		checkPatternIndexes(t, patterns, []string{text})
	})
}
