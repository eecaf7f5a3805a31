package mapping

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

func mustCompile(tb testing.TB, p Policy) *Mapper {
	tb.Helper()
	m, err := Compile(p)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// fataler is what *testing.T and *rapid.T have in common here.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// ruleErrors returns Compile's error as the errors that it joins, and holds
// Compile to its contract: a Mapper or errors, never both.
func ruleErrors(t fataler, p Policy) (*Mapper, []*RuleError) {
	t.Helper()
	m, err := Compile(p)
	if (m == nil) != (err != nil) {
		t.Fatalf("Compile returned %v and %v", m, err)
	}
	if err == nil {
		return m, nil
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		t.Fatalf("Compile: %T joins nothing", err)
	}
	var all []*RuleError
	for _, e := range joined.Unwrap() {
		var one *RuleError
		if !errors.As(e, &one) {
			t.Fatalf("Compile: %T, want *RuleError", e)
		}
		all = append(all, one)
	}
	return nil, all
}

// equal compares decisions; nothing and none are the same.
func equal(a, b Decision) bool {
	return slices.Equal(a.Roles, b.Roles) && maps.Equal(a.Attributes, b.Attributes) &&
		a.Rule == b.Rule && slices.Equal(a.Also, b.Also) && a.Source == b.Source
}
