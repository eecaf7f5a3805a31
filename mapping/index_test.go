package mapping

import (
	"slices"
	"testing"
)

// TestFewRulesAreTried with anybody, though one group is named by every rule:
// those that their names lead to and theirs alone.
func TestFewRulesAreTried(t *testing.T) {
	for name, p := range map[string]Policy{"rules": benchRules(1000), "staff": staffOnly(1000)} {
		m := mustCompile(t, p)
		tried := len(m.index.always)
		x := m.meet(benchPerson(200, "staff"), noon)
		for _, n := range x.names {
			tried += len(m.index.byName(n))
		}
		if tried > 5 {
			t.Errorf("%s: %d rules", name, tried)
		}
	}
}

// TestEveryRuleCanBeFound: by all names of one of its conditions, or always.
func TestEveryRuleCanBeFound(t *testing.T) {
	p := staffOnly(500)
	for i := range p.Rules {
		if i%5 == 0 {
			p.Rules[i] = Rule{Role: "A", NotGroups: p.Rules[i].Groups}
		}
	}
	m := mustCompile(t, p)
	for i := range m.rules {
		found := slices.ContainsFunc(m.rules[i].conditions, func(c condition) bool {
			return !c.not && !slices.ContainsFunc(c.names, func(n int32) bool { return !slices.Contains(m.index.byName(n), int32(i)) })
		})
		if always := slices.Contains(m.index.always, int32(i)); found == always {
			t.Errorf("rule[%d]: by a condition %t, always %t", i+1, found, always)
		}
	}
}
