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
	ways[map[int64]int] // pointer: the node that made the address kept for it

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
	a := &addresses{reused: map[int]int{}, kept: map[int]bool{}}
	a.begin(map[int64]int{})
	a.copy = maps.Clone[map[int64]int]
	a.loop = func(int) map[int64]int { return map[int64]int{} } // nothing is taken to hold
	a.join = func(_ int, there, here map[int64]int) map[int64]int {
		maps.DeleteFunc(there, func(pointer int64, by int) bool { have, ok := here[pointer]; return !ok || have != by })
		return there
	}
	for i := range nodes {
		a.look(nodes, i)
		a.node(nodes[i])
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

// look notes addresses that a node makes, and pointers that it changes.
func (a *addresses) look(nodes []node, i int) {
	n := nodes[i]
	switch n.Op {
	case wasmfile.OpLocalGet:
		if i+1 < len(nodes) && nodes[i+1].Op == opI32Wrap && a.live {
			a.make(n.N, i)
		}
	case wasmfile.OpLocalSet, wasmfile.OpLocalTee:
		delete(a.now, n.N)
	}
}

// make notes that a node makes an address of a pointer.
func (a *addresses) make(pointer int64, i int) {
	if by, ok := a.now[pointer]; ok {
		a.reused[i], a.kept[by] = by, true
	} else {
		a.now[pointer] = i
	}
}
