package build

import "github.com/issuant/issuant/internal/wasmfile"

// effects say of instructions how many operands they take and give. The others are jumps,
// blocks and calls, across which operands are not followed.
var effects = [...]struct{ first, last, pop, push wasmfile.Opcode }{
	{opNop, opNop, 0, 0},
	{opDrop, opDrop, 1, 0},
	{opSelect, opSelect, 3, 1},
	{wasmfile.OpLocalGet, wasmfile.OpLocalGet, 0, 1},
	{wasmfile.OpLocalSet, wasmfile.OpLocalSet, 1, 0},
	{wasmfile.OpLocalTee, wasmfile.OpLocalTee, 1, 1},
	{wasmfile.OpGetGlobal, wasmfile.OpGetGlobal, 0, 1},
	{wasmfile.OpSetGlobal, wasmfile.OpSetGlobal, 1, 0},
	{opFirstLoad, opLastLoad, 1, 1},
	{opFirstStore, opLastStore, 2, 0},
	{0x41, 0x44, 0, 1}, // numbers
	{0x45, 0x45, 1, 1}, // i32: eqz, and comparisons
	{0x46, 0x4f, 2, 1},
	{0x50, 0x50, 1, 1}, // i64
	{0x51, 0x66, 2, 1}, // and of floats
	{0x67, 0x69, 1, 1}, // i32: clz, ctz, popcnt, and the rest
	{0x6a, 0x78, 2, 1},
	{0x79, 0x7b, 1, 1}, // i64
	{0x7c, 0x8a, 2, 1},
	{0x8b, 0x91, 1, 1}, // f32
	{0x92, 0x98, 2, 1},
	{0x99, 0x9f, 1, 1}, // f64
	{0xa0, 0xa6, 2, 1},
	{0xa7, 0xc4, 1, 1}, // conversions
	{0xfc00, 0xfc07, 1, 1},
	{0xfc0a, 0xfc0b, 3, 0}, // memory.copy, memory.fill
}

func effect(op wasmfile.Opcode) (pop, push int, known bool) {
	for _, e := range effects {
		if op >= e.first && op <= e.last {
			return int(e.pop), int(e.push), true
		}
	}
	return 0, 0, false
}

// accessed returns how many bytes a load or a store is of; 0 for other instructions.
func accessed(op wasmfile.Opcode) int64 {
	const sizes = "48481122112244" + "484812124" // from i32.load and i32.store on
	if op < opFirstLoad || op > opLastStore {
		return 0
	}
	return int64(sizes[op-opFirstLoad] - '0')
}

// addressedBy returns, for each load and store, the node that makes its address; of others,
// and where that is not known, -1.
func addressedBy(nodes []node) []int {
	made := make([]int, len(nodes))
	var stack []int
	for i, n := range nodes {
		made[i] = -1
		pop, push, known := effect(n.Op)
		if !known {
			stack = stack[:0]
			continue
		}
		rest := len(stack) - pop
		if accessed(n.Op) > 0 && rest >= 0 {
			made[i] = stack[rest]
		}
		stack = stack[:max(0, rest)]
		if push > 0 {
			stack = append(stack, i)
		}
	}
	return made
}
