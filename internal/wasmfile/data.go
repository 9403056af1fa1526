package wasmfile

import "fmt"

const (
	// maxSegments bounds how many pieces data is written in; V8 takes no more than
	// 100,000, and every one of them costs time at each start.
	maxSegments = 10_000
	// minGap is how many zero bytes part two segments at least: a segment's own header
	// takes up to ten, and few segments are copied faster than many.
	minGap = 64
	// MaxImage bounds a memory that is put together, in bytes, inclusive.
	MaxImage = 256 << 20
)

// Image returns the module's memory as it is when an instance begins. It fails with an
// *Error for a module without a memory of its own, with one of more than MaxImage bytes,
// with data that instructions ask for, or with data outside the memory.
func (m *Module) Image() ([]byte, error) {
	if len(m.Memories) != 1 {
		return nil, &Error{-1, "it has no memory of its own"}
	}
	if uint64(m.Memories[0].Min)*PageSize > MaxImage {
		return nil, &Error{-1, fmt.Sprintf("its memory begins with %d pages; at most %d are read", m.Memories[0].Min, MaxImage/PageSize)}
	}
	memory := make([]byte, int(m.Memories[0].Min)*PageSize)
	for i, s := range m.Data {
		at := uint64(uint32(s.Offset.Value))
		switch {
		case s.Passive:
			return nil, &Error{-1, fmt.Sprintf("its data segment %d is passive: its code may ask for it", i)}
		case s.Offset.Op != OpI32Const || at+uint64(len(s.Data)) > uint64(len(memory)):
			return nil, &Error{-1, fmt.Sprintf("its data segment %d lies outside the memory, or where only its host knows", i)}
		}
		copy(memory[at:], s.Data)
	}
	return memory, nil
}

// SetImage makes instances begin with a memory, whose length is whole pages; the data
// shares memory with it. Pieces that few zero bytes part become one; how many, is
// doubled until there are few enough pieces.
func (m *Module) SetImage(memory []byte) {
	m.Memories[0].Min = uint32(len(memory) / PageSize)
	for gap := minGap; ; gap *= 2 {
		if m.Data = cut(memory, gap); len(m.Data) <= maxSegments {
			return
		}
	}
}

// cut returns the pieces of a memory that are not zero.
func cut(memory []byte, gap int) (list []Segment) {
	for at := 0; ; {
		from := at + zeros(memory[at:])
		if from == len(memory) {
			return list
		}
		to := from
		for to < len(memory) {
			for to < len(memory) && memory[to] != 0 {
				to++
			}
			n := zeros(memory[to:])
			if n >= gap || to+n == len(memory) {
				break
			}
			to += n
		}
		list = append(list, Segment{
			// An address is written as a signed number, whatever it is taken for.
			Offset: Const{Op: OpI32Const, Value: int64(int32(uint32(from)))},
			Data:   memory[from:to],
		})
		at = to
	}
}

// zeros counts the zero bytes at the beginning of b.
func zeros(b []byte) int {
	n := 0
	for len(b)-n >= 8 && b[n]|b[n+1]|b[n+2]|b[n+3]|b[n+4]|b[n+5]|b[n+6]|b[n+7] == 0 {
		n += 8
	}
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}
