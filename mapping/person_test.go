package mapping

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/verifier"
)

// TestNothingIsLeftOfAPerson: what one person met, and what expressions said of
// them, is gone before the next one comes.
func TestNothingIsLeftOfAPerson(t *testing.T) {
	policies, visits := policies(), visits()
	checkCases(t, func(t *rapid.T) {
		_, m := drawPolicy(t, policies, visits)
		drawn := rapid.SliceOfN(visits, peoplePerPolicy, peoplePerPolicy).Draw(t, "visits")
		var alone []Decision
		for _, v := range drawn {
			x := m.meet(v.Person, v.At)
			met := slices.Clone(x.names)
			x.forget()
			if x.p != nil || !x.at.IsZero() || len(x.names)+len(x.matched)+len(x.answers) > 0 || slices.ContainsFunc(x.has, func(w uint64) bool { return w != 0 }) {
				t.Fatalf("left over: %+v", x)
			}
			m.people.Put(x)
			if slices.Sort(met); len(slices.Compact(met)) != len(met) {
				t.Fatalf("names met twice: %v", met)
			}
			alone = append(alone, m.Map(v.Person, v.At))
		}
		for i, v := range slices.Backward(drawn) {
			other := drawn[(i*7+3)%len(drawn)]
			m.Explain(other.Person, other.At)
			if got := m.Map(v.Person, v.At); !equal(got, alone[i]) {
				t.Fatalf("after %+v: %+v, before %+v", other, got, alone[i])
			}
		}
	})
}

// TestAfterAPanic: a principal that makes Map panic, which the bridge turns into
// an answer, does not show in what the next person gets.
func TestAfterAPanic(t *testing.T) {
	m := mustCompile(t, Policy{Rules: []Rule{{Role: "Admin", Groups: []string{"a"}}, {Role: "Viewer", When: "claims.x.exists(g, g == \"1\")"}}})
	admin := &verifier.Principal{Groups: []string{"a"}}
	for range 100 {
		for _, p := range []*verifier.Principal{nil, {Groups: []string{"a"}, Claims: map[string]any{"x": []any{make(chan int)}}}} {
			func() {
				defer func() { _ = recover() }()
				m.Map(p, noon)
				m.Explain(p, noon)
			}()
		}
		if d := m.Map(&verifier.Principal{}, noon); d.Allowed() {
			t.Fatalf("%+v", d)
		}
		if d := m.Map(admin, noon); d.Rule != 1 {
			t.Fatalf("%+v", d)
		}
	}
}

// TestConcurrentUse is for -race: many people at once get what each gets alone.
func TestConcurrentUse(t *testing.T) {
	for _, match := range []Match{MatchFirst, MatchAll} {
		p := Policy{
			Match: match, DefaultRole: "Guest", Lists: map[string][]string{"even": {"g0", "g2", "g4", "g*6"}},
			Rules: []Rule{
				{Deny: true, Claims: map[string][]string{"risk": {"high"}}},
				{Role: "Three", When: `member("g3") || groups.exists(g, g == "g13")`, Attributes: map[string]string{"n": "3"}},
				{Role: "Even", Groups: []string{"@even"}, Emails: []string{"*@example.com"}},
				{Role: "Long", When: `claims.list.exists(i, groups.exists(g, g == "g" + string(int(i))))`},
				{Role: "One", Groups: []string{"g1*"}, NotGroups: []string{"g11"}, Attributes: map[string]string{"n": "1"}},
			},
		}
		m := mustCompile(t, p)
		var people []*verifier.Principal
		var want []Decision
		for i := range 20 {
			v := &verifier.Principal{Groups: []string{fmt.Sprint("g", i)}, Email: fmt.Sprintf("p%d@example.com", i), Claims: map[string]any{}}
			if i%7 == 0 {
				v.Claims["risk"] = "high"
			}
			if i%5 == 0 {
				v.Claims["list"] = []any{float64(i), float64(i + 1)}
			}
			people, want = append(people, v), append(want, m.Map(v, noon))
		}
		var group sync.WaitGroup
		for worker := range 8 {
			group.Go(func() {
				for i := range 300 {
					who := (i*(worker+1) + worker) % len(people)
					d := m.Map(people[who], noon)
					explained, steps := m.Explain(people[who], noon)
					if !equal(d, want[who]) || !equal(explained, want[who]) || len(steps) != len(p.Rules) {
						t.Errorf("%s: person %d: %+v, %+v, want %+v", match, who, d, explained, want[who])
					}
					_ = append(d.Roles, strings.Repeat("x", worker)) // must not be seen by others
					for key := range d.Attributes {
						d.Attributes[key] = "mine"
					}
					if i%100 == 0 {
						m.Shadows()
						m.Roles()
						if _, err := Compile(p); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		group.Wait()
	}
}
