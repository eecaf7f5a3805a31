package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
)

// What an expression in [Rule.When] may use: the standard functions of CEL, and
//
//	email, domain, subject, name   string, empty where the assertion has none or
//	                               the email is not of the form local@domain;
//	                               domain is the email's, in lower case
//	groups                         list of strings, as the assertion has them even
//	                               under [Policy.IgnoreCase]
//	claims                         map of all claims, which has no order;
//	                               claims["department"]
//	items("NAME")                  list of strings, what a claim says item by item, as
//	                               claims = {...} reads it; NAME is a literal
//	now                            timestamp of the request
//	member("NAME")                 whether the person is in a group, a pattern of
//	                               groups or an "@list", as in groups = [...];
//	                               NAME is a literal. Where it keeps people out, as
//	                               in !member("NAME"), it is compared as denials are
//
// The pattern of matches is a literal, too: it is not for people to choose by
// what they put into a claim.
//
// Claims are compared with text only, since Pomerium writes nothing else. Where an
// issuer does, string(claims.x) == "true" and double(claims.x) > 2.0 are right for
// either.
const variables = `claims, domain, email, groups, name, now, subject, member("GROUP"), items("CLAIM") and the functions of CEL`

// memberships is what member("x") is short for, memberships["x"]. Nobody can
// write an identifier with "@".
const memberships = "@memberships"

// claimItems is what items("x") is short for, claimItems["x"].
const claimItems = "@items"

// denials are the memberships that keep people out, whose names are compared leniently.
const denials = "@denials"

var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("email", cel.StringType),
		cel.Variable("domain", cel.StringType),
		cel.Variable("subject", cel.StringType),
		cel.Variable("name", cel.StringType),
		cel.Variable("groups", cel.ListType(cel.StringType)),
		cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("now", cel.TimestampType),
		cel.Variable(memberships, cel.MapType(cel.StringType, cel.BoolType)),
		cel.Variable(denials, cel.MapType(cel.StringType, cel.BoolType)),
		cel.Variable(claimItems, cel.MapType(cel.StringType, cel.ListType(cel.StringType))),
		cel.Macros(
			cel.GlobalMacro("member", 1, expander(memberships, `member takes a name in quotes, as in member("@sre")`)),
			cel.GlobalMacro("items", 1, expander(claimItems, `items takes a claim's name in quotes, as in items("roles")`)),
		),
	)
})

// expander expands a call with a name into what variable has under it.
func expander(variable, problem string) cel.MacroFactory {
	return func(factory cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		if _, ok := literal(args[0]); !ok {
			return nil, factory.NewError(args[0].ID(), problem)
		}
		return factory.NewCall(operators.Index, factory.NewIdent(variable), args[0]), nil
	}
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// expression is a compiled [Rule.When]; rules with the same text share it, but a rule
// that denies with none that grants.
type expression struct {
	text    string
	program cel.Program
	members map[string]int32 // the names in member(...)
	denials map[string]int32 // those that keep people out
	items   []string         // the claims in items(...)
	reading Reading
	timed   bool // it asks for now
}

// expression compiles the text of a condition; empty text is no condition.
func (c *compiler) expression(text string, denies bool) *expression {
	if text == "" {
		return nil
	}
	key := meant{text, denies}
	if e, ok := c.expressions[key]; ok {
		return e
	}
	fail := func(problem string) *expression {
		c.fail(problem, "when")
		return nil
	}
	if len(text) > maxExpression {
		return fail(fmt.Sprintf("is longer than %d bytes: split it up into rules, or name the groups in a list", maxExpression))
	}
	env, err := environment()
	if err != nil {
		return fail(err.Error())
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		return fail(issuesInWords(issues, text))
	}
	markDenials(parsed.NativeRep().Expr(), denies)
	compiled, issues := env.Check(parsed)
	if issues.Err() != nil {
		return fail(issuesInWords(issues, text))
	}
	switch t := compiled.OutputType(); {
	case t.IsExactType(cel.DynType):
		return fail(`may be a value of any type: compare it with text, as in claims.department == "support"`)
	case !t.IsExactType(cel.BoolType):
		return fail(fmt.Sprintf(`gives a value of type %s: write what is true or false, such as email.startsWith("a")`, t))
	}
	e, before := &expression{text: text, members: make(map[string]int32), denials: make(map[string]int32), reading: c.m.reading}, len(c.errs)
	for _, name := range namesIn(compiled.NativeRep().Expr(), memberships) {
		if n, ok := c.with(false).groupName(0, name, "when"); ok {
			e.members[name] = n
		}
	}
	for _, name := range namesIn(compiled.NativeRep().Expr(), denials) {
		if n, ok := c.with(true).groupName(0, name, "when"); ok {
			e.denials[name] = n
		}
	}
	if len(c.errs) > before {
		return nil
	}
	if problem := checkTree(compiled.NativeRep(), text); problem != "" {
		return fail(problem)
	}
	e.items = namesIn(compiled.NativeRep().Expr(), claimItems)
	e.timed = asksForTime(compiled.NativeRep().Expr())
	e.program, err = env.Program(compiled, cel.EvalOptions(cel.OptOptimize),
		cel.CustomDecoratorV2(chargeFirst), cel.CostTracking(pricing{}), cel.CostLimit(maxCost))
	if err != nil {
		return fail("a constant in it is wrong: " + err.Error() + constantHint(err))
	}
	if c.expressions == nil {
		c.expressions = make(map[meant]*expression)
	}
	c.expressions[key] = e
	return e
}

// meant is an expression's text, and whether its rule denies.
type meant struct {
	text   string
	denies bool
}

// namesOfMembers returns the x of every member("x") in an expression that is parsed.
func namesOfMembers(e ast.Expr) []string { return namesIn(e, memberships) }

// namesIn returns the x of every member("x") of one sort.
func namesIn(e ast.Expr, sort string) []string {
	var names []string
	visitCalls(e, func(e ast.Expr, args []ast.Expr) {
		if e.AsCall().FunctionName() != operators.Index || args[0].Kind() != ast.IdentKind || args[0].AsIdent() != sort {
			return
		}
		if name, ok := literal(args[1]); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	})
	return names
}

// madeUpPattern reports whether there is a matches(...) whose pattern is no
// literal, and where.
func madeUpPattern(tree *ast.AST) (at common.Location, found bool) {
	visitCalls(tree.Expr(), func(e ast.Expr, args []ast.Expr) {
		if e.AsCall().FunctionName() != overloads.Matches || found {
			return
		}
		if pattern := args[len(args)-1]; pattern.Kind() != ast.LiteralKind {
			at, found = tree.SourceInfo().GetStartLocation(pattern.ID()), true
		}
	})
	return at, found
}

func visitCalls(e ast.Expr, visit func(call ast.Expr, args []ast.Expr)) {
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.CallKind && len(e.AsCall().Args()) > 0 {
			visit(e, e.AsCall().Args())
		}
	}))
}

