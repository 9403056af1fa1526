package build

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/issuant/issuant/internal/wasmfile"
)

// in writes an instruction.
func in(op wasmfile.Opcode, n ...int64) wasmfile.Instr {
	i := wasmfile.Instr{Op: op}
	if len(n) > 0 {
		i.N = n[0]
	}
	return i
}

const (
	fuel, trace = 1, 2    // globals: turns left, what happened so far
	self        = 0x1001  // of the function in return addresses: the second one
	callee      = 0       // switches the goroutine at times
	barrier     = 2       // is called without a return address, and uses the stack
	mulTrace    = 1000003 // of which each entry makes a new trace
)

// flow is a function of Go's form, with as many entries as there are blocks around its table.
type flow struct {
	rnd      *rand.Rand
	entries  int
	at       int
	code     []wasmfile.Instr
	barriers bool    // calls barrier
	resumed  []int64 // numbers of entries behind calls
}

// number is what the table knows an entry by; two numbers lead to each.
func number(entry int) int64 { return int64(2 * entry) }

func (f *flow) add(ins ...wasmfile.Instr) { f.code = append(f.code, ins...) }

// jump goes to an entry through the table; deeper blocks are open inside of the entry's code.
func (f *flow) jump(to, deeper int) {
	f.add(in(wasmfile.OpI32Number, number(to)), in(wasmfile.OpLocalSet, 0), in(wasmfile.OpBr, int64(f.entries-1-f.at+deeper)))
}

// newFlow writes a function whose entries count what they use and say who they are.
func newFlow(seed uint64) *flow {
	f := &flow{rnd: rand.New(rand.NewPCG(seed, 1)), entries: 2 + int(seed%9), barriers: seed%4 == 0}
	f.add(in(wasmfile.OpGetGlobal, globalSP), in(wasmfile.OpLocalSet, localSP), in(wasmfile.OpBlock, wasmfile.Void), in(wasmfile.OpLoop, wasmfile.Void))
	table := wasmfile.Instr{Op: wasmfile.OpBrTable}
	for e := range f.entries {
		f.add(in(wasmfile.OpBlock, wasmfile.Void))
		table.Table = append(table.Table, uint32(e), uint32(e))
	}
	table.Table = table.Table[1:] // the first entry has one number
	f.add(in(wasmfile.OpLocalGet, 0), table, in(wasmfile.OpEnd))
	for f.at = range f.entries {
		f.entry()
		if f.at < f.entries-1 {
			f.add(in(wasmfile.OpEnd))
		}
	}
	f.add(in(wasmfile.OpEnd), in(wasmfile.OpUnreachable), in(wasmfile.OpEnd), in(wasmfile.OpI32Number, 1), in(wasmfile.OpEnd))
	return f
}

// entry writes the code of one: it ends when the turns are used up, and goes on anywhere.
func (f *flow) entry() {
	f.add(in(wasmfile.OpGetGlobal, trace), in(wasmfile.OpI64Number, mulTrace), in(0x7e), // i64.mul
		in(wasmfile.OpI64Number, int64(f.at)), in(0x7c), in(wasmfile.OpSetGlobal, trace)) // i64.add
	if f.at == 0 {
		f.move(opI32Sub, 16)
	}
	f.add(in(wasmfile.OpGetGlobal, fuel), in(wasmfile.OpI64Number, 1), in(0x7d), in(wasmfile.OpSetGlobal, fuel),
		in(wasmfile.OpGetGlobal, fuel), in(0x50), in(wasmfile.OpIf, wasmfile.Void)) // i64.sub, i64.eqz
	f.leave()
	f.add(in(wasmfile.OpEnd))
	f.access()
	f.stack()
	last := f.at == f.entries-1
	switch kind := f.rnd.IntN(10); {
	case kind == 0:
		f.leave()
	case kind < 3 && !last:
		f.call()
	case kind < 5 || last:
		f.jump(f.rnd.IntN(f.entries), 0)
	case kind < 9:
		f.add(in(wasmfile.OpGetGlobal, trace), in(wasmfile.OpI64Number, int64(f.rnd.IntN(200)-100)),
			in([]wasmfile.Opcode{0x51, 0x52, 0x53, 0x54, 0x57, 0x5a}[f.rnd.IntN(6)]))
		if f.rnd.IntN(2) == 0 {
			f.add(in(wasmfile.OpI32Eqz))
		}
		f.add(in(wasmfile.OpIf, wasmfile.Void))
		f.jump(f.rnd.IntN(f.entries), 1)
		f.add(in(wasmfile.OpEnd))
	}
}

