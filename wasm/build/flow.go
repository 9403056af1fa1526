package build

import (
	"fmt"
	"maps"
	"slices"

	"github.com/issuant/issuant/internal/wasmfile"
)

// Go's compiler writes a function as one loop around a br_table. Every basic block is a case
// of it, since the runtime enters a function in its middle when it switches goroutines, and
// every jump within the function sets the number of the block and goes back to the table. A
// WASM compiler then sees each block as one that everything may come before: it keeps what
// it knows of bounds and registers nowhere, and every turn of every loop is an indirect jump.
//
// Here the same functions get jumps that lead where they lead. A jump forward is a branch to
// the end of a WASM block that is open there. A jump backward becomes a WASM loop, where
// nothing enters that loop in its middle. The table keeps the blocks where the runtime can
// resume the function, which stand in the function's own return addresses and in the table
// of functions, and the rest of the jumps backward; what is no case any more traps.

// node is an instruction whose labels are names: of the node that opens a block; 0 is the
// function. An end has the name of what it ends.
type node struct {
	wasmfile.Instr
	label  int
	labels []int // of br_table
}

// function is a body of the form that Go's compiler gives them: some blocks, each in the
// other, around a br_table that chooses which of their ends to go on behind. What lies between
// the end of one block and the next is the code of an entry; entry 0 is the function's own.
type function struct {
	nodes  []node
	blocks []int // label of the block whose end is where an entry begins
	head   int   // node where the loop begins, or the first of the blocks
	table  int   // node of br_table
	tail   int   // node behind the last entry's code: the loop's end, or a trap
	loop   int   // label of the loop around the table; 0: none
	names  int   // labels given away

	entryOf map[int]int // entries by the labels of their blocks
}

// named gives the labels of instructions their names.
func named(instrs []wasmfile.Instr) (*function, error) {
	f := &function{nodes: make([]node, len(instrs))}
	open := []int{0}
	bad := false
	for i, in := range instrs {
		n := node{Instr: in}
		at := func(depth int64) int {
			if depth < 0 || depth >= int64(len(open)) {
				bad = true
				return 0
			}
			return open[len(open)-1-int(depth)]
		}
		switch in.Op {
		case wasmfile.OpBlock, wasmfile.OpLoop, wasmfile.OpIf:
			f.names++
			n.label = f.names
			open = append(open, n.label)
		case wasmfile.OpElse:
			n.label = at(0)
		case wasmfile.OpEnd:
			n.label = at(0)
			open = open[:max(0, len(open)-1)]
		case wasmfile.OpBr, wasmfile.OpBrIf:
			n.label = at(in.N)
		case wasmfile.OpBrTable:
			for _, l := range in.Table {
				n.labels = append(n.labels, at(int64(l)))
			}
		}
		f.nodes[i] = n
	}
	if bad || len(open) != 0 {
		return nil, fmt.Errorf("%w: labels of a function lead nowhere", ErrLink)
	}
	return f, nil
}

// instrs gives the labels their numbers again.
func (f *function) instrs() []wasmfile.Instr {
	out := make([]wasmfile.Instr, len(f.nodes))
	open := []int{0}
	for i, n := range f.nodes {
		depth := func(label int) uint32 { return uint32(len(open) - 1 - slices.Index(open, label)) }
		switch n.Op {
		case wasmfile.OpBlock, wasmfile.OpLoop, wasmfile.OpIf:
			open = append(open, n.label)
		case wasmfile.OpEnd:
			open = open[:len(open)-1]
		case wasmfile.OpBr, wasmfile.OpBrIf:
			n.N = int64(depth(n.label))
		case wasmfile.OpBrTable:
			n.Table = make([]uint32, len(n.labels))
			for k, l := range n.labels {
				n.Table[k] = depth(l)
			}
		}
		out[i] = n.Instr
	}
	return out
}

