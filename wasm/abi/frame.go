package abi

// FrameMark is the first byte of a Frame: no JSON begins with it.
const FrameMark = 0

// FrameHead and FrameField are the bytes of a Frame before the lengths of its fields, and
// of each field's lengths.
const (
	FrameHead  = 32
	FrameField = 8
)

// Frame is the input of issuant_open and issuant_answer as bytes in the place of JSON
// (since 1.1): nothing of a message is escaped, encoded or parsed on its way. All numbers
// are little-endian:
//
//	0  FrameMark
//	1  the form, 1
//	2  how many fields follow, u16
//	4  length of Scheme, u32
//	8  NowMs, i64
//	16 length of Method, u32
//	20 length of Path, u32
//	24 length of Body, u64
//	32 for each field the lengths of its name and value, u32 each
//
// and then, without anything between them, Scheme, Method, Path, name and value of each
// field, and Body.
type Frame struct {
	NowMs                int64 // Unix milliseconds
	Scheme, Method, Path string
	Fields               []Field // at most MaxHeaders
	Body                 []byte
}

// Field is one header with one value; a header of several values is as many fields.
type Field struct{ Name, Value string }

// AppendHead appends the frame but for the bytes of Body, which follow it. More than
// 65,535 fields have no frame: as many are counted as fit, and the module refuses it.
func (f *Frame) AppendHead(dst []byte) []byte {
	dst = append(dst, FrameMark, 1)
	n := min(len(f.Fields), 1<<16-1)
	dst = append(dst, byte(n), byte(n>>8))
	dst = append32(dst, uint32(len(f.Scheme)))
	dst = append64(dst, uint64(f.NowMs))
	dst = append32(append32(dst, uint32(len(f.Method))), uint32(len(f.Path)))
	dst = append64(dst, uint64(len(f.Body)))
	for i := range f.Fields {
		dst = append32(append32(dst, uint32(len(f.Fields[i].Name))), uint32(len(f.Fields[i].Value)))
	}
	dst = append(append(append(dst, f.Scheme...), f.Method...), f.Path...)
	for i := range f.Fields {
		dst = append(append(dst, f.Fields[i].Name...), f.Fields[i].Value...)
	}
	return dst
}

func append32(dst []byte, n uint32) []byte {
	return append(dst, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

func append64(dst []byte, n uint64) []byte { return append32(append32(dst, uint32(n)), uint32(n>>32)) }
