package mapping

import (
	"fmt"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
)

// benchPolicy has rules of all kinds, none of which anybody matches but the
// last, and people with that many groups: one for each answer.
func benchPolicy(rules, groups int) (*Mapper, map[string]*verifier.Principal) {
	var p Policy
	for i := range rules - 1 {
		r := Rule{Role: "Editor", Groups: []string{fmt.Sprintf("other-%d", i), fmt.Sprintf("another-%d", i)}}
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
	m, err := Compile(p)
	if err != nil {
		panic(err)
	}
	person := func(last string) *verifier.Principal {
		v := &verifier.Principal{Subject: "x", Email: "ann@example.com"}
		for i := range groups - 1 {
			v.Groups = append(v.Groups, fmt.Sprintf("team-%d@example.com", i))
		}
		v.Groups = append(v.Groups, last)
		return v
	}
	return m, map[string]*verifier.Principal{"nobody": person("x"), "first": person("other-0"), "last": person("staff")}
}

func BenchmarkMap(b *testing.B) {
	for _, size := range []struct{ rules, groups int }{{5, 10}, {100, 200}, {1000, 200}} {
		m, people := benchPolicy(size.rules, size.groups)
		b.Run(fmt.Sprintf("rules=%d/groups=%d", size.rules, size.groups), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := m.Map(people["last"], noon); d.Rule != size.rules {
					b.Fatal(d)
				}
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	m, people := benchPolicy(100, 200)
	b.ReportAllocs()
	for b.Loop() {
		m.Explain(people["last"], noon)
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		benchPolicy(1000, 1)
	}
}
