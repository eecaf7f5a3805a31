package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// TestWhen asks expressions about people: true, false, or that they cannot say.
func TestWhen(t *testing.T) {
	type claims = map[string]any
	ann := &verifier.Principal{
		Subject: "google/1", Email: "ann@Example.com", Name: "Ann", Groups: []string{"sre", "team-red", "K"},
		SessionID: "secret", IssuedAt: noon, ExpiresAt: noon,
		Claims: claims{
			"department": "support", "level": float64(3), "admin": true, "teams": []any{"a", "b", float64(1)}, "a.b": "flat",
			"org": claims{"unit": "x"}, "nothing": nil, "zone": "a\nb", "long": strings.Repeat("x", 1000),
		},
	}
	nobody := &verifier.Principal{}
	tests := []struct {
		p    *verifier.Principal
		when string
		want string
	}{
		{ann, `email == "ann@Example.com" && domain == "example.com" && subject == "google/1" && name == "Ann"`, "true"},
		{ann, `groups == ["sre", "team-red", "K"] && size(groups) == 3 && groups[0] == "sre"`, "true"},
		{ann, `groups[3] == ""`, "fails: index out of bounds: 3"},
		{ann, `claims.department == "support" && claims["a.b"] == "flat" && claims.org.unit == "x"`, "true"},
		{ann, `double(claims.level) == 3.0 && double(claims.level) > 2.0 && int(claims.level) < 4 && claims.admin`, "true"},
		{ann, `string(claims.admin) == "true" && claims.admin != "true" && claims.nothing == null`, "true"},
		{ann, `"b" in claims.teams && !("1" in claims.teams) && !("c" in claims.teams)`, "true"},
		{ann, `claims.teams.exists(t, t == "b")`, "true"},
		{ann, `claims.absent == "x"`, "fails: no such key: absent"},
		{ann, `claims.absent != "x"`, "fails: no such key: absent"},
		{ann, `!(claims.absent == "x")`, "fails: no such key: absent"},
		{ann, `has(claims.absent) && claims.absent == "x"`, "false"},
		{ann, `claims.absent == "x" || groups.exists(g, g == "sre")`, "true"},
		{ann, `claims.absent == "x" && false`, "false"},
		{ann, `claims.org.absent == "x"`, "fails: no such key: absent"},
		{ann, `double(claims.department) > 3.0`, "fails: type conversion error from 'string' to 'double'"},
		{ann, `claims.department.startsWith("sup")`, "true"},
		{ann, `claims.level.startsWith("3")`, "fails: no such overload"},
		{ann, `claims.department && true`, "fails: no such overload"},
		{ann, `now == timestamp("2027-01-31T12:00:00Z") && now.getHours() == 12 && now.getDayOfWeek() == 0`, "true"},
		{ann, `now - timestamp("2027-01-31T11:00:00Z") == duration("1h")`, "true"},
		{ann, `now.getHours("Nowhere/At/All") == 1`, "fails: unknown time zone Nowhere/At/All"},
		{ann, `now.getHours(claims.zone) == 1`, `fails: "unknown time zone a\nb"`},
		{ann, `claims[claims.long] == "1"`, `fails: "no such key: ` + strings.Repeat("x", 87) + `"…`},
		{ann, `email.matches("^ann@") && !email.matches("^example")`, "true"},
		{ann, `member("sre") && member("team-*") && member("@all") && !member("ops") && !member("@none")`, "true"},
		{ann, `member("@all") && ["sre"].exists(g, member("team-red"))`, "true"},
		{ann, `member("s*") ? double(claims.level) > 2.0 : false`, "true"},

		{nobody, `email == "" && domain == "" && subject == "" && name == "" && groups == [] && claims == {}`, "true"},
		{nobody, `size(groups) == 0 && size(claims) == 0 && !has(claims.x) && !("x" in claims)`, "true"},
		{nobody, `groups.exists(g, true) || member("*") || member("@all")`, "false"},
		{nobody, `groups.all(g, false)`, "true"}, // as everywhere in logic
		{nobody, `claims.x == "y"`, "fails: no such key: x"},
		{&verifier.Principal{Email: "a@b@example.com"}, `email.endsWith("@example.com") || email != "" || domain != ""`, "false"},
		{&verifier.Principal{Email: "example.com"}, `email != "" || domain != ""`, "false"},
		{&verifier.Principal{Groups: []string{""}}, `member("*")`, "false"},
		{&verifier.Principal{Groups: []string{"@all"}}, `member("@all")`, "false"},
		{&verifier.Principal{Claims: claims{"l": []any{nil, claims{}, []any{}}}}, `claims.l == [null, {}, []]`, "true"},
		{&verifier.Principal{Groups: []string{"\xff"}}, `groups[0] == "x" || size(groups[0]) == 7`, "false"},
	}
	for _, tt := range tests {
		policy := func(r Rule) Policy {
			r.When = tt.when
			return Policy{
				Rules: []Rule{r}, DefaultRole: "Nobody",
				Lists: map[string][]string{"all": {"@part", "x"}, "part": {"team-*"}, "none": {"y"}},
			}
		}
		grants, denies := mustCompile(t, policy(Rule{Role: "Admin"})), mustCompile(t, policy(Rule{Deny: true}))
		d, steps := grants.Explain(tt.p, noon)
		got := strings.TrimPrefix(steps[0].Detail, "the expression ")
		if got = strings.TrimPrefix(got, "is "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.when, got, tt.want)
		}
		if granted := d.Rule == 1; granted != (tt.want == "true") || steps[0].Condition != "when" {
			t.Errorf("%s: granted: %t", tt.when, granted)
		}
		if denied := !denies.Map(tt.p, noon).Allowed(); denied != (tt.want != "false") {
			t.Errorf("%s: denied: %t", tt.when, denied)
		}
	}
}

