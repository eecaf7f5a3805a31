package mapping

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// compileOrBlame compiles a policy, or returns the numbers of the rules that can
// never decide, according to Compile.
func compileOrBlame(t *rapid.T, p Policy) (m *Mapper, useless []int) {
	m, err := Compile(p)
	if err == nil {
		return m, nil
	}
	var joined interface{ Unwrap() []error }
	if m != nil || !errors.As(err, &joined) {
		t.Fatalf("Compile: %v, %T", m, err)
	}
	for _, e := range joined.Unwrap() {
		var problem *RuleError
		switch {
		case !errors.As(e, &problem):
			t.Fatalf("Compile: %T", e)
		case strings.Contains(problem.Problem, "unreachable") || strings.Contains(problem.Problem, "never holds"):
			useless = append(useless, problem.Rule)
		case strings.Contains(problem.Problem, "matches everybody"):
			for later := problem.Rule + 1; later <= len(p.Rules); later++ {
				useless = append(useless, later)
			}
		default:
			t.Fatalf("Compile objects to a policy that is right: %v", problem)
		}
	}
	return nil, useless
}

// without returns a policy without the rules of these numbers.
func without(p Policy, numbers []int) Policy {
	rest := Policy{Lists: p.Lists}
	for i, rule := range p.Rules {
		if !slices.Contains(numbers, i+1) {
			rest.Rules = append(rest.Rules, rule)
		}
	}
	return rest
}

// TestAgreesWithReference: Map and Explain decide as the naive evaluator does.
func TestAgreesWithReference(t *testing.T) {
	policies, visits := policies(), visits()
	checkCases(t, func(t *rapid.T) {
		policy := policies.Draw(t, "policy")
		m, useless := compileOrBlame(t, policy)
		for m == nil && len(useless) < len(policy.Rules) {
			policy = without(policy, useless)
			m, useless = compileOrBlame(t, policy)
		}
		if m == nil {
			return
		}
		ref := newReference(policy)
		for range peoplePerPolicy {
			v := visits.Draw(t, "visit")
			want := ref.decide(v.Person, v.At)
			if got := m.Map(v.Person, v.At); got != want {
				t.Fatalf("Map: %+v, want %+v", got, want)
			}
			got, steps := m.Explain(v.Person, v.At)
			if got != want {
				t.Fatalf("Explain: %+v, want %+v", got, want)
			}
			checkSteps(t, ref, v, want, steps)
		}
	})
}

// checkSteps checks that every step is true of its rule.
func checkSteps(t *rapid.T, ref *reference, v visit, decision Decision, steps []Step) {
	if len(steps) != len(ref.policy.Rules) {
		t.Fatalf("%d steps for %d rules", len(steps), len(ref.policy.Rules))
	}
	for i, s := range steps {
		rule := ref.policy.Rules[i]
		if s.Rule != i+1 || s.Role != rule.Role || s.Source != rule.Source || s.Detail == "" {
			t.Fatalf("step %d: %+v", i+1, s)
		}
		var want Verdict
		switch {
		case decision.Allowed() && s.Rule > decision.Rule:
			want = NotReached
			if s.Condition != "" || s.Detail != decision.RuleName()+" has decided" {
				t.Fatalf("step %d: %+v", i+1, s)
			}
		case s.Rule == decision.Rule:
			want = Matched
			held := strings.Split(s.Condition, ", ")
			slices.Sort(held)
			if all := conditions(rule); strings.Join(held, ", ") != strings.Join(all, ", ") {
				t.Fatalf("step %d says that %v held, the rule has %v", i+1, held, all)
			}
		default:
			want = NotMatched
			if failing := ref.failing(rule, v.Person, v.At); !slices.Contains(failing, s.Condition) {
				t.Fatalf("step %d says that %s failed, it was %v", i+1, s.Condition, failing)
			}
		}
		if s.Verdict != want {
			t.Fatalf("step %d: %s, want %s", i+1, s.Verdict, want)
		}
	}
}

// TestUnreachableIsSound: nobody gets in by a rule that Compile calls useless,
// not even somebody who is made to meet all that the rule asks for.
func TestUnreachableIsSound(t *testing.T) {
	policies, visits := policies(), visits()
	met := 0
	checkCases(t, func(t *rapid.T) {
		policy := policies.Draw(t, "policy")
		for {
			m, useless := compileOrBlame(t, policy)
			if m != nil {
				return
			}
			ref := newReference(policy)
			for i := range peoplePerPolicy {
				v := visits.Draw(t, "visit")
				number := useless[i%len(useless)]
				rule := policy.Rules[number-1]
				aim(t, ref, rule, &v)
				if len(ref.failing(rule, v.Person, v.At)) == 0 {
					met++
				}
				if d := ref.decide(v.Person, v.At); slices.Contains(useless, d.Rule) {
					t.Fatalf("rule[%d] is called useless and decides about %+v at %v", d.Rule, v.Person, v.At)
				}
			}
			if policy = without(policy, useless); len(policy.Rules) == 0 {
				return
			}
		}
	})
	if t.Logf("%d people met a useless rule", met); met < *cases/50 {
		t.Error("too few for the test to mean something")
	}
}

// aim changes a visit so that it meets a rule, as far as that is possible.
func aim(t *rapid.T, ref *reference, rule Rule, v *visit) {
	star := rapid.SampledFrom([]string{"", "a", "1", "-1", "a-1", "z", "x", "y"})
	fill := func(pattern string) string {
		for strings.Contains(pattern, "*") {
			pattern = strings.Replace(pattern, "*", star.Draw(t, "star"), 1)
		}
		return pattern
	}
	groups := v.Person.Groups[:min(1, len(v.Person.Groups))] // a few others too
	for _, w := range ref.expand(rule.AllGroups) {
		groups = append(groups, fill(w))
	}
	if some := ref.expand(rule.Groups); len(some) > 0 {
		groups = append(groups, fill(rapid.SampledFrom(some).Draw(t, "group")))
	}
	v.Person.Groups = groups
	if rule.Emails != nil {
		email := rapid.SampledFrom(rule.Emails).Draw(t, "email")
		if email == "*" {
			email = "*@*"
		}
		v.Person.Email = fill(email)
	}
	if !rule.After.IsZero() && v.At.Before(rule.After) {
		v.At = rule.After
	}
	if !rule.Until.IsZero() && !v.At.Before(rule.Until) {
		v.At = rule.Until.Add(-1)
	}
}