// pointer is the first of two local variables with addresses of 64 bits.
const pointer = 2

// access writes or reads memory through a pointer, or sets one to where the trace says.
func (f *flow) access() {
	for range f.rnd.IntN(6) {
		p := pointer + int64(f.rnd.IntN(2))
		switch f.rnd.IntN(4) {
		case 0:
			f.add(in(wasmfile.OpGetGlobal, trace), in(wasmfile.OpI64Number, 0xff8), in(0x83), in([]wasmfile.Opcode{wasmfile.OpLocalSet, wasmfile.OpLocalTee}[f.rnd.IntN(2)], p)) // i64.and
			if f.code[len(f.code)-1].Op == wasmfile.OpLocalTee {
				f.add(in(opDrop))
			}
		case 1:
			f.add(in(wasmfile.OpLocalGet, p), in(opI32Wrap), in(wasmfile.OpGetGlobal, trace), wasmfile.Instr{Op: 0x37, More: 3, N: int64(8 * f.rnd.IntN(3))}) // i64.store
		default:
			f.add(in(wasmfile.OpGetGlobal, trace), in(wasmfile.OpLocalGet, p), in(opI32Wrap), wasmfile.Instr{Op: 0x29, More: 3, N: int64(8 * f.rnd.IntN(3))}, // i64.load
				in(0x7c), in(wasmfile.OpSetGlobal, trace)) // i64.add
		}
	}
}

// move moves the stack pointer.
func (f *flow) move(op wasmfile.Opcode, n int64) {
	f.add(in(wasmfile.OpLocalGet, localSP), in(wasmfile.OpI32Number, n), in(op), in(wasmfile.OpLocalTee, localSP), in(wasmfile.OpSetGlobal, globalSP))
}

// stack writes and reads the frame, and what lies beyond it, in the forms that Go's compiler
// has for that.
func (f *flow) stack() {
	place := func() int64 { return int64(8 * f.rnd.IntN(6)) }
	address := func() {
		f.add(in(wasmfile.OpLocalGet, localSP))
		if f.rnd.IntN(2) == 0 {
			f.add(in(opI64Extend), in(wasmfile.OpI64Number, place()), in(opI64Add), in(opI32Wrap))
		}
	}
	for range f.rnd.IntN(6) {
		switch f.rnd.IntN(5) {
		case 0:
			address()
			f.add(in(wasmfile.OpGetGlobal, trace), wasmfile.Instr{Op: opI64Store, More: 3, N: place()})
		case 1: // an address, as a value
			f.add(in(wasmfile.OpLocalGet, localSP), in(opI64Extend), in(wasmfile.OpI64Number, place()), in(opI64Add),
				in(wasmfile.OpGetGlobal, trace), in(opI64Add), in(wasmfile.OpSetGlobal, trace))
		case 2:
			if f.barriers {
				f.add(in(wasmfile.OpCall, barrier))
			}
			f.add(in(wasmfile.OpLocalGet, localSP), in(opI64Extend), in(wasmfile.OpGetGlobal, trace), in(opI64Add), in(wasmfile.OpSetGlobal, trace))
		default:
			f.add(in(wasmfile.OpGetGlobal, trace))
			address()
			f.add(wasmfile.Instr{Op: 0x29, More: 3, N: place()}, in(opI64Add), in(wasmfile.OpSetGlobal, trace)) // i64.load
		}
	}
}

