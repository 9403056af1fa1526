package build

import "github.com/issuant/issuant/internal/wasmfile"

// A function of Go keeps variables, and what it calls with, on a stack in WASM's memory. Its
// compiler adds to the stack pointer to get at a parameter of a call, with 64 bits, and moves
// it for each return address. Here each such place is an offset from one pointer, that of the
// place where the return address of a call goes: eight bytes below the stack pointer of the
// same moment.

// below is how far the pointer of this form is below Go's.
const below = 8

// foldOffsets writes the sum of stack pointer and number that a load or a store has as its
// address as an offset of the access. A frame does not reach around the end of memory.
func foldOffsets(nodes []node) []node {
	drop := make([]bool, len(nodes))
	for i, by := range addressedBy(nodes) {
		if by < 4 || !stackAddress(nodes[by-4:by+1]) {
			continue
		}
		if sum := nodes[i].N + nodes[by-2].N; nodes[by-2].N >= 0 && sum <= 1<<30 {
			nodes[i].N = sum
			for k := by - 3; k <= by; k++ {
				drop[k] = true
			}
		}
	}
	out := nodes[:0]
	for i, n := range nodes {
		if !drop[i] {
			out = append(out, n)
		}
	}
	return out
}

// stackAddress reports whether five nodes add a number to the stack pointer.
func stackAddress(n []node) bool {
	return n[0].Op == wasmfile.OpLocalGet && n[0].N == localSP && n[1].Op == opI64Extend &&
		n[2].Op == wasmfile.OpI64Number && n[3].Op == opI64Add && n[4].Op == opI32Wrap
}

// lowering writes a function with the pointer of this form.
type lowering struct {
	nodes []node
	self  int64 // what the function's return addresses have in their upper bits
	by    []int
	out   []node
	base  map[int]bool // nodes that give the address of an access
	frame int          // times that a frame was made
	calls bool         // functions are called that take no return address
}

// lowerPointer returns the nodes with local variable 1 eight bytes lower, and the nodes as they
// were where one of them is not of a form that is known.
func lowerPointer(nodes []node, self int64) []node {
	l := &lowering{nodes: nodes, self: self, by: addressedBy(nodes), out: make([]node, 0, len(nodes)+16), base: map[int]bool{}}
	for _, by := range l.by {
		if by >= 0 && nodes[by].Op == wasmfile.OpLocalGet && nodes[by].N == localSP {
			l.base[by] = true
		}
	}
	calls, addresses := 0, 0
	for i, n := range nodes {
		switch {
		case n.Op == wasmfile.OpCall || n.Op == wasmfile.OpCallIndirect:
			calls++
		case l.returnAddress(i):
			addresses++
		}
	}
	l.calls = calls > addresses
	for i := 0; i < len(nodes); {
		n := l.next(i)
		if n == 0 {
			return nodes
		}
		i += n
	}
	return l.out
}

func (l *lowering) add(op wasmfile.Opcode, n int64) {
	l.out = append(l.out, node{Instr: wasmfile.Instr{Op: op, N: n}})
}

// at reports whether nodes of these instructions begin at one; those that name the stack
// pointer's variable or global must do so.
func (l *lowering) at(i int, ops ...wasmfile.Opcode) bool {
	if i+len(ops) > len(l.nodes) {
		return false
	}
	for k, op := range ops {
		n := l.nodes[i+k]
		if n.Op != op || pointerOf(op) && n.N != localSP || (op == wasmfile.OpGetGlobal || op == wasmfile.OpSetGlobal) && n.N != globalSP {
			return false
		}
	}
	return true
}

func pointerOf(op wasmfile.Opcode) bool {
	return op == wasmfile.OpLocalGet || op == wasmfile.OpLocalSet || op == wasmfile.OpLocalTee
}

// next writes what begins at a node, and returns of how many nodes that was; 0 is unknown.
func (l *lowering) next(i int) int {
	n := l.nodes[i]
	switch {
	case l.returnAddress(i):
		l.add(wasmfile.OpLocalGet, localSP)
		l.add(wasmfile.OpSetGlobal, globalSP)
		l.out = append(l.out, l.nodes[i+5:i+8]...)
		return 8
	case l.moves(i, opI32Sub):
		if l.frame++; l.frame > 1 {
			return 0
		}
		l.makeFrame(i)
		return 5
	case l.moves(i, opI32Add): // the end
		l.add(wasmfile.OpLocalGet, localSP)
		l.add(wasmfile.OpI32Number, int64(int32(l.nodes[i+1].N+below)))
		l.add(opI32Add, 0)
		l.add(wasmfile.OpSetGlobal, globalSP)
		return 5
	case l.at(i, wasmfile.OpGetGlobal, wasmfile.OpLocalSet): // the beginning, and behind a call
		l.out = append(l.out, n)
		l.add(wasmfile.OpI32Number, below)
		l.add(opI32Sub, 0)
		l.add(wasmfile.OpLocalSet, localSP)
		return 2
	case l.at(i, wasmfile.OpLocalGet):
		return l.pointer(i)
	case pointerOf(n.Op) && n.N == localSP, (n.Op == wasmfile.OpGetGlobal || n.Op == wasmfile.OpSetGlobal) && n.N == globalSP:
		return 0
	}
	if by := l.by[i]; by >= 0 && l.base[by] {
		n.N += below
	}
	l.out = append(l.out, n)
	return 1
}

// moves reports whether a node begins to move the stack pointer.
func (l *lowering) moves(i int, op wasmfile.Opcode) bool {
	return l.at(i, wasmfile.OpLocalGet, wasmfile.OpI32Number, op, wasmfile.OpLocalTee, wasmfile.OpSetGlobal)
}

// returnAddress reports whether a node begins to put a return address on the stack.
func (l *lowering) returnAddress(i int) bool {
	return l.moves(i, opI32Sub) && l.nodes[i+1].N == below &&
		l.at(i+5, wasmfile.OpLocalGet, wasmfile.OpI64Number, opI64Store) && l.nodes[i+7].N == 0 && l.nodes[i+6].N>>16 == l.self
}

// makeFrame makes a function's frame. Between here and the first call, which sets it, nobody
// asks for Go's pointer, but for functions that are called without a return address.
func (l *lowering) makeFrame(i int) {
	if l.out = append(l.out, l.nodes[i:i+3]...); !l.calls {
		l.add(wasmfile.OpLocalSet, localSP)
		return
	}
	l.add(wasmfile.OpLocalTee, localSP)
	l.add(wasmfile.OpI32Number, below)
	l.add(opI32Add, 0)
	l.add(wasmfile.OpSetGlobal, globalSP)
}

// pointer writes a use of the stack pointer.
func (l *lowering) pointer(i int) int {
	l.out = append(l.out, l.nodes[i])
	switch {
	case l.base[i]:
		return 1
	case l.at(i+1, opI64Extend, wasmfile.OpI64Number, opI64Add):
		l.add(opI64Extend, 0)
		l.add(wasmfile.OpI64Number, l.nodes[i+2].N+below)
		l.add(opI64Add, 0)
		return 4
	}
	l.add(wasmfile.OpI32Number, below)
	l.add(opI32Add, 0)
	return 1
}
