package compile

import (
	"github.com/expr-lang/expr/ast"

	"github.com/issuant/issuant/rules"
)

// direct judges a condition without the VM. It exists for conditions that are made
// of leaves about one field each, joined by and, or and not: those cannot fail,
// allocate nothing, and are nearly all that authors write. RATIONALE.md says what
// this is worth; the differential tests hold it against the VM.
type direct func(env *rules.Env) rules.Truth

// lowered returns the direct form of a checked condition, or nil.
func lowered(n ast.Node, info map[ast.Node]*typed) direct {
	t := info[n]
	if t == nil {
		return nil
	}
	if b, ok := t.val.(bool); ok {
		return func(*rules.Env) rules.Truth { return truthOf(b) }
	}
	if t.field >= 0 && t.kind == kBool {
		return leafOf(operand{field: t.field}, func(v any) bool { return v == true })
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator != "not" && n.Operator != "!" {
			return nil
		}
		if inner := lowered(n.Node, info); inner != nil {
			return func(env *rules.Env) rules.Truth { return negation[inner(env)] }
		}
	case *ast.BinaryNode:
		return loweredBinary(n, info)
	case *ast.BuiltinNode:
		return loweredAny(n, info)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && id.Value == "has" {
			field := info[n.Arguments[0]].field
			return func(env *rules.Env) rules.Truth { return truthOf(env.Facts.At(field) != nil) }
		}
	}
	return nil
}

var negation = [...]rules.Truth{rules.Unknown: rules.Unknown, rules.False: rules.True, rules.True: rules.False, rules.Error: rules.Error}

func truthOf(b bool) rules.Truth {
	if b {
		return rules.True
	}
	return rules.False
}

func loweredBinary(n *ast.BinaryNode, info map[ast.Node]*typed) direct {
	switch n.Operator {
	case "and", "&&":
		return joined(n, info, rules.False, rules.True)
	case "or", "||":
		return joined(n, info, rules.True, rules.False)
	case "in":
		return loweredIn(n, info)
	case "==", "!=", "<", "<=", ">", ">=":
		f := binaryFunctions[n.Operator]
		return loweredComparison(n, info, f)
	case "??":
		if x, ok := operandOf(n, info); ok && info[n].kind == kBool {
			return leafOf(x, func(v any) bool { return v == true })
		}
	}
	return nil
}

func loweredComparison(n *ast.BinaryNode, info map[ast.Node]*typed, f func(a, b any) any) direct {
	x, okX := operandOf(n.Left, info)
	y, okY := operandOf(n.Right, info)
	switch l, r := info[n.Left].val, info[n.Right].val; {
	case okX && isText(r) && (n.Operator == "==" || n.Operator == "!="):
		want, same := r.(string), n.Operator == "=="
		return leafOf(x, func(v any) bool { s, ok := v.(string); return (ok && s == want) == same })
	case okX && r != nil:
		return leafOf(x, func(v any) bool { return f(v, r) == true })
	case okY && l != nil:
		return leafOf(y, func(v any) bool { return f(l, v) == true })
	case okX && okY:
		return func(env *rules.Env) rules.Truth {
			a, b := x.value(env), y.value(env)
			if a == nil || b == nil {
				return rules.Unknown
			}
			return truthOf(f(a, b) == true)
		}
	}
	return nil
}

// joined is Kleene's and (decisive False) or or (decisive True).
func joined(n *ast.BinaryNode, info map[ast.Node]*typed, decisive, other rules.Truth) direct {
	a, b := lowered(n.Left, info), lowered(n.Right, info)
	if a == nil || b == nil {
		return nil
	}
	return func(env *rules.Env) rules.Truth {
		x := a(env)
		if x == decisive {
			return decisive
		}
		switch y := b(env); {
		case y == decisive:
			return decisive
		case x == other && y == other:
			return other
		}
		return rules.Unknown
	}
}

func loweredIn(n *ast.BinaryNode, info map[ast.Node]*typed) direct {
	right := info[n.Right]
	if x, ok := operandOf(n.Left, info); ok {
		switch right.kind {
		case kLiteral:
			member := memberOf(right.items)
			return leafOf(x, func(v any) bool { return member(v) == true })
		case kRange:
			within := inRange(right.lo, right.hi)
			return leafOf(x, func(v any) bool { return within(v) == true })
		case kList:
			return loweredList(x, right.list)
		}
	}
	if k, ok := info[n.Left].val.(string); ok && right.field >= 0 && right.kind == kStrings {
		return leafOf(operand{field: right.field}, func(v any) bool { return memberIn(k, v) == true })
	}
	return nil
}

func loweredList(x operand, list int) direct {
	return func(env *rules.Env) rules.Truth {
		s, ok := x.value(env).(string)
		if !ok {
			return rules.Unknown
		}
		return truthOf(list < len(env.Lists) && env.Lists[list].Contains(s, env.Now))
	}
}

// loweredAny is any(field, # in [...]) and any(field, # == "x"); # is never absent.
func loweredAny(n *ast.BuiltinNode, info map[ast.Node]*typed) direct {
	if n.Name != "any" || len(n.Arguments) != 2 {
		return nil
	}
	list := info[n.Arguments[0]]
	predicate, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok || list.field < 0 {
		return nil
	}
	b, ok := predicate.Node.(*ast.BinaryNode)
	if !ok {
		return nil
	}
	if _, ok := b.Left.(*ast.PointerNode); !ok {
		return nil
	}
	wanted := []any{info[b.Right].val}
	switch right := info[b.Right]; {
	case b.Operator == "in" && right.kind == kLiteral:
		wanted = right.items
	case b.Operator != "==" || right.val == nil:
		return nil
	}
	texts := textsOf(wanted)
	return leafOf(operand{field: list.field}, func(v any) bool {
		for _, s := range v.([]string) {
			if _, ok := texts[s]; ok {
				return true
			}
		}
		return false
	})
}

func isText(v any) bool { _, ok := v.(string); return ok }

// operand is a field, or field ?? constant.
type operand struct {
	field   int
	instead any
}

func (x operand) value(env *rules.Env) any {
	if v := env.Facts.At(x.field); v != nil {
		return v
	}
	return x.instead
}

func operandOf(n ast.Node, info map[ast.Node]*typed) (operand, bool) {
	t := info[n]
	if t == nil {
		return operand{}, false
	}
	if t.field >= 0 {
		return operand{field: t.field}, true
	}
	b, ok := n.(*ast.BinaryNode)
	if !ok || b.Operator != "??" {
		return operand{}, false
	}
	l, r := info[b.Left], info[b.Right]
	if l == nil || r == nil || l.field < 0 || r.val == nil || l.kind != r.kind {
		return operand{}, false
	}
	return operand{l.field, r.val}, true
}

// leafOf is unknown where the operand is absent.
func leafOf(x operand, holds func(v any) bool) direct {
	if x.instead == nil {
		field := x.field
		return func(env *rules.Env) rules.Truth {
			v := env.Facts.At(field)
			if v == nil {
				return rules.Unknown
			}
			return truthOf(holds(v))
		}
	}
	return func(env *rules.Env) rules.Truth { return truthOf(holds(x.value(env))) }
}