// leave gives frame and return address back.
func (f *flow) leave() {
	f.move(opI32Add, 16)
	f.move(opI32Add, 8)
	f.add(in(wasmfile.OpI32Number, 0), in(wasmfile.OpReturn))
}

// call stores a return address, which is the next entry, and calls.
func (f *flow) call() {
	f.resumed = append(f.resumed, number(f.at+1))
	f.move(opI32Sub, 8)
	f.add(in(wasmfile.OpLocalGet, localSP), in(wasmfile.OpI64Number, self<<16|number(f.at+1)), wasmfile.Instr{Op: opI64Store, More: 3},
		in(wasmfile.OpI32Number, 0), in(wasmfile.OpCall, callee), in(wasmfile.OpGetGlobal, globalSP), in(wasmfile.OpLocalSet, localSP),
		in(wasmfile.OpBrIf, int64(f.entries-f.at)))
}

// straightened is a function's code in its new form.
func straightened(t *testing.T, f *flow, noReturn map[int64]bool) *wasmfile.Code {
	t.Helper()
	c := f.body()
	if err := straight(c, self, 0, noReturn, form{addresses: true, frames: true}); err != nil {
		t.Fatal(err)
	}
	return c
}

// body is a function's code: beside the stack pointer it has a pointer.
func (f *flow) body() *wasmfile.Code {
	return &wasmfile.Code{Locals: []wasmfile.Locals{{Count: 1, Type: wasmfile.I32}, {Count: 2, Type: wasmfile.I64}}, Instrs: slices.Clone(f.code)}
}

// module is one with the callee, which switches when the trace says so, and the function.
func module(f *wasmfile.Code) []byte {
	asks := wasmfile.Code{Instrs: []wasmfile.Instr{in(wasmfile.OpGetGlobal, globalSP), in(wasmfile.OpI32Number, 8), in(opI32Add), in(wasmfile.OpSetGlobal, globalSP),
		in(wasmfile.OpGetGlobal, trace), in(wasmfile.OpI64Number, 7), in(0x82), in(0x50), in(wasmfile.OpEnd)}} // i64.rem_u
	uses := wasmfile.Code{Instrs: []wasmfile.Instr{in(wasmfile.OpGetGlobal, globalSP), in(wasmfile.OpI32Number, 16), in(opI32Sub),
		in(wasmfile.OpGetGlobal, trace), {Op: opI64Store, More: 3}, in(wasmfile.OpEnd)}}
	number := func(t wasmfile.ValueType, op byte) wasmfile.GlobalVar {
		return wasmfile.GlobalVar{GlobalType: wasmfile.GlobalType{Type: t, Mutable: true}, Init: wasmfile.Const{Op: op}}
	}
	m := &wasmfile.Module{
		Types: []wasmfile.FuncType{{Params: []wasmfile.ValueType{wasmfile.I32}, Results: []wasmfile.ValueType{wasmfile.I32}}, {}},
		Funcs: []uint32{0, 0, 1}, Bodies: [][]byte{asks.Encode(), f.Encode(), uses.Encode()}, Memories: []wasmfile.Limits{{Min: 1}},
		Globals: []wasmfile.GlobalVar{number(wasmfile.I32, wasmfile.OpI32Const), number(wasmfile.I64, wasmfile.OpI64Const), number(wasmfile.I64, wasmfile.OpI64Const)},
		Exports: []wasmfile.Export{{Name: "run", Kind: wasmfile.Func, Index: 1}, {Name: "sp", Kind: wasmfile.Global, Index: 0},
			{Name: "fuel", Kind: wasmfile.Global, Index: fuel}, {Name: "trace", Kind: wasmfile.Global, Index: trace}},
	}
	return m.Encode()
}

