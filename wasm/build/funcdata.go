package build

import (
	"encoding/binary"
	"fmt"
)

// Data of a function (internal/abi, symtab.go) that stays.
const (
	dataArgMaps   = 0 // maps of pointers: how many, of how many bits, then so many bytes
	dataLocalMaps = 1
	dataObjects   = 2 // objects on the stack: how many, then 16 bytes of each
	dataDefers    = 4 // where calls are noted that are deferred: two numbers of seven bits a byte
)

// dropData clears what lies in the data of functions and no function refers to any more.
func (t *table) dropData(memory []byte) error {
	words, err := t.moduleData(memory)
	if err != nil {
		return err
	}
	from := words[wordFuncData]
	all := memory[from:words[wordFindFuncs]]
	kept := make([]byte, len(all))
	for i := range t.funcs {
		f := t.mem[t.functions+int(binary.LittleEndian.Uint32(t.mem[t.functions+8*i+4:])):]
		npc := int(binary.LittleEndian.Uint32(f[offNPCData:]))
		for k := range int(f[offNFuncData]) {
			at := binary.LittleEndian.Uint32(f[funcBytes+4*(npc+k):])
			if at == absentData {
				continue
			}
			data := memory[min(from+int(at), len(memory)):]
			n, ok := dataBytes(k, data)
			if !ok || int(at)+n > len(all) {
				return fmt.Errorf("%w: data %d of function %d is not of the form that is known", ErrLink, k, i)
			}
			copy(kept[at:int(at)+n], data)
		}
	}
	copy(all, kept)
	return nil
}

// dataBytes is how long the data is that lies at the beginning.
func dataBytes(kind int, data []byte) (n int, ok bool) {
	if len(data) < 8 {
		return 0, false
	}
	a, b := int(binary.LittleEndian.Uint32(data)), int(binary.LittleEndian.Uint32(data[4:]))
	switch kind {
	case dataArgMaps, dataLocalMaps:
		return 8 + a*((b+7)/8), true
	case dataObjects:
		return 8 + 16*a, b == 0
	case dataDefers:
		_, n := binary.Uvarint(data)
		_, m := binary.Uvarint(data[max(n, 0):])
		return n + m, n > 0 && m > 0
	}
	return 0, false
}
