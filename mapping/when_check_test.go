package mapping

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
)

// whenProblem is what Compile says of an expression; empty: nothing.
func whenProblem(t *testing.T, when string) string {
	t.Helper()
	_, errs := ruleErrors(t, Policy{Rules: []Rule{{Role: "Admin", When: when}}})
	if len(errs) > 1 {
		t.Errorf("%s: %v", when, errs)
	}
	if errs == nil {
		return ""
	}
	return errs[0].Problem
}

// TestClaimsAreNeverTrue: to CEL, the text "true" and true differ without an
// error, so a rule that denies whoever has claims.suspended == true would deny
// nobody whose assertion is Pomerium's.
func TestClaimsAreNeverTrue(t *testing.T) {
	for _, when := range []string{
		`claims.x == true`, `true == claims.x`, `claims.x != true`, `claims["x"] != false`, `!(claims.x == true)`, `(claims.x) == (true)`,
		`claims.x == 1`, `claims.x == -1`, `claims.x == 1u`, `claims.x != 1.5`, `claims.a.b == 1`, `claims["a"]["b"] == true`, `claims.l[0] == 1`,
		`claims.x > 3`, `3 >= claims.x`, `claims.x < 1.5`, `claims.x <= 1u`,
		`true in [claims.x]`, `claims.x in [true, 1]`, `claims.x in ["a", 1]`, `1 in claims.x`, `[claims.x] == [true]`, `[[claims.x]] == [[1]]`,
		`{"a": claims.x} == {"a": true}`, `claims == {"x": true}`, `claims.x in {true: "a"}`, `[null, 1] == claims.x`,
		`dyn(true) == claims.x`, `dyn(claims.x) == true`, `claims.x == dyn(dyn(1))`, `(email == "" ? claims.x : claims.y) == true`,
		`claims.x == (email == "" ? dyn(true) : dyn("x"))`, `claims.x == !false`, `claims.x == (1 == 1)`, `claims.x == has(claims.y)`,
		`claims.x == size(groups)`, `claims.x == now`, `claims.x == duration("1h")`, `claims.x == b"true"`, `claims.x == email.startsWith("a")`,
		`claims.l.exists(i, i == true)`, `claims.exists(k, claims[k] == true)`, `[true].exists(i, claims.x == i)`, `claims.l.map(i, i) == [1]`,
		`[claims].exists(c, c.x == true)`, `claims.l + [true] == ["a"] + [claims.x]`, `groups.exists(g, claims[g] == 1)`,
		`claims["a"]["b"].exists(i, i == true)`, `claims["a"]["b"].all(i, i["c"].all(j, j != 1))`, `claims["a"]["b"].map(i, i) == [1]`,
		`claims["a"]["b"].filter(i, i != "") == [1]`, `claims.x[0][0] in [1]`, `claims["a"]["b"]["c"] > 1`, `claims["a"]["b"].c == 1`,
		`has(claims.x) && claims.x == true`, `has(claims.x) ? claims.x == true : false`,
	} {
		if p := whenProblem(t, when); !strings.Contains(p, "Pomerium writes every claim as text") {
			t.Errorf("%s: %q", when, p)
		}
	}
	for _, when := range []string{
		`claims.x == "true"`, `claims.x != email`, `has(claims.x)`, `"x" in claims`, `!("x" in claims)`, `claims.x in ["a", "b"]`, `claims.x in groups`,
		`"a" in claims.l`, `claims.l.exists(i, i == "a")`, `claims.x == claims.y`, `claims.x == null`, `claims == {}`, `claims.l == []`,
		`string(claims.x) == "true"`, `double(claims.x) > 2.5`, `int(claims.x) == 3`, `timestamp(claims.x) < now`, `bool(claims.x)`,
		`size(claims) == 0`, `size(claims.x) > 3`, `claims.x.startsWith("a") == true`, `groups.exists(g, g == "x") == true`, `claims.x < "b"`,
		`groups.map(g, size(g)) == [1]`, `1 in [1, 2]`, `claims.x + "a" == "ba"`, `claims.l.exists_one(i, i == "a")`, `claims.l == ["a", "b"]`,
		`dyn(1) == 1`, `claims.l.map(i, size(i)) == [1]`, `claims["a"]["b"].exists(i, size(i) == 1 && i == "b")`, `claims.l.size() == 2`,
	} {
		if p := whenProblem(t, when); p != "" {
			t.Errorf("%s: %s", when, p)
		}
	}
}

