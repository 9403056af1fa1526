package compile

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/logic"
)

// lowerer turns a checked condition into a tree of package logic, which is judged
// without expr. What has no such tree becomes a logic.Foreign that says why.
type lowerer struct {
	info  map[ast.Node]*typed
	text  *text
	of    map[ast.Node]*logic.Expr // nodes outside loops
	item  []*logic.Expr            // what # stands for, innermost last; nil for the item of a list fact
	nodes int
	why   string // of the last expression that could not be lowered
}

// Reasons why a clause is judged on expr's VM.
const (
	whyCount    = "count over a list of literals is judged by expr's VM; write any, all or none"
	whyMixed    = "the list holds an int that is no float beside floats"
	whyTooLarge = "the clause grows too large when its list of literals is written out"
	whyForm     = "the form is judged by expr's VM"
)

// lowered returns the form of a checked condition, and the nodes of its leaves.
func lowered(root ast.Node, info map[ast.Node]*typed, t *text) (f rules.Form, leaves []ast.Node) {
	l := &lowerer{info: info, text: t, of: map[ast.Node]*logic.Expr{}}
	f.Root = l.truth(root)
	leaves = l.leaves(root, nil)
	for _, n := range leaves {
		if l.of[n] == nil { // the whole grew too large before this leaf was reached
			l.of[n] = l.foreign(n)
		}
		f.Leaves = append(f.Leaves, rules.FormLeaf{Text: t.cut(n), Expr: l.of[n]})
	}
	return f, leaves
}

// truth lowers an expression of type bool; it never fails.
func (l *lowerer) truth(n ast.Node) *logic.Expr {
	e := l.expr(n)
	if e == nil {
		e = l.foreign(n)
	}
	if len(l.item) == 0 {
		l.of[n] = e
	}
	return e
}

func (l *lowerer) foreign(n ast.Node) *logic.Expr {
	e := &logic.Expr{Op: logic.Foreign, Type: logic.Bool, Text: l.why, Worst: costOf(n, l.info)}
	fields := map[int]bool{}
	l.read(n, fields)
	for _, i := range sortedKeys(fields) {
		e.Args = append(e.Args, l.field(i, n))
	}
	return e
}

func sortedKeys(m map[int]bool) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (l *lowerer) read(n ast.Node, fields map[int]bool) {
	if t := l.info[n]; t != nil && t.field >= 0 {
		fields[t.field] = true
		return
	}
	for _, c := range children(n) {
		l.read(c, fields)
	}
}

// field finds the type of a field below n.
func (l *lowerer) field(i int, n ast.Node) *logic.Expr {
	if t := l.info[n]; t != nil && t.field == i {
		return &logic.Expr{Op: logic.Field, Type: logic.Type(t.kind), Field: i}
	}
	for _, c := range children(n) {
		if e := l.field(i, c); e != nil {
			return e
		}
	}
	return nil
}

func (l *lowerer) fail(why string) *logic.Expr {
	l.why = why
	return nil
}

// expr returns the tree of an expression, or nil when it has none.
func (l *lowerer) expr(n ast.Node) *logic.Expr {
	t := l.info[n]
	if l.nodes++; t == nil || l.nodes > logic.MaxNodes/2 {
		return l.fail(whyTooLarge)
	}
	if t.val != nil {
		return logic.Lit(logic.Type(t.kind), t.val)
	}
	if t.field >= 0 {
		return &logic.Expr{Op: logic.Field, Type: logic.Type(t.kind), Field: t.field}
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		return l.unary(n)
	case *ast.BinaryNode:
		return l.binary(n)
	case *ast.ConditionalNode:
		return l.node(logic.Choose, t.kind, l.expr(n.Cond), l.as(t.kind, n.Exp1), l.as(t.kind, n.Exp2))
	case *ast.CallNode:
		return l.call(n)
	case *ast.BuiltinNode:
		return l.builtin(n)
	case *ast.PointerNode:
		if it := l.item[len(l.item)-1]; it != nil {
			return it
		}
		return &logic.Expr{Op: logic.Item, Type: logic.String}
	}
	return l.fail(whyForm)
}

// node is nil when an operand is.
func (l *lowerer) node(op logic.Op, k kind, args ...*logic.Expr) *logic.Expr {
	if slices.Contains(args, nil) {
		return nil
	}
	return logic.Of(op, logic.Type(k), args...)
}

