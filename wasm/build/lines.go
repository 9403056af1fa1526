package build

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The table of functions that Go's linker writes (package runtime, symtab.go and
// runtime2.go; the format of Go 1.20 and later). Beside what the runtime needs to find
// pointers it holds, for every instruction, its file, its line, and the functions that
// were inlined there: for texts of stack traces alone, and a sixth of a module's size.
const (
	tableMagic = "\xf1\xff\xff\xff\x00\x00\x01\x08" // Go 1.20; minimum instruction 1, pointers of 8 bytes
	headBytes  = 72
	funcBytes  = 44 // of a function's fixed part
)

// Offsets in the fixed part of a function.
const (
	offPCFile    = 20
	offPCLine    = 24
	offNPCData   = 28
	offCU        = 32
	offStartLine = 36
	offNFuncData = 43
)

// Tables of a function that no module needs: the runtime asks for the first only where
// threads interrupt each other, for the others to print stack traces.
const (
	unsafePoint = 0
	inlineIndex = 2
	argsLive    = 3
)

// Data of a function that only stack traces and traces of the scheduler read; absent is the
// number that says so.
var traceData = [...]int{3, 5, 6, 7} // functions that were inlined; arguments; which of those are live; what is wrapped

const absentData = 1<<32 - 1

// table is the table of functions in a memory.
type table struct {
	mem                                []byte // from the table's head on
	funcs                              int
	names, cu, files, pctab, functions int // where its parts begin
}

// findTable looks for the one table of a memory.
func findTable(memory []byte) (*table, error) {
	at := bytes.Index(memory, []byte(tableMagic))
	if at < 0 || bytes.Contains(memory[at+1:], []byte(tableMagic)) {
		return nil, fmt.Errorf("%w: it has no table of functions, or two; a Go release may have changed its form", ErrLink)
	}
	mem := memory[at:]
	if len(mem) < headBytes {
		return nil, fmt.Errorf("%w: its table of functions ends too early", ErrLink)
	}
	word := func(i int) int { return int(binary.LittleEndian.Uint64(mem[8+8*i:])) }
	t := &table{mem: mem, funcs: word(0), names: word(3), cu: word(4), files: word(5), pctab: word(6), functions: word(7)}
	ordered := headBytes <= t.names && t.names <= t.cu && t.cu <= t.files && t.files <= t.pctab && t.pctab <= t.functions && t.functions <= len(mem)
	if !ordered || t.funcs <= 0 || t.funcs > (len(mem)-t.functions)/8 {
		return nil, fmt.Errorf("%w: its table of functions is not of the form that is known", ErrLink)
	}
	return t, nil
}

// dropLines takes files, lines and inlined functions out of the table of functions in
// a module's memory, and what else only stack traces read: they then tell functions
// and offsets. Nothing moves: what is dropped becomes zero, and zero is what the
// runtime takes for absent.
func (t *table) dropLines() error {
	used := make([]bool, t.functions-t.pctab)
	for i := range t.funcs {
		if err := t.function(i, used); err != nil {
			return err
		}
	}
	for i, u := range used {
		if !u {
			t.mem[t.pctab+i] = 0
		}
	}
	clear(t.mem[t.cu:t.pctab]) // files, by number and by name
	return t.shortenNames()
}

// shortenNames clears the names of functions that are only inlined, and the types of generic
// functions' names: a stack trace prints [...] for them.
func (t *table) shortenNames() error {
	names := t.mem[t.names:t.cu]
	short := make([]byte, len(names))
	for i := range t.funcs {
		f := t.mem[t.functions+int(binary.LittleEndian.Uint32(t.mem[t.functions+8*i+4:])):]
		at := int(binary.LittleEndian.Uint32(f[offName:]))
		name, _, ok := bytes.Cut(names[min(at, len(names)):], []byte{0})
		if !ok {
			return fmt.Errorf("%w: the name of function %d of its table has no end", ErrLink, i)
		}
		from, to := bytes.IndexByte(name, '['), bytes.LastIndexByte(name, ']')
		if from < 0 || to-from < len("...") {
			copy(short[at:], name)
			continue
		}
		copy(short[at+copy(short[at:], name[:from]):], "[..."+string(name[to:]))
	}
	copy(names, short)
	return nil
}

// function clears what one function refers to, and marks what stays in use.
func (t *table) function(i int, used []bool) error {
	bad := fmt.Errorf("%w: function %d of its table is not of the form that is known", ErrLink, i)
	entry := t.functions + 8*i
	at := t.functions + int(binary.LittleEndian.Uint32(t.mem[entry+4:]))
	if at+funcBytes > len(t.mem) {
		return bad
	}
	f := t.mem[at:]
	npc, nfunc := int(binary.LittleEndian.Uint32(f[offNPCData:])), int(f[offNFuncData])
	if binary.LittleEndian.Uint32(f) != binary.LittleEndian.Uint32(t.mem[entry:]) || npc > 16 || nfunc > 16 || len(f) < funcBytes+4*(npc+nfunc) {
		return bad
	}
	for _, off := range [...]int{offPCFile, offPCLine, offCU, offStartLine} {
		binary.LittleEndian.PutUint32(f[off:], 0)
	}
	keep := []uint32{binary.LittleEndian.Uint32(f[16:])} // stack depths
	for k := range npc {
		slot := f[funcBytes+4*k:]
		if k == unsafePoint || k == inlineIndex || k == argsLive {
			binary.LittleEndian.PutUint32(slot, 0)
			continue
		}
		keep = append(keep, binary.LittleEndian.Uint32(slot))
	}
	for _, k := range traceData {
		if k < nfunc {
			binary.LittleEndian.PutUint32(f[funcBytes+4*(npc+k):], absentData)
		}
	}
	for _, from := range keep {
		if from != 0 && !mark(t.mem[t.pctab:t.functions], int(from), used) {
			return bad
		}
	}
	return nil
}

// mark marks a table of values by instruction: pairs of numbers of seven bits a byte,
// up to a pair whose first is zero behind the first pair.
func mark(tab []byte, at int, used []bool) bool {
	for first := true; ; first = false {
		value, n := binary.Uvarint(tab[min(at, len(tab)):])
		if n <= 0 {
			return false
		}
		for k := range n {
			used[at+k] = true
		}
		if at += n; value == 0 && !first {
			return true
		}
		if _, n = binary.Uvarint(tab[min(at, len(tab)):]); n <= 0 {
			return false
		}
		for k := range n {
			used[at+k] = true
		}
		at += n
	}
}
