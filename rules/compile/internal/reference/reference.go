// Package reference judges conditions by walking expr's tree as the parser made
// it: the second implementation of the semantics of rules/LANGUAGE.md. It is slow
// and plain on purpose, shares no code with package compile beyond expr's parser,
// and exists for tests.
package reference

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// Judge judges a condition that compiles in the pack of m; anything else panics.
func Judge(when string, m *rules.Manifest, env *rules.Env) (rules.Truth, code.Code) {
	tree, err := parser.Parse(when)
	if err != nil {
		panic(err)
	}
	in := &interp{m: m, env: env}
	v := in.eval(tree.Node)
	return v.truth(), v.code
}

// value is present, absent (unknown) or failed with a code.
type value struct {
	present bool
	code    code.Code
	v       any // string, *big.Int, float64, bool, time.Time, []any
}

var absent = value{}

func have(v any) value { return value{present: true, v: v} }

func failure(c code.Code) value { return value{code: c} }

func (v value) failed() bool { return v.code != code.OK }

func (v value) truth() rules.Truth {
	switch {
	case v.failed():
		return rules.Error
	case !v.present:
		return rules.Unknown
	case v.v.(bool):
		return rules.True
	}
	return rules.False
}

func ofTruth(t rules.Truth, c code.Code) value {
	switch t {
	case rules.Error:
		return failure(c)
	case rules.Unknown:
		return absent
	}
	return have(t == rules.True)
}

// The tables of LANGUAGE.md; rows and columns in the order unknown, false, true, error.
var (
	andTable = [4][4]rules.Truth{
		rules.Unknown: {rules.Unknown, rules.False, rules.Unknown, rules.Error},
		rules.False:   {rules.False, rules.False, rules.False, rules.False},
		rules.True:    {rules.Unknown, rules.False, rules.True, rules.Error},
		rules.Error:   {rules.Error, rules.False, rules.Error, rules.Error},
	}
	orTable = [4][4]rules.Truth{
		rules.Unknown: {rules.Unknown, rules.Unknown, rules.True, rules.Error},
		rules.False:   {rules.Unknown, rules.False, rules.True, rules.Error},
		rules.True:    {rules.True, rules.True, rules.True, rules.True},
		rules.Error:   {rules.Error, rules.Error, rules.True, rules.Error},
	}
	notTable = [4]rules.Truth{rules.Unknown: rules.Unknown, rules.False: rules.True, rules.True: rules.False, rules.Error: rules.Error}
)

func join(table *[4][4]rules.Truth, a, b value) value {
	return ofTruth(table[a.truth()][b.truth()], worstCode(a, b))
}

func worstCode(values ...value) code.Code {
	worst := code.OK
	for _, v := range values {
		if v.failed() && (worst == code.OK || v.code < worst) {
			worst = v.code
		}
	}
	return worst
}

type interp struct {
	m     *rules.Manifest
	env   *rules.Env
	items []value // # of the loops around the node
	kinds []rules.Type
}

func (in *interp) eval(n ast.Node) value {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return have(big.NewInt(int64(n.Value)))
	case *ast.FloatNode:
		return have(n.Value)
	case *ast.BoolNode:
		return have(n.Value)
	case *ast.StringNode:
		return have(n.Value)
	case *ast.IdentifierNode:
		return in.fact(n.Value)
	case *ast.MemberNode:
		return in.fact(n.Node.(*ast.IdentifierNode).Value + "." + n.Property.(*ast.StringNode).Value)
	case *ast.PointerNode:
		return in.items[len(in.items)-1]
	case *ast.ArrayNode:
		list := []any{}
		for _, item := range n.Nodes {
			list = append(list, in.eval(item).v)
		}
		return have(list)
	case *ast.UnaryNode:
		return in.unary(n)
	case *ast.BinaryNode:
		return in.binary(n)
	case *ast.ConditionalNode:
		return in.choice(n)
	case *ast.CallNode:
		return in.call(n.Callee.(*ast.IdentifierNode).Value, n.Arguments)
	case *ast.BuiltinNode:
		return in.call(n.Name, n.Arguments)
	}
	panic(fmt.Sprintf("reference: %T", n))
}

func lift(v any) value {
	switch v := v.(type) {
	case nil:
		return absent
	case int64:
		return have(big.NewInt(v))
	case []string:
		list := []any{}
		for _, s := range v {
			list = append(list, s)
		}
		return have(list)
	}
	return have(v)
}

