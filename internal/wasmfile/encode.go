package wasmfile

import "slices"

// Encode writes the module: the sections that this package knows anew, in the
// shortest form, and all others as they were read. A section that was not there and
// has become necessary is put in its place; one that has become empty is left out.
func (m *Module) Encode() []byte {
	size := len(header)
	for _, s := range m.Sections {
		size += len(s.Body) + len(s.Name) + 20
	}
	out := append(make([]byte, 0, size), header...)
	for _, s := range m.layout() {
		body, known := m.encodeSection(s.ID)
		switch {
		case s.ID == SectionCustom:
			body = append(appendName(nil, s.Name), s.Body...)
		case !known:
			body = s.Body
		case len(body) == 0:
			continue
		}
		out = appendBytes(append(out, s.ID), body)
	}
	return out
}

// Skeleton writes a module of the same types, imports, exports, memory and data, all as they
// were read, whose functions trap. Custom sections are left out.
func (m *Module) Skeleton() []byte {
	size := len(header)
	for _, s := range m.Sections {
		if s.ID != SectionCode {
			size += len(s.Body) + 10
		}
	}
	trap := []byte{0, 0x00, opEnd} // no locals, unreachable
	out := append(make([]byte, 0, size+4*len(m.Bodies)+20), header...)
	for _, s := range m.Sections {
		switch s.ID {
		case SectionCustom:
			continue
		case SectionCode:
			out = append(append(out, s.ID), 0, 0, 0, 0, 0)
			from := len(out)
			out = appendU32(out, uint32(len(m.Bodies)))
			for range m.Bodies {
				out = appendBytes(out, trap)
			}
			putPadded(out[from-5:from], uint32(len(out)-from))
		default:
			out = appendBytes(append(out, s.ID), s.Body)
		}
	}
	return out
}

// layout is the sections to write, those that are missing in their places.
func (m *Module) layout() []Section {
	all := slices.Clone(m.Sections)
	for _, id := range []byte{SectionType, SectionImport, SectionFunction, SectionMemory, SectionGlobal, SectionExport, SectionCode, SectionData} {
		if slices.ContainsFunc(all, func(s Section) bool { return s.ID == id }) {
			continue
		}
		at := 0
		for i, s := range all {
			if s.ID != SectionCustom && order(s.ID) < order(id) {
				at = i + 1
			}
		}
		all = slices.Insert(all, at, Section{ID: id})
	}
	return all
}

// encodeSection writes the body of a section that this package knows; nil when it is
// empty.
func (m *Module) encodeSection(id byte) (body []byte, known bool) {
	switch id {
	case SectionType:
		return encodeList(m.Types, appendFuncType), true
	case SectionImport:
		return encodeList(m.Imports, appendImport), true
	case SectionFunction:
		return encodeList(m.Funcs, appendU32), true
	case SectionMemory:
		return encodeList(m.Memories, appendLimits), true
	case SectionGlobal:
		return encodeList(m.Globals, func(b []byte, g GlobalVar) []byte { return appendConst(appendGlobalType(b, g.GlobalType), g.Init) }), true
	case SectionExport:
		return encodeList(m.Exports, func(b []byte, e Export) []byte {
			return appendU32(append(appendName(b, e.Name), byte(e.Kind)), e.Index)
		}), true
	case SectionCode:
		return encodeList(m.Bodies, appendBytes), true
	case SectionData:
		return encodeList(m.Data, appendSegment), true
	case SectionDataCount:
		return appendU32(nil, uint32(len(m.Data))), true
	}
	return nil, false
}

func encodeList[T any](items []T, write func([]byte, T) []byte) []byte {
	if len(items) == 0 {
		return nil
	}
	b := appendU32(nil, uint32(len(items)))
	for _, it := range items {
		b = write(b, it)
	}
	return b
}

func appendFuncType(b []byte, t FuncType) []byte {
	b = append(b, 0x60)
	for _, list := range [][]ValueType{t.Params, t.Results} {
		b = appendU32(b, uint32(len(list)))
		for _, v := range list {
			b = append(b, byte(v))
		}
	}
	return b
}

func appendLimits(b []byte, l Limits) []byte {
	if l.HasMax {
		return appendU32(appendU32(append(b, 1), l.Min), l.Max)
	}
	return appendU32(append(b, 0), l.Min)
}

func appendGlobalType(b []byte, t GlobalType) []byte {
	b = append(b, byte(t.Type), 0)
	if t.Mutable {
		b[len(b)-1] = 1
	}
	return b
}

func appendImport(b []byte, i Import) []byte {
	b = append(appendName(appendName(b, i.Module), i.Name), byte(i.Kind))
	switch i.Kind {
	case Func:
		return appendU32(b, i.Type)
	case Table:
		return appendLimits(append(b, byte(i.Table)), i.Memory)
	case Memory:
		return appendLimits(b, i.Memory)
	}
	return appendGlobalType(b, i.Global)
}

func appendConst(b []byte, c Const) []byte {
	b = append(b, c.Op)
	switch c.Op {
	case OpI32Const, OpI64Const:
		b = appendSigned(b, c.Value)
	case OpF32Const:
		for i := range 4 {
			b = append(b, byte(c.Value>>(8*i)))
		}
	case OpF64Const:
		for i := range 8 {
			b = append(b, byte(c.Value>>(8*i)))
		}
	case OpGlobalGet, OpRefFunc:
		b = appendU32(b, uint32(c.Value))
	case OpRefNull:
		b = append(b, byte(c.Value))
	}
	return append(b, opEnd)
}

func appendSegment(b []byte, s Segment) []byte {
	if s.Passive {
		return appendBytes(append(b, 1), s.Data)
	}
	return appendBytes(appendConst(append(b, 0), s.Offset), s.Data)
}
