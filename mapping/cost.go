package mapping

import (
	"regexp"
	"strings"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// maxCost bounds what evaluating expressions may cost for one decision, in units of
// which CEL counts one for each step: some milliseconds. The expression that passes
// the limit may cost as much again, and then nothing is granted.
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
	case operators.LogicalAnd, operators.LogicalOr, operators.Conditional, "contains":
		return nil // CEL's own
	case overloads.Matches: // see matching
		instructions, _ := args[1].(types.Uint)
		text, _ := args[0].(types.String)
		price += uint64(len(text)) * uint64(instructions) / 50
	case operators.Equals, operators.NotEquals, operators.In:
		if _, lookUp := args[len(args)-1].(traits.Mapper); lookUp && function == operators.In {
			break
		}
		for _, arg := range args {
			price += weight(arg, maxCost)
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

// weight is the price of looking at all that a value holds; it looks no further
// than to the limit, since a list may hold another one many times over.
func weight(v ref.Val, limit uint64) uint64 {
	sum := length(v)
	values, ok := v.(traits.Iterable)
	if !ok {
		return sum
	}
	m, isMap := v.(traits.Mapper)
	for it := values.Iterator(); it.HasNext() == types.True && sum <= limit; {
		item := it.Next()
		sum += 1 + weight(item, limit-min(sum, limit))
		if isMap {
			sum += weight(m.Get(item), limit-min(sum, limit))
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

// chargeFirst makes the calls that may take long cost their price before they are
// made: CEL charges for a call that is over, which may be minutes later.
func chargeFirst(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return i, nil
	}
	switch call.Function() {
	case operators.Equals:
		return &charged{call, types.Equal}, nil
	case operators.NotEquals:
		return &charged{call, func(a, b ref.Val) ref.Val { return types.Bool(types.Equal(a, b) != types.True) }}, nil
	case operators.In:
		return &charged{call, func(a, b ref.Val) ref.Val {
			if container, ok := b.(traits.Container); ok {
				return container.Contains(a)
			}
			return types.ValOrErr(b, "no such overload")
		}}, nil
	case overloads.Matches:
		return newMatching(call)
	}
	return i, nil
}

// charged is a call of two operands that is paid for before it is made.
type charged struct {
	interpreter.InterpretableCall
	apply func(a, b ref.Val) ref.Val
}

// Eval implements [interpreter.Interpretable].
func (c *charged) Eval(vars interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(vars, c.Exec)
}

// Exec implements [interpreter.InterpretableV2].
func (c *charged) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	a := c.Args()[0].Exec(frame)
	if types.IsUnknownOrError(a) {
		return a
	}
	b := c.Args()[1].Exec(frame)
	if types.IsUnknownOrError(b) {
		return b
	}
	if costs := frame.CostTracker(); costs != nil {
		costs.EvalBinary(frame, c.ID(), c.InterpretableCall, a, b, types.False)
	}
	return c.apply(a, b)
}

// matching is a call of matches, whose pattern is a literal. It is no
// InterpretableCall, so that CEL does not put its own in its place.
type matching struct {
	interpreter.InterpretableV2
	call         interpreter.InterpretableCall
	pattern      *regexp.Regexp
	instructions types.Uint
}

func newMatching(call interpreter.InterpretableCall) (interpreter.InterpretableV2, error) {
	literal, ok := call.Args()[1].(interpreter.InterpretableConst)
	if !ok {
		return call, nil // which checkTree refuses
	}
	text, ok := literal.Value().(types.String)
	if !ok {
		return call, nil // which the type checker refuses
	}
	pattern, err := regexp.Compile(string(text))
	if err != nil {
		return nil, err
	}
	n := types.Uint(instructionsOf(string(text))) //nolint:gosec // a count
	return &matching{call, call, pattern, n}, nil
}

// Eval implements [interpreter.Interpretable].
func (m *matching) Eval(vars interpreter.Activation) ref.Val {
	return interpreter.EvalActivation(vars, m.Exec)
}

// Exec implements [interpreter.InterpretableV2].
func (m *matching) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := m.call.Args()[0].Exec(frame)
	if types.IsUnknownOrError(value) {
		return value
	}
	text, ok := value.(types.String)
	if !ok {
		return types.NewErrWithNodeID(m.ID(), "no such overload")
	}
	if costs := frame.CostTracker(); costs != nil {
		costs.EvalBinary(frame, m.ID(), m.call, text, m.instructions, types.False)
	}
	return types.Bool(m.pattern.MatchString(string(text)))
}