func (in *interp) fact(name string) value { return lift(in.env.Facts.Get(name)) }

// typeOf returns the static type, which tells whether an int must become a float.
func (in *interp) typeOf(n ast.Node) rules.Type {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return rules.Int
	case *ast.FloatNode:
		return rules.Float
	case *ast.StringNode:
		return rules.String
	case *ast.IdentifierNode:
		i, _ := in.m.Schema.Lookup(n.Value)
		return in.m.Schema.Field(i).Type
	case *ast.MemberNode:
		i, _ := in.m.Schema.Lookup(n.Node.(*ast.IdentifierNode).Value + "." + n.Property.(*ast.StringNode).Value)
		return in.m.Schema.Field(i).Type
	case *ast.PointerNode:
		return in.kinds[len(in.kinds)-1]
	case *ast.UnaryNode:
		if n.Operator == "-" || n.Operator == "+" {
			return in.typeOf(n.Node)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "/":
			return rules.Float
		case "+", "-", "*", "%", "??":
			return in.both(n.Left, n.Right, n.Operator)
		}
	case *ast.ConditionalNode:
		return in.both(n.Exp1, n.Exp2, ":")
	case *ast.CallNode:
		return in.callType(n.Callee.(*ast.IdentifierNode).Value, n.Arguments)
	case *ast.BuiltinNode:
		return in.callType(n.Name, n.Arguments)
	}
	return rules.Bool
}

func (in *interp) both(a, b ast.Node, op string) rules.Type {
	x, y := in.typeOf(a), in.typeOf(b)
	switch {
	case x == rules.Time && y == rules.Time && op == "-":
		return rules.Int
	case x == rules.Float || y == rules.Float:
		return rules.Float
	}
	return x
}

func (in *interp) callType(name string, args []ast.Node) rules.Type {
	switch name {
	case "len", "int", "hour", "weekday", "count":
		return rules.Int
	case "float":
		return rules.Float
	case "lower", "upper", "trim", "string":
		return rules.String
	case "time":
		return rules.Time
	case "abs":
		return in.typeOf(args[0])
	case "min", "max":
		for _, a := range args {
			if in.typeOf(a) == rules.Float {
				return rules.Float
			}
		}
		return rules.Int
	case "param":
		return in.parameter(args[0]).Type
	}
	return rules.Bool
}

func (in *interp) parameter(n ast.Node) *rules.Param {
	for i := range in.m.Params {
		if in.m.Params[i].Name == n.(*ast.StringNode).Value {
			return &in.m.Params[i]
		}
	}
	panic("reference: no such parameter")
}

// as evaluates n, as a float where t is Float.
func (in *interp) as(t rules.Type, n ast.Node) value {
	v := in.eval(n)
	if v.present && t == rules.Float {
		return have(toFloat(v.v))
	}
	return v
}

func toFloat(v any) float64 {
	if i, ok := v.(*big.Int); ok {
		f, _ := new(big.Float).SetInt(i).Float64()
		return f
	}
	return v.(float64)
}

func (in *interp) unary(n *ast.UnaryNode) value {
	v := in.eval(n.Node)
	switch {
	case n.Operator == "not" || n.Operator == "!":
		return ofTruth(notTable[v.truth()], v.code)
	case n.Operator == "+" || !v.present:
		return v
	}
	if i, ok := v.v.(*big.Int); ok {
		return whole(new(big.Int).Neg(i))
	}
	return have(0 - v.v.(float64))
}

// whole is an int that must fit 64 bits.
func whole(i *big.Int) value {
	if !i.IsInt64() {
		return failure(code.Overflow)
	}
	return have(i)
}

func fraction(f float64) value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return failure(code.NotANumber)
	}
	return have(f)
}

func (in *interp) choice(n *ast.ConditionalNode) value {
	t := in.typeOf(n)
	c := in.eval(n.Cond)
	if c.failed() || !c.present {
		return c
	}
	if c.v.(bool) {
		return in.as(t, n.Exp1)
	}
	return in.as(t, n.Exp2)
}

