package mapping

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// FuzzPolicy: no policy and no person make the mapper panic, whatever is wrong
// with them, and what Compile accepts decides as the reference does.
func FuzzPolicy(f *testing.F) {
	f.Add("sre @ops", "a", "", "*@x", "bob@x", "x", "s*", "d=a,b *", "ops=a @sre;sre=s", "Admin Editor", "sre a", "a@x", "s1", "a,b", byte(0))
	f.Add("@a", "@b @", "*", "ann", "", "@x", "", "=", "a=@b;b=@a", "", "", "", "", "", byte(255))
	f.Add("**", "a*", "*", "a@b@c", "*", "*", "*", "a.b=*;exp=1", "a=", "A A", "\x00 \xff *", "a@b@c", "\xff", "\xff,", byte(0x55))
	f.Add("K", "\u212a", "k*", "K@X", "k@x", "X.", ".x", "email=a", "K=k;k=@K", " ", "k K \u212a", "K@x", "@K", "true", byte(0x0f))
	f.Fuzz(func(t *testing.T, groups, allGroups, notGroups, emails, notEmails, domains, subjects, claims, lists, roles,
		personGroups, email, subject, claim string, flags byte,
	) {
		if len(groups)+len(allGroups)+len(notGroups)+len(emails)+len(domains)+len(lists)+len(claims)+len(personGroups)+len(claim) > 1000 {
			t.Skip("regexp takes long")
		}
		// An empty text is no condition, else there is an item to each word.
		split := func(s string) []string {
			if s == "" {
				return nil
			}
			return strings.Split(s, " ")
		}
		tables := func(s string) map[string][]string {
			if s == "" {
				return nil
			}
			table := make(map[string][]string)
			for item := range strings.SplitSeq(s, ";") {
				name, values, _ := strings.Cut(item, "=")
				table[name] = split(values)
			}
			return table
		}
		p := Policy{Lists: tables(lists), IgnoreCase: flags&1 != 0}
		if flags&2 != 0 {
			p.Match = MatchAll
		}
		p.Rules = []Rule{
			{Roles: split(roles), Groups: split(groups), AllGroups: split(allGroups), Claims: tables(claims), Source: claims},
			{Deny: flags&4 != 0, Groups: split(groups), NotGroups: split(notGroups), Emails: split(emails)},
			{Role: roles, AllGroups: split(notGroups), NotEmails: split(notEmails), Domains: split(domains), Until: noon.Add(1)},
			{Role: "D", Subjects: split(subjects), Attributes: map[string]string{claim: subject}},
			{Role: "E", Emails: split(notEmails), NotGroups: split(allGroups), After: noon},
		}
		if !p.Rules[1].Deny {
			p.Rules[1].Role = "B"
		}
		if flags&8 != 0 {
			p.DefaultRole = roles
		}
		person := &verifier.Principal{Email: email, Subject: subject, Groups: split(personGroups), Claims: map[string]any{}}
		for i, name := range []string{"d", "a", claim} {
			person.Claims[name] = []any{claim, []any{claim, subject, true}, map[string]any{"b": claim}}[(int(flags>>4)+i)%3]
		}
		// Two rules of the five that are right make a policy that often is, too.
		for _, some := range [][]Rule{p.Rules, p.Rules[:1], p.Rules[1:2], p.Rules[2:3], p.Rules[3:4], {p.Rules[0], p.Rules[3]}, {p.Rules[1], p.Rules[4]}} {
			p.Rules = some
			checkPolicy(t, p, visit{Person: person, At: noon})
		}
	})
}