// TestExpressionsSeeNothingElse: an expression that asks for anything but what
// the comment in when.go lists does not compile, whatever it is called.
func TestExpressionsSeeNothingElse(t *testing.T) {
	for _, when := range []string{
		`memberships["sre"]`, `@memberships["sre"]`, "`@memberships`[\"sre\"]", `_memberships_["sre"]`,
		`session == ""`, `sid == ""`, `sessionID == ""`, `principal.Subject == ""`, `p.Groups == []`, `issued == now`, `expires > now`,
		`env("HOME") == ""`, `os == ""`, `http.get("http://example.com") == ""`, `assertion == ""`, `roles == []`,
		`x`, `member`, `email.member("sre")`, `optional.none() == optional.none()`, `cel.bind(x, true, x)`, `rand() > 0.5`, `now() == now`,
		`"%s".format([email]) == ""`, `__result__`, `@result`,
	} {
		m, errs := ruleErrors(t, Policy{Rules: []Rule{{Role: "Admin", When: when}}})
		if len(errs) != 1 || !slices.Equal(errs[0].Path, []string{"when"}) {
			t.Errorf("%s: %v, %v", when, m, errs)
		}
	}
	// What CEL itself declares are its types. Whoever adds a variable must say so.
	env, err := environment()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range env.Variables() {
		if !v.Type().IsExactType(v.Type()) || !strings.HasPrefix(v.Type().String(), "type(") {
			names = append(names, v.Name())
		}
	}
	slices.Sort(names)
	want := []string{"@denials", "@items", "@memberships", "claims", "domain", "email", "groups", "name", "now", "subject"}
	if !slices.Equal(names, want) {
		t.Errorf("variables %q, want %q", names, want)
	}
	for _, name := range want[3:] {
		if !strings.Contains(variables, name) {
			t.Errorf("%s is not in %q", name, variables)
		}
	}
}

// TestExpressionsChangeNothing: an expression has the person's own slices and
// maps, and no means to write into them.
func TestExpressionsChangeNothing(t *testing.T) {
	p := &verifier.Principal{Groups: append(make([]string, 0, 9), "a"), Claims: map[string]any{"l": append(make([]any, 0, 9), "x")}}
	m := mustCompile(t, Policy{Rules: []Rule{{
		Role: "A", When: `(groups + ["evil"]).exists(g, g == "evil") && (claims.l + ["evil"])[1] == "evil" && groups.map(g, "b") == ["b"]`,
	}}})
	if !m.Map(p, noon).Allowed() {
		t.Error("denied")
	}
	if !slices.Equal(p.Groups[:9], append([]string{"a"}, make([]string, 8)...)) || fmt.Sprint(p.Claims) != "map[l:[x]]" {
		t.Errorf("%q, %v", p.Groups[:9], p.Claims)
	}
}

// dear are expressions that take long on people with much in their assertions.
var dear = []string{
	`groups.exists(g, groups.exists(h, g + h == "x"))`,
	`groups.exists(g, groups.exists(h, h.matches("x.*y")))`,
	`groups.exists(g, groups.exists(h, g == "x"))`,
	`groups.exists(g, groups.exists(h, false))`,
	`groups.exists(g, groups.exists(h, member("no") || claims.absent == g))`,
	`groups.map(g, groups.map(h, h)).size() == 1`,
	`groups.map(g, groups).map(g, groups.map(h, h)).size() == 0`,
	`[groups.map(g, groups)].map(g, [g, g, g, g, g, g, g, g, g, g, g, g, g, g, g, g, g, g]).all(g, g != g)`,
	`!groups.all(g, g in groups)`,
	`!groups.all(g, groups == groups)`,
	`!groups.all(g, groups + groups != groups)`,
	`!groups.all(g, !(g in claims.list))`,
	`!groups.all(g, claims.list == claims.list)`,
	`!groups.all(g, claims.list != claims.list + ["1"])`,
	`!groups.all(g, claims.nested == claims.nested)`,
	`!groups.all(g, claims.lists == claims.lists)`,
	`!groups.all(g, claims == claims)`,
	`!groups.all(g, claims.long + claims.long != "")`,
	`!groups.all(g, size(claims.long) > 0)`,
	`!groups.all(g, groups.all(h, claims.long <= claims.long))`,
	`!groups.all(g, bytes(claims.long).size() > 0)`,
	`!groups.all(g, !claims.long.contains("b"))`,
	`!claims.long.matches("(?:a?){60}$b")`,
	`!groups.all(g, groups.all(h, !g.matches("(a|b|[c-z]|[0-9]|-|@|.)*$x")))`,
	`!groups.all(g, groups.all(h, claims.long.endsWith(claims.long)))`,
	`!groups.all(g, now.getHours("Europe/Berlin") < 24)`,
	`!groups.all(g, groups.all(h, timestamp("2020-01-01T00:00:00Z") < now))`,
	`!groups.all(g, groups.all(h, duration("1h2m3s") != now - now))`,
	`!groups.all(g, groups.all(h, {"a": g, "b": h} != {}))`,
}

