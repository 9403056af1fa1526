package compile

import (
	"fmt"
	"regexp"

	"github.com/expr-lang/expr/ast"
)

func (c *checker) binary(n *ast.BinaryNode) *typed {
	switch n.Operator {
	case "and", "&&", "or", "||":
		c.clause(n, n.Left)
		c.clause(n, n.Right)
		return of(kBool)
	case "==", "!=":
		return c.equality(n)
	case "<", "<=", ">", ">=":
		return c.order(n)
	case "in":
		return c.in(n)
	case "..":
		return c.rangeOf(n)
	case "contains", "startsWith", "endsWith":
		return c.search(n)
	case "matches":
		return c.matches(n)
	case "+", "-", "*", "/", "%":
		return c.arithmetic(n)
	case "??":
		return c.coalesce(n)
	case "**", "^":
		c.check(n.Left)
		c.check(n.Right)
		return c.token(n, "R0408", "conditions have no power operator", "write x * x")
	}
	return c.token(n, "R0408", "conditions do not have the operator "+quote(n.Operator), "")
}

// clause checks one side of and, or.
func (c *checker) clause(n *ast.BinaryNode, side ast.Node) {
	t := c.check(side)
	if t.kind == kBool || t.kind == kInvalid {
		return
	}
	hint := ""
	if t.kind == kString && t.val != nil {
		hint = "compare each value: x == \"a\" or x == \"b\", or x in [\"a\", \"b\"]"
	}
	c.fail(side, "R0410", n.Operator+" wants true or false on both sides, this is "+article(t.kind), hint)
}

// operands checks both sides; ok is false when that was reported, or must not be
// looked into further.
func (c *checker) operands(n *ast.BinaryNode) (l, r *typed, ok bool) {
	l, r = c.check(n.Left), c.check(n.Right)
	if l.kind == kInvalid || r.kind == kInvalid {
		return l, r, false
	}
	for _, side := range []struct {
		t *typed
		n ast.Node
	}{{l, n.Left}, {r, n.Right}} {
		if side.t.kind == kNil {
			c.fail(n, "R0417", "conditions have no nil: every fact is present or absent", "to ask whether a fact is present, use has(field)")
			return l, r, false
		}
		if side.t.kind > kStrings {
			c.fail(side.n, "R0418", fmt.Sprintf("a %s can only stand on the right of in", side.t.kind), "")
			return l, r, false
		}
	}
	return l, r, true
}

func (c *checker) equality(n *ast.BinaryNode) *typed {
	l, r, ok := c.operands(n)
	switch {
	case !ok:
	case l.kind == kStrings || r.kind == kStrings:
		c.fail(n, "R0411", "lists cannot be compared", "use \"x\" in list, any(list, ...), all(list, ...) or len(list) == 0")
	case l.kind != r.kind && !(l.kind.numeric() && r.kind.numeric()):
		c.fail(n, "R0411", fmt.Sprintf("%s cannot be compared with %s: they are never equal", article(l.kind), article(r.kind)), compareHint(l, r))
	default:
		c.missingEnum(l, r.val, n.Right)
		c.missingEnum(r, l.val, n.Left)
	}
	return of(kBool)
}

func compareHint(l, r *typed) string {
	for _, p := range [2][2]*typed{{l, r}, {r, l}} {
		f, v := p[0], p[1]
		switch {
		case f.kind == kTime && v.kind == kString:
			return "write time(\"2026-11-23T10:00:00Z\") for an instant"
		case f.kind == kString && v.kind.numeric() && v.val != nil:
			return "write the number between quotation marks"
		case f.kind.numeric() && v.kind == kString && v.val != nil:
			return "write the number without quotation marks"
		case f.kind == kBool && v.kind == kString && v.val != nil:
			return "write true or false without quotation marks"
		}
	}
	return ""
}

func (c *checker) order(n *ast.BinaryNode) *typed {
	l, r, ok := c.operands(n)
	switch {
	case !ok:
	case l.kind.numeric() && r.kind.numeric():
	case l.kind == r.kind && (l.kind == kTime || l.kind == kString):
	case l.kind == r.kind:
		c.fail(n, "R0411", fmt.Sprintf("%s wants numbers, times or texts, not %s", n.Operator, article(l.kind)), "")
	default:
		c.fail(n, "R0411", fmt.Sprintf("%s cannot be compared with %s", article(l.kind), article(r.kind)), compareHint(l, r))
	}
	return of(kBool)
}

func (c *checker) in(n *ast.BinaryNode) *typed {
	outer := c.target
	c.target = nil
	l := c.check(n.Left)
	c.target = n.Right
	r := c.check(n.Right)
	c.target = outer
	if l.kind == kInvalid || r.kind == kInvalid {
		return of(kBool)
	}
	switch {
	case l.kind == kNil || r.kind == kNil:
		c.fail(n, "R0417", "conditions have no nil", "to ask whether a fact is present, use has(field)")
	case l.kind > kStrings:
		c.fail(n.Left, "R0418", fmt.Sprintf("a %s can only stand on the right of in", l.kind), "")
	case r.kind == kRange && l.kind != kInt:
		c.fail(n.Left, "R0410", "in a..b wants an int on its left, this is "+article(l.kind), "use x >= a and x <= b")
	case (r.kind == kList || r.kind == kStrings) && l.kind != kString:
		hint := ""
		if l.kind == kStrings {
			hint = "write any(" + c.text.cut(n.Left) + ", # in ...)"
		}
		c.fail(n.Left, "R0410", "the list holds strings, this is "+article(l.kind), hint)
	case r.kind == kLiteral && l.kind != r.elem && !(l.kind.numeric() && r.elem.numeric()):
		c.fail(n, "R0411", fmt.Sprintf("%s is never in a list of %s values", article(l.kind), r.elem), inHint(l, r, c.text.cut(n.Left)))
	case r.kind < kStrings:
		c.fail(n.Right, "R0410", "in wants a list or a range on its right, this is "+article(r.kind), "for a part of a text, use contains")
	default:
		c.enums(n, l, r)
	}
	return of(kBool)
}