// newFunction reads a body of that form; nil where it has none.
func newFunction(instrs []wasmfile.Instr) (*function, error) {
	f, err := named(instrs)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(f.nodes, func(n node) bool { return n.Op == wasmfile.OpBrTable })
	if at < 2 || at+1 >= len(f.nodes) {
		return nil, nil
	}
	table, get := f.nodes[at], f.nodes[at-1]
	if get.Op != wasmfile.OpLocalGet || get.N != 0 {
		return nil, nil
	}
	f.table = at
	last := table.labels[len(table.labels)-1]
	i := at - 2
	for ; i >= 0 && f.nodes[i].Op == wasmfile.OpBlock; i-- {
		f.blocks = append(f.blocks, f.nodes[i].label)
		if f.nodes[i].label == last {
			break
		}
	}
	if i < 0 || f.nodes[i].label != last || f.nodes[at+1].Op != wasmfile.OpEnd || f.nodes[at+1].label != f.blocks[0] {
		return nil, nil
	}
	f.head, f.entryOf = i, map[int]int{}
	for entry, label := range f.blocks {
		f.entryOf[label] = entry
	}
	if i > 0 && f.nodes[i-1].Op == wasmfile.OpLoop {
		f.head, f.loop = i-1, f.nodes[i-1].label
	}
	if f.tail = f.findTail(); f.tail < 0 {
		return nil, nil
	}
	return f, nil
}

// findTail looks for how a function ends: with a trap, behind the loop where there is one,
// and behind that with the end of a block that calls leave when goroutines are switched.
func (f *function) findTail() int {
	is := func(i int, op wasmfile.Opcode, label int) bool {
		return i > f.table+1 && f.nodes[i].Op == op && f.nodes[i].label == label
	}
	i := len(f.nodes) - 2
	if f.head > 0 && f.nodes[f.head-1].Op == wasmfile.OpBlock {
		if !is(i, wasmfile.OpI32Number, 0) || f.nodes[i].N != 1 || !is(i-1, wasmfile.OpEnd, f.nodes[f.head-1].label) {
			return -1
		}
		i -= 2
	}
	switch {
	case !is(i, wasmfile.OpUnreachable, 0):
		return -1
	case f.loop == 0:
		return i
	case !is(i-1, wasmfile.OpEnd, f.loop):
		return -1
	}
	return i - 1
}

// jump is one within a function: the three instructions that begin at a node.
type jump struct {
	at       int
	from, to int // entries
}

// entry returns which entry a block's number leads to.
func (f *function) entry(number int64) int {
	labels := f.nodes[f.table].labels
	if number < 0 || number >= int64(len(labels)) {
		number = int64(len(labels)) - 1
	}
	return f.entryOf[labels[number]]
}

// jumps returns the jumps, and where each entry's code begins.
func (f *function) jumps() (list []jump, ends []int) {
	segment := 0
	ends = []int{f.table + 1}
	for i := f.table + 2; i < len(f.nodes); i++ {
		n := f.nodes[i]
		switch {
		case n.Op == wasmfile.OpEnd && segment+1 < len(f.blocks) && n.label == f.blocks[segment+1]:
			segment++
			ends = append(ends, i)
		case f.jumpAt(i):
			list = append(list, jump{i, segment, f.entry(n.N)})
		}
	}
	return list, ends
}

func (f *function) jumpAt(i int) bool {
	if i+2 >= len(f.nodes) || f.loop == 0 {
		return false
	}
	a, b, c := f.nodes[i], f.nodes[i+1], f.nodes[i+2]
	return a.Op == wasmfile.OpI32Number && b.Op == wasmfile.OpLocalSet && b.N == 0 && c.Op == wasmfile.OpBr && c.label == f.loop
}

// plan says how a function is written anew.
type plan struct {
	cases   []bool      // entries that the table leads to
	tabled  []bool      // entries that jumps backward go to through the table
	targets []bool      // entries that a branch goes to, the table's among them
	extent  map[int]int // loops: the entry that begins one, and the last one in it
	heads   []int       // the entries that begin loops, in order
}

