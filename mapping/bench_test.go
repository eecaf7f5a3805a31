package mapping

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
)

// benchRules are rules of all kinds, none of which anybody matches but the last.
func benchRules(n int) Policy {
	var p Policy
	for i := range n - 1 {
		r := Rule{Role: "Editor", Groups: []string{fmt.Sprintf("other-%d", i), fmt.Sprintf("another-%d", i)}, Source: fmt.Sprintf("app.toml:%d", i)}
		switch i % 4 {
		case 1:
			r.AllGroups = []string{"staff", fmt.Sprintf("team-x-%d", i)}
		case 2:
			r.Emails = []string{fmt.Sprintf("*@team-%d.example.com", i)}
		case 3:
			r.NotGroups = []string{"contractors"}
		}
		p.Rules = append(p.Rules, r)
	}
	p.Rules = append(p.Rules, Rule{Role: "Viewer", Groups: []string{"staff"}})
	return p
}

// staffOnly are rules that all ask for the group that everybody is in, and for
// another.
func staffOnly(n int) Policy {
	p := benchRules(n)
	for i := range p.Rules {
		r := &p.Rules[i]
		r.AllGroups = append([]string{"staff"}, r.AllGroups...)
	}
	return p
}

// benchPerson has that many groups, of which the last one is given.
func benchPerson(groups int, last string) *verifier.Principal {
	v := &verifier.Principal{Subject: "x", Email: "ann@example.com"}
	for i := range groups - 1 {
		v.Groups = append(v.Groups, fmt.Sprintf("team-%d@example.com", i))
	}
	v.Groups = append(v.Groups, last)
	return v
}

func BenchmarkMap(b *testing.B) {
	for _, rules := range []int{10, 1000, 100_000} {
		policies := map[string]*Mapper{"": mustCompile(b, benchRules(rules)), "staff/": mustCompile(b, staffOnly(rules))}
		for _, name := range []string{"", "staff/"} {
			for _, groups := range []int{5, 200, 2000} {
				for who, last := range map[string]string{"last": "staff", "nobody": "x"} {
					p, want := benchPerson(groups, last), 0
					if who == "last" {
						want = rules
					}
					b.Run(fmt.Sprintf("%srules=%d/groups=%d/%s", name, rules, groups, who), func(b *testing.B) {
						benchMap(b, policies[name], p, want)
					})
				}
			}
		}
	}
}

func benchMap(b *testing.B, m *Mapper, p *verifier.Principal, want int) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if d := m.Map(p, noon); d.Rule != want {
			b.Fatal(d)
		}
	}
}

func BenchmarkMapAll(b *testing.B) {
	p := benchRules(1000)
	p.Match = MatchAll
	for i := range 20 {
		p.Rules[i*50] = Rule{Role: fmt.Sprint("role-", i%10), Groups: []string{fmt.Sprintf("team-%d@example.com", i), "x"}}
	}
	benchMap(b, mustCompile(b, p), benchPerson(200, "staff"), 1)
}

func BenchmarkMapWhen(b *testing.B) {
	for _, when := range []string{`member("staff") && email.endsWith("@example.com")`, `groups.exists(g, g == "staff")`, `claims.department == "x" || member("staff")`} {
		m := mustCompile(b, Policy{Rules: []Rule{{Role: "Editor", Groups: []string{"x"}}, {Role: "Viewer", When: when}}})
		b.Run(when, func(b *testing.B) { benchMap(b, m, benchPerson(200, "staff"), 2) })
	}
}

// BenchmarkMapDearest is how long the dearest expression takes at most.
func BenchmarkMapDearest(b *testing.B) {
	p := muchOfEverything()
	for _, when := range dear {
		m := mustCompile(b, Policy{Rules: []Rule{{Role: "A", When: when}}})
		b.Run(when, func(b *testing.B) { benchMap(b, m, p, 0) })
	}
}

func BenchmarkExplain(b *testing.B) {
	for _, rules := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			m, p := mustCompile(b, benchRules(rules)), benchPerson(200, "staff")
			b.ReportAllocs()
			for b.Loop() {
				m.Explain(p, noon)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, rules := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			p := benchRules(rules)
			before := heap()
			m := mustCompile(b, p)
			kept := heap() - before
			runtime.KeepAlive(m)
			b.ReportAllocs()
			for b.Loop() {
				mustCompile(b, p)
			}
			b.ReportMetric(float64(kept)/float64(rules), "kept-B/rule")
			runtime.KeepAlive(p)
		})
	}
}

// heap is how much is in use after collecting what is not.
func heap() int64 {
	var s runtime.MemStats
	for range 2 { // pools take two
		runtime.GC()
	}
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func BenchmarkShadows(b *testing.B) {
	policies := map[string]Policy{"": benchRules(100_000), "staff/": staffOnly(100_000), "exclusions/": benchRules(100_000)}
	for i := range policies["exclusions/"].Rules {
		policies["exclusions/"].Rules[i].Groups = nil
		policies["exclusions/"].Rules[i].NotGroups = []string{fmt.Sprint("out-", i)}
	}
	for _, name := range []string{"", "staff/", "exclusions/"} {
		b.Run(fmt.Sprintf("%srules=%d", name, len(policies[name].Rules)), func(b *testing.B) {
			m := mustCompile(b, policies[name])
			for b.Loop() {
				m.Shadows()
			}
		})
	}
}

func TestMapAllocatesLittle(t *testing.T) {
	for _, p := range []Policy{benchRules(100), staffOnly(100)} {
		m := mustCompile(t, p)
		for _, last := range []string{"staff", "x", "other-0"} {
			v := benchPerson(200, last)
			if n := testing.AllocsPerRun(100, func() { m.Map(v, noon) }); n > 3 {
				t.Errorf("%s: %v allocations", last, n)
			}
		}
	}
}

// TestExplanationsStayShort: what a hundred groups did not match is no use.
func TestExplanationsStayShort(t *testing.T) {
	p := benchRules(100)
	p.Rules[50].Groups = benchPerson(200, "y").Groups
	p.Rules[50].NotGroups = slices.Clone(p.Rules[49].Groups)
	m := mustCompile(t, p)
	for _, last := range []string{"x", "staff", "other-0"} {
		_, steps := m.Explain(benchPerson(200, last), noon)
		for _, s := range steps {
			if len(s.Detail) > 300 {
				t.Errorf("step %+v", s)
			}
		}
	}
}