// where names a place in an expression.
func where(at common.Location, text string) string {
	column := fmt.Sprintf("column %d", at.Column()+1)
	if strings.Contains(text, "\n") {
		return fmt.Sprintf("line %d, %s", at.Line(), column)
	}
	return column
}

// answer is what an expression says of a person. With err, it says nothing.
type answer struct {
	holds bool
	err   error
}

// errBudget is why an expression is not asked.
var errBudget = errors.New("the cost limit of a request is reached")

// ask evaluates the expression, once for each person.
func (e *expression) ask(x *person) answer {
	a, asked := x.answers[e]
	if asked {
		return a
	}
	if x.exhausted {
		return answer{err: errBudget}
	}
	value, details, err := e.program.Eval(&activation{e, x})
	if details != nil && details.ActualCost() != nil {
		x.spent += *details.ActualCost()
	}
	x.exhausted = x.spent > maxCost
	switch {
	case err != nil:
		a.err = err
	case value == types.True:
		a.holds = true
	case value != types.False:
		a.err = fmt.Errorf("it gives a value of type %s", value.Type().TypeName())
	}
	x.answers[e] = a
	return a
}

// activation gives an expression its variables.
type activation struct {
	e *expression
	x *person
}

// Parent implements [cel.Activation].
func (a *activation) Parent() cel.Activation { return nil }

// ResolveName implements [cel.Activation].
func (a *activation) ResolveName(name string) (any, bool) {
	switch p := a.x.p; name {
	case "email":
		if _, _, ok := splitEmail(p.Email); !ok {
			return "", true
		}
		return p.Email, true
	case "domain":
		_, domain, ok := splitEmail(p.Email)
		if !ok {
			return "", true
		}
		return LowerASCII(domain), true
	case "subject":
		return p.Subject, true
	case "name":
		return p.Name, true
	case "groups":
		return p.Groups, true
	case "claims":
		return p.Claims, true
	case "now":
		return a.x.at, true
	case memberships:
		return a.x.memberships(a.e.members), true
	case denials:
		return a.x.memberships(a.e.denials), true
	case claimItems:
		items := make(map[string][]string, len(a.e.items))
		for _, claim := range a.e.items {
			value, _ := p.Claim(claim)
			items[claim], _ = a.e.reading.Items(claim, value)
		}
		return items, true
	}
	return nil, false
}

func (x *person) memberships(numbers map[string]int32) map[string]bool {
	in := make(map[string]bool, len(numbers))
	for text, n := range numbers {
		in[text] = x.meets(n)
	}
	return in
}