// newPlan: resumed are the entries where the runtime may resume the function.
func newPlan(jumps []jump, resumed []bool) *plan {
	p := &plan{cases: slices.Clone(resumed), tabled: make([]bool, len(resumed))}
	p.cases[0] = true
	for p.findLoops(jumps); p.dropLoops(jumps); p.findLoops(jumps) {
	}
	p.targets = slices.Clone(p.cases)
	for _, j := range jumps {
		if j.to > j.from {
			p.targets[j.to] = true
		}
	}
	p.targets[0] = p.hasTable()
	return p
}

// hasTable reports whether more than one entry is left to choose from.
func (p *plan) hasTable() bool { return slices.Contains(p.cases[1:], true) }

// findLoops makes a loop of each jump backward that the table is not used for. Where two
// overlap, the first one ends with the second.
func (p *plan) findLoops(jumps []jump) {
	p.extent, p.heads = map[int]int{}, nil
	for _, j := range jumps {
		if j.to <= j.from && !p.tabled[j.to] {
			p.extent[j.to] = max(p.extent[j.to], j.from)
		}
	}
	p.heads = slices.Sorted(maps.Keys(p.extent))
	for grown := true; grown; {
		grown = false
		for i, a := range p.heads {
			for _, b := range p.heads[i+1:] {
				if b <= p.extent[a] && p.extent[a] < p.extent[b] {
					p.extent[a], grown = p.extent[b], true
				}
			}
		}
	}
}

// dropLoops leaves the loops to the table that something enters in their middle, and reports
// whether there were any.
func (p *plan) dropLoops(jumps []jump) bool {
	var drop []int
	for _, head := range p.heads {
		last := p.extent[head]
		entered := slices.Contains(p.cases[head+1:last+1], true)
		for _, j := range jumps {
			entered = entered || j.to > head && j.to <= last && (j.from < head || j.from > last)
		}
		if entered {
			drop = append(drop, head)
		}
	}
	for _, head := range drop {
		p.tabled[head], p.cases[head] = true, true
	}
	return len(drop) > 0
}

// owner is the innermost loop that an entry lies in the middle of; -1 is none.
func (p *plan) owner(entry int) int {
	for _, head := range slices.Backward(p.heads) {
		if head < entry && entry <= p.extent[head] {
			return head
		}
	}
	return -1
}

// writer writes a function's nodes by a plan.
type writer struct {
	f     *function
	p     *plan
	out   []node
	loops map[int]int // entry that begins a loop: label of the loop
	trap  int         // label of the block behind which a function traps
}

func (w *writer) add(op wasmfile.Opcode, n int64, label int) {
	w.out = append(w.out, node{Instr: wasmfile.Instr{Op: op, N: n}, label: label})
}

func (w *writer) label() int {
	w.f.names++
	return w.f.names
}

// open opens the blocks that a loop has in its middle; those of -1 are the function's own.
func (w *writer) open(loop int) {
	for entry := len(w.f.blocks) - 1; entry >= 0; entry-- {
		if w.p.targets[entry] && w.p.owner(entry) == loop {
			w.add(wasmfile.OpBlock, wasmfile.Void, w.f.blocks[entry])
		}
	}
}

// write returns the nodes of the function in its new form.
func (f *function) write(p *plan, jumps []jump, ends []int) []node {
	w := &writer{f: f, p: p, loops: map[int]int{}, out: make([]node, 0, len(f.nodes))}
	w.out = append(w.out, f.nodes[:f.head]...)
	tabled := slices.Contains(p.tabled, true)
	if w.trap = w.label(); p.hasTable() {
		w.add(wasmfile.OpBlock, wasmfile.Void, w.trap)
	}
	if tabled {
		w.add(wasmfile.OpLoop, wasmfile.Void, f.loop)
	}
	w.open(-1)
	w.table()
	w.begin(0)
	next, entry := 0, 0
	for i := f.table + 2; i < f.tail; i++ {
		switch {
		case entry+1 < len(ends) && i == ends[entry+1]:
			w.end(entry)
			entry++
			w.begin(entry)
		case next < len(jumps) && jumps[next].at == i:
			w.jump(jumps[next])
			next, i = next+1, i+2
		default:
			w.out = append(w.out, f.nodes[i])
		}
	}
	w.end(entry)
	rest := f.tail
	if f.loop != 0 {
		rest++ // its end
	}
	if tabled {
		w.add(wasmfile.OpEnd, 0, f.loop)
	}
	if p.hasTable() {
		w.add(wasmfile.OpEnd, 0, w.trap)
	}
	return append(w.out, f.nodes[rest:]...)
}

