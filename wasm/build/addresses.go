package build

import (
	"maps"

	"github.com/issuant/issuant/internal/wasmfile"
)

// Go's pointers have 64 bits, addresses of WASM's memory 32. Each access through a pointer
// makes a new address of it, and a WASM compiler that knows how far beyond an address the
// memory reaches does not know it of the next one. Here an address is made once and kept in
// a local variable of its own, for as long as its pointer stays.

// addresses finds where addresses are made of pointers.
type addresses struct {
	state  map[int64]int         // pointer: the node that made the address kept for it; nil where nothing gets to
	at     map[int]map[int64]int // what holds at the end of a block, of all that goes there
	before map[int]map[int64]int // what holds where an if begins
	loops  map[int]bool          // labels that lead back

	reused map[int]int  // node that makes an address again: the node that made it
	kept   map[int]bool // nodes whose addresses are used again
}

// keepAddresses gives a function variables for addresses, behind those that it has.
func (f *function) keepAddresses(c *wasmfile.Code) {
	variables := int64(1) // the number of the block
	for _, l := range c.Locals {
		variables += int64(l.Count)
	}
	pointers := 0
	if f.nodes, pointers = keptAddresses(f.nodes, variables); pointers > 0 {
		c.Locals = append(c.Locals, wasmfile.Locals{Count: uint32(pointers), Type: wasmfile.I32})
	}
}

// keptAddresses returns the nodes with addresses kept, and of how many pointers. The variables
// begin with the given one.
func keptAddresses(nodes []node, variables int64) (out []node, pointers int) {
	a := &addresses{
		state: map[int64]int{}, at: map[int]map[int64]int{}, before: map[int]map[int64]int{}, loops: map[int]bool{},
		reused: map[int]int{}, kept: map[int]bool{},
	}
	for i := range nodes {
		a.node(nodes, i)
	}
	names := map[int64]int64{}
	keep := func(pointer int64) int64 {
		if _, ok := names[pointer]; !ok {
			names[pointer] = variables + int64(len(names))
		}
		return names[pointer]
	}
	for i := 0; i < len(nodes); i++ {
		n := nodes[i]
		switch _, again := a.reused[i]; {
		case again:
			out = append(out, node{Instr: wasmfile.Instr{Op: wasmfile.OpLocalGet, N: keep(n.N)}})
			i++
		case a.kept[i]:
			out = append(out, n, nodes[i+1], node{Instr: wasmfile.Instr{Op: wasmfile.OpLocalTee, N: keep(n.N)}})
			i++
		default:
			out = append(out, n)
		}
	}
	return out, len(names)
}

func (a *addresses) node(nodes []node, i int) {
	n := nodes[i]
	switch n.Op {
	case wasmfile.OpLocalGet:
		if i+1 < len(nodes) && nodes[i+1].Op == opI32Wrap && a.state != nil {
			a.make(n.N, i)
		}
	case wasmfile.OpLocalSet, wasmfile.OpLocalTee:
		delete(a.state, n.N)
	case wasmfile.OpLoop:
		a.loops[n.label] = true
		if a.state != nil {
			a.state = map[int64]int{}
		}
	case wasmfile.OpIf:
		a.before[n.label] = maps.Clone(a.state)
	case wasmfile.OpElse:
		a.branch(n.label)
		a.state = a.before[n.label]
		delete(a.before, n.label)
	case wasmfile.OpEnd:
		a.end(n.label)
	case wasmfile.OpBr:
		a.branch(n.label)
		a.state = nil
	case wasmfile.OpBrIf:
		a.branch(n.label)
	case wasmfile.OpBrTable:
		for _, l := range n.labels {
			a.branch(l)
		}
		a.state = nil
	case wasmfile.OpReturn, wasmfile.OpUnreachable:
		a.state = nil
	}
}

// make notes that a node makes an address of a pointer.
func (a *addresses) make(pointer int64, i int) {
	if by, ok := a.state[pointer]; ok {
		a.reused[i], a.kept[by] = by, true
	} else {
		a.state[pointer] = i
	}
}

// branch joins what holds here with what holds elsewhere on the way to a block's end.
func (a *addresses) branch(label int) {
	if a.state == nil || a.loops[label] {
		return // at the beginning of a loop nothing is taken to hold
	}
	there, ok := a.at[label]
	if !ok {
		a.at[label] = maps.Clone(a.state)
		return
	}
	maps.DeleteFunc(there, func(pointer int64, by int) bool { have, ok := a.state[pointer]; return !ok || have != by })
}

func (a *addresses) end(label int) {
	if a.loops[label] {
		return // one leaves a loop behind its last instruction
	}
	a.branch(label)
	if before, ok := a.before[label]; ok { // an if without an else
		a.state = before
		if before != nil {
			a.branch(label)
		}
		delete(a.before, label)
	}
	a.state = a.at[label]
}
