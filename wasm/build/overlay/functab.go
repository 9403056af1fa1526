//go:build ignore

package runtime

import (
	"internal/abi"
	"unsafe"
)

// A module carries its table of functions packed: in columns, of which each has one number
// of every function, and a number is what the functions before did not say already.
// Package wasm/build packs it (functab.go), where the linker had laid findfunctab.
const (
	packedArgs = iota
	packedDeferReturn
	packedPCData   // how many tables of values by instruction
	packedFuncData // how many pieces of data
	packedFuncID
	packedFlag
	packedRefs // of the stack pointer's table, and the kinds that follow

	packedSP = iota - packedRefs - 1
	packedTables
	packedArgMaps
	packedLocalMaps
	packedOther
	packedKinds

	packedColumns = packedRefs + 2*packedKinds
)

// packedTable reads one.
type packedTable struct {
	at   [packedColumns]uintptr
	seen [packedKinds]uintptr // where what was referred to is kept, one address behind the other
	end  [packedKinds]uintptr
	last [packedKinds]uint32
}

// next reads the next number of a column: seven bits a byte, the lowest first.
func (p *packedTable) next(column int) (v uint32) {
	at := p.at[column]
	for shift := 0; ; shift += 7 {
		b := *(*byte)(unsafe.Pointer(at))
		at++
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			p.at[column] = at
			return v
		}
	}
}

// ref reads a reference: 0 for none, 1 for a new one behind the last new one, else how many
// new ones ago it was met first.
func (p *packedTable) ref(kind int, none uint32) uint32 {
	switch n := p.next(packedRefs + kind); n {
	case 0:
		return none
	case 1:
		p.last[kind] += p.next(packedRefs + packedKinds + kind)
		*(*uint32)(unsafe.Pointer(p.end[kind])) = p.last[kind]
		p.end[kind] += 4
		return p.last[kind]
	default:
		return *(*uint32)(unsafe.Pointer(p.end[kind] - uintptr(n-1)*4))
	}
}

// unpackFuncs writes the table of functions, and clears what it was packed in.
func unpackFuncs(md *moduledata) {
	var p packedTable
	head := (*[packedColumns + packedKinds + 1]uint32)(unsafe.Pointer(md.findfunctab))
	for i := range p.at {
		p.at[i] = md.findfunctab + uintptr(head[i])
	}
	for i := range p.end {
		p.end[i] = md.findfunctab + uintptr(head[packedColumns+i])
	}
	first, off := uint32(md.minpc>>16), uint32(len(md.ftab))*8
	for i := range len(md.ftab) - 1 {
		md.ftab[i] = functab{first + uint32(i), off}
		f := (*_func)(unsafe.Pointer(&md.pclntable[off]))
		f.entryOff, f.nameOff = first+uint32(i), int32(i)+1
		off += p.function(f)
	}
	md.ftab[len(md.ftab)-1].entryoff = first + uint32(len(md.ftab)) - 1
	memclrNoHeapPointers(unsafe.Pointer(md.findfunctab), uintptr(head[packedColumns+packedKinds]))
}

// function writes one, and returns how many bytes it takes.
func (p *packedTable) function(f *_func) uint32 {
	f.args = int32(p.next(packedArgs))
	f.deferreturn = p.next(packedDeferReturn)
	f.npcdata = p.next(packedPCData)
	f.nfuncdata = uint8(p.next(packedFuncData))
	f.funcID = abi.FuncID(p.next(packedFuncID))
	f.flag = abi.FuncFlag(p.next(packedFlag))
	f.pcsp = p.ref(packedSP, 0)
	at := unsafe.Add(unsafe.Pointer(f), unsafe.Sizeof(*f))
	for range f.npcdata {
		*(*uint32)(at) = p.ref(packedTables, 0)
		at = unsafe.Add(at, 4)
	}
	for i := range uint32(f.nfuncdata) {
		kind := packedArgMaps + int(i)
		if kind > packedOther {
			kind = packedOther
		}
		*(*uint32)(at) = p.ref(kind, ^uint32(0))
		at = unsafe.Add(at, 4)
	}
	return uint32(uintptr(at)-uintptr(unsafe.Pointer(f))+7) &^ 7
}

// packedName returns the n-th of the names, which lie in the order of the functions.
func (md *moduledata) packedName(n int32) string {
	names := md.funcnametab
	for ; n > 1; n-- {
		for names[0] != 0 {
			names = names[1:]
		}
		names = names[1:]
	}
	return gostringnocopy(&names[0])
}