// begin ends an entry's block and opens its loop.
func (w *writer) begin(entry int) {
	if w.p.targets[entry] {
		w.add(wasmfile.OpEnd, 0, w.f.blocks[entry])
	}
	if _, ok := w.p.extent[entry]; ok {
		w.loops[entry] = w.label()
		w.add(wasmfile.OpLoop, wasmfile.Void, w.loops[entry])
		w.open(entry)
	}
}

// end ends the loops that an entry is the last of.
func (w *writer) end(entry int) {
	for _, head := range slices.Backward(w.p.heads) {
		if w.p.extent[head] == entry {
			w.add(wasmfile.OpEnd, 0, w.loops[head])
		}
	}
}

// jump writes a jump as a branch, or as it was.
func (w *writer) jump(j jump) {
	switch {
	case j.to > j.from:
		w.add(wasmfile.OpBr, 0, w.f.blocks[j.to])
	case w.p.tabled[j.to]:
		w.out = append(w.out, w.f.nodes[j.at:j.at+3]...)
	default:
		w.add(wasmfile.OpBr, 0, w.loops[j.to])
	}
}

// table writes the table, and before it the way in that is taken most.
func (w *writer) table() {
	if !w.p.hasTable() {
		return
	}
	w.add(wasmfile.OpLocalGet, 0, 0)
	w.add(wasmfile.OpI32Eqz, 0, 0)
	w.add(wasmfile.OpBrIf, 0, w.f.blocks[0])
	w.add(wasmfile.OpLocalGet, 0, 0)
	labels := slices.Clone(w.f.nodes[w.f.table].labels)
	for i, l := range labels {
		if !w.p.cases[w.f.entryOf[l]] {
			labels[i] = w.trap
		}
	}
	for len(labels) > 1 && labels[len(labels)-1] == w.trap {
		labels = labels[:len(labels)-1]
	}
	w.out = append(w.out, node{Instr: wasmfile.Instr{Op: wasmfile.OpBrTable}, labels: append(labels, w.trap)})
}

// resumed returns the entries where the runtime may resume a function: behind its calls, whose
// return addresses it stores, and at the call that runs what was deferred. What it stores for
// a call that does not come back is for stack traces.
func (f *function) resumed(self int64, deferReturn uint32, noReturn map[int64]bool) []bool {
	list := make([]bool, len(f.blocks))
	if deferReturn != 0 {
		list[f.entry(int64(deferReturn))] = true
	}
	for i, n := range f.nodes {
		if n.Op != wasmfile.OpI64Number || n.N>>16 != self {
			continue
		}
		if i+3 < len(f.nodes) && f.nodes[i+3].Op == wasmfile.OpCall && noReturn[f.nodes[i+3].N] {
			continue
		}
		list[f.entry(n.N&0xffff)] = true
	}
	return list
}

// leave makes calls leave the function that do not come back. They answer that the goroutine
// is switched, and the branch behind them asks.
func (f *function) leave(noReturn map[int64]bool) {
	for i := range f.nodes[:len(f.nodes)-3] {
		n := f.nodes[i : i+4]
		if n[0].Op == wasmfile.OpCall && noReturn[n[0].N] && n[1].Op == wasmfile.OpGetGlobal && n[2].Op == wasmfile.OpLocalSet && n[3].Op == wasmfile.OpBrIf {
			n[1] = node{Instr: wasmfile.Instr{Op: opDrop}}
			n[2] = node{Instr: wasmfile.Instr{Op: opNop}}
			n[3].Op = wasmfile.OpBr
		}
	}
}
