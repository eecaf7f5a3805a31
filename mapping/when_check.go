package mapping

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
)

const (
	// maxExpression bounds the bytes of an expression.
	maxExpression = 2000
	// maxLoops bounds how deep exists, all, map and the like stand within and
	// behind each other: each may multiply what the next one has to look at.
	maxLoops = 3
	// maxPattern bounds the instructions of a pattern: "a{1000}" is a thousand.
	maxPattern = 200
)

// checkTree refuses what is valid CEL and would not be what it seems, or not be
// quick. The problem is empty if there is none.
func checkTree(tree *ast.AST, text string) (problem string) {
	if at, ok := madeUpPattern(tree); ok {
		return where(at, text) + ": matches takes a pattern in quotes, since whoever sets a claim could choose one that matches"
	}
	if loops(tree.Expr()) > maxLoops {
		return fmt.Sprintf("has more than %d of exists, all, exists_one, filter and map within or behind each other: split it up, or ask for less", maxLoops)
	}
	o := operands{tree: tree, open: openVariables(tree)}
	visitCalls(tree.Expr(), func(e ast.Expr, args []ast.Expr) {
		say := func(words string) {
			if problem == "" && words != "" {
				problem = where(beginning(tree, e), text) + ": " + words
			}
		}
		switch function := e.AsCall().FunctionName(); function {
		case overloads.Matches:
			pattern, _ := literal(args[len(args)-1])
			say(patternProblem(pattern))
		case operators.Equals, operators.NotEquals, operators.In,
			operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
			if len(args) == 2 && o.neverEqual(args[0], args[1]) {
				say(claimHint(function, args[0], args[1]))
			}
		}
	})
	return problem
}

// beginning is where the text of an expression begins. CEL has an operator's place
// for that of the whole.
func beginning(tree *ast.AST, e ast.Expr) common.Location {
	first := tree.SourceInfo().GetStartLocation(e.ID())
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		at := tree.SourceInfo().GetStartLocation(e.ID())
		if at.Line() > 0 && (at.Line() < first.Line() || at.Line() == first.Line() && at.Column() < first.Column()) {
			first = at
		}
	}))
	return first
}

// patternProblem says so if a pattern makes too many instructions. What is wrong
// with its syntax, others say.
func patternProblem(pattern string) string {
	if n := instructionsOf(pattern); n > maxPattern {
		return fmt.Sprintf("the pattern is too large, %d instructions of at most %d, to which counted repetition such as {100} adds most: "+
			"write +, or several patterns", n, maxPattern)
	}
	return ""
}

// instructionsOf is how many instructions a pattern makes: matching a text takes
// at most so many steps for each of its bytes. It is 0 if the pattern is none.
func instructionsOf(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0
	}
	return len(program.Inst)
}

// loops is how deep comprehensions stand within and behind each other.
func loops(e ast.Expr) int {
	deepest := 0
	add := func(inner ...ast.Expr) {
		for _, i := range inner {
			deepest = max(deepest, loops(i))
		}
	}
	switch e.Kind() {
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		add(c.LoopCondition(), c.LoopStep(), c.AccuInit(), c.Result())
		// What it goes through was made before, and may be as large as that could
		// make it.
		return 1 + max(deepest, loops(c.IterRange()))
	case ast.CallKind:
		if e.AsCall().IsMemberFunction() {
			add(e.AsCall().Target())
		}
		add(e.AsCall().Args()...)
	case ast.SelectKind:
		add(e.AsSelect().Operand())
	case ast.ListKind:
		add(e.AsList().Elements()...)
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			add(entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			add(field.AsStructField().Value())
		}
	}
	return deepest
}

// operands knows what the operands of comparisons may be.
type operands struct {
	tree *ast.AST
	// open are the variables of loops over what comes from the claims.
	open map[string]bool
}

// openVariables finds operands.open, those of loops in such loops included.
func openVariables(tree *ast.AST) map[string]bool {
	o := operands{tree, make(map[string]bool)}
	for range maxLoops {
		ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
			if e.Kind() != ast.ComprehensionKind {
				return
			}
			if c := e.AsComprehension(); o.isOpen(c.IterRange()) {
				o.open[c.IterVar()] = true
			}
		}))
	}
	return o.open
}

// neverEqual reports whether of two operands one comes from the claims and the
// other, or something in it, is of a type that text is not. Pomerium writes all
// claims as text, and CEL has text and true differ, without an error: with
// claims.x == true, a rule that denies would never hold.
func (o operands) neverEqual(a, b ast.Expr) bool {
	openA, noTextA := o.types(a)
	openB, noTextB := o.types(b)
	return openA && noTextB || openB && noTextA
}

func (o operands) isOpen(e ast.Expr) bool {
	open, _ := o.types(e)
	return open
}