func inHint(l, r *typed, left string) string {
	if l.kind == kStrings {
		return "write any(" + left + ", # in [...])"
	}
	return compareHint(l, &typed{kind: r.elem, val: r.items[0]})
}

func (c *checker) enums(n *ast.BinaryNode, l, r *typed) {
	if arr, ok := n.Right.(*ast.ArrayNode); ok {
		for i, item := range arr.Nodes {
			c.missingEnum(l, r.items[i], item)
		}
	}
	if r.kind == kStrings {
		c.missingEnum(r, l.val, n.Left)
	}
}

func (c *checker) rangeOf(n *ast.BinaryNode) *typed {
	l, r := c.check(n.Left), c.check(n.Right)
	if l.kind == kInvalid || r.kind == kInvalid {
		return invalid
	}
	lo, okLo := l.val.(int64)
	hi, okHi := r.val.(int64)
	switch {
	case !okLo || !okHi:
		return c.fail(n, "R0415", "the ends of a range must be constant ints", "use x >= a and x <= b")
	case lo > hi:
		return c.fail(n, "R0419", fmt.Sprintf("the range is empty: %d is greater than %d", lo, hi), "")
	case c.target != ast.Node(n):
		return c.fail(n, "R0418", "a range can only stand on the right of in", "")
	}
	return &typed{kind: kRange, field: -1, lo: lo, hi: hi}
}

func (c *checker) search(n *ast.BinaryNode) *typed {
	l, r, ok := c.operands(n)
	switch {
	case !ok:
	case l.kind == kStrings && n.Operator == "contains":
		c.fail(n, "R0410", "contains looks into texts, this is a list of strings", "write "+c.text.cut(n.Right)+" in "+c.text.cut(n.Left))
	case l.kind != kString:
		c.fail(n.Left, "R0410", n.Operator+" wants a string on its left, this is "+article(l.kind), "")
	case r.kind != kString:
		c.fail(n.Right, "R0410", n.Operator+" wants a string on its right, this is "+article(r.kind), "")
	}
	return of(kBool)
}

func (c *checker) matches(n *ast.BinaryNode) *typed {
	l, r, ok := c.operands(n)
	if !ok {
		return of(kBool)
	}
	if l.kind != kString {
		c.fail(n.Left, "R0410", "matches wants a string on its left, this is "+article(l.kind), "")
	}
	pattern, isText := r.val.(string)
	lit, isLiteral := n.Right.(*ast.StringNode)
	switch {
	case !isText || !isLiteral:
		c.fail(n.Right, "R0415", "the pattern of matches must be a text in quotation marks", "")
	case len(pattern) > MaxRegexBytes:
		c.fail(lit, "R0112", fmt.Sprintf("max_regex_bytes: the pattern has more than %d bytes", MaxRegexBytes), "")
	default:
		if _, err := regexp.Compile(pattern); err != nil {
			c.fail(lit, "R0416", "the pattern is not a regular expression: "+printable(err.Error()), "the syntax is that of RE2; within quotation marks a backslash is written twice")
		}
	}
	return of(kBool)
}

func (c *checker) arithmetic(n *ast.BinaryNode) *typed {
	l, r, ok := c.operands(n)
	if !ok {
		return invalid
	}
	switch {
	case n.Operator == "+" && l.kind == kString && r.kind == kString:
		return of(kString)
	case n.Operator == "-" && l.kind == kTime && r.kind == kTime:
		return of(kInt)
	case l.kind.numeric() && r.kind.numeric():
		return c.number(n, l, r)
	case l.kind == kTime || r.kind == kTime:
		return c.fail(n, "R0410", fmt.Sprintf("%s %s %s has no meaning", l.kind, n.Operator, r.kind), "the difference of two times is an int of seconds: t1 - t2 < 3600")
	}
	want := "numbers"
	if n.Operator == "+" {
		want = "two numbers or two strings"
	}
	return c.fail(n, "R0410", fmt.Sprintf("%s wants %s, not %s and %s", n.Operator, want, article(l.kind), article(r.kind)), "")
}

func (c *checker) number(n *ast.BinaryNode, l, r *typed) *typed {
	switch {
	case n.Operator == "%" && (l.kind != kInt || r.kind != kInt):
		return c.fail(n, "R0410", fmt.Sprintf("%% wants two ints, not %s and %s", article(l.kind), article(r.kind)), "use int(x)")
	case n.Operator == "/" || l.kind == kFloat || r.kind == kFloat:
		return of(kFloat)
	}
	return of(kInt)
}

func (c *checker) coalesce(n *ast.BinaryNode) *typed {
	l, r := c.check(n.Left), c.check(n.Right)
	k, ok := c.same(n, l, r, n.Left, n.Right, "both sides of ?? must be of one type")
	if !ok {
		return invalid
	}
	return of(k)
}
