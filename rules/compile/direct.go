package compile

import (
	"maps"
	"slices"

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
		return boolLeaf(operand{field: t.field})
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
			return func(env *rules.Env) rules.Truth { return truthOf(env.Facts.Present(field)) }
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
			return boolLeaf(x)
		}
	}
	return nil
}

func loweredComparison(n *ast.BinaryNode, info map[ast.Node]*typed, f func(a, b any) any) direct {
	x, okX := operandOf(n.Left, info)
	y, okY := operandOf(n.Right, info)
	switch l, r := info[n.Left].val, info[n.Right].val; {
	case okX && isText(r) && (n.Operator == "==" || n.Operator == "!="):
		return equalLeaf(x, r.(string), n.Operator == "==")
	case okX && info[n.Left].kind == kInt && isInt(r):
		return numberLeaf(x, (*rules.Facts).IntAt, n.Operator, r.(int64))
	case okX && info[n.Left].kind == kFloat && isExact(r):
		k, _ := exactFloat(r)
		return numberLeaf(x, (*rules.Facts).FloatAt, n.Operator, k)
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
			if texts := textsOf(right.items); len(texts) > 0 && info[n.Left].kind == kString {
				return textLeaf(x, texts.contains())
			}
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
		return listLeaf(right.field, func(s string) bool { return s == k })
	}
	return nil
}

func loweredList(x operand, list int) direct {
	return func(env *rules.Env) rules.Truth {
		s, ok := x.text(env)
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
	return listLeaf(list.field, texts.contains())
}

// contains returns the membership test: for a few texts a comparison with each is
// cheaper than a hash.
func (t textSet) contains() func(s string) bool {
	if len(t) > 8 {
		return func(s string) bool { _, ok := t[s]; return ok }
	}
	few := slices.Sorted(maps.Keys(t))
	return func(s string) bool { return slices.Contains(few, s) }
}

func isText(v any) bool { _, ok := v.(string); return ok }

func isInt(v any) bool { _, ok := v.(int64); return ok }

func isExact(v any) bool { _, ok := exactFloat(v); return ok }

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

// text returns the value of a string operand.
func (x operand) text(env *rules.Env) (string, bool) {
	if s, ok := env.Facts.StringAt(x.field); ok {
		return s, true
	}
	s, ok := x.instead.(string)
	return s, ok
}

// textLeaf, numberLeaf, boolLeaf and listLeaf are leafOf for operands of one type, whose values
// need no memory.
func textLeaf(x operand, holds func(s string) bool) direct {
	if field := x.field; x.instead == nil {
		return func(env *rules.Env) rules.Truth {
			s, ok := env.Facts.StringAt(field)
			if !ok {
				return rules.Unknown
			}
			return truthOf(holds(s))
		}
	}
	return func(env *rules.Env) rules.Truth {
		s, ok := x.text(env)
		if !ok {
			return rules.Unknown
		}
		return truthOf(holds(s))
	}
}

// equalLeaf is the most frequent leaf: a text that is, or is not, a constant.
func equalLeaf(x operand, want string, same bool) direct {
	field, instead := x.field, rules.Unknown
	if s, ok := x.instead.(string); ok {
		instead = truthOf((s == want) == same)
	}
	return func(env *rules.Env) rules.Truth {
		s, ok := env.Facts.StringAt(field)
		if !ok {
			return instead
		}
		return truthOf((s == want) == same)
	}
}

func boolLeaf(x operand) direct {
	return func(env *rules.Env) rules.Truth {
		b, ok := env.Facts.BoolAt(x.field)
		if !ok {
			if b, ok = x.instead.(bool); !ok {
				return rules.Unknown
			}
		}
		return truthOf(b)
	}
}

func listLeaf(field int, holds func(s string) bool) direct {
	return func(env *rules.Env) rules.Truth {
		list, ok := env.Facts.StringsAt(field)
		if !ok {
			return rules.Unknown
		}
		return truthOf(slices.ContainsFunc(list, holds))
	}
}

// orders says for each order of operand and constant whether a comparison holds.
type orders struct{ less, equal, greater bool }

func ordersOf(op string) orders {
	return orders{
		less:    op == "<" || op == "<=" || op == "!=",
		equal:   op == "==" || op == "<=" || op == ">=",
		greater: op == ">" || op == ">=" || op == "!=",
	}
}

// numberLeaf compares a number of one type with a constant of that type.
func numberLeaf[T int64 | float64](x operand, read func(*rules.Facts, int) (T, bool), op string, k T) direct {
	o := ordersOf(op)
	return func(env *rules.Env) rules.Truth {
		n, ok := read(env.Facts, x.field)
		if !ok {
			if n, ok = x.instead.(T); !ok {
				return rules.Unknown
			}
		}
		return truthOf(n < k && o.less || n == k && o.equal || n > k && o.greater)
	}
}

// exactInt bounds the integers, of either sign, that floats represent exactly.
const exactInt = 1 << 53

// exactFloat returns a number constant as a float of the same value.
func exactFloat(v any) (k float64, ok bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), v >= -exactInt && v <= exactInt
	}
	return 0, false
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
