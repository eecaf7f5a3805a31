package policydiff

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/mapping"
)

// sameRules reports whether two policies decide alike about everybody from at on,
// because they say the same: places, the order within a condition, the names of
// lists and rules that have ended aside.
func sameRules(a, b *mapping.Policy, at time.Time) bool {
	return a.Match == b.Match && a.DefaultRole == b.DefaultRole && readAlike(a, b) &&
		slices.Equal(ruleKeys(lasting(a, at)), ruleKeys(lasting(b, at)))
}

// readAlike reports whether two policies read assertions in the same way.
func readAlike(a, b *mapping.Policy) bool {
	return a.IgnoreCase == b.IgnoreCase && a.WholeTexts == b.WholeTexts && slices.Equal(a.ListClaims, b.ListClaims)
}

// lasting is the policy without the rules that have ended.
func lasting(p *mapping.Policy, at time.Time) *mapping.Policy {
	rest := *p
	rest.Rules = slices.DeleteFunc(slices.Clone(p.Rules), func(r mapping.Rule) bool {
		_, ended := r.Exists(at)
		return ended
	})
	return &rest
}

// ruleKeys returns a text for each rule that two rules share only if they match
// the same people and give them the same.
func ruleKeys(p *mapping.Policy) []string {
	w := keyWriter{policy: p, lists: make(map[string]string)}
	keys := make([]string, len(p.Rules))
	for i := range p.Rules {
		keys[i] = w.rule(&p.Rules[i])
	}
	return keys
}

type keyWriter struct {
	policy *mapping.Policy
	lists  map[string]string // what has been found out by list
}

func (w *keyWriter) rule(r *mapping.Rule) string {
	var b strings.Builder
	set := func(name string, texts []string) {
		if texts != nil {
			fmt.Fprintf(&b, "%s%q;", name, slices.Compact(slices.Sorted(slices.Values(texts))))
		}
	}
	set("roles", r.Grants())
	fmt.Fprintf(&b, "deny=%t;", r.Deny)
	for _, name := range slices.Sorted(maps.Keys(r.Attributes)) {
		fmt.Fprintf(&b, "attribute %q=%q;", name, r.Attributes[name])
	}
	set("groups", w.groups(r.Groups))
	set("all_groups", w.groups(r.AllGroups))
	set("not_groups", w.groups(r.NotGroups))
	set("emails", r.Emails)
	set("not_emails", r.NotEmails)
	set("domains", r.Domains)
	set("subjects", r.Subjects)
	for _, claim := range slices.Sorted(maps.Keys(r.Claims)) {
		set(fmt.Sprintf("claim %q=", claim), w.groups(r.Claims[claim]))
	}
	if !r.After.IsZero() {
		fmt.Fprintf(&b, "after=%s;", exactly(r.After))
	}
	if !r.Until.IsZero() {
		fmt.Fprintf(&b, "until=%s;", exactly(r.Until))
	}
	if r.When != "" {
		fmt.Fprintf(&b, "when=%q;", r.When)
		for _, name := range membersOf(r.When) {
			if list, isList := strings.CutPrefix(name, "@"); isList {
				b.WriteString(w.list(list))
			}
		}
	}
	return b.String()
}

// exactly writes a time as no other is written; its nanoseconds since 1970 are the
// same as those of another one 584 years later.
func exactly(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// membersOf returns the names that an expression asks for, as it is understood:
// its text may write them with escapes.
func membersOf(when string) []string {
	r := mapping.Rule{When: when}
	for _, c := range r.Describe() {
		if c.Key == "when" {
			return c.Names
		}
	}
	return nil
}

// groups writes lists by what they hold.
func (w *keyWriter) groups(written []string) []string {
	texts := slices.Clone(written)
	for i, text := range texts {
		if list, isList := strings.CutPrefix(text, "@"); isList {
			texts[i] = w.list(list)
		}
	}
	return texts
}

func (w *keyWriter) list(list string) string {
	digest, ok := w.lists[list]
	if !ok {
		members := expand(w.policy.Lists, []string{"@" + list})
		slices.Sort(members)
		// No group that a rule names begins with "@".
		digest = fmt.Sprintf("@%x", sha256.Sum256(fmt.Appendf(nil, "%q", slices.Compact(members))))
		w.lists[list] = digest
	}
	return digest
}

// expand replaces every "@name" by the list's groups, however deep, once.
func expand(lists map[string][]string, written []string) []string {
	var groups []string
	seen := make(map[string]bool)
	var enter func([]string)
	enter = func(written []string) {
		for _, text := range written {
			list, isList := strings.CutPrefix(text, "@")
			switch {
			case !isList:
				groups = append(groups, text)
			case !seen[list]:
				seen[list] = true
				enter(lists[list])
			}
		}
	}
	enter(written)
	return groups
}

// align tells the rules that both policies have, in the same order, from those
// that changed, moved, came or went: true.
//
// If two policies of first match decide differently about somebody, one of the
// two deciding rules is among the latter: were both in both policies in the same
// order, each would have had to decide before the other. Likewise with all that
// match: if none of the latter matches, the same rules add up.
func align(a, b *mapping.Policy) (oldMoved, newMoved []bool) {
	oldMoved, newMoved = allTrue(len(a.Rules)), allTrue(len(b.Rules))
	if a.Match != b.Match || !readAlike(a, b) {
		return oldMoved, newMoved
	}
	at := make(map[string][]int)
	for i, k := range ruleKeys(a) {
		at[k] = append(at[k], i)
	}
	// The longest increasing run of old positions, by patience: ends[n] is the
	// pair that ends the best run of n+1.
	type pair struct{ old, new, before int }
	var (
		pairs []pair
		ends  []int
	)
	for i, k := range ruleKeys(b) {
		if len(at[k]) == 0 {
			continue
		}
		p := pair{old: at[k][0], new: i, before: -1}
		at[k] = at[k][1:]
		n := sort.Search(len(ends), func(n int) bool { return pairs[ends[n]].old >= p.old })
		if n > 0 {
			p.before = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, 0)
		}
		ends[n] = len(pairs)
		pairs = append(pairs, p)
	}
	if len(ends) == 0 {
		return oldMoved, newMoved
	}
	for i := ends[len(ends)-1]; i >= 0; i = pairs[i].before {
		oldMoved[pairs[i].old], newMoved[pairs[i].new] = false, false
	}
	if a.DefaultRole != b.DefaultRole && a.Match == mapping.MatchAll {
		// What adds only attributes counts where the default role does.
		for i := range a.Rules {
			oldMoved[i] = oldMoved[i] || a.Rules[i].Grants() == nil
		}
	}
	return oldMoved, newMoved
}

func allTrue(n int) []bool { return slices.Repeat([]bool{true}, n) }
