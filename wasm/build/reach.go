package build

import "github.com/issuant/issuant/internal/wasmfile"

// A function of Go keeps its variables and what it calls with on a stack of its own, in
// WASM's memory. A compiler that cannot prove an address checks each access, and knows
// afterwards how far beyond that address the memory reaches: of the lowest place first it
// learns nothing about the next. So where the first of several such checks is made, the
// highest place is read, and thrown away: then it knows of all of them, and a reading that
// nobody uses is left out of the machine code, but for its check. All of a frame lies in memory.

// pointerID tells which value of the stack pointer holds: the node that sets it, or of a
// label, where several come together.
type pointerID struct {
	at    int
	label int
}

// reached is what is known at a place of the code.
type reached struct {
	id      pointerID
	bound   int64 // so many bytes from the stack pointer on are in memory
	nowhere bool  // nothing gets here
}

// reach finds how far the checks of a function's accesses reach.
type reach struct {
	nodes  []node
	now    reached
	at     map[int]reached // what holds at the end of a block, of all that goes there
	before map[int]reached // what holds where an if begins
	loops  map[int]bool
	by     []int // the node that makes an access's address

	need   func(i int, end int64) // an access that is checked
	access func(end int64)        // any access
}

// reachFrames returns the nodes of a function with one check for several.
func reachFrames(nodes []node) []node {
	highest, checks := map[pointerID]int64{}, map[pointerID]int{}
	r := &reach{nodes: nodes, by: addressedBy(nodes)}
	r.access = func(end int64) { highest[r.now.id] = max(highest[r.now.id], end) }
	r.need = func(_ int, end int64) {
		checks[r.now.id]++
		r.now.bound = end
	}
	r.walk()
	insert := map[int]int64{}
	r.access = func(int64) {}
	r.need = func(i int, end int64) {
		if top := highest[r.now.id]; top > end && checks[r.now.id] > 1 {
			insert[i], end = top, top
		}
		r.now.bound = end
	}
	r.walk()
	if len(insert) == 0 {
		return nodes
	}
	out := make([]node, 0, len(nodes)+3*len(insert))
	for i, n := range nodes {
		if top, ok := insert[i]; ok {
			out = append(out, node{Instr: wasmfile.Instr{Op: wasmfile.OpLocalGet, N: localSP}},
				node{Instr: wasmfile.Instr{Op: opI32Load8U, N: top - 1}}, node{Instr: wasmfile.Instr{Op: opDrop}})
		}
		out = append(out, n)
	}
	return out
}

func (r *reach) walk() {
	r.now = reached{id: pointerID{at: -1}}
	r.at, r.before, r.loops = map[int]reached{}, map[int]reached{}, map[int]bool{}
	for i, n := range r.nodes {
		r.look(i, n)
		r.flow(i, n)
	}
}

// flow follows the ways through the code.
func (r *reach) flow(i int, n node) {
	switch n.Op {
	case wasmfile.OpLocalSet, wasmfile.OpLocalTee:
		if n.N == localSP {
			r.now.id, r.now.bound = pointerID{at: i}, 0
		}
	case wasmfile.OpLoop:
		r.loops[n.label] = true
		r.now.id, r.now.bound = pointerID{label: n.label}, 0
	case wasmfile.OpIf:
		r.before[n.label] = r.now
	case wasmfile.OpElse:
		r.branch(n.label)
		r.now = r.before[n.label]
		delete(r.before, n.label)
	case wasmfile.OpEnd:
		r.end(n.label)
	case wasmfile.OpBrIf:
		r.branch(n.label)
	case wasmfile.OpBr:
		r.branch(n.label)
		r.now.nowhere = true
	case wasmfile.OpBrTable:
		for _, l := range n.labels {
			r.branch(l)
		}
		r.now.nowhere = true
	case wasmfile.OpReturn, wasmfile.OpUnreachable:
		r.now.nowhere = true
	}
}

// branch joins what holds here with what holds elsewhere on the way to a block's end.
func (r *reach) branch(label int) {
	if r.now.nowhere || r.loops[label] {
		return
	}
	there, ok := r.at[label]
	switch {
	case !ok:
		there = r.now
	case there.id != r.now.id:
		there.id, there.bound = pointerID{label: label}, 0
	default:
		there.bound = min(there.bound, r.now.bound)
	}
	r.at[label] = there
}

func (r *reach) end(label int) {
	if r.loops[label] {
		return
	}
	r.branch(label)
	if before, ok := r.before[label]; ok { // an if without an else
		r.now = before
		r.branch(label)
		delete(r.before, label)
	}
	there, ok := r.at[label]
	r.now = there
	r.now.nowhere = !ok
}

// look looks at a load or a store: whether it is one from the stack pointer on, and is checked.
func (r *reach) look(i int, n node) {
	by := r.by[i]
	if by < 0 || r.now.nowhere || !r.isPointer(by) {
		return
	}
	end := n.N + accessed(n.Op)
	r.access(end)
	if end > r.now.bound {
		r.need(i, end)
	}
}

// isPointer reports whether a node gives the stack pointer.
func (r *reach) isPointer(i int) bool {
	n := r.nodes[i]
	return n.Op == wasmfile.OpLocalGet && n.N == localSP
}