func checkPolicy(t *testing.T, p Policy, v visit) {
	t.Helper()
	m, errs := ruleErrors(t, p)
	if m == nil {
		for _, e := range errs {
			if e.Problem == "" || e.Rule < 0 || e.Rule > len(p.Rules) || e.Rule > 0 && e.List != "" || e.Item < 0 {
				t.Errorf("%+v", e)
			}
		}
		return
	}
	want := newReference(p).decide(v)
	if got := m.Map(v.Person, v.At); !equal(got, want) {
		t.Fatalf("Map: %+v, want %+v", got, want)
	}
	got, steps := m.Explain(v.Person, v.At)
	if !equal(got, want) {
		t.Fatalf("Explain: %+v, want %+v", got, want)
	}
	for _, s := range steps {
		if s.Detail == "" || strings.ContainsAny(s.Detail, "\n\r\x00") || len(s.Detail) > 5000 {
			t.Fatalf("step %+v", s)
		}
	}
	for _, s := range m.Shadows() {
		if got := newReference(without(p, s.Rule)).decide(v); !slices.Equal(slices.Sorted(slices.Values(got.Roles)), slices.Sorted(slices.Values(want.Roles))) {
			t.Fatalf("%+v gives %+v, without %+v %+v", v, want, s, got)
		}
	}
}

// FuzzWhen: no text makes compiling or evaluating an expression panic or take
// long; where it fails, grants do not hold and denials do.
func FuzzWhen(f *testing.F) {
	for when := range expressions {
		f.Add(when)
	}
	for _, when := range dear {
		f.Add(when)
	}
	for _, when := range []string{
		"", " ", "true", "1", "member(\"", `member("@")`, `member("@two") == member('''a''')`, "[1, 2][3] == dyn(claims)", "{}[1]",
		`"\xff".matches("\\C")`, "a.b.c.d()", "((((((((((((((((((((true))))))))))))))))))))", "groups.map(g, g, g)", "-9223372036854775808 == -1",
		`[1].exists_one(claims, claims == 1)`, `timestamp(now).getFullYear("") > 1`, "has(claims[0])", "// a comment", "true\r\n&& x", `b"\x00" == b''`,
	} {
		f.Add(when)
	}
	v := visit{Person: &verifier.Principal{
		Subject: "s1", Email: "a@x", Groups: []string{"a", "ab", "\xff"}, Claims: map[string]any{"dept": "a,b", "level": 2.5, "l": []any{nil, true}},
	}, At: noon}
	lists := map[string][]string{"one": {"a"}, "two": {"b", "@one"}}
	f.Fuzz(func(t *testing.T, when string) {
		start := time.Now()
		policy := Policy{Rules: []Rule{{Role: "A", When: when}}, DefaultRole: "Guest", Lists: lists}
		grants, errs := ruleErrors(t, policy)
		if grants == nil {
			for _, e := range errs {
				if text := fmt.Sprint(e); text == "" || strings.Contains(text, "expecting {") || strings.Contains(text, "container") {
					t.Errorf("%q: %v", when, text)
				}
			}
			return
		}
		if when == "" {
			t.Fatal("compiles, though default_role can never apply")
		}
		policy.Rules = []Rule{{Deny: true, When: when}}
		denies := mustCompile(t, policy)
		d, steps := grants.Explain(v.Person, v.At)
		failed := strings.HasPrefix(steps[0].Detail, "the expression fails")
		if strings.ContainsAny(steps[0].Detail, "\n\r\x00") || (d.Rule == 1) != (steps[0].Detail == "the expression is true") {
			t.Errorf("%q: %+v, %+v", when, d, steps)
		}
		if denied := !denies.Map(v.Person, v.At).Allowed(); denied != (d.Rule == 1 || failed) && !strings.Contains(when, "claims") {
			t.Errorf("%q: denied %t, but %s", when, denied, steps[0].Detail)
		}
		if meaning, ok := expressions[when]; ok {
			if holds, err := meaning(newReference(policy), v); holds && err == nil != (d.Rule == 1) || (err != nil) != failed {
				t.Errorf("%q: %+v, want %t, %v", when, steps, holds, err)
			}
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%q takes %v", when, took)
		}
	})
}
