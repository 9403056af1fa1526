package logic

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"

	"github.com/issuant/issuant/internal/word"
)

// The binary form of a tree: its nodes, each before its arguments.
//
//	u8  Op
//	u8  Type
//	Const          a value
//	Field, Has     uvarint: the field
//	InList         uvarint: the list
//	InSet, InRange uvarint: how many items, then each a value
//	Matches        text: the pattern
//	Foreign        text, uvarint: its cost, uvarint: how many arguments
//
// A value is a u8 and what it says: 1, a text; 2, a varint (int64); 3, eight bytes
// big-endian (the bits of a float64); 4, a u8 (0 or 1); 5, a varint (nanoseconds since
// 1970). A text is a uvarint, its length in bytes, and the bytes.

// Append appends the binary form of e to dst. Equal trees give equal bytes.
func (e *Expr) Append(dst []byte) []byte {
	dst = append(dst, byte(e.Op), byte(e.Type))
	switch e.Op {
	case Const:
		dst = appendValue(dst, e.Val)
	case Field, Has:
		dst = binary.AppendUvarint(dst, uint64(e.Field))
	case InList:
		dst = binary.AppendUvarint(dst, uint64(e.List))
	case InSet, InRange:
		dst = binary.AppendUvarint(dst, uint64(len(e.Items)))
		for _, it := range e.Items {
			dst = appendValue(dst, it)
		}
	case Matches:
		dst = appendText(dst, e.Text)
	case Foreign:
		dst = appendText(dst, e.Text)
		dst = binary.AppendUvarint(dst, uint64(e.Worst))
		dst = binary.AppendUvarint(dst, uint64(len(e.Args)))
	}
	for _, a := range e.Args {
		dst = a.Append(dst)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendText(append(dst, 1), v)
	case int64:
		return binary.AppendVarint(append(dst, 2), v)
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, 3), math.Float64bits(v))
	case bool:
		if v {
			return append(dst, 4, 1)
		}
		return append(dst, 4, 0)
	case time.Time:
		return binary.AppendVarint(append(dst, 5), v.UnixNano())
	}
	return append(dst, 0)
}

// Uvarint reads the number at a place of a text, in its shortest form. next is where it
// ends, or 0 when none is there.
func Uvarint(text string, at int) (v uint64, next int) {
	if uint(at) < uint(len(text)) && text[at] < 0x80 {
		return uint64(text[at]), at + 1
	}
	return longUvarint(text, at)
}

func longUvarint(text string, at int) (v uint64, next int) {
	for i := 0; at+i < len(text) && i < binary.MaxVarintLen64; i++ {
		b := text[at+i]
		v |= uint64(b&0x7f) << (7 * i)
		if b >= 0x80 {
			continue
		}
		if b == 0 || i == binary.MaxVarintLen64-1 && b > 1 {
			break
		}
		return v, at + i + 1
	}
	return 0, 0
}

// Decoder reads trees, and what stands beside them, from a text that may be anyone's.
// After the first fault all it returns is empty and Bad is true. What Expr returns may
// be judged only if an Examiner has passed the same bytes.
type Decoder struct {
	Bad   bool
	text  string
	at    int
	nodes int
}

// NewDecoder returns a decoder of a text, whose texts are parts of it.
func NewDecoder(text string) *Decoder { return &Decoder{text: text} }

// Left is how many bytes are left.
func (d *Decoder) Left() int { return len(d.text) - d.at }

func (d *Decoder) fail() {
	d.Bad, d.at = true, len(d.text)
}

func (d *Decoder) byte() byte {
	if d.at >= len(d.text) {
		d.fail()
		return 0
	}
	d.at++
	return d.text[d.at-1]
}

// Uvarint reads a number in its shortest form.
func (d *Decoder) Uvarint() uint64 {
	v, next := Uvarint(d.text, d.at)
	if next == 0 {
		d.fail()
		return 0
	}
	d.at = next
	return v
}

// Varint reads a number that may be negative.
func (d *Decoder) Varint() int64 {
	u := d.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads a number of things that need at least one byte each.
func (d *Decoder) count() int {
	n := d.Uvarint()
	if n > uint64(d.Left()) || n > MaxNodes {
		d.fail()
		return 0
	}
	return int(n)
}

// index reads a number that fits 31 bits.
func (d *Decoder) index() int {
	n := d.Uvarint()
	if n > math.MaxInt32 {
		d.fail()
		return 0
	}
	return int(n)
}

// Skip cuts off n bytes and returns them.
func (d *Decoder) Skip(n uint64) string {
	if n > uint64(d.Left()) {
		d.fail()
		return ""
	}
	d.at += int(n)
	return d.text[d.at-int(n) : d.at]
}

// Text reads a text.
func (d *Decoder) Text() string { return d.Skip(d.Uvarint()) }

func (d *Decoder) value() any {
	switch d.byte() {
	case 1:
		return d.Text()
	case 2:
		return d.Varint()
	case 3:
		if b := d.Skip(8); b != "" {
			return math.Float64frombits(bits.ReverseBytes64(word.Load(b, 0)))
		}
	case 4:
		switch d.byte() {
		case 0:
			return false
		case 1:
			return true
		}
	case 5:
		return time.Unix(0, d.Varint()).UTC()
	}
	d.fail()
	return nil
}

// Expr reads one tree, and appends its nodes to nodes, each before its arguments.
func (d *Decoder) Expr(nodes *[]*Expr) *Expr {
	if d.nodes = 0; nodes == nil {
		nodes = new([]*Expr)
	}
	return d.expr(nodes)
}

func (d *Decoder) expr(nodes *[]*Expr) *Expr {
	e := &Expr{Op: Op(d.byte()), Type: Type(d.byte())}
	if d.nodes++; d.nodes > MaxNodes || d.Bad {
		d.fail()
		return e
	}
	*nodes = append(*nodes, e)
	args := shapeOf(e.Op).args
	switch e.Op {
	case Const:
		e.Val = d.value()
	case Field, Has:
		e.Field = d.index()
	case InList:
		e.List = d.index()
	case InSet, InRange:
		e.Items = make([]any, d.count())
		for i := range e.Items {
			e.Items[i] = d.value()
		}
	case Matches:
		e.Text = d.Text()
	case Foreign:
		e.Text = d.Text()
		e.Worst = int64(d.Uvarint())
		args = d.count()
	}
	if args > 0 && !d.Bad {
		e.Args = make([]*Expr, args)
		for i := range e.Args {
			e.Args[i] = d.expr(nodes)
		}
	}
	return e
}
