package mapping

import (
	"fmt"
	"regexp/syntax"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
)

// Loose returns what the rule's expression seems to ask for and does not, where somebody
// gains by it: a domain's end that other domains have, a pattern that fits anywhere.
func (r *Rule) Loose() []string {
	if r.When == "" {
		return nil
	}
	env, err := environment()
	if err != nil {
		return nil
	}
	parsed, issues := env.Parse(r.When)
	if issues.Err() != nil {
		return nil // Compile says so
	}
	var found []string
	visitGrants(parsed.NativeRep().Expr(), !r.Deny, func(e ast.Expr) {
		call := e.AsCall()
		if !call.IsMemberFunction() || len(call.Args()) != 1 {
			return
		}
		text, isLiteral := literal(call.Args()[0])
		if !isLiteral {
			return
		}
		of := ""
		if call.Target().Kind() == ast.IdentKind {
			of = call.Target().AsIdent()
		}
		if words := looseCall(call.FunctionName(), of, text); words != "" {
			found = append(found, where(beginning(parsed.NativeRep(), e), r.When)+": "+words)
		}
	})
	return found
}

// visitGrants visits the calls that let somebody in by being true. Of those that it
// cannot tell, it visits all.
func visitGrants(e ast.Expr, grants bool, visit func(e ast.Expr)) {
	if e.Kind() != ast.CallKind {
		visitCalls(e, func(e ast.Expr, _ []ast.Expr) { visit(e) })
		return
	}
	switch call := e.AsCall(); call.FunctionName() {
	case operators.LogicalNot:
		visitGrants(call.Args()[0], !grants, visit)
	case operators.LogicalAnd, operators.LogicalOr:
		for _, arg := range call.Args() {
			visitGrants(arg, grants, visit)
		}
	case operators.Conditional:
		for _, arg := range call.Args()[1:] {
			visitGrants(arg, grants, visit)
		}
	default:
		if grants {
			visitCalls(e, func(e ast.Expr, _ []ast.Expr) { visit(e) })
		}
	}
}

// looseCall says what of.function("text") also holds for.
func looseCall(function, of, text string) string {
	call := fmt.Sprintf("%s.%s(%q)", of, function, text)
	bare := strings.TrimLeft(text, "@.")
	switch {
	case function == overloads.Matches:
		if !anchored(text) {
			return fmt.Sprintf("matches(%q) also holds for longer texts that have such a part: write ^ before the pattern and $ behind it", text)
		}
	case of != "email" && of != "domain" || bare == "":
	case function == overloads.EndsWith && !strings.Contains(text, "@") && !strings.HasPrefix(text, "."):
		return fmt.Sprintf("%s also holds for evil%s: write domains = [%q], and \"*.%s\" for what is below it", call, bare, bare, bare)
	case function == overloads.Contains:
		return fmt.Sprintf("%s also holds for domains such as %s.evil.example: write domains = [...] or emails = [...]", call, bare)
	case function == overloads.StartsWith && (of == "domain" || strings.Contains(text, "@") && !strings.HasSuffix(text, "@")):
		return fmt.Sprintf("%s also holds for %s.evil.example: write domains = [...] or emails = [...]", call, bare)
	}
	return ""
}

// anchored reports whether a pattern matches whole texts only.
func anchored(pattern string) bool {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	return err != nil || anchoredAt(parsed, true) && anchoredAt(parsed, false)
}

func anchoredAt(re *syntax.Regexp, begin bool) bool {
	switch re.Op {
	case syntax.OpBeginText:
		return begin
	case syntax.OpEndText:
		return !begin
	case syntax.OpCapture:
		return anchoredAt(re.Sub[0], begin)
	case syntax.OpConcat:
		if begin {
			return anchoredAt(re.Sub[0], begin)
		}
		return anchoredAt(re.Sub[len(re.Sub)-1], begin)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !anchoredAt(sub, begin) {
				return false
			}
		}
		return true
	case syntax.OpStar:
		return re.Sub[0].Op == syntax.OpAnyChar || re.Sub[0].Op == syntax.OpAnyCharNotNL // says itself that anything may follow
	}
	return false
}