// types reports whether a value has in it any whose type only an assertion says,
// and any of a type that is neither text nor null. The type checker's word is not
// enough: what it does not know, it takes to be what it is compared with.
func (o operands) types(e ast.Expr) (open, noText bool) {
	t := o.tree.GetType(e.ID())
	switch e.Kind() {
	case ast.IdentKind:
		if o.open[e.AsIdent()] {
			return true, false
		}
	case ast.SelectKind:
		if s := e.AsSelect(); !s.IsTestOnly() && o.isOpen(s.Operand()) {
			return true, false
		}
	case ast.ListKind:
		return o.all(e.AsList().Elements())
	case ast.MapKind:
		var inner []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			inner = append(inner, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return o.all(inner)
	case ast.ComprehensionKind:
		if t.Kind() == types.ListKind { // of map and filter
			return o.types(e.AsComprehension().LoopStep())
		}
	case ast.CallKind:
		switch args := e.AsCall().Args(); e.AsCall().FunctionName() {
		case operators.Conditional:
			return o.all(args[1:])
		case operators.Index:
			if o.isOpen(args[0]) {
				return true, false
			}
		case operators.Add, overloads.TypeConvertDyn:
			if t.Kind() != types.StringKind {
				return o.all(args)
			}
		}
	}
	return kindsIn(t)
}

func (o operands) all(several []ast.Expr) (open, noText bool) {
	for _, e := range several {
		isOpen, isNoText := o.types(e)
		open, noText = open || isOpen, noText || isNoText
	}
	return open, noText
}

func kindsIn(t *types.Type) (open, noText bool) {
	switch t.Kind() {
	case types.DynKind, types.AnyKind:
		return true, false
	case types.StringKind, types.NullTypeKind, types.TypeParamKind:
		return false, false
	case types.ListKind, types.MapKind:
		for _, inner := range t.Parameters() {
			o, n := kindsIn(inner)
			open, noText = open || o, noText || n
		}
		return open, noText
	}
	return false, true
}

// claimHint says what to write instead of comparing a claim with no text.
func claimHint(function string, a, b ast.Expr) string {
	claim, named := claimNamed(a)
	if other, ok := claimNamed(b); ok {
		claim, named, b = other, true, a
	}
	value, isLiteral := literalText(b)
	const why = "Pomerium writes every claim as text, which is never equal to anything else: "
	switch ordered := !slices.Contains([]string{operators.Equals, operators.NotEquals, operators.In}, function); {
	case ordered && named:
		return "Pomerium writes every claim as text: write double(" + claim.expression + ") to compare a number"
	case ordered:
		return "Pomerium writes every claim as text: convert it with double(...) to compare a number"
	case named && isLiteral:
		return why + fmt.Sprintf("write claims = { %s = [%q] } as a condition, or string(%s) == %q", claim.key, value, claim.expression, value)
	case named:
		return why + "write claims = { " + claim.key + ` = ["..."] } as a condition, or convert it, string(` + claim.expression + ")"
	}
	return why + `write claims = { NAME = ["..."] } as a condition, or compare text with text`
}

// namedClaim is a claim as an expression names it, and as a condition does.
type namedClaim struct{ expression, key string }

// bareKey is a key that needs no quotes in TOML.
var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// claimNamed reports whether an operand is a claim by its name.
func claimNamed(e ast.Expr) (namedClaim, bool) {
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); s.Operand().Kind() == ast.IdentKind && s.Operand().AsIdent() == "claims" {
			return namedClaim{"claims." + s.FieldName(), s.FieldName()}, true
		}
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() != operators.Index || c.Args()[0].Kind() != ast.IdentKind || c.Args()[0].AsIdent() != "claims" {
			break
		}
		if name, ok := literal(c.Args()[1]); ok {
			key := strconv.Quote(name)
			if bareKey.MatchString(name) {
				key = name
			}
			return namedClaim{fmt.Sprintf("claims[%q]", name), key}, true
		}
	}
	return namedClaim{}, false
}

// literalText is a literal of a type other than text as rules write it in text.
func literalText(e ast.Expr) (string, bool) {
	if e.Kind() == ast.ListKind && len(e.AsList().Elements()) > 0 {
		return literalText(e.AsList().Elements()[0])
	}
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	switch v := e.AsLiteral().(type) {
	case types.Bool:
		return strconv.FormatBool(bool(v)), true
	case types.Int:
		return strconv.FormatInt(int64(v), 10), true
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10), true
	case types.Double:
		return strconv.FormatFloat(float64(v), 'f', -1, 64), true
	}
	return "", false
}

// asksForTime reports whether an expression asks for now.
func asksForTime(e ast.Expr) bool {
	found := false
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.IdentKind && e.AsIdent() == "now"
	}))
	return found
}