func (in *interp) binary(n *ast.BinaryNode) value {
	switch n.Operator {
	case "and", "&&":
		return join(&andTable, in.eval(n.Left), in.eval(n.Right))
	case "or", "||":
		return join(&orTable, in.eval(n.Left), in.eval(n.Right))
	case "??":
		t := in.typeOf(n)
		if l := in.as(t, n.Left); l.present || l.failed() {
			return l
		}
		return in.as(t, n.Right)
	case "in":
		return in.membership(n)
	}
	l, r := in.eval(n.Left), in.eval(n.Right)
	if c := worstCode(l, r); c != code.OK {
		return failure(c)
	}
	if !l.present || !r.present {
		return absent
	}
	switch n.Operator {
	case "+", "-", "*", "/", "%":
		return arithmetic(n.Operator, l.v, r.v, in.typeOf(n))
	}
	return have(relation(n.Operator, l.v, r.v))
}

func relation(op string, l, r any) bool {
	switch op {
	case "==":
		return same(l, r)
	case "!=":
		return !same(l, r)
	case "<":
		return sign(l, r) < 0
	case "<=":
		return sign(l, r) <= 0
	case ">":
		return sign(l, r) > 0
	case ">=":
		return sign(l, r) >= 0
	case "contains":
		return strings.Contains(l.(string), r.(string))
	case "startsWith":
		_, ok := strings.CutPrefix(l.(string), r.(string))
		return ok
	case "endsWith":
		_, ok := strings.CutSuffix(l.(string), r.(string))
		return ok
	case "matches":
		return regexp.MustCompile(r.(string)).MatchString(l.(string))
	}
	panic("reference: operator " + op)
}

func same(l, r any) bool {
	switch l := l.(type) {
	case bool:
		return l == r.(bool)
	case string:
		return l == r.(string)
	}
	return sign(l, r) == 0
}

func sign(l, r any) int {
	switch l := l.(type) {
	case string:
		return strings.Compare(l, r.(string))
	case time.Time:
		d := big.NewInt(l.UnixNano())
		return d.Cmp(big.NewInt(r.(time.Time).UnixNano()))
	}
	return rational(l).Cmp(rational(r))
}

func rational(v any) *big.Rat {
	if i, ok := v.(*big.Int); ok {
		return new(big.Rat).SetInt(i)
	}
	return new(big.Rat).SetFloat64(v.(float64))
}

func arithmetic(op string, l, r any, t rules.Type) value {
	switch l := l.(type) {
	case string:
		if len(l)+len(r.(string)) > 65536 {
			return failure(code.Limit)
		}
		return have(l + r.(string))
	case time.Time:
		nanos := new(big.Int).Sub(big.NewInt(l.UnixNano()), big.NewInt(r.(time.Time).UnixNano()))
		return have(nanos.Quo(nanos, big.NewInt(1e9)))
	}
	if t == rules.Int {
		x, y := l.(*big.Int), r.(*big.Int)
		switch op {
		case "+":
			return whole(new(big.Int).Add(x, y))
		case "-":
			return whole(new(big.Int).Sub(x, y))
		case "*":
			return whole(new(big.Int).Mul(x, y))
		}
		if y.Sign() == 0 {
			return failure(code.DivideByZero)
		}
		return have(new(big.Int).Rem(x, y))
	}
	x, y := toFloat(l), toFloat(r)
	switch op {
	case "+":
		return fraction(x + y)
	case "-":
		return fraction(x - y)
	case "*":
		return fraction(x * y)
	}
	if y == 0 {
		return failure(code.DivideByZero)
	}
	return fraction(x / y)
}

func (in *interp) membership(n *ast.BinaryNode) value {
	l := in.eval(n.Left)
	if call, ok := n.Right.(*ast.CallNode); ok && call.Callee.(*ast.IdentifierNode).Value == "list" {
		if !l.present {
			return l
		}
		return have(in.listed(call.Arguments[0].(*ast.StringNode).Value, l.v.(string)))
	}
	if span, ok := n.Right.(*ast.BinaryNode); ok && span.Operator == ".." {
		lo, hi := in.eval(span.Left), in.eval(span.Right)
		if !l.present {
			return l
		}
		return have(sign(l.v, lo.v) >= 0 && sign(l.v, hi.v) <= 0)
	}
	r := in.eval(n.Right)
	if c := worstCode(l, r); c != code.OK {
		return failure(c)
	}
	if !l.present || !r.present {
		return absent
	}
	for _, item := range r.v.([]any) {
		if same(l.v, item) {
			return have(true)
		}
	}
	return have(false)
}

func (in *interp) listed(name, v string) bool {
	for i, d := range in.m.Lists {
		if d.Name != name {
			continue
		}
		for _, e := range in.env.Lists[i].Entries() {
			if e.Value == v {
				return e.Expires.IsZero() || e.Expires.After(in.env.Now)
			}
		}
	}
	return false
}

