package build

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// The runtime's table of functions has a record of some fifty bytes of each, of which most
// are zero or say again what its place says: a tenth of what a compressed module weighs.
// Here it is packed into columns, and the runtime that is linked unpacks it when it starts
// (overlay/functab.go has the form). Its own way to find a function, twenty bytes for
// every 256 of a program that here has 65,536 for each function, falls away: the number of
// a function is its place in the table.

// Columns of a packed table, and the kinds of its references: see overlay/functab.go.
const (
	columnArgs = iota
	columnDeferReturn
	columnPCData
	columnFuncData
	columnFuncID
	columnFlag
	columnRefs

	kindSP        = 0
	kindTables    = 1
	kindArgMaps   = 2
	kindOther     = 4
	kinds         = 5
	packedColumns = columnRefs + 2*kinds

	headWords = packedColumns + kinds + 1
)

// Offsets in the fixed part of a function that are packed.
const (
	offArgs   = 8
	offSP     = 16
	offFuncID = 40
)

// Words of runtime.moduledata, which begins with the address of the table.
const (
	wordFuncs       = 16 // address of the functions, and how many there are, and one
	wordFindFuncs   = 19
	wordMinPC       = 20
	wordFuncData    = 40
	wordEndOfTables = 41
	moduleWords     = 42
)

// moduleData finds the table's runtime.moduledata in the memory, as its first words.
func (t *table) moduleData(memory []byte) (words [moduleWords]int, err error) {
	base := len(memory) - len(t.mem)
	begin := binary.LittleEndian.AppendUint64(nil, uint64(base))
	begin = binary.LittleEndian.AppendUint64(begin, uint64(base+t.names))
	begin = binary.LittleEndian.AppendUint64(begin, uint64(t.cu-t.names))
	at := bytes.Index(memory, begin)
	if at < 0 || bytes.Contains(memory[at+1:], begin) || len(memory)-at < 8*moduleWords {
		return words, fmt.Errorf("%w: nothing, or more than one thing, refers to its table of functions", ErrLink)
	}
	for i := range words {
		words[i] = int(binary.LittleEndian.Uint64(memory[at+8*i:]))
	}
	from, to := words[wordFindFuncs], words[wordEndOfTables]
	ok := words[wordFuncs] == base+t.functions && words[wordFuncs+1] == t.funcs+1 && words[wordMinPC] == firstPC<<16 &&
		base < words[wordFuncData] && words[wordFuncData] <= from && from <= to && to <= len(memory)
	if !ok {
		return words, fmt.Errorf("%w: its runtime.moduledata is not of the form that is known", ErrLink)
	}
	return words, nil
}

// packer packs a table of functions.
type packer struct {
	columns [packedColumns][]byte
	met     [kinds]map[uint32]int // what was referred to: the how-manieth it was
	last    [kinds]uint32
}

func (p *packer) add(column int, v uint32) {
	p.columns[column] = binary.AppendUvarint(p.columns[column], uint64(v))
}

func (p *packer) ref(kind int, to, none uint32) {
	if to == none {
		p.add(columnRefs+kind, 0)
		return
	}
	n, ok := p.met[kind][to]
	if !ok {
		p.met[kind][to] = len(p.met[kind])
		p.add(columnRefs+kind, 1)
		p.add(columnRefs+kinds+kind, to-p.last[kind])
		p.last[kind] = to
		return
	}
	p.add(columnRefs+kind, uint32(1+len(p.met[kind])-n))
}

// recordBytes is how long the record is that begins f: it ends where the next may begin.
func recordBytes(f []byte) int {
	return (funcBytes + 4*(int(binary.LittleEndian.Uint32(f[offNPCData:]))+int(f[offNFuncData])) + 7) &^ 7
}

// function packs the one whose record begins f.
func (p *packer) function(f []byte) {
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(f[at:]) }
	npc, nfunc := int(word(offNPCData)), int(f[offNFuncData])
	p.add(columnArgs, word(offArgs))
	p.add(columnDeferReturn, word(offDeferReturn))
	p.add(columnPCData, uint32(npc))
	p.add(columnFuncData, uint32(nfunc))
	p.add(columnFuncID, uint32(f[offFuncID]))
	p.add(columnFlag, uint32(f[offFlag]))
	p.ref(kindSP, word(offSP), 0)
	for k := range npc {
		p.ref(kindTables, word(funcBytes+4*k), 0)
	}
	for k := range nfunc {
		p.ref(min(kindArgMaps+k, kindOther), word(funcBytes+4*(npc+k)), absentData)
	}
}

// pack packs the table, from which lines were dropped, in its memory.
func (t *table) pack(memory []byte) error {
	words, err := t.moduleData(memory)
	if err != nil {
		return err
	}
	p := new(packer)
	for k := range p.met {
		p.met[k] = map[uint32]int{}
	}
	off := 8 * (t.funcs + 1)
	for i := range t.funcs {
		entry := t.mem[t.functions+8*i:]
		if binary.LittleEndian.Uint32(entry) != firstPC+uint32(i) || binary.LittleEndian.Uint32(entry[4:]) != uint32(off) {
			return fmt.Errorf("%w: function %d of its table does not follow the one before", ErrLink, i)
		}
		f := t.mem[t.functions+off:]
		p.function(f)
		off += recordBytes(f)
	}
	if err := t.orderNames(); err != nil {
		return err
	}
	clear(t.mem[t.functions : t.functions+off])
	to := memory[words[wordFindFuncs]:words[wordEndOfTables]]
	clear(to)
	return p.write(to)
}

// write writes what was packed: where each part begins, the columns, and behind them room
// for the runtime to keep what was referred to.
func (p *packer) write(to []byte) error {
	var head []byte
	at := uint32(4 * headWords)
	for _, c := range p.columns {
		head = binary.LittleEndian.AppendUint32(head, at)
		at += uint32(len(c))
	}
	at = (at + 3) &^ 3
	for _, met := range p.met {
		head = binary.LittleEndian.AppendUint32(head, at)
		at += 4 * uint32(len(met))
	}
	head = binary.LittleEndian.AppendUint32(head, at)
	if int(at) > len(to) {
		return fmt.Errorf("%w: its table of functions does not become smaller", ErrLink)
	}
	copy(to, slices.Concat(append([][]byte{head}, p.columns[:]...)...))
	return nil
}

// orderNames writes the names one behind the other, in the order of the functions.
func (t *table) orderNames() error {
	names := t.mem[t.names:t.cu]
	var ordered []byte
	for i := range t.funcs {
		f := t.mem[t.functions+int(binary.LittleEndian.Uint32(t.mem[t.functions+8*i+4:])):]
		name, _, _ := bytes.Cut(names[binary.LittleEndian.Uint32(f[offName:]):], []byte{0})
		ordered = append(append(ordered, name...), 0)
	}
	if len(ordered) > len(names) {
		return fmt.Errorf("%w: the names of its functions do not become shorter", ErrLink)
	}
	clear(names)
	copy(names, ordered)
	return nil
}
