package mapping

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// compileOrBlame compiles a policy, or returns the numbers of the rules that
// exclude whomever they ask for, according to Compile. It has no other reason to
// object to what the generator makes.
func compileOrBlame(t *rapid.T, p Policy) (m *Mapper, useless []int) {
	m, errs := ruleErrors(t, p)
	for _, e := range errs {
		if !strings.Contains(e.Problem, "never holds") {
			t.Fatalf("Compile objects to a policy that is right: %v", e)
		}
		useless = append(useless, e.Rule)
	}
	return m, useless
}

// without returns a policy without the rules of these numbers.
func without(p Policy, numbers ...int) Policy {
	rules := p.Rules
	p.Rules = nil
	for i, rule := range rules {
		if !slices.Contains(numbers, i+1) {
			p.Rules = append(p.Rules, rule)
		}
	}
	return p
}

// drawPolicy draws a policy that compiles. It checks that nobody meets a rule
// that Compile calls useless, not even somebody who is made to.
func drawPolicy(t *rapid.T, policies *rapid.Generator[Policy], visits *rapid.Generator[visit]) (Policy, *Mapper) {
	policy := policies.Draw(t, "policy")
	for {
		m, useless := compileOrBlame(t, policy)
		if m != nil {
			return policy, m
		}
		ref := newReference(policy)
		for _, number := range useless {
			ref.exact = policy.Rules[number-1].Deny // of which spelling is no excuse
			v := visits.Draw(t, "visit")
			aim(t, policy, policy.Rules[number-1], &v)
			if len(ref.failing(policy.Rules[number-1], v)) == 0 {
				t.Fatalf("rule[%d] is said never to hold and does of %+v", number, v)
			}
		}
		policy = without(policy, useless...)
		if !slices.ContainsFunc(policy.Rules, func(r Rule) bool { return r.Grants() != nil }) {
			policy.DefaultRole = "Guest"
			policy.Rules = slices.DeleteFunc(policy.Rules, func(r Rule) bool { return !r.Conditional() })
		}
	}
}

// TestAgreesWithReference: Map and Explain decide as the naive evaluator does,
// one person after the other with one mapper, and every step is true of its rule.
func TestAgreesWithReference(t *testing.T) {
	policies, visits := policies(), visits()
	seen := make(map[string]int)
	checkCases(t, func(t *rapid.T) {
		policy, m := drawPolicy(t, policies, visits)
		ref := newReference(policy)
		for i := range peoplePerPolicy {
			v := visits.Draw(t, "visit")
			if len(policy.Rules) > 0 && i%2 == 0 {
				aim(t, policy, rapid.SampledFrom(policy.Rules).Draw(t, "aim"), &v)
			}
			want := ref.decide(v)
			if got := m.Map(v.Person, v.At); !equal(got, want) {
				t.Fatalf("Map: %+v, want %+v", got, want)
			}
			got, steps := m.Explain(v.Person, v.At)
			if !equal(got, want) {
				t.Fatalf("Explain: %+v, want %+v", got, want)
			}
			checkSteps(t, ref, v, want, steps)
			note(seen, policy, want)
		}
	})
	t.Log(seen)
	for _, kind := range []string{"denied by a rule", "by no rule", "default", "one rule", "several rules", "several roles", "attributes"} {
		if seen[kind] < *cases/100 {
			t.Errorf("%d cases %s: too few for the test to mean something", seen[kind], kind)
		}
	}
}

// note counts what kinds of decisions there were.
func note(seen map[string]int, p Policy, d Decision) {
	for kind, is := range map[string]bool{
		"denied by a rule": d.Rule > 0 && !d.Allowed(), "by no rule": d.Rule == 0 && !d.Allowed(),
		"default": d.Rule == 0 && d.Allowed() && p.DefaultRole == d.Roles[0], "one rule": d.Rule > 0 && d.Also == nil,
		"several rules": d.Also != nil, "several roles": len(d.Roles) > 1, "attributes": len(d.Attributes) > 0,
	} {
		if is {
			seen[kind]++
		}
	}
}

// checkSteps checks that every step is true of its rule.
func checkSteps(t *rapid.T, ref *reference, v visit, decision Decision, steps []Step) {
	if len(steps) != len(ref.policy.Rules) {
		t.Fatalf("%d steps for %d rules", len(steps), len(ref.policy.Rules))
	}
	decided := false
	for i, s := range steps {
		rule := ref.policy.Rules[i]
		if s.Rule != i+1 || !slices.Equal(s.Roles, rule.Grants()) || s.Deny != rule.Deny || s.Source != rule.Source ||
			s.Detail == "" || strings.ContainsAny(s.Detail, "\n\r\t") {
			t.Fatalf("step %d: %+v", i+1, s)
		}
		failing := ref.failing(rule, v)
		switch {
		case decided && ref.policy.Match != MatchAll:
			if s.Verdict != NotReached || s.Condition != "" || s.Detail != decision.RuleName()+" has decided" {
				t.Fatalf("step %d: %+v, want not reached", i+1, s)
			}
		case len(failing) == 0:
			decided = true
			var held []string
			if s.Condition != "" {
				held = slices.Sorted(strings.SplitSeq(s.Condition, ", "))
			}
			if all := conditionsOf(rule); s.Verdict != Matched || !slices.Equal(held, all) {
				t.Fatalf("step %d: %+v, but it matches, and has conditions %v", i+1, s, all)
			}
		case s.Verdict != NotMatched || !slices.Contains(failing, s.Condition):
			t.Fatalf("step %d: %+v, but it is %v that failed", i+1, s, failing)
		}
	}
}

// TestShadowsAreSound: without a rule that Shadows returns, and without all of
// them, everybody gets the roles and attributes that they get with them; people
// made to meet such a rule too.
func TestShadowsAreSound(t *testing.T) {
	policies, visits := policies(), visits()
	met := map[Match]int{}
	checkCases(t, func(t *rapid.T) {
		policy, m := drawPolicy(t, policies, visits)
		shadows := m.Shadows()
		if len(shadows) == 0 {
			return
		}
		shadows = slices.DeleteFunc(shadows, func(s Shadow) bool { return s.Spelling })
		if len(shadows) == 0 {
			return
		}
		var all []int
		for _, s := range shadows {
			if s.By == s.Rule || slices.Contains(all, s.Rule) {
				t.Fatalf("shadows %+v", shadows)
			}
			all = append(all, s.Rule)
		}
		ref, rest := newReference(policy), newReference(without(policy, all...))
		for i := range peoplePerPolicy {
			s := shadows[i%len(shadows)]
			v := visits.Draw(t, "visit")
			aim(t, policy, policy.Rules[s.Rule-1], &v)
			if len(ref.failing(policy.Rules[s.Rule-1], v)) == 0 {
				met[m.match]++
				if failing := ref.failing(policy.Rules[s.By-1], v); len(failing) > 0 {
					t.Fatalf("%+v matches %+v, which fails the %v of the other", s, v, failing)
				}
			}
			one := newReference(without(policy, s.Rule))
			want := ref.decide(v)
			for _, got := range []Decision{one.decide(v), rest.decide(v)} {
				slices.Sort(got.Roles)
				slices.Sort(want.Roles)
				if !slices.Equal(got.Roles, want.Roles) || !maps.Equal(got.Attributes, want.Attributes) {
					t.Fatalf("%+v of %+v gets %+v, without shadows %+v", v, s, want, got)
				}
			}
		}
	})
	t.Logf("people who met a rule that is useless: %v", met)
	if met[MatchFirst] < *cases/50 || met[MatchAll] < *cases/50 {
		t.Error("too few for the test to mean something")
	}
}
