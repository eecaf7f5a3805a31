package mapping

// ruleIndex finds the rules that may match somebody without trying them all.
//
// A rule matches only people who meet one of the names of each of its
// conditions, so it is enough to try it with the people who meet one of the
// names of one condition. Which condition, choose says.
type ruleIndex struct {
	// numbers are the rules to try by name: those of name n stand from starts[n]
	// up to starts[n+1], in the order of the policy.
	numbers []int32
	starts  []int32
	// always are the rules to try with everybody.
	always []int32
}

func newRuleIndex(rules []rule, names int) ruleIndex {
	uses := make([]int32, names) // by how many conditions a name is asked for
	for i := range rules {
		for _, c := range rules[i].conditions {
			for _, n := range c.names {
				uses[n]++
			}
		}
	}
	x := ruleIndex{starts: make([]int32, names+1)}
	chosen := make([][]int32, len(rules))
	for i := range rules {
		c := rules[i].choose(uses)
		if c == nil {
			x.always = append(x.always, int32(i))
			continue
		}
		chosen[i] = c.names
		for _, n := range c.names {
			x.starts[n+1]++
		}
	}
	for n := range names {
		x.starts[n+1] += x.starts[n]
	}
	x.numbers = make([]int32, x.starts[names])
	next := uses
	copy(next, x.starts)
	for i := range rules {
		for _, n := range chosen[i] {
			x.numbers[next[n]] = int32(i)
			next[n]++
		}
	}
	return x
}

// byName returns the rules to try with whoever meets a name, in order.
func (x *ruleIndex) byName(n int32) []int32 { return x.numbers[x.starts[n]:x.starts[n+1]] }

// choose returns the condition that the fewest people are likely to meet: the
// one whose names the fewest rules ask for. It is nil if the rule has none that
// people without any name fail.
func (r *rule) choose(uses []int32) *condition {
	var best *condition
	var least int
	for i := range r.conditions {
		c := &r.conditions[i]
		if c.not {
			continue
		}
		cost := 0
		for _, n := range c.names {
			cost += int(uses[n])
		}
		if best == nil || cost < least {
			best, least = c, cost
		}
	}
	return best
}
