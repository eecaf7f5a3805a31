package mapping

import (
	"strings"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// maxCost bounds what evaluating an expression may cost, in units of which CEL
// counts one for each step: some milliseconds. One that is dearer fails.
const maxCost = 100_000

// pricing says what a call costs. CEL's own prices do not bound the time: a call
// on a claim, whose type is known only when it runs, costs 1 however long the
// claim is, and comparing two lists does not count what is in them. Somebody
// with many groups and long claims could make a nested exists take minutes.
type pricing struct{}

// CallCost implements [cost.ActualCostEstimator].
func (pricing) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	price := uint64(1)
	switch function {
	case operators.LogicalAnd, operators.LogicalOr, operators.Conditional, "matches", "contains":
		return nil // CEL's own
	case operators.Equals, operators.NotEquals, operators.In:
		if _, lookUp := args[len(args)-1].(traits.Mapper); lookUp && function == operators.In {
			break
		}
		for _, arg := range args {
			price += weight(arg)
		}
	default:
		for _, arg := range args {
			price += length(arg)
		}
		if len(args) == 2 && strings.HasPrefix(function, "get") {
			price += 100 // now.getHours("Europe/Berlin") looks the zone up
		}
	}
	return &price
}

// weight is the price of looking at all that a value holds.
func weight(v ref.Val) uint64 {
	sum := length(v)
	values, ok := v.(traits.Iterable)
	if !ok {
		return sum
	}
	m, isMap := v.(traits.Mapper)
	for it := values.Iterator(); it.HasNext() == types.True; {
		item := it.Next()
		sum += 1 + weight(item)
		if isMap {
			sum += weight(m.Get(item))
		}
	}
	return sum
}

// length is the price of looking at a text.
func length(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v) / 10)
	case types.Bytes:
		return uint64(len(v) / 10)
	}
	return 0
}
