package wasmfile

import (
	"fmt"
	"slices"
)

// ValueType is the type of a number or reference, as it is written.
type ValueType byte

// The value types.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

var valueTypeNames = map[ValueType]string{I32: "i32", I64: "i64", F32: "f32", F64: "f64", V128: "v128", FuncRef: "funcref", ExternRef: "externref"}

// String returns the name of the specification's text format, such as "i32".
func (t ValueType) String() string {
	if n, ok := valueTypeNames[t]; ok {
		return n
	}
	return fmt.Sprintf("type(%#02x)", byte(t))
}

// FuncType is what a function takes and gives.
type FuncType struct{ Params, Results []ValueType }

// String returns the type as ABI.md writes it: "(i32, i32) -> i64".
func (t FuncType) String() string {
	text := func(list []ValueType) string {
		s := ""
		for i, v := range list {
			if i > 0 {
				s += ", "
			}
			s += v.String()
		}
		return s
	}
	if len(t.Results) == 1 {
		return "(" + text(t.Params) + ") -> " + text(t.Results)
	}
	return "(" + text(t.Params) + ") -> (" + text(t.Results) + ")"
}

// Equal reports whether both take and give the same.
func (t FuncType) Equal(other FuncType) bool {
	return slices.Equal(t.Params, other.Params) && slices.Equal(t.Results, other.Results)
}

// Kind is what an import or export is.
type Kind byte

// The kinds.
const (
	Func   Kind = 0
	Table  Kind = 1
	Memory Kind = 2
	Global Kind = 3
)

// String returns the name of the specification's text format, such as "func".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", byte(k))
}

var kindNames = [...]string{"func", "table", "memory", "global"}

// Import is something that the module needs from its host.
type Import struct {
	Module, Name string
	Kind         Kind
	Type         uint32     // of a function: its index in Module.Types
	Global       GlobalType // of a global
	Table        ValueType  // of a table: what it holds
	Memory       Limits     // of a memory, in pages; of a table, in elements
}

// Export is something that the module offers its host.
type Export struct {
	Name  string
	Kind  Kind
	Index uint32 // among all of that kind, the imported ones first
}

// GlobalType is the type of a global.
type GlobalType struct {
	Type    ValueType
	Mutable bool
}

// GlobalVar is a global that the module defines.
type GlobalVar struct {
	GlobalType
	Init Const
}

// Const is a constant expression of one instruction.
type Const struct {
	Op    byte  // of the instruction: one of the Op constants
	Value int64 // of a number, as it is written (of a float: its bits); else an index
}

// The instructions that a Const may be.
const (
	OpI32Const  = 0x41
	OpI64Const  = 0x42
	OpF32Const  = 0x43
	OpF64Const  = 0x44
	OpGlobalGet = 0x23
	OpRefNull   = 0xd0
	OpRefFunc   = 0xd2
	opEnd       = 0x0b
)

// Limits are how large something is and may grow.
type Limits struct {
	Min, Max uint32 // Max is 0 when HasMax is not set
	HasMax   bool
}

// Segment is a piece of data for the memory.
type Segment struct {
	Passive bool  // it is for instructions to copy, and not copied at the start
	Offset  Const // where an active one goes
	Data    []byte
}

// Section is a part of the file.
type Section struct {
	ID     byte   // of the specification; 0 is a custom section
	Name   string // of a custom section
	Offset int    // of the first byte after ID and size; 0 when it was not read from a file
	Body   []byte // without ID and size; of a custom section, without its name
}

// The sections.
const (
	SectionCustom    = 0
	SectionType      = 1
	SectionImport    = 2
	SectionFunction  = 3
	SectionTable     = 4
	SectionMemory    = 5
	SectionGlobal    = 6
	SectionExport    = 7
	SectionStart     = 8
	SectionElement   = 9
	SectionCode      = 10
	SectionData      = 11
	SectionDataCount = 12
)

var sectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count"}

// SectionName returns the name of the specification, such as "code".
func SectionName(id byte) string {
	if int(id) < len(sectionNames) {
		return sectionNames[id]
	}
	return fmt.Sprintf("section(%d)", id)
}

// Module is a module that was read. Its slices may be changed; Encode writes what
// they then hold. Data and section bodies share memory with the file that was read.
// It is not safe for concurrent use, but to read.
type Module struct {
	Sections []Section // in the order of the file, all of them as they were read

	Types    []FuncType
	Imports  []Import
	Funcs    []uint32 // types of the functions that the module defines
	Memories []Limits // in pages
	Globals  []GlobalVar
	Exports  []Export
	Data     []Segment
	Bodies   [][]byte // of the functions, without their sizes

	hasStart  bool
	dataCount int64 // -1: it has no such section
}

// ImportedCount returns how many imports of a kind there are: the indices of what the
// module itself defines begin there.
func (m *Module) ImportedCount(k Kind) int {
	n := 0
	for _, i := range m.Imports {
		if i.Kind == k {
			n++
		}
	}
	return n
}

// Custom returns the body of the first custom section of that name.
func (m *Module) Custom(name string) (body []byte, ok bool) {
	for _, s := range m.Sections {
		if s.ID == SectionCustom && s.Name == name {
			return s.Body, true
		}
	}
	return nil, false
}

// AddCustom appends a custom section, in the place of those of the same name.
func (m *Module) AddCustom(name string, body []byte) {
	m.Sections = slices.DeleteFunc(m.Sections, func(s Section) bool { return s.ID == SectionCustom && s.Name == name })
	m.Sections = append(m.Sections, Section{ID: SectionCustom, Name: name, Body: body})
}

// Export returns the export of that name.
func (m *Module) Export(name string) (e Export, ok bool) {
	for _, e := range m.Exports {
		if e.Name == name {
			return e, true
		}
	}
	return Export{}, false
}

// HasStart reports whether the module has a start function, which runs when it is
// instantiated.
func (m *Module) HasStart() bool { return m.hasStart }

// FuncType returns the type of a function, by its index among all functions.
func (m *Module) FuncType(index uint32) (t FuncType, ok bool) {
	for _, i := range m.Imports {
		if i.Kind != Func {
			continue
		}
		if index == 0 {
			return m.Types[i.Type], true
		}
		index--
	}
	if uint64(index) >= uint64(len(m.Funcs)) {
		return FuncType{}, false
	}
	return m.Types[m.Funcs[index]], true
}

// AddFunc appends a function and returns its index among all functions. The body is
// its locals and instructions.
func (m *Module) AddFunc(t FuncType, body []byte) uint32 {
	at := slices.IndexFunc(m.Types, t.Equal)
	if at < 0 {
		at = len(m.Types)
		m.Types = append(m.Types, t)
	}
	m.Funcs = append(m.Funcs, uint32(at))
	m.Bodies = append(m.Bodies, body)
	return uint32(m.ImportedCount(Func) + len(m.Funcs) - 1)
}
