package wasmfile

import "fmt"

// Instr is one instruction of a function.
type Instr struct {
	Op    Opcode
	N     int64    // constant (of a float: its bits), index, label, block's type, or offset of an access
	More  uint32   // alignment of an access; table of call_indirect; segment of memory.init
	Table []uint32 // labels of br_table, the default last
}

// Opcode is an instruction's number, 0xfc00 plus the second one where 0xfc is the first.
type Opcode uint16

// The instructions that have a name here. All of the specification's first version, of
// sign extension, saturating truncation and bulk memory are read and written.
const (
	OpUnreachable  Opcode = 0x00
	OpBlock        Opcode = 0x02
	OpLoop         Opcode = 0x03
	OpIf           Opcode = 0x04
	OpElse         Opcode = 0x05
	OpEnd          Opcode = 0x0b
	OpBr           Opcode = 0x0c
	OpBrIf         Opcode = 0x0d
	OpBrTable      Opcode = 0x0e
	OpReturn       Opcode = 0x0f
	OpCall         Opcode = 0x10
	OpCallIndirect Opcode = 0x11
	OpLocalGet     Opcode = 0x20
	OpLocalSet     Opcode = 0x21
	OpLocalTee     Opcode = 0x22
	OpGetGlobal    Opcode = 0x23
	OpSetGlobal    Opcode = 0x24
	OpI32Number    Opcode = 0x41
	OpI64Number    Opcode = 0x42
	OpI32Eqz       Opcode = 0x45
)

// Void is the type of a block without a result, as Instr.N.
const Void = -0x40

// Locals declare so many local variables of one type.
type Locals struct {
	Count uint32
	Type  ValueType
}

// Code is a function's body.
type Code struct {
	Locals []Locals
	Instrs []Instr // the last one ends the function
}

// DecodeCode reads a function's body, one of Module.Bodies, into memory of its own. It fails
// with an *Error, which names no place of the file, for what it does not know, and does not
// validate: labels, indices and types are not looked at.
func DecodeCode(body []byte) (*Code, error) {
	r := &reader{data: body}
	c := &Code{Locals: list(r, "declarations of locals", MaxFuncs, 2, func(r *reader) Locals { return Locals{r.u32(), r.valueType()} })}
	c.Instrs = make([]Instr, 0, len(body)/2)
	for r.err == nil && r.left() > 0 {
		c.Instrs = append(c.Instrs, r.instr())
	}
	if n := len(c.Instrs); r.err == nil && (n == 0 || c.Instrs[n-1].Op != OpEnd) {
		r.fail(len(body), "a function without an end")
	}
	if r.err != nil {
		r.err.Offset = -1 // it is not of the file
		return nil, r.err
	}
	return c, nil
}

// form is what follows an instruction's number.
type form uint8

const (
	formUnknown form = iota
	formBare
	formBlock
	formIndex
	formTable
	formIndirect
	formAccess
	formZero
	formI32
	formI64
	formF32
	formF64
	formInit
	formCopy
)

func formOf(op Opcode) form {
	switch {
	case op >= OpBlock && op <= OpIf:
		return formBlock
	case op == OpBr || op == OpBrIf || op == OpCall || op >= OpLocalGet && op <= OpSetGlobal || op == 0xfc09:
		return formIndex
	case op == OpBrTable:
		return formTable
	case op == OpCallIndirect:
		return formIndirect
	case op >= 0x28 && op <= 0x3e:
		return formAccess
	case op == 0x3f || op == 0x40 || op == 0xfc0b:
		return formZero
	case op >= 0x41 && op <= 0x44:
		return formI32 + form(op-0x41)
	case op == 0xfc08:
		return formInit
	case op == 0xfc0a:
		return formCopy
	case op <= 0x01 || op == OpElse || op == OpEnd || op == OpReturn || op == 0x1a || op == 0x1b,
		op >= 0x45 && op <= 0xc4, op >= 0xfc00 && op <= 0xfc07:
		return formBare
	}
	return formUnknown
}

func (r *reader) instr() (in Instr) {
	at := r.pos
	if in.Op = Opcode(r.byte()); in.Op == 0xfc {
		in.Op = 0xfc00 + Opcode(min(r.u32(), 0xff))
	}
	zero := func() {
		if r.byte() != 0 {
			r.fail(at, "instruction %#x names another memory than the first", in.Op)
		}
	}
	switch formOf(in.Op) {
	case formBare:
	case formBlock:
		in.N = r.signed(33)
	case formIndex:
		in.N = int64(r.u32())
	case formTable:
		in.Table = list(r, "labels", MaxFuncs, 1, (*reader).u32)
		in.Table = append(in.Table, r.u32())
	case formIndirect, formAccess:
		a, b := r.u32(), r.u32()
		in.N, in.More = int64(a), b
		if formOf(in.Op) == formAccess {
			in.N, in.More = int64(b), a
		}
	case formZero:
		zero()
	case formI32:
		in.N = r.signed(32)
	case formI64:
		in.N = r.signed(64)
	case formF32, formF64:
		for i, b := range r.bytes(4 << (formOf(in.Op) - formF32)) {
			in.N |= int64(b) << (8 * i)
		}
	case formInit:
		in.More = r.u32()
		zero()
	case formCopy:
		zero()
		zero()
	default:
		r.fail(at, "the instruction %#x is not read", in.Op)
	}
	return in
}

// Encode writes a body, every number in its shortest form.
func (c *Code) Encode() []byte {
	b := appendU32(nil, uint32(len(c.Locals)))
	for _, l := range c.Locals {
		b = append(appendU32(b, l.Count), byte(l.Type))
	}
	for i := range c.Instrs {
		b = c.Instrs[i].append(b)
	}
	return b
}

func (in *Instr) append(b []byte) []byte {
	if in.Op > 0xff {
		b = appendU32(append(b, 0xfc), uint32(in.Op-0xfc00))
	} else {
		b = append(b, byte(in.Op))
	}
	switch formOf(in.Op) {
	case formBare:
	case formIndex:
		b = appendU32(b, uint32(in.N))
	case formTable:
		b = appendU32(b, uint32(len(in.Table)-1))
		for _, l := range in.Table {
			b = appendU32(b, l)
		}
	case formIndirect:
		b = appendU32(appendU32(b, uint32(in.N)), in.More)
	case formAccess:
		b = appendU32(appendU32(b, in.More), uint32(in.N))
	case formZero:
		b = append(b, 0)
	case formBlock, formI32, formI64:
		b = appendSigned(b, in.N)
	case formF32, formF64:
		for i := range 4 << (formOf(in.Op) - formF32) {
			b = append(b, byte(in.N>>(8*i)))
		}
	case formInit:
		b = append(appendU32(b, in.More), 0)
	case formCopy:
		b = append(b, 0, 0)
	default:
		panic(fmt.Sprintf("wasmfile: no form of the instruction %#x", in.Op))
	}
	return b
}