func (in *interp) call(name string, args []ast.Node) value {
	switch name {
	case "any", "all", "none", "count":
		return in.loop(name, args[0], args[1].(*ast.PredicateNode).Node)
	case "has":
		v := in.eval(args[0])
		return have(v.present)
	case "param":
		return lift(in.parameter(args[0]).Value)
	case "time":
		at, err := time.Parse(time.RFC3339Nano, args[0].(*ast.StringNode).Value)
		if err != nil {
			panic(err)
		}
		return have(at.UTC())
	}
	var values []value
	t := in.callType(name, args)
	for _, a := range args {
		values = append(values, in.as(promoted(name, t), a))
	}
	if c := worstCode(values...); c != code.OK {
		return failure(c)
	}
	for _, v := range values {
		if !v.present {
			return absent
		}
	}
	return apply(name, values)
}

// promoted is the type that arguments of min and max are brought to.
func promoted(name string, t rules.Type) rules.Type {
	if name == "min" || name == "max" {
		return t
	}
	return 0
}

func apply(name string, args []value) value {
	a := args[0].v
	switch name {
	case "len":
		if list, ok := a.([]any); ok {
			return have(big.NewInt(int64(len(list))))
		}
		return have(big.NewInt(int64(len([]rune(a.(string))))))
	case "lower":
		return have(strings.Map(unicode.ToLower, a.(string)))
	case "upper":
		return have(strings.Map(unicode.ToUpper, a.(string)))
	case "trim":
		return have(strings.TrimFunc(a.(string), unicode.IsSpace))
	case "abs":
		if i, ok := a.(*big.Int); ok {
			return whole(new(big.Int).Abs(i))
		}
		return have(math.Abs(a.(float64)))
	case "min", "max":
		best := a
		for _, v := range args[1:] {
			if s := sign(v.v, best); name == "min" && s < 0 || name == "max" && s > 0 {
				best = v.v
			}
		}
		return have(best)
	case "int":
		if f, ok := a.(float64); ok {
			i, _ := new(big.Float).SetFloat64(f).Int(nil)
			return whole(i)
		}
		return args[0]
	case "float":
		return have(toFloat(a))
	case "string":
		return have(fmt.Sprint(a))
	case "hour":
		h := a.(time.Time).UTC().Unix() % 86400
		return have(big.NewInt((h + 86400) % 86400 / 3600))
	case "weekday":
		days := map[string]int64{"Mon": 1, "Tue": 2, "Wed": 3, "Thu": 4, "Fri": 5, "Sat": 6, "Sun": 7}
		return have(big.NewInt(days[a.(time.Time).UTC().Format("Mon")]))
	}
	panic("reference: function " + name)
}

func (in *interp) loop(name string, list, body ast.Node) value {
	l := in.eval(list)
	if !l.present {
		return l
	}
	var verdicts []value
	kind := rules.String
	if arr, ok := list.(*ast.ArrayNode); ok {
		kind = in.literalKind(arr)
	}
	for _, item := range l.v.([]any) {
		in.items, in.kinds = append(in.items, value{present: true, v: item}), append(in.kinds, kind)
		verdicts = append(verdicts, in.eval(body))
		in.items, in.kinds = in.items[:len(in.items)-1], in.kinds[:len(in.kinds)-1]
	}
	return fold(name, verdicts)
}

func (in *interp) literalKind(arr *ast.ArrayNode) rules.Type {
	kind := in.typeOf(arr.Nodes[0])
	for _, item := range arr.Nodes {
		if in.typeOf(item) == rules.Float {
			kind = rules.Float
		}
	}
	return kind
}

func fold(name string, verdicts []value) value {
	switch name {
	case "count":
		n := int64(0)
		unknown := false
		for _, v := range verdicts {
			unknown = unknown || v.truth() == rules.Unknown
			if v.truth() == rules.True {
				n++
			}
		}
		switch c := worstCode(verdicts...); {
		case c != code.OK:
			return failure(c)
		case unknown:
			return absent
		}
		return have(big.NewInt(n))
	case "all":
		out := have(true)
		for _, v := range verdicts {
			out = join(&andTable, out, v)
		}
		return out
	}
	out := have(false)
	for _, v := range verdicts {
		out = join(&orTable, out, v)
	}
	if name == "none" {
		return ofTruth(notTable[out.truth()], out.code)
	}
	return out
}
