package build

import (
	"slices"

	"github.com/issuant/issuant/internal/wasmfile"
)

// reversed are the comparisons of integers, and those that say the opposite.
var reversed = map[wasmfile.Opcode]wasmfile.Opcode{}

func init() {
	const i32, i64 = 0x46, 0x51 // eq, ne, lt_s, lt_u, gt_s, gt_u, le_s, le_u, ge_s, ge_u
	for _, first := range []wasmfile.Opcode{i32, i64} {
		for a, b := range []wasmfile.Opcode{1, 0, 8, 9, 6, 7, 4, 5, 2, 3} {
			reversed[first+wasmfile.Opcode(a)] = first + b
		}
	}
}

const (
	opNop        wasmfile.Opcode = 0x01
	opDrop       wasmfile.Opcode = 0x1a
	opSelect     wasmfile.Opcode = 0x1b
	opFirstLoad  wasmfile.Opcode = 0x28 // i32.load
	opI32Load8U  wasmfile.Opcode = 0x2d
	opLastLoad   wasmfile.Opcode = 0x35 // i64.load32_u
	opFirstStore wasmfile.Opcode = 0x36 // i32.store
	opLastStore  wasmfile.Opcode = 0x3e // i64.store32
	opI32Sub     wasmfile.Opcode = 0x6b
	opI64Add     wasmfile.Opcode = 0x7c
	opI64Store   wasmfile.Opcode = 0x37
	opI32Add     wasmfile.Opcode = 0x6a
	opI32Wrap    wasmfile.Opcode = 0xa7
	opI64Extend  wasmfile.Opcode = 0xad // an unsigned number

	localSP  = 1 // in functions of Go's form: the stack pointer, which global 0 holds for all
	globalSP = 0
)

// peephole writes a few instructions that lie side by side in a shorter form that does the
// same. A WASM compiler makes two machine instructions of a comparison and its branch only
// where nothing stands between them, and Go's writes a negation there, and a block around
// the branch. What nothing leads to is left out.
func peephole(nodes []node) []node {
	out := make([]node, 0, len(nodes))
	dead := 0 // blocks that are open in code that nothing leads to, and one
	for _, n := range nodes {
		switch {
		case dead == 0:
		case n.Op == wasmfile.OpBlock || n.Op == wasmfile.OpLoop || n.Op == wasmfile.OpIf:
			dead++
		case dead == 1 && (n.Op == wasmfile.OpEnd || n.Op == wasmfile.OpElse):
			dead = 0
		case n.Op == wasmfile.OpEnd:
			dead--
		}
		if dead > 0 || n.Op == opNop {
			continue
		}
		switch n.Op {
		case wasmfile.OpBr, wasmfile.OpBrTable, wasmfile.OpReturn, wasmfile.OpUnreachable:
			dead = 1
		}
		out = append(out, n)
		for again := true; again; {
			out, again = shorten(out)
		}
	}
	return out
}

// shorten shortens the end of a list.
func shorten(out []node) (shorter []node, again bool) {
	last := out[len(out)-1]
	switch last.Op {
	case wasmfile.OpI32Eqz:
		return notNot(out)
	case wasmfile.OpEnd:
		return branchIf(out)
	case opI32Wrap:
		if ends(out, opI64Extend, opI32Wrap) {
			return out[:len(out)-2], false
		}
	case wasmfile.OpSetGlobal:
		return addOnce(out)
	}
	return out, false
}

// ends reports whether a list ends with these instructions.
func ends(out []node, ops ...wasmfile.Opcode) bool {
	if len(out) < len(ops) {
		return false
	}
	for i, op := range ops {
		if out[len(out)-len(ops)+i].Op != op {
			return false
		}
	}
	return true
}

// notNot makes one comparison of a comparison and its negation.
func notNot(out []node) ([]node, bool) {
	if n := len(out); n > 1 {
		if op, ok := reversed[out[n-2].Op]; ok {
			out[n-2].Op = op
			return out[:n-1], false
		}
	}
	return out, false
}

// branchIf makes a branch under a condition of a block under a condition with a branch.
func branchIf(out []node) ([]node, bool) {
	n := len(out)
	for _, before := range []int{0, 2} { // the number of a block for the table, and local.set
		from := n - 3 - before
		if from < 0 || !ends(out, wasmfile.OpBr, wasmfile.OpEnd) || out[from].Op != wasmfile.OpIf || out[from].N != wasmfile.Void ||
			out[from].label != out[n-1].label || out[n-2].label == out[from].label {
			continue
		}
		if before > 0 && (out[from+1].Op != wasmfile.OpI32Number || out[from+2].Op != wasmfile.OpLocalSet || out[from+2].N != 0) {
			continue
		}
		branch := out[n-2]
		branch.Op = wasmfile.OpBrIf
		out = append(slices.Delete(out, from, from+1)[:n-3], branch)
		return out, false
	}
	return out, false
}

// addOnce makes one addition to the stack pointer of two: of a frame, and of a return address.
func addOnce(out []node) ([]node, bool) {
	n := len(out)
	for _, k := range []int{n - 10, n - 5} {
		if k < 0 || out[k].Op != wasmfile.OpLocalGet || out[k].N != localSP || out[k+1].Op != wasmfile.OpI32Number || out[k+2].Op != opI32Add ||
			out[k+3].Op != wasmfile.OpLocalTee || out[k+3].N != localSP || out[k+4].Op != wasmfile.OpSetGlobal || out[k+4].N != globalSP {
			return out, false
		}
	}
	out[n-9].N = int64(int32(out[n-9].N + out[n-4].N))
	return out[:n-5], true
}