// TestClaimHints: the message says what to write.
func TestClaimHints(t *testing.T) {
	for when, want := range map[string]string{
		`claims.x == true`:           `column 1: Pomerium writes every claim as text, which is never equal to anything else: write claims = { x = ["true"] } as a condition, or string(claims.x) == "true"`,
		`1.5 != claims["a b"]`:       `write claims = { "a b" = ["1.5"] } as a condition, or string(claims["a b"]) == "1.5"`,
		`email == "" || claims.x<-2`: "column 16: Pomerium writes every claim as text: write double(claims.x) to compare a number",
		`claims.x in [7, 8]`:         `write claims = { x = ["7"] } as a condition`,
		`claims.x == size(groups)`:   `write claims = { x = ["..."] } as a condition, or convert it, string(claims.x)`,
		`claims.a.b == true`:         `write claims = { NAME = ["..."] } as a condition, or compare text with text`,
		`claims.a.b > 1`:             "convert it with double(...) to compare a number",
		`claims.admin`:               `compare it with text, as in claims.department == "support"`,
	} {
		if p := whenProblem(t, when); !strings.Contains(p, want) {
			t.Errorf("%s: %s, want %s", when, p, want)
		}
	}
}

// TestWhatHintsRecommend does what it says, whether the issuer writes text or JSON.
func TestWhatHintsRecommend(t *testing.T) {
	for when, yes := range map[string][]any{
		`string(claims.x) == "true"`: {"true", true},
		`string(claims.x) == "3"`:    {"3", float64(3)},
		`double(claims.x) > 2.0`:     {"3", float64(3), "1e3"},
	} {
		m := mustCompile(t, Policy{Rules: []Rule{{Role: "Admin", When: when}}})
		for _, value := range yes {
			if !m.Map(&verifier.Principal{Claims: map[string]any{"x": value}}, noon).Allowed() {
				t.Errorf("%s: %#v is denied", when, value)
			}
		}
		for _, value := range []any{"", "false", false, float64(1), []any{true}, nil} {
			if m.Map(&verifier.Principal{Claims: map[string]any{"x": value}}, noon).Allowed() {
				t.Errorf("%s: %#v is allowed", when, value)
			}
		}
	}
}

// TestExpressionsThatMultiply are refused: each of these made the bridge work for
// seconds on one small request.
func TestExpressionsThatMultiply(t *testing.T) {
	doubling := "[" + `["a"]` + strings.Repeat(".map(x, [x, x])", 25) + "].all(y, y == y)"
	for when, want := range map[string]string{
		doubling: "has more than 3 of exists",
		`groups.exists(a, groups.exists(b, groups.exists(c, groups.exists(d, a == d))))`: "has more than 3 of exists",
		`groups.all(a, a in groups.filter(b, b in groups.map(c, c).filter(d, d != "")))`: "has more than 3 of exists",
		`email.matches("(?:a?){1000}")`:                   "counted repetition",
		`!matches(email, ".{300}")`:                       "counted repetition",
		`groups.exists(g, g.matches("((a{10}){10}){5}"))`: "counted repetition",
		`email == "` + strings.Repeat("x", 2000) + `"`:    "longer than 2000 bytes",
	} {
		if p := whenProblem(t, when); !strings.Contains(p, want) {
			t.Errorf("%s: %q, want %s", when, p, want)
		}
	}
	for _, when := range []string{
		`groups.exists(a, groups.exists(b, groups.exists(c, a == c)))`, `groups.map(a, a).filter(b, b != "").all(c, c == "")`,
		`groups.exists(a, a == "x") || groups.exists(a, a == "y") || groups.exists(a, a == "z") || groups.exists(a, a == "w")`,
		`email.matches("^[a-z]{1,64}@(?:[a-z0-9-]+[.])+com$")`,
		`email == "` + strings.Repeat("x", 1900) + `"`,
	} {
		if p := whenProblem(t, when); p != "" {
			t.Errorf("%s: %s", when, p)
		}
	}
}

// TestPriceIsPaidFirst: comparing lists that hold each other many times, and
// patterns on long claims, fail before they take long. CEL charges afterwards.
func TestPriceIsPaidFirst(t *testing.T) {
	fan := "[" + strings.Repeat("x,", 290) + "x]"
	var twenty []string
	for i := range 20 {
		twenty = append(twenty, fmt.Sprintf(`claims.long.matches("(?:a?){60}(?:a?){%d}b")`, i+1))
	}
	p := muchOfEverything()
	for _, when := range []string{
		`[["a"].map(x, ` + fan + `).map(x, ` + fan + `)].all(y, y == y)`,
		`[["a"].map(x, ` + fan + `).map(x, ` + fan + `)].all(y, !(y != y))`,
		`[["a"].map(x, ` + fan + `).map(x, ` + fan + `)].all(y, y in [y])`,
		`[groups.map(g, groups)].map(v, [v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v]).all(y, y == y)`,
		`!(` + strings.Join(twenty, " || ") + `)`,
		`!claims.long.matches("(?:a?){90}b")`,
	} {
		m := mustCompile(t, Policy{Rules: []Rule{{Role: "Admin", When: when}}})
		start := time.Now()
		d, steps := m.Explain(p, noon)
		if took := time.Since(start); d.Allowed() || !strings.Contains(steps[0].Detail, "cost limit") || took > 500*time.Millisecond {
			t.Errorf("%.60s…: %t after %v: %s", when, d.Allowed(), took, steps[0].Detail)
		}
	}
}
