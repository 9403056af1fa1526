package compile

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// rewriter turns a checked condition into an expression for expr's VM in which
// every operator is a call of a Go function that knows absent values and errors.
// expr's own operators know neither, and stop at the first operand that decides.
type rewriter struct {
	info  map[ast.Node]*typed
	funcs map[string]*builtin.Function
	vars  int
	bad   error
}

// program compiles the tree below root for the VM.
func program(root ast.Node, info map[ast.Node]*typed) (p *vm.Program, err error) {
	w := &rewriter{info: info, funcs: map[string]*builtin.Function{}}
	node := w.expr(root)
	if w.bad != nil {
		return nil, w.bad
	}
	config := &conf.Config{Functions: w.funcs}
	return compiler.Compile(&parser.Tree{Node: node, Source: file.NewSource("")}, config)
}

func (w *rewriter) call(name string, f function, args ...ast.Node) ast.Node {
	if _, ok := w.funcs[name]; !ok {
		w.funcs[name] = &builtin.Function{Name: name, Func: f}
	}
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

// unique is call for a function that holds something of its own.
func (w *rewriter) unique(name string, f function, args ...ast.Node) ast.Node {
	return w.call(name+"#"+strconv.Itoa(len(w.funcs)), f, args...)
}

func environment() ast.Node { return &ast.IdentifierNode{Value: "$env"} }

func literal(v any) ast.Node {
	n := &ast.ConstantNode{Value: v}
	n.SetType(reflect.TypeOf(v)) // so that the VM does not look for a pointer behind it
	return n
}

func (w *rewriter) fail(n ast.Node) ast.Node {
	w.bad = fmt.Errorf("compile: no rewriting for %T", n)
	return literal(false)
}

func (w *rewriter) expr(n ast.Node) ast.Node {
	t := w.info[n]
	if t == nil {
		return w.fail(n)
	}
	if t.val != nil {
		return literal(t.val)
	}
	if t.field >= 0 {
		return w.call("fact"+strconv.Itoa(t.field), load(t.field), environment())
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		return w.unary(n)
	case *ast.BinaryNode:
		return w.binary(n)
	case *ast.ConditionalNode:
		return w.call("pick", pick, w.expr(n.Cond), w.as(t.kind, n.Exp1), w.as(t.kind, n.Exp2))
	case *ast.CallNode:
		return w.function(n)
	case *ast.BuiltinNode:
		return w.builtin(n, t)
	case *ast.PointerNode:
		return &ast.PointerNode{}
	}
	return w.fail(n)
}

// as is expr, with an int turned into a float where the whole is a float.
func (w *rewriter) as(k kind, n ast.Node) ast.Node {
	if k == kFloat && w.info[n] != nil && w.info[n].kind == kInt {
		return w.call("float", strict1(toFloat), w.expr(n))
	}
	return w.expr(n)
}

func (w *rewriter) unary(n *ast.UnaryNode) ast.Node {
	switch n.Operator {
	case "not", "!":
		return w.call("not", strict1(not), w.expr(n.Node))
	case "-":
		return w.call("negate", strict1(negate), w.expr(n.Node))
	}
	return w.expr(n.Node)
}

var binaryFunctions = map[string]func(a, b any) any{
	"==": equal, "!=": unequal, "<": less, "<=": lessOrEqual, ">": greater, ">=": greaterOrEqual,
	"contains": contains, "startsWith": startsWith, "endsWith": endsWith, "/": divide, "%": remainder,
}

func (w *rewriter) binary(n *ast.BinaryNode) ast.Node {
	switch n.Operator {
	case "and", "&&":
		return w.call("and", and, w.expr(n.Left), w.expr(n.Right))
	case "or", "||":
		return w.call("or", or, w.expr(n.Left), w.expr(n.Right))
	case "??":
		k := w.info[n].kind
		return w.call("coalesce", coalesce, w.as(k, n.Left), w.as(k, n.Right))
	case "in":
		return w.in(n)
	case "matches":
		re, err := regexp.Compile(w.info[n.Right].val.(string))
		if err != nil {
			return w.fail(n)
		}
		return w.unique("matches", strict1(matching(re)), w.expr(n.Left))
	case "+", "-", "*":
		return w.arithmetic(n)
	}
	f, ok := binaryFunctions[n.Operator]
	if !ok {
		return w.fail(n)
	}
	return w.call(n.Operator, strict2(f), w.expr(n.Left), w.expr(n.Right))
}

func (w *rewriter) arithmetic(n *ast.BinaryNode) ast.Node {
	l, r := w.info[n.Left].kind, w.info[n.Right].kind
	byInt := map[string]func(a, b any) any{"+": addInt, "-": subtractInt, "*": multiplyInt}
	byFloat := map[string]func(a, b any) any{"+": addFloat, "-": subtractFloat, "*": multiplyFloat}
	name, f := n.Operator+"float", byFloat[n.Operator]
	switch {
	case l == kString && r == kString:
		name, f = "concat", concat
	case l == kTime && r == kTime:
		name, f = "seconds", seconds
	case l == kInt && r == kInt:
		name, f = n.Operator+"int", byInt[n.Operator]
	}
	return w.call(name, strict2(f), w.expr(n.Left), w.expr(n.Right))
}

func (w *rewriter) in(n *ast.BinaryNode) ast.Node {
	left, r := w.expr(n.Left), w.info[n.Right]
	switch r.kind {
	case kLiteral:
		return w.unique("in", strict1(memberOf(r.items)), left)
	case kRange:
		return w.unique("in", strict1(inRange(r.lo, r.hi)), left)
	case kList:
		return w.unique("in", listed(r.list), left, environment())
	}
	return w.call("in", strict2(memberIn), left, w.expr(n.Right))
}

func (w *rewriter) function(n *ast.CallNode) ast.Node {
	switch n.Callee.(*ast.IdentifierNode).Value {
	case "has":
		i := w.info[n.Arguments[0]].field
		return w.call("has"+strconv.Itoa(i), present(i), environment())
	case "hour":
		return w.call("hour", strict1(hour), w.expr(n.Arguments[0]))
	case "weekday":
		return w.call("weekday", strict1(weekday), w.expr(n.Arguments[0]))
	}
	return w.fail(n)
}

var unaryFunctions = map[string]func(a any) any{
	"len": length, "lower": lower, "upper": upper, "trim": trim, "abs": absolute,
	"int": toInt, "float": toFloat, "string": toText,
}

func (w *rewriter) builtin(n *ast.BuiltinNode, t *typed) ast.Node {
	switch n.Name {
	case "any", "all", "none", "count":
		return w.loop(n)
	case "min", "max":
		f := strict2(smaller)
		if n.Name == "max" {
			f = strict2(larger)
		}
		node := w.as(t.kind, n.Arguments[0])
		for _, a := range n.Arguments[1:] {
			node = w.call(n.Name, f, node, w.as(t.kind, a))
		}
		return node
	}
	f, ok := unaryFunctions[n.Name]
	if !ok {
		return w.fail(n)
	}
	return w.call(n.Name, strict1(f), w.expr(n.Arguments[0]))
}

// loop becomes reduce(items, step(#acc, predicate), start), a loop that expr's
// compiler has. It visits every item: a later one may decide what an earlier one
// left open.
func (w *rewriter) loop(n *ast.BuiltinNode) ast.Node {
	body := w.expr(n.Arguments[1].(*ast.PredicateNode).Node)
	step, start, name := function(or), any(false), "or"
	switch n.Name {
	case "all":
		step, start, name = and, true, "and"
	case "count":
		step, start, name = tally, int64(0), "tally"
	}
	reduce := func(list ast.Node) ast.Node {
		acc := w.call(name, step, &ast.PointerNode{Name: "acc"}, body)
		return &ast.BuiltinNode{Name: "reduce", Arguments: []ast.Node{list, &ast.PredicateNode{Node: acc}, literal(start)}}
	}
	out := w.overList(n.Arguments[0], reduce)
	if n.Name == "none" {
		out = w.call("not", strict1(not), out)
	}
	return out
}

// overList runs reduce over a list. A list that is more than a constant or a fact
// is kept in a variable: written twice, nested ones would double each time.
func (w *rewriter) overList(list ast.Node, reduce func(ast.Node) ast.Node) ast.Node {
	t := w.info[list]
	if t.kind == kLiteral {
		return reduce(literal(t.items))
	}
	over := func(value func() ast.Node) ast.Node {
		each := w.call("items", items, value())
		each.SetType(reflect.TypeFor[[]string]())
		return w.call("overlist", overList, value(), reduce(each))
	}
	if t.field >= 0 {
		return over(func() ast.Node { return w.expr(list) })
	}
	w.vars++
	name := "$list" + strconv.Itoa(w.vars)
	value := w.expr(list)
	body := over(func() ast.Node { return &ast.IdentifierNode{Value: name} })
	return &ast.VariableDeclaratorNode{Name: name, Value: value, Expr: body}
}
