package build

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/issuant/issuant/internal/wasmfile"
)

// firstPC is the number of the first function in a program counter's upper bits; the lower
// sixteen are the number of a block (package cmd/link/internal/wasm, funcValueOffset).
const firstPC = 0x1000

// Offsets in the fixed part of a function, and what it is marked with.
const (
	offName        = 4
	offDeferReturn = 12
	offFlag        = 41

	flagAssembly = 1 << 2 // internal/abi.FuncFlagAsm
)

// noReturn are functions of package runtime that compiled code calls and that do not come
// back to it: they panic, or go on elsewhere after the stack has grown. Go's compiler knows
// that; in its WASM nothing says so, and what follows such a call is another basic block.
var noReturn = []string{
	"sigpanic", "gopanic", "throw", "fatal", "panicwrap", "panicdottypeE", "panicdottypeI", "panicnildottype",
	"goPanicIndex", "goPanicIndexU", "goPanicSliceAlen", "goPanicSliceAlenU", "goPanicSliceAcap", "goPanicSliceAcapU",
	"goPanicSliceB", "goPanicSliceBU", "goPanicSlice3Alen", "goPanicSlice3AlenU", "goPanicSlice3Acap", "goPanicSlice3AcapU",
	"goPanicSlice3B", "goPanicSlice3BU", "goPanicSlice3C", "goPanicSlice3CU", "goPanicSliceConvert",
	"panicshift", "panicdivide", "panicrangestate", "panicmakeslicelen", "panicmakeslicecap",
	"panicunsafestringlen", "panicunsafestringnilptr", "panicunsafeslicelen", "panicunsafeslicenilptr",
	"morestack", "morestack_noctxt",
}

// form says how a module's functions are written, beside what is smaller and quicker at once.
type form struct {
	addresses bool // addresses are kept, for a hundredth of the module's size
	frames    bool // the memory of a frame is checked once, for four hundredths
	packed    bool // the table of functions is packed: the runtime unpacks it
}

// straighten gives functions of Go's form straight jumps and what the form says, but for
// those that were written in assembly: the runtime enters some of them at places of its
// own choice.
//
// It returns where the runtime may ask for values by instruction, by function.
func straighten(m *wasmfile.Module, t *table, how form) (points map[int][]uint32, err error) {
	known, err := t.traits()
	if err != nil {
		return nil, err
	}
	points = map[int][]uint32{}
	ends, imports := map[int64]bool{}, int64(m.ImportedCount(wasmfile.Func))
	for i, k := range known {
		if k.noReturn {
			ends[imports+int64(i)] = true
		}
	}
	for i, body := range m.Bodies {
		k, ok := known[i]
		if !ok {
			return nil, fmt.Errorf("%w: function %d does not stand in its table", ErrLink, i)
		}
		c, err := wasmfile.DecodeCode(body)
		if err != nil {
			return nil, err
		}
		if !k.assembly {
			points[i] = asked(c.Instrs, firstPC+int64(i), k.deferReturn)
			if err := straight(c, firstPC+int64(i), k.deferReturn, ends, how); err != nil {
				return nil, fmt.Errorf("%w (function %d)", err, i)
			}
		}
		m.Bodies[i] = c.Encode()
	}
	return points, nil
}

// asked returns, in order, where the runtime may ask for values: at a function's beginning,
// its return addresses, the instructions before them, and beside the call that runs what was
// deferred.
func asked(instrs []wasmfile.Instr, self int64, deferReturn uint32) []uint32 {
	points := []uint32{0}
	if deferReturn != 0 {
		points = append(points, deferReturn-1, deferReturn, deferReturn+1)
	}
	for _, in := range instrs {
		if in.Op == wasmfile.OpI64Number && in.N>>16 == self {
			at := uint32(in.N & 0xffff)
			points = append(points, at, max(at, 1)-1)
		}
	}
	slices.Sort(points)
	return slices.Compact(points)
}

// straight writes one function anew: of self in the upper bits of its return addresses. The
// functions that do not come back are given by their index.
func straight(c *wasmfile.Code, self int64, deferReturn uint32, noReturn map[int64]bool, how form) error {
	f, err := newFunction(c.Instrs)
	if err != nil {
		return err
	}
	switch {
	case f != nil:
		if err := f.straighten(self, deferReturn, noReturn); err != nil {
			return err
		}
		if f.nodes = foldOffsets(f.nodes); how.frames {
			f.nodes = lowerPointer(f.nodes, self)
		}
	case slices.ContainsFunc(c.Instrs, func(in wasmfile.Instr) bool { return in.Op == wasmfile.OpBrTable }):
		return nil
	default: // it calls nothing
		if f, err = named(c.Instrs); err != nil {
			return err
		}
		f.nodes = foldOffsets(f.nodes)
	}
	if how.addresses {
		f.keepAddresses(c)
	}
	if how.frames {
		f.nodes = reachFrames(f.nodes)
	}
	c.Instrs = f.instrs()
	return nil
}

// straighten writes a function of Go's form with straight jumps.
func (f *function) straighten(self int64, deferReturn uint32, noReturn map[int64]bool) error {
	jumps, ends := f.jumps()
	if len(ends) != len(f.blocks) {
		return fmt.Errorf("%w: %d entries, and %d blocks", ErrLink, len(ends), len(f.blocks))
	}
	resumed := f.resumed(self, deferReturn, noReturn)
	f.leave(noReturn)
	f.nodes = peephole(f.write(newPlan(jumps, resumed), jumps, ends))
	return nil
}

// traits is what the table of functions says of one.
type traits struct {
	deferReturn        uint32 // block of the call that runs what was deferred; 0: none
	assembly, noReturn bool
}

// traits returns what the table says, by function.
func (t *table) traits() (map[int]traits, error) {
	all, found := map[int]traits{}, 0
	for i := range t.funcs {
		entry := t.functions + 8*i
		at := t.functions + int(binary.LittleEndian.Uint32(t.mem[entry+4:]))
		bad := fmt.Errorf("%w: function %d of its table is not of the form that is known", ErrLink, i)
		if at+funcBytes > len(t.mem) {
			return nil, bad
		}
		f := t.mem[at:]
		name, _, ok := bytes.Cut(t.mem[min(len(t.mem), t.names+int(binary.LittleEndian.Uint32(f[offName:]))):], []byte{0})
		if !ok {
			return nil, bad
		}
		k := traits{deferReturn: binary.LittleEndian.Uint32(f[offDeferReturn:]), assembly: f[offFlag]&flagAssembly != 0}
		if short, ok := bytes.CutPrefix(name, []byte("runtime.")); ok && slices.Contains(noReturn, string(short)) {
			k.noReturn = true
			found++
		}
		all[int(binary.LittleEndian.Uint32(t.mem[entry:]))-firstPC] = k
	}
	if found < len(noReturn)/2 {
		return nil, fmt.Errorf("%w: of the functions that do not return it has %d: their names have changed", ErrLink, found)
	}
	return all, nil
}