// outcomes runs the function from some of its entries, and returns what came of each.
func outcomes(t *testing.T, config wazero.RuntimeConfig, module []byte, numbers []int64) (list []string) {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer r.Close(ctx)
	for _, n := range numbers {
		for _, turns := range []uint64{1, 5, 60, 1000} {
			m, err := r.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithName(""))
			if err != nil {
				t.Fatal(err)
			}
			set(t, m.ExportedGlobal("fuel"), turns)
			set(t, m.ExportedGlobal("trace"), uint64(n)*31)
			set(t, m.ExportedGlobal("sp"), 60000)
			result, err := m.ExportedFunction("run").Call(ctx, uint64(n))
			sp := m.ExportedGlobal("sp").Get()
			if err != nil {
				sp = 0 // nobody asks any more
			}
			memory, _ := m.Memory().Read(0, 1<<16)
			list = append(list, fmt.Sprint(n, turns, result, err != nil, m.ExportedGlobal("fuel").Get(), m.ExportedGlobal("trace").Get(), sp, crc32.ChecksumIEEE(memory)))
		}
	}
	return list
}

func set(t *testing.T, g any, v uint64) {
	t.Helper()
	m, ok := g.(interface{ Set(uint64) })
	if !ok {
		t.Fatal("a global cannot be set")
	}
	m.Set(v)
}

// TestStraightFunctionsDoTheSame runs functions of Go's form, each entry that the runtime may
// choose, as they were and straight.
func TestStraightFunctionsDoTheSame(t *testing.T) {
	loops, tables, kept := 0, 0, 0
	for seed := range uint64(300) {
		f := newFlow(seed)
		code := straightened(t, f, nil)
		loops += count(code.Instrs, wasmfile.OpLoop)
		tables += count(code.Instrs, wasmfile.OpBrTable)
		kept += len(code.Locals) - len(f.body().Locals)
		numbers := append([]int64{0}, f.resumed...)
		config := wazero.NewRuntimeConfigInterpreter()
		if seed%10 == 0 {
			config = wazero.NewRuntimeConfig()
		}
		before, after := outcomes(t, config, module(f.body()), numbers), outcomes(t, config, module(code), numbers)
		if !slices.Equal(before, after) {
			t.Fatalf("seed %d:\n%v\nstraight:\n%v", seed, before, after)
		}
	}
	if loops == 0 || tables == 0 || tables == 300 || kept == 0 || kept == 300 {
		t.Errorf("%d loops, %d tables, %d with addresses: the functions are all alike", loops, tables, kept)
	}
}

func count(code []wasmfile.Instr, op wasmfile.Opcode) (n int) {
	for _, i := range code {
		if i.Op == op {
			n++
		}
	}
	return n
}

// TestNumbersThatNobodyResumesTrap: the table keeps entries behind calls alone.
func TestNumbersThatNobodyResumesTrap(t *testing.T) {
	seed := uint64(0)
	f := newFlow(seed)
	for ; len(f.resumed) < 2 || f.entries < 6; seed++ {
		f = newFlow(seed)
	}
	code := straightened(t, f, nil)
	trapped := 0
	for e := 1; e < f.entries; e++ {
		if slices.Contains(f.resumed, number(e)) || count(code.Instrs, wasmfile.OpBrTable) == 0 {
			continue
		}
		ctx := t.Context()
		r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
		m, err := r.Instantiate(ctx, module(code))
		if err != nil {
			t.Fatal(err)
		}
		set(t, m.ExportedGlobal("fuel"), 5)
		set(t, m.ExportedGlobal("sp"), 60000)
		if _, err := m.ExportedFunction("run").Call(ctx, uint64(number(e))); err != nil {
			trapped++
		}
		r.Close(ctx)
	}
	if trapped == 0 {
		t.Error("no number traps")
	}
}