// as is expr, with an int turned into a float where the whole is a float.
func (l *lowerer) as(k kind, n ast.Node) *logic.Expr {
	e := l.expr(n)
	if e != nil && k == kFloat && e.Type == logic.Int {
		return logic.Of(logic.ToFloat, logic.Float, e)
	}
	return e
}

func (l *lowerer) unary(n *ast.UnaryNode) *logic.Expr {
	switch n.Operator {
	case "not", "!":
		return logic.Of(logic.Not, logic.Bool, l.truth(n.Node))
	case "-":
		return l.node(logic.Negate, l.info[n].kind, l.expr(n.Node))
	}
	return l.expr(n.Node)
}

var comparisons = map[string]logic.Op{
	"==": logic.Equal, "!=": logic.NotEqual, "<": logic.Less, "<=": logic.LessOrEqual,
	">": logic.Greater, ">=": logic.GreaterOrEqual,
	"contains": logic.Contains, "startsWith": logic.StartsWith, "endsWith": logic.EndsWith,
}

func (l *lowerer) binary(n *ast.BinaryNode) *logic.Expr {
	k := l.info[n].kind
	switch n.Operator {
	case "and", "&&":
		return logic.Of(logic.And, logic.Bool, l.truth(n.Left), l.truth(n.Right))
	case "or", "||":
		return logic.Of(logic.Or, logic.Bool, l.truth(n.Left), l.truth(n.Right))
	case "??":
		return l.node(logic.Coalesce, k, l.as(k, n.Left), l.as(k, n.Right))
	case "in":
		return l.in(n)
	case "+", "-", "*", "/", "%":
		return l.arithmetic(n)
	case "matches":
		return l.matches(n)
	}
	if op, ok := comparisons[n.Operator]; ok {
		return l.node(op, kBool, l.expr(n.Left), l.expr(n.Right))
	}
	return l.fail(whyForm)
}

// matches writes a pattern that is a plain text as the operator for it, which needs no
// regular expression and may be indexed.
func (l *lowerer) matches(n *ast.BinaryNode) *logic.Expr {
	left, pattern := l.expr(n.Left), l.info[n.Right].val.(string)
	if left == nil {
		return nil
	}
	if op, text, ok := plain(pattern); ok {
		return logic.Of(op, logic.Bool, left, logic.Lit(logic.String, text))
	}
	return &logic.Expr{Op: logic.Matches, Type: logic.Bool, Args: []*logic.Expr{left}, Text: pattern}
}

var arithmetic = map[string]logic.Op{"+": logic.Add, "-": logic.Subtract, "*": logic.Multiply, "/": logic.Divide}

func (l *lowerer) arithmetic(n *ast.BinaryNode) *logic.Expr {
	a, b := l.info[n.Left].kind, l.info[n.Right].kind
	op, k := arithmetic[n.Operator], kFloat
	switch {
	case n.Operator == "%":
		op, k = logic.Modulo, kInt
	case a == kString && b == kString:
		op, k = logic.Concat, kString
	case a == kTime && b == kTime:
		op, k = logic.Seconds, kInt
	case a == kInt && b == kInt && op != logic.Divide:
		k = kInt
	}
	return l.node(op, k, l.as(k, n.Left), l.as(k, n.Right))
}

func (l *lowerer) in(n *ast.BinaryNode) *logic.Expr {
	left, r := l.expr(n.Left), l.info[n.Right]
	if left == nil {
		return nil
	}
	switch r.kind {
	case kLiteral:
		if l.nodes += len(r.items); l.nodes > logic.MaxNodes/2 {
			return l.fail(whyTooLarge)
		}
		return &logic.Expr{Op: logic.InSet, Type: logic.Bool, Args: []*logic.Expr{left}, Items: r.items}
	case kRange:
		return &logic.Expr{Op: logic.InRange, Type: logic.Bool, Args: []*logic.Expr{left}, Items: []any{r.lo, r.hi}}
	case kList:
		return &logic.Expr{Op: logic.InList, Type: logic.Bool, Args: []*logic.Expr{left}, List: r.list}
	}
	return l.node(logic.InField, kBool, left, l.expr(n.Right))
}

