package compile

import (
	"slices"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// condition implements rules.Condition on expr's VM.
type condition struct {
	*machines
	schema *rules.Schema
	prog   *vm.Program
	cost   int64
	fields []int
	quiet  bool // unknown, whenever all of fields are absent
	fast   direct

	text   *text
	root   ast.Node
	info   map[ast.Node]*typed
	once   sync.Once
	leaves []leaf
}

// machines holds VMs for reuse: one that ran before has its stack allocated.
type machines struct{ pool sync.Pool }

func newMachines() *machines {
	return &machines{pool: sync.Pool{New: func() any { return new(vm.VM) }}}
}

// run returns the value of the program. The VM turns a panic into an error; the
// functions that it calls have none.
func (m *machines) run(p *vm.Program, env *rules.Env) any {
	v := m.pool.Get().(*vm.VM)
	out, err := v.Run(p, env)
	m.pool.Put(v)
	if err != nil {
		return faultInternal
	}
	return out
}

func truth(v any) (rules.Truth, code.Code) {
	switch v := v.(type) {
	case bool:
		if v {
			return rules.True, code.OK
		}
		return rules.False, code.OK
	case nil:
		return rules.Unknown, code.OK
	case *fault:
		return rules.Error, v.code
	}
	return rules.Error, code.Internal
}

// Judge returns the verdict on the facts of env, which must have the schema that
// the condition was compiled for; others are an Error of code internal.
func (c *condition) Judge(env *rules.Env) (rules.Truth, code.Code) {
	if !env.Facts.Schema().Equal(c.schema) {
		return rules.Error, code.Internal
	}
	if c.fast != nil {
		return c.fast(env), code.OK
	}
	if c.quiet && c.absent(env.Facts) {
		return rules.Unknown, code.OK
	}
	return truth(c.run(c.prog, env))
}

// Direct implements rules.Direct.
func (c *condition) Direct() func(*rules.Env) rules.Truth { return c.fast }

func (c *condition) absent(f *rules.Facts) bool {
	for _, i := range c.fields {
		if f.Present(i) {
			return false
		}
	}
	return true
}

// Cost returns the static worst case: operators and operands, those of a loop as
// often as its list may have items, and more for what runs over a text.
func (c *condition) Cost() int64 { return c.cost }

// Fields returns the indices of the fields that the condition reads, sorted. The
// caller owns the slice.
func (c *condition) Fields() []int { return slices.Clone(c.fields) }

// build compiles a checked condition.
func build(ch *checker, root ast.Node, m *machines) (*condition, error) {
	prog, err := program(root, ch.info)
	if err != nil {
		return nil, err
	}
	c := &condition{machines: m, schema: ch.schema, prog: prog, cost: costOf(root, ch.info),
		text: ch.text, root: root, info: ch.info}
	for i := range ch.fields {
		c.fields = append(c.fields, i)
	}
	slices.Sort(c.fields)
	c.quiet, c.fast = silent(root, ch.info), lowered(root, ch.info)
	return c, nil
}

// Cost of operations that run over a text of up to MaxStringFact bytes.
const (
	costText  = 16
	costRegex = 256
)

const maxCost = 1 << 40 // costs saturate here

func costOf(n ast.Node, info map[ast.Node]*typed) int64 {
	if t := info[n]; t != nil && (t.val != nil || t.field >= 0 || t.kind >= kLiteral) {
		return 1
	}
	cost := int64(1)
	switch n := n.(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "matches":
			cost = costRegex
		case "contains", "startsWith", "endsWith":
			cost = costText
		case "in":
			if info[n.Right].kind == kStrings {
				cost = rules.MaxListFact
			}
		case "+":
			if info[n].kind == kString {
				cost = costText
			}
		}
	case *ast.BuiltinNode:
		switch n.Name {
		case "any", "all", "none", "count":
			return loopCost(n, info)
		case "lower", "upper", "trim", "len":
			cost = costText
		}
	case *ast.CallNode:
		return 1 + sumCost(n.Arguments, info)
	}
	return min(cost+sumCost(children(n), info), maxCost)
}

func sumCost(nodes []ast.Node, info map[ast.Node]*typed) int64 {
	sum := int64(0)
	for _, n := range nodes {
		sum = min(sum+costOf(n, info), maxCost)
	}
	return sum
}

func loopCost(n *ast.BuiltinNode, info map[ast.Node]*typed) int64 {
	times := int64(rules.MaxListFact)
	if list := info[n.Arguments[0]]; list.kind == kLiteral {
		times = int64(len(list.items))
	}
	body := costOf(n.Arguments[1].(*ast.PredicateNode).Node, info)
	if body >= maxCost/times {
		return maxCost
	}
	return min(1+costOf(n.Arguments[0], info)+times*(1+body), maxCost)
}

// silent proves that an expression is absent (unknown) whenever every fact that it
// reads is absent. It says no where it cannot tell.
func silent(n ast.Node, info map[ast.Node]*typed) bool {
	t := info[n]
	if t == nil || t.val != nil {
		return false
	}
	if t.field >= 0 {
		return true
	}
	is := func(n ast.Node) bool { return silent(n, info) }
	// A plain constant beside a silent operand cannot be an error, which would win.
	inert := func(n ast.Node) bool { t := info[n]; return t != nil && (t.val != nil || t.kind >= kLiteral) }
	switch n := n.(type) {
	case *ast.UnaryNode:
		return is(n.Node)
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||", "??":
			return is(n.Left) && is(n.Right)
		}
		return is(n.Left) && (is(n.Right) || inert(n.Right)) || inert(n.Left) && is(n.Right)
	case *ast.ConditionalNode:
		return is(n.Cond)
	case *ast.BuiltinNode:
		switch n.Name {
		case "any", "all", "none", "count":
			return is(n.Arguments[0])
		}
		return silentArguments(n.Arguments, is, inert)
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && (id.Value == "hour" || id.Value == "weekday") {
			return silentArguments(n.Arguments, is, inert)
		}
	}
	return false
}

func silentArguments(args []ast.Node, is, inert func(ast.Node) bool) bool {
	some := false
	for _, a := range args {
		if is(a) {
			some = true
		} else if !inert(a) {
			return false
		}
	}
	return some
}
