package mapping

import (
	"flag"
	"fmt"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ssobridge/ssobridge/verifier"
)

// cases is how many pairs of a policy and a person each property is tried with.
var cases = flag.Int("mapping.cases", 100_000, "pairs of a policy and a person for each property test")

const peoplePerPolicy = 20

// checkCases tries a property with the policies that make the number of cases.
func checkCases(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if err := checks.Value.Set(strconv.Itoa(max(1, *cases/peoplePerPolicy))); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = checks.Value.Set(before) }()
	rapid.Check(t, property)
}

// The names are few and alike, so that rules and people often meet.
var (
	ruleGroups   = []string{"a", "b", "c", "ab", "a-1", "b-1", "*", "a*", "*-1", "a*1", "**", "@one", "@two", "@three"}
	listGroups   = []string{"a", "b", "ab", "a-1", "*-1", "a*"}
	personGroups = []string{"a", "b", "c", "ab", "a-1", "b-1", "z", "ba", "", "*", "a*", "@one", "a\n1"}
	ruleEmails   = []string{"a@x", "b@x", "a@y.x", "*@x", "a@*", "*@*", "*", "*.z@x", "a*@y.*", "*a*@*x*"}
	personEmails = []string{"a@x", "b@x", "a@y.x", "A@x", "c.z@x", "aa@y.z", "", "a@x@x", "@x", "a@", "ax", "*@x", "*"}
	moments      = []time.Time{noon, noon.Add(time.Hour), noon.Add(2 * time.Hour)}
)

func policies() *rapid.Generator[Policy] {
	// some draws a condition's list, which most rules do not have.
	some := func(names []string, of int) *rapid.Generator[[]string] {
		list := rapid.SliceOfN(rapid.SampledFrom(names), 1, 3)
		return rapid.Custom(func(t *rapid.T) []string {
			if rapid.IntRange(1, of).Draw(t, "has") > 1 {
				return nil
			}
			return list.Draw(t, "names")
		})
	}
	groups, rarer, emails := some(ruleGroups, 2), some(ruleGroups, 4), some(ruleEmails, 3)
	moment := rapid.IntRange(0, len(moments)+4)
	list := rapid.SliceOfN(rapid.SampledFrom(listGroups), 1, 3)
	rule := rapid.Custom(func(t *rapid.T) Rule {
		r := Rule{
			Groups: groups.Draw(t, "groups"), AllGroups: rarer.Draw(t, "all_groups"),
			NotGroups: rarer.Draw(t, "not_groups"), Emails: emails.Draw(t, "emails"),
		}
		after, until := moment.Draw(t, "after"), moment.Draw(t, "until")
		if after < len(moments) {
			r.After = moments[after]
		}
		if until < len(moments) && (r.After.IsZero() || r.After.Before(moments[until])) {
			r.Until = moments[until]
		}
		return r
	})
	rules := rapid.SliceOfN(rule, 1, 6)
	return rapid.Custom(func(t *rapid.T) Policy {
		p := Policy{Rules: rules.Draw(t, "rules"), Lists: map[string][]string{"one": list.Draw(t, "one")}}
		p.Lists["two"] = append(list.Draw(t, "two"), "@one")
		p.Lists["three"] = append([]string{"@two", "@one"}, list.Draw(t, "three")...)
		for i := range p.Rules {
			p.Rules[i].Role, p.Rules[i].Source = fmt.Sprintf("role%d", i+1), fmt.Sprintf("test:%d", i+1)
		}
		return p
	})
}

// visit is a person at a time.
type visit struct {
	Person *verifier.Principal
	At     time.Time
}

func visits() *rapid.Generator[visit] {
	groups := rapid.SliceOfN(rapid.SampledFrom(personGroups), 0, 4)
	email := rapid.SampledFrom(personEmails)
	moment := rapid.SampledFrom(moments)
	offset := rapid.Int64Range(-1, 1)
	return rapid.Custom(func(t *rapid.T) visit {
		return visit{
			&verifier.Principal{Subject: "x", Email: email.Draw(t, "email"), Groups: groups.Draw(t, "groups")},
			moment.Draw(t, "moment").Add(time.Duration(offset.Draw(t, "offset"))),
		}
	})
}