func (l *lowerer) call(n *ast.CallNode) *logic.Expr {
	switch n.Callee.(*ast.IdentifierNode).Value {
	case "has":
		return &logic.Expr{Op: logic.Has, Type: logic.Bool, Field: l.info[n.Arguments[0]].field}
	case "hour":
		return l.node(logic.Hour, kInt, l.expr(n.Arguments[0]))
	case "weekday":
		return l.node(logic.Weekday, kInt, l.expr(n.Arguments[0]))
	}
	return l.fail(whyForm)
}

var unaryOps = map[string]logic.Op{
	"len": logic.Len, "lower": logic.Lower, "upper": logic.Upper, "trim": logic.Trim,
	"abs": logic.Abs, "int": logic.ToInt, "float": logic.ToFloat,
}

func (l *lowerer) builtin(n *ast.BuiltinNode) *logic.Expr {
	k := l.info[n].kind
	switch n.Name {
	case "any", "all", "none", "count":
		return l.loop(n)
	case "min", "max":
		op := logic.Min
		if n.Name == "max" {
			op = logic.Max
		}
		e := l.as(k, n.Arguments[0])
		for _, a := range n.Arguments[1:] {
			e = l.node(op, k, e, l.as(k, a))
		}
		return e
	case "string":
		e := l.expr(n.Arguments[0])
		if e != nil && e.Type == logic.String {
			return e
		}
		return l.node(logic.ToText, kString, e)
	}
	if op, ok := unaryOps[n.Name]; ok {
		return l.node(op, k, l.expr(n.Arguments[0]))
	}
	return l.fail(whyForm)
}

var loops = map[string]logic.Op{"any": logic.Any, "all": logic.All, "none": logic.None, "count": logic.Count}

func (l *lowerer) loop(n *ast.BuiltinNode) *logic.Expr {
	body := n.Arguments[1].(*ast.PredicateNode).Node
	list := l.info[n.Arguments[0]]
	if list.kind == kLiteral {
		return l.written(n, list, body)
	}
	over := l.expr(n.Arguments[0])
	return l.node(loops[n.Name], l.info[n].kind, over, l.body(body, nil))
}

// body lowers the condition of a loop for one item.
func (l *lowerer) body(n ast.Node, item *logic.Expr) *logic.Expr {
	l.item = append(l.item, item)
	e := l.expr(n)
	l.item = l.item[:len(l.item)-1]
	if e != nil && e.Foreign() != nil {
		return nil
	}
	return e
}

// written writes a loop over literals out: any as or, all as and.
func (l *lowerer) written(n *ast.BuiltinNode, list *typed, body ast.Node) *logic.Expr {
	op := logic.Or
	switch n.Name {
	case "count":
		return l.fail(whyCount)
	case "all":
		op = logic.And
	}
	var e *logic.Expr
	for _, v := range list.items {
		item, ok := literalItem(list.elem, v)
		if !ok {
			return l.fail(whyMixed)
		}
		one := l.body(body, item)
		if one == nil {
			return nil
		}
		if e == nil {
			e = one
		} else {
			e = logic.Of(op, logic.Bool, e, one)
		}
	}
	if n.Name == "none" {
		e = logic.Of(logic.Not, logic.Bool, e)
	}
	return e
}

// literalItem gives an item of a mixed list of numbers the type that # has there.
func literalItem(elem kind, v any) (*logic.Expr, bool) {
	if i, ok := v.(int64); ok && elem == kFloat {
		const exact = 1 << 53 // ints up to here are floats
		return logic.Lit(logic.Float, float64(i)), i >= -exact && i <= exact
	}
	return logic.Lit(logic.Type(elem), v), true
}

// leaves lists the clauses that and, or and not do not divide further.
func (l *lowerer) leaves(n ast.Node, found []ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			if b, ok := n.Node.(*ast.BinaryNode); ok && b.Operator == "in" && l.isNotIn(n, b) {
				break // x not in y is one clause
			}
			return l.leaves(n.Node, found)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			return l.leaves(n.Right, l.leaves(n.Left, found))
		}
	}
	return append(found, n)
}

// isNotIn tells x not in y from not (x in y) by the place of its not.
func (l *lowerer) isNotIn(u *ast.UnaryNode, b *ast.BinaryNode) bool {
	from, _ := l.text.spanOf(b.Left)
	return u.Location().From > from
}