// TestCallsThatDoNotComeBackLeave: what follows them is gone, and is no entry.
func TestCallsThatDoNotComeBackLeave(t *testing.T) {
	seed := uint64(0)
	f := newFlow(seed)
	for ; len(f.resumed) == 0; seed++ {
		f = newFlow(seed)
	}
	code := straightened(t, f, map[int64]bool{callee: true}).Instrs
	if count(code, wasmfile.OpBrTable) > 0 && !slices.ContainsFunc(code, func(i wasmfile.Instr) bool { return i.Op == opDrop }) {
		t.Error("a call that does not come back is followed by a question")
	}
	for i := range code {
		if code[i].Op == opDrop && (code[i+1].Op != wasmfile.OpBr || code[i+2].Op != wasmfile.OpEnd) {
			t.Errorf("behind the call: %v", code[i+1:i+3])
		}
	}
}

func TestStraightRefusesLabelsThatLeadNowhere(t *testing.T) {
	for _, code := range [][]wasmfile.Instr{
		{in(wasmfile.OpBr, 1), in(wasmfile.OpEnd)},
		{in(wasmfile.OpEnd), in(wasmfile.OpEnd)},
		{in(wasmfile.OpBlock, wasmfile.Void), in(wasmfile.OpEnd)},
		{in(wasmfile.OpBrIf, -1), in(wasmfile.OpEnd)},
	} {
		if err := straight(&wasmfile.Code{Instrs: code}, self, 0, nil, form{addresses: true, frames: true}); !errors.Is(err, ErrLink) {
			t.Errorf("%v: %v", code, err)
		}
	}
}

// TestOtherFunctionsStay: of another form than Go's compiler gives them.
func TestOtherFunctionsStay(t *testing.T) {
	f := newFlow(1)
	for name, code := range map[string][]wasmfile.Instr{
		"no table":     {in(wasmfile.OpI32Number, 1), in(wasmfile.OpEnd)},
		"another end":  slices.Insert(slices.Clone(f.code), len(f.code)-1, in(opNop)),
		"a table only": {in(wasmfile.OpLocalGet, 0), {Op: wasmfile.OpBrTable, Table: []uint32{0}}, in(wasmfile.OpEnd)},
	} {
		got := &wasmfile.Code{Instrs: slices.Clone(code)}
		if err := straight(got, self, 0, nil, form{addresses: true, frames: true}); err != nil || fmt.Sprint(got.Instrs) != fmt.Sprint(code) {
			t.Errorf("%s: %v, %v", name, got.Instrs, err)
		}
	}
}

func TestShortFormsDoTheSame(t *testing.T) {
	for _, c := range []struct{ long, short []wasmfile.Instr }{
		{[]wasmfile.Instr{in(0x54), in(wasmfile.OpI32Eqz)}, []wasmfile.Instr{in(0x5a)}},                        // i64.lt_u, i64.ge_u
		{[]wasmfile.Instr{in(0x4c), in(wasmfile.OpI32Eqz)}, []wasmfile.Instr{in(0x4a)}},                        // i32.le_s, i32.gt_s
		{[]wasmfile.Instr{in(0x63), in(wasmfile.OpI32Eqz)}, []wasmfile.Instr{in(0x63), in(wasmfile.OpI32Eqz)}}, // f64.lt: not of NaN
		{[]wasmfile.Instr{in(opI64Extend), in(opI32Wrap)}, nil},
		{[]wasmfile.Instr{in(opI32Wrap), in(opI64Extend)}, []wasmfile.Instr{in(opI32Wrap), in(opI64Extend)}},
	} {
		nodes := make([]node, len(c.long))
		for i, n := range c.long {
			nodes[i].Instr = n
		}
		var got []wasmfile.Instr
		for _, n := range peephole(nodes) {
			got = append(got, n.Instr)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.short) {
			t.Errorf("%v: %v, want %v", c.long, got, c.short)
		}
	}
}
