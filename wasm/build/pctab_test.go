package build

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/issuant/issuant/internal/wasmfile"
)

// valueAt looks a value up as the runtime does (symtab.go, pcvalue).
func valueAt(tab []byte, off, pc uint32) (value int32, ok bool) {
	value = -1
	at, p := uint32(0), tab[off:]
	for first := true; ; first = false {
		d, n := binary.Uvarint(p)
		if d == 0 && !first {
			return -1, false
		}
		p = p[n:]
		if d&1 != 0 {
			value += int32(^(d >> 1))
		} else {
			value += int32(d >> 1)
		}
		length, n := binary.Uvarint(p)
		p = p[n:]
		if at += uint32(length); pc < at {
			return value, true
		}
	}
}

// refs are what a function's record says of values by instruction: the stack pointer's table,
// and the others.
func refs(tab *table, i int) (list []uint32) {
	f := tab.mem[tab.functions+int(binary.LittleEndian.Uint32(tab.mem[tab.functions+8*i+4:])):]
	list = append(list, binary.LittleEndian.Uint32(f[offSP:]))
	for k := range int(binary.LittleEndian.Uint32(f[offNPCData:])) {
		list = append(list, binary.LittleEndian.Uint32(f[funcBytes+4*k:]))
	}
	return list
}

// TestNarrowTablesSayTheSame asks tables of a real module at each return address of its code,
// before and after, and for the room that a function needs.
func TestNarrowTablesSayTheSame(t *testing.T) {
	file, memory, tab := linked(t)
	m, err := wasmfile.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	var asked [][]uint32
	for i, body := range m.Bodies {
		points := []uint32{0}
		c, err := wasmfile.DecodeCode(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range c.Instrs {
			if in.Op == wasmfile.OpI64Number && in.N>>16 == firstPC+int64(i) {
				points = append(points, uint32(in.N&0xffff), max(1, uint32(in.N&0xffff))-1)
			}
		}
		asked = append(asked, points)
	}
	before, err := findTable(bytes.Clone(memory))
	if err != nil {
		t.Fatal(err)
	}
	points, err := straighten(m, tab, form{addresses: true, frames: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.narrow(points); err != nil {
		t.Fatal(err)
	}
	old, narrow, compared := before.mem[before.pctab:before.functions], tab.mem[tab.pctab:tab.functions], 0
	for i := range tab.funcs {
		a, b := refs(before, i), refs(tab, i)
		for k := range a {
			if (a[k] == 0) != (b[k] == 0) {
				t.Fatalf("function %d has table %d no more", i, k)
			}
			if a[k] == 0 {
				continue
			}
			for _, pc := range asked[i] {
				want, ok := valueAt(old, a[k], pc)
				if got, found := valueAt(narrow, b[k], pc); got != want || found != ok {
					t.Fatalf("function %d, table %d, at %d: %d %v, want %d %v", i, k, pc, got, found, want, ok)
				}
				compared++
			}
			long, _ := spans(old[a[k]:])
			short, _ := spans(narrow[b[k]:])
			if greatest(long) != greatest(short) || long[len(long)-1].until != short[len(short)-1].until {
				t.Fatalf("function %d, table %d: %v became %v", i, k, long, short)
			}
		}
	}
	if compared < 10_000 {
		t.Errorf("only %d values were compared", compared)
	}
}

func TestSpansAreReadAsWritten(t *testing.T) {
	for _, list := range [][]span{
		{{-1, 1}},
		{{0, 5}, {100, 300}, {-1, 70_000}},
		{{7, 1}, {8, 2}, {1 << 30, 3}, {-1 << 30, 1 << 31}},
	} {
		text := appendSpans(nil, list)
		if got, ok := spans(text); !ok || !slices.Equal(got, list) {
			t.Errorf("%v became %v", list, got)
		}
		for n := range text {
			if _, ok := spans(text[:n]); ok {
				t.Errorf("%v: %d bytes are read", list, n)
			}
		}
	}
}

// TestDataOfFunctionsStays compares what functions refer to, before and after what nothing
// refers to is cleared.
func TestDataOfFunctionsStays(t *testing.T) {
	_, memory, tab := linked(t)
	before := bytes.Clone(memory)
	if err := tab.dropData(memory); err != nil {
		t.Fatal(err)
	}
	words, err := tab.moduleData(memory)
	if err != nil {
		t.Fatal(err)
	}
	from, met := words[wordFuncData], map[string]int{}
	for i := range tab.funcs {
		f := tab.mem[tab.functions+int(binary.LittleEndian.Uint32(tab.mem[tab.functions+8*i+4:])):]
		npc := int(binary.LittleEndian.Uint32(f[offNPCData:]))
		for k := range int(f[offNFuncData]) {
			at := binary.LittleEndian.Uint32(f[funcBytes+4*(npc+k):])
			if at == absentData {
				continue
			}
			n, ok := dataBytes(k, before[from+int(at):])
			if !ok || !bytes.Equal(before[from+int(at):][:n], memory[from+int(at):][:n]) {
				t.Fatalf("data %d of function %d is another one", k, i)
			}
			met[fmt.Sprint(k)]++
		}
	}
	if len(met) != 4 {
		t.Errorf("data of four kinds stays, found %v", met)
	}
	if a, b := bytes.Count(before, []byte{0}), bytes.Count(memory, []byte{0}); b-a < 10_000 {
		t.Errorf("only %d bytes were cleared", b-a)
	}
}
