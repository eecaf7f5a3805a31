package mapping

import (
	"fmt"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// TestExpressionsShareABudget: twenty expressions of an app that are each just cheap
// enough cost no more than one decision may, and then nothing is granted, whatever else
// would match. It counts cost, not time.
func TestExpressionsShareABudget(t *testing.T) {
	p := &verifier.Principal{Subject: "x"}
	for i := range 900 {
		p.Groups = append(p.Groups, fmt.Sprint("group-", i))
	}
	for _, match := range []Match{MatchFirst, MatchAll} {
		var rules []Rule
		for i := range 20 {
			rules = append(rules, Rule{Role: "Editor", When: fmt.Sprintf(`groups.exists(a, groups.exists(b, a + b == "x%d"))`, i)})
		}
		rules = append(rules, Rule{Role: "Viewer", Subjects: []string{"x"}})
		m := mustCompile(t, Policy{Rules: rules, Match: match, DefaultRole: "Guest"})
		d := m.Map(p, noon)
		explained, steps := m.Explain(p, noon)
		if d.Allowed() || !d.Exhausted || explained.Allowed() || !explained.Exhausted || len(steps) != len(rules) {
			t.Errorf("match %s: %+v, %+v", match, d, explained)
		}
		x := m.meet(p, noon)
		m.matching(x)
		if x.spent > 2*maxCost+1000 || x.spent < maxCost {
			t.Errorf("spent %d", x.spent)
		}
		x.forget()
		m.people.Put(x)
		// The next person has a budget of their own.
		if d := m.Map(&verifier.Principal{Subject: "x", Groups: p.Groups[:2]}, noon); !d.Allowed() || d.Exhausted {
			t.Errorf("match %s, few groups: %+v", match, d)
		}
	}
}

// TestOnlyWhatDecidesIsEvaluated: an expression behind the rule that decides costs nothing.
func TestOnlyWhatDecidesIsEvaluated(t *testing.T) {
	p := muchOfEverything()
	p.Subject = "x"
	m := mustCompile(t, Policy{Rules: []Rule{{Role: "Viewer", Subjects: []string{"x"}}, {Role: "Editor", When: dear[0]}}})
	if d := m.Map(p, noon); !d.Allowed() || d.Exhausted {
		t.Errorf("%+v", d)
	}
}

func TestMayChange(t *testing.T) {
	m := mustCompile(t, Policy{Rules: []Rule{
		{Role: "A", Groups: []string{"a"}, Until: noon}, {Role: "B", Groups: []string{"a"}, After: noon.Add(time.Hour)},
	}})
	for _, tc := range []struct {
		from, to time.Duration
		want     bool
	}{
		{-2 * time.Hour, -time.Hour, false}, {-time.Hour, 0, true}, {0, time.Minute, false}, {0, time.Hour, true},
		{time.Hour, 2 * time.Hour, false}, {0, -time.Minute, true},
	} {
		if got := m.MayChange(noon.Add(tc.from), noon.Add(tc.to)); got != tc.want {
			t.Errorf("from %s to %s: %t", tc.from, tc.to, got)
		}
	}
	m = mustCompile(t, Policy{Rules: []Rule{{Role: "A", When: `now < timestamp("2027-01-31T00:00:00Z")`}}})
	if !m.MayChange(noon, noon) {
		t.Error("an expression that asks for now may change at any time")
	}
}
