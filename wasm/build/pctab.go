package build

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A table of values by instruction tells how far the stack pointer lies below a function's
// frame, or which of its maps of pointers holds. The runtime asks at return addresses alone,
// and at the call that runs what was deferred: what it would be told elsewhere is left out
// here, and tables that then say the same become one.

// span is a value, and the first program counter at which it holds no more; program counters
// are counted from the function's own.
type span struct {
	value int32
	until uint32
}

// spans reads a table of values: pairs of numbers of seven bits a byte, up to a pair whose
// first is zero behind the first pair. The numbers are a signed difference of values, and one
// of program counters.
func spans(tab []byte) (list []span, ok bool) {
	value, at := int32(-1), uint32(0)
	for {
		d, n := binary.Uvarint(tab)
		if n <= 0 {
			return nil, false
		}
		if tab = tab[n:]; d == 0 && len(list) > 0 {
			return list, true
		}
		length, n := binary.Uvarint(tab)
		if n <= 0 {
			return nil, false
		}
		tab = tab[n:]
		value += -int32(d&1) ^ int32(d>>1)
		at += uint32(length)
		list = append(list, span{value, at})
	}
}

// appendSpans writes a table of values.
func appendSpans(b []byte, list []span) []byte {
	value, at := int32(-1), uint32(0)
	for _, s := range list {
		d := s.value - value
		b = binary.AppendUvarint(b, uint64(uint32(d<<1)^uint32(d>>31)))
		b = binary.AppendUvarint(b, uint64(s.until-at))
		value, at = s.value, s.until
	}
	return append(b, 0)
}

// narrowed leaves out of a table what is not asked for at these points, which are in order.
// It ends where the table does.
func narrowed(list []span, points []uint32) (out []span, ok bool) {
	end := list[len(list)-1].until
	k := 0
	for _, at := range points {
		for k < len(list) && list[k].until <= at {
			k++
		}
		if k == len(list) {
			return nil, false
		}
		value := list[k].value
		switch n := len(out); {
		case n == 0:
			out = append(out, span{value, end})
		case out[n-1].value != value:
			out[n-1].until = at
			out = append(out, span{value, end})
		}
	}
	return out, len(out) > 0
}

// greatest is the greatest value of a table. The runtime makes room for that much of a stack.
func greatest(list []span) int32 {
	return slices.MaxFunc(list, func(a, b span) int { return int(a.value) - int(b.value) }).value
}

// values writes tables anew.
type values struct {
	old, new []byte
	at       map[string]uint32 // where a table lies that was written
}

// narrow writes the tables of functions anew for the points where the runtime may ask, which
// are given by function; for one that is not given, as they were.
func (t *table) narrow(points map[int][]uint32) error {
	v := &values{old: t.mem[t.pctab:t.functions], new: []byte{0}, at: map[string]uint32{}}
	for i := range t.funcs {
		f := t.mem[t.functions+int(binary.LittleEndian.Uint32(t.mem[t.functions+8*i+4:])):]
		ok := v.write(f[offSP:], points[i])
		for k := range int(binary.LittleEndian.Uint32(f[offNPCData:])) {
			ok = v.write(f[funcBytes+4*k:], points[i]) && ok
		}
		if !ok {
			return fmt.Errorf("%w: a table of values of function %d is not of the form that is known", ErrLink, i)
		}
	}
	if len(v.new) > len(v.old) {
		return fmt.Errorf("%w: its tables of values do not become smaller", ErrLink)
	}
	clear(v.old)
	copy(v.old, v.new)
	return nil
}

// write writes the table that a slot refers to.
func (v *values) write(slot []byte, points []uint32) bool {
	from := int(binary.LittleEndian.Uint32(slot))
	if from == 0 {
		return true // none
	}
	list, ok := spans(v.old[min(from, len(v.old)):])
	if !ok {
		return false
	}
	if short, ok := narrowed(list, points); ok && greatest(short) == greatest(list) {
		list = short
	}
	text := appendSpans(nil, list)
	at, ok := v.at[string(text)]
	if !ok {
		at = uint32(len(v.new))
		v.new = append(v.new, text...)
		v.at[string(text)] = at
	}
	binary.LittleEndian.PutUint32(slot, at)
	return true
}
