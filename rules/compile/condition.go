package compile

import (
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// machine implements rules.VM: it judges a condition, and its leaves, on expr's VM.
type machine struct {
	*machines
	prog   *vm.Program
	leaves []*vm.Program
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

// Judge returns the verdict on the facts of env.
func (m *machine) Judge(env *rules.Env) (rules.Truth, code.Code) { return truth(m.run(m.prog, env)) }

// Leaf returns the verdict on one leaf.
func (m *machine) Leaf(i int, env *rules.Env) (rules.Truth, code.Code) {
	return truth(m.run(m.leaves[i], env))
}

// build compiles a checked condition for a pack with that many lists. A program for the
// VM is made only where the condition cannot be lowered.
func build(ch *checker, root ast.Node, m *machines) (*rules.Lowered, error) {
	form, leaves := lowered(root, ch.info, ch.text)
	var machinery rules.VM
	if form.Root.Foreign() != nil {
		own := &machine{machines: m}
		for _, n := range append([]ast.Node{root}, leaves...) {
			prog, err := program(n, ch.info)
			if err != nil {
				return nil, err
			}
			own.leaves = append(own.leaves, prog)
		}
		own.prog, own.leaves = own.leaves[0], own.leaves[1:]
		machinery = own
	}
	return rules.NewCondition(ch.schema, len(ch.lists), form, Compiler{}, machinery)
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
