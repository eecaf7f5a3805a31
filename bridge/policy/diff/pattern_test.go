package policydiff

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// TestIntersect: what is in the intersection matches both patterns, and two
// patterns of one text have an intersection.
func TestIntersect(t *testing.T) {
	pattern := rapid.StringMatching(`[ab*]{1,6}`)
	text := rapid.StringMatching(`[ab]{0,6}`)
	check(t, 5000, func(t *rapid.T) {
		p, q, s := pattern.Draw(t, "p"), pattern.Draw(t, "q"), text.Draw(t, "text")
		both, ok := intersect(p, q)
		if !ok && glob(p, s) && glob(q, s) {
			t.Fatalf("%q and %q match %q, but have no intersection", p, q, s)
		}
		for _, filled := range fill(both, s) {
			if ok && (!glob(p, filled) || !glob(q, filled)) {
				t.Fatalf("%q and %q do not match %q of %q", p, q, filled, both)
			}
		}
	})
}

// TestGlobIsMappings: a rule matches as glob says.
func TestGlobIsMappings(t *testing.T) {
	check(t, 5000, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab]{0,2}\*[ab*]{0,4}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[ab]{1,8}`).Draw(t, "text")
		m, err := mapping.Compile(mapping.Policy{Rules: []mapping.Rule{{Role: "x", Groups: []string{pattern}}}})
		if err != nil {
			t.Fatal(err)
		}
		want := m.Map(&verifier.Principal{Subject: "s", Groups: []string{text}}, start).Allowed()
		if got := glob(pattern, text); got != want {
			t.Fatalf("glob(%q, %q) is %v", pattern, text, got)
		}
	})
}

func TestIntersectEmails(t *testing.T) {
	for _, tt := range []struct{ p, q, want string }{
		{"*@example.com", "ann@*", "ann@example.com"},
		{"*@a.example", "*@b.example", ""},
		{"svc-*@*", "*@*.example.com", "svc-*@*.example.com"},
		{"*@*", "*@*", "*@*"},
		{"a*@x", "*b@x", "a*b@x"},
		{"*@x", "x@*y", ""},
	} {
		got, ok := intersectEmails(tt.p, tt.q)
		if ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("%s and %s: %q, %v; want %q", tt.p, tt.q, got, ok, tt.want)
		}
	}
}

// TestIntersectIsBounded: two long patterns end.
func TestIntersectIsBounded(t *testing.T) {
	p, q := strings.Repeat("a*", 5000), strings.Repeat("*b", 5000)
	if _, ok := intersect(p, q); ok {
		t.Error("ok")
	}
}
