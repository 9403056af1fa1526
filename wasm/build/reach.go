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
	id    pointerID
	bound int64 // so many bytes from the stack pointer on are in memory
}

// reach finds how far the checks of a function's accesses reach.
type reach struct {
	ways[reached]
	nodes []node
	by    []int // the node that makes an access's address

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
	r.begin(reached{id: pointerID{at: -1}})
	r.copy = func(s reached) reached { return s }
	r.loop = func(label int) reached { return reached{id: pointerID{label: label}} }
	r.join = func(label int, a, b reached) reached {
		if a.id != b.id {
			return reached{id: pointerID{label: label}}
		}
		return reached{a.id, min(a.bound, b.bound)}
	}
	for i, n := range r.nodes {
		r.look(i, n)
		if (n.Op == wasmfile.OpLocalSet || n.Op == wasmfile.OpLocalTee) && n.N == localSP {
			r.now = reached{id: pointerID{at: i}}
		}
		r.node(n)
	}
}

// look looks at a load or a store: whether it is one from the stack pointer on, and is checked.
func (r *reach) look(i int, n node) {
	by := r.by[i]
	if by < 0 || !r.live || !r.isPointer(by) {
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
