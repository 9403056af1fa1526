package wasmfile

import (
	"bytes"
	"fmt"
)

// magic and version begin every module.
var header = []byte{0, 'a', 's', 'm', 1, 0, 0, 0}

// Parse reads a module of at most MaxFile bytes. It is strict in what it looks at:
// the order and sizes of sections, numbers, names, types and indices. It does not
// validate instructions; that is the business of who compiles them. What is wrong is
// an *Error.
func Parse(data []byte) (*Module, error) {
	if len(data) > MaxFile {
		return nil, &Error{-1, fmt.Sprintf("a module of %d bytes; at most %d are read", len(data), MaxFile)}
	}
	if !bytes.HasPrefix(data, header[:4]) {
		return nil, &Error{0, "this is no WebAssembly module: it does not begin with \\0asm"}
	}
	if !bytes.HasPrefix(data, header) {
		return nil, &Error{4, "this is no module in version 1 of the binary format; components are not read"}
	}
	m := &Module{dataCount: -1}
	r := &reader{data: data, pos: len(header)}
	last := 0
	for r.err == nil && r.left() > 0 {
		last = m.section(r, last)
	}
	if r.err == nil {
		r.err = m.check()
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// order is the place of a section among the others: that of data counts is not its ID.
func order(id byte) int {
	switch {
	case id == SectionDataCount:
		return 2*SectionElement + 1
	default:
		return 2 * int(id)
	}
}

// section reads the next section; last is the place of the one before.
func (m *Module) section(r *reader, last int) int {
	at := r.pos
	s := Section{ID: r.byte()}
	size := r.u32()
	s.Offset = r.base + r.pos
	s.Body = r.bytes(size)
	switch {
	case r.err != nil:
		return last
	case len(m.Sections) == MaxSections:
		r.fail(at, "more than %d sections", MaxSections)
		return last
	case s.ID > SectionDataCount:
		r.fail(at, "a section of the unknown kind %d", s.ID)
		return last
	case s.ID != SectionCustom && order(s.ID) <= last:
		r.fail(at, "the section %s stands twice, or too late", SectionName(s.ID))
		return last
	case s.ID != SectionCustom:
		last = order(s.ID)
	}
	part := &reader{data: s.Body, base: s.Offset}
	if s.ID == SectionCustom {
		s.Name = part.name()
		s.Body = part.data[part.pos:]
	} else {
		m.known(s.ID, part)
		part.end("section " + SectionName(s.ID))
	}
	if part.err != nil {
		r.err = part.err
		return last
	}
	m.Sections = append(m.Sections, s)
	return last
}

// known reads the sections that this package knows; the others are carried along.
func (m *Module) known(id byte, r *reader) {
	switch id {
	case SectionType:
		m.Types = list(r, "types", MaxTypes, 3, (*reader).funcType)
	case SectionImport:
		m.Imports = list(r, "imports", MaxImports, 4, (*reader).importOf)
	case SectionFunction:
		m.Funcs = list(r, "functions", MaxFuncs, 1, (*reader).u32)
	case SectionMemory:
		m.Memories = list(r, "memories", maxMemories, 2, (*reader).pages)
	case SectionGlobal:
		m.Globals = list(r, "globals", MaxGlobals, 4, (*reader).global)
	case SectionExport:
		m.Exports = list(r, "exports", MaxExports, 3, (*reader).export)
	case SectionStart:
		m.hasStart = true
		r.u32()
	case SectionCode:
		m.Bodies = list(r, "functions", MaxFuncs, 3, func(r *reader) []byte { return r.bytes(r.u32()) })
	case SectionData:
		m.Data = list(r, "data segments", MaxData, 2, (*reader).segment)
	case SectionDataCount:
		at := r.pos
		if m.dataCount = int64(r.u32()); m.dataCount > MaxData {
			r.fail(at, "%d data segments; at most %d are read", m.dataCount, MaxData)
		}
	default:
		r.pos = len(r.data)
	}
}

// list reads a counted list of items, of which each takes at least size bytes.
func list[T any](r *reader, what string, max, size int, read func(*reader) T) []T {
	n := r.count(what, max, size)
	out := make([]T, 0, n)
	for range n {
		if out = append(out, read(r)); r.err != nil {
			return nil
		}
	}
	return out
}

func (r *reader) valueType() ValueType {
	at := r.pos
	t := ValueType(r.byte())
	if _, ok := valueTypeNames[t]; !ok {
		r.fail(at, "%#02x is no value type", byte(t))
	}
	return t
}

func (r *reader) funcType() FuncType {
	at := r.pos
	if b := r.byte(); b != 0x60 {
		r.fail(at, "%#02x is no function type", b)
	}
	params := list(r, "parameters", maxParams, 1, (*reader).valueType)
	return FuncType{params, list(r, "results", maxParams, 1, (*reader).valueType)}
}

func (r *reader) limits(max uint32) (l Limits) {
	at := r.pos
	switch flag := r.byte(); flag {
	case 0:
		l.Min = r.u32()
	case 1:
		l = Limits{r.u32(), r.u32(), true}
	default:
		r.fail(at, "limits of the kind %d: shared and 64-bit memories are not read", flag)
	}
	if l.Min > max || l.Max > max || l.HasMax && l.Max < l.Min {
		r.fail(at, "limits from %d to %d", l.Min, l.Max)
	}
	return l
}

func (r *reader) pages() Limits { return r.limits(MaxPages) }

func (r *reader) globalType() GlobalType {
	t := r.valueType()
	at := r.pos
	mut := r.byte()
	if mut > 1 {
		r.fail(at, "a global is mutable or not, 1 or 0, and not %d", mut)
	}
	return GlobalType{t, mut == 1}
}

func (r *reader) global() GlobalVar {
	return GlobalVar{r.globalType(), r.constant()}
}

// constant reads a constant expression of one instruction, which is all that Go's
// linker writes.
func (r *reader) constant() Const {
	at := r.pos
	c := Const{Op: r.byte()}
	switch c.Op {
	case OpI32Const:
		c.Value = r.signed(32)
	case OpI64Const:
		c.Value = r.signed(64)
	case OpF32Const:
		for i := range 4 {
			c.Value |= int64(r.byte()) << (8 * i)
		}
	case OpF64Const:
		for i := range 8 {
			c.Value |= int64(r.byte()) << (8 * i)
		}
	case OpGlobalGet, OpRefFunc:
		c.Value = int64(r.u32())
	case OpRefNull:
		c.Value = int64(r.byte())
	default:
		r.fail(at, "%#02x does not begin a constant that is read", c.Op)
	}
	at = r.pos
	if b := r.byte(); b != opEnd {
		r.fail(at, "a constant expression of more than one instruction is not read")
	}
	return c
}

func (r *reader) kind() Kind {
	at := r.pos
	k := Kind(r.byte())
	if k > Global {
		r.fail(at, "the kind %d of import or export is not read", byte(k))
	}
	return k
}

func (r *reader) importOf() (i Import) {
	i.Module, i.Name, i.Kind = r.name(), r.name(), r.kind()
	switch i.Kind {
	case Func:
		i.Type = r.u32()
	case Table:
		at := r.pos
		if i.Table = r.valueType(); i.Table != FuncRef && i.Table != ExternRef {
			r.fail(at, "a table of %s", i.Table)
		}
		i.Memory = r.limits(0xffff_ffff)
	case Memory:
		i.Memory = r.pages()
	case Global:
		i.Global = r.globalType()
	}
	return i
}

func (r *reader) export() Export { return Export{r.name(), r.kind(), r.u32()} }

func (r *reader) segment() (s Segment) {
	at := r.pos
	switch flag := r.u32(); flag {
	case 0:
		s.Offset = r.constant()
	case 1:
		s.Passive = true
	default:
		r.fail(at, "a data segment of the kind %d is not read", flag)
	}
	s.Data = r.bytes(r.u32())
	return s
}

// check compares the sections with one another.
func (m *Module) check() *Error {
	for _, t := range m.Funcs {
		if int(t) >= len(m.Types) {
			return &Error{-1, fmt.Sprintf("a function has the type %d, of %d", t, len(m.Types))}
		}
	}
	if len(m.Funcs) != len(m.Bodies) {
		return &Error{-1, fmt.Sprintf("%d functions are declared, and %d are there", len(m.Funcs), len(m.Bodies))}
	}
	for _, i := range m.Imports {
		if i.Kind == Func && int(i.Type) >= len(m.Types) {
			return &Error{-1, fmt.Sprintf("the import %q has the type %d, of %d", i.Name, i.Type, len(m.Types))}
		}
	}
	if m.dataCount >= 0 && m.dataCount != int64(len(m.Data)) {
		return &Error{-1, fmt.Sprintf("%d data segments are declared, and %d are there", m.dataCount, len(m.Data))}
	}
	if n := m.ImportedCount(Memory) + len(m.Memories); n > maxMemories {
		return &Error{-1, fmt.Sprintf("%d memories; at most %d is read", n, maxMemories)}
	}
	return m.checkExports()
}

func (m *Module) checkExports() *Error {
	have := map[Kind]int64{
		Func: int64(len(m.Funcs)), Memory: int64(len(m.Memories)), Global: int64(len(m.Globals)),
		Table: 1 << 32, // tables that the module defines are carried along unread
	}
	for k := range have {
		have[k] += int64(m.ImportedCount(k))
	}
	seen := make(map[string]bool, len(m.Exports))
	for _, e := range m.Exports {
		if seen[e.Name] {
			return &Error{-1, fmt.Sprintf("%q is exported twice", e.Name)}
		}
		seen[e.Name] = true
		if int64(e.Index) >= have[e.Kind] {
			return &Error{-1, fmt.Sprintf("the export %q is %s %d, of %d", e.Name, e.Kind, e.Index, have[e.Kind])}
		}
	}
	return nil
}
