package mapping

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// markDenials finds the member("x") that keep people out and makes them ask for
// denials: in a rule that denies those that it asks for, in one that grants those that
// it excludes, as in !member("contractors"). Of one of which neither is clear, as in a
// comparison of two, names match exactly.
func markDenials(e ast.Expr, denies bool) {
	if e.Kind() != ast.CallKind {
		return
	}
	call := e.AsCall()
	switch args := call.Args(); call.FunctionName() {
	case operators.LogicalNot:
		markDenials(args[0], !denies)
	case operators.LogicalAnd, operators.LogicalOr:
		for _, arg := range args {
			markDenials(arg, denies)
		}
	case operators.Conditional:
		markDenials(args[1], denies)
		markDenials(args[2], denies)
	case operators.Equals, operators.NotEquals:
		for i, arg := range args {
			if is, ok := literalBool(args[1-i]); ok {
				markDenials(arg, denies == (is == (call.FunctionName() == operators.Equals)))
			}
		}
	case operators.Index:
		if in := args[0]; denies && in.Kind() == ast.IdentKind && in.AsIdent() == memberships {
			in.SetKindCase(ast.NewExprFactory().NewIdent(in.ID(), denials))
		}
	}
}

func literalBool(e ast.Expr) (is, ok bool) {
	if e.Kind() != ast.LiteralKind {
		return false, false
	}
	b, ok := e.AsLiteral().(types.Bool)
	return bool(b), ok
}