// muchOfEverything is somebody whose assertion is as large as the verifier
// takes them, 128 KiB.
func muchOfEverything() *verifier.Principal {
	p := &verifier.Principal{Email: "ann@example.com"}
	for i := range 2000 {
		p.Groups = append(p.Groups, fmt.Sprintf("group-%d@example.com", i))
	}
	var list []any
	for range 40_000 {
		list = append(list, float64(1))
	}
	nested := make(map[string]any)
	for i := range 100 {
		nested[fmt.Sprint("key", i)] = list[:200]
	}
	p.Claims = map[string]any{"list": list, "nested": nested, "lists": []any{list[:9000], list[:9000]}, "long": strings.Repeat("a", 90_000)}
	return p
}

// TestDearExpressions: one that takes too long says nothing, so it does not let
// in and does keep out; and it says so soon, whatever it spends the time on.
func TestDearExpressions(t *testing.T) {
	p, few := muchOfEverything(), &verifier.Principal{Groups: []string{"a", "b"}, Claims: map[string]any{"list": []any{}, "long": "", "nested": "", "lists": ""}}
	for _, when := range dear {
		policy := Policy{Rules: []Rule{{Role: "Admin", When: when}}, DefaultRole: "Nobody"}
		grants := mustCompile(t, policy)
		policy.Rules = []Rule{{Deny: true, When: when}}
		denies := mustCompile(t, policy)
		start := time.Now()
		d, steps := grants.Explain(p, noon)
		took := time.Since(start)
		if d.Rule != 0 || !strings.Contains(steps[0].Detail, "cost limit") || took > time.Second {
			t.Errorf("%s: %+v after %v: %s", when, d, took, steps[0].Detail)
		}
		if d := denies.Map(p, noon); d.Allowed() {
			t.Errorf("%s: does not deny", when)
		}
		// It is dear for some people only.
		if _, steps := grants.Explain(few, noon); strings.Contains(steps[0].Detail, "cost limit") {
			t.Errorf("%s: too dear for %+v", when, few)
		}
	}
}

// TestUsualExpressionsAreNotDear even for people with very many groups.
func TestUsualExpressionsAreNotDear(t *testing.T) {
	p := muchOfEverything()
	for _, when := range []string{
		`groups.exists(g, g == "group-1999@example.com")`,
		`groups.filter(g, g.startsWith("group-1")).size() > 1000`,
		`groups.exists(g, g.matches("^group-1999@.*$"))`,
		`["x", "y", "group-1999@example.com"].exists(g, g in groups)`,
		`groups.exists(g, g in ["x", "y", "group-1999@example.com"])`,
		`"list" in claims && !("1" in claims.list) && size(claims.long) > 1000 && claims.long.startsWith("aaa")`,
		`!has(claims.department) || claims.department == "support"`,
	} {
		m := mustCompile(t, Policy{Rules: []Rule{{Role: "Admin", When: when}}})
		if d, steps := m.Explain(p, noon); !d.Allowed() {
			t.Errorf("%s: %s", when, steps[0].Detail)
		}
	}
}

// TestExpressionsAreAskedOnce for each person, however many rules have them and
// however many names lead to those rules.
func TestExpressionsAreAskedOnce(t *testing.T) {
	p := muchOfEverything()
	rule := Rule{Role: "Admin", Groups: p.Groups[:1000], When: dear[0]}
	rules := slices.Repeat([]Rule{rule}, 50)
	for _, match := range []Match{MatchFirst, MatchAll} {
		m := mustCompile(t, Policy{Rules: rules, Match: match})
		if len(slices.Collect(maps.Keys(expressionsOf(m)))) != 1 {
			t.Fatal("the same text is compiled several times")
		}
		start := time.Now()
		if m.Map(p, noon).Allowed() {
			t.Error("allowed")
		}
		if took := time.Since(start); took > 2*time.Second { // 50,000 times would be minutes
			t.Errorf("took %v", took)
		}
	}
}

func expressionsOf(m *Mapper) map[*expression]bool {
	all := make(map[*expression]bool)
	for i := range m.rules {
		if e := m.rules[i].when; e != nil {
			all[e] = true
		}
	}
	return all
}
