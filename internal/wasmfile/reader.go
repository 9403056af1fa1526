package wasmfile

import (
	"fmt"
	"unicode/utf8"
)

// reader reads one part of a file; its first error stays, and everything that is
// read after it is zero.
type reader struct {
	data []byte
	base int // offset of data in the file
	pos  int
	err  *Error
}

func (r *reader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Offset: r.base + at, Msg: fmt.Sprintf(format, args...)}
	}
	r.pos = len(r.data) // nothing is read any more
}

func (r *reader) left() int { return len(r.data) - r.pos }

func (r *reader) byte() byte {
	if r.left() < 1 {
		r.fail(r.pos, "the file ends too early")
		return 0
	}
	b := r.data[r.pos]
	r.pos++
	return b
}

func (r *reader) bytes(n uint32) []byte {
	if uint64(r.left()) < uint64(n) {
		r.fail(r.pos, "%d bytes should follow, and only %d do", n, r.left())
		return nil
	}
	b := r.data[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return b
}

// u32 reads an unsigned number in LEB128, of at most five bytes.
func (r *reader) u32() uint32 {
	at, v := r.pos, uint64(0)
	for shift := 0; ; shift += 7 {
		b := r.byte()
		if r.err != nil {
			return 0
		}
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			break
		}
		if shift == 28 {
			r.fail(at, "a number has more than five bytes")
			return 0
		}
	}
	if v > 0xffff_ffff {
		r.fail(at, "a number does not fit 32 bits")
		return 0
	}
	return uint32(v)
}

// signed reads a signed number in LEB128 of as many bits, 32 or 64.
func (r *reader) signed(bits int) int64 {
	at, v, shift := r.pos, int64(0), 0
	for {
		b := r.byte()
		if r.err != nil {
			return 0
		}
		v |= int64(b&0x7f) << shift
		rest := bits - shift
		shift += 7
		if b&0x80 == 0 {
			if rest < 7 { // the bits that are too many repeat the sign
				if extra := int8(b<<1) >> rest; extra != 0 && extra != -1 {
					r.fail(at, "a number does not fit %d bits", bits)
					return 0
				}
			}
			if shift < 64 && b&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
		if shift >= bits {
			r.fail(at, "a number has too many bytes")
			return 0
		}
	}
}

// count reads how many items follow, of which each takes at least size bytes: memory
// is never taken for more than the file can hold.
func (r *reader) count(what string, max, size int) int {
	at := r.pos
	n := r.u32()
	if uint64(n) > uint64(max) {
		r.fail(at, "%d %s; at most %d are read", n, what, max)
		return 0
	}
	if uint64(n)*uint64(size) > uint64(r.left()) {
		r.fail(at, "%d %s do not fit the %d bytes that follow", n, what, r.left())
		return 0
	}
	return int(n)
}

func (r *reader) name() string {
	at := r.pos
	n := r.u32()
	if n > MaxName {
		r.fail(at, "a name of %d bytes; at most %d are read", n, MaxName)
		return ""
	}
	b := r.bytes(n)
	if !utf8.Valid(b) {
		r.fail(at, "a name is not UTF-8")
		return ""
	}
	return string(b)
}

// end says so when something stands where nothing should.
func (r *reader) end(what string) {
	if r.err == nil && r.left() > 0 {
		r.fail(r.pos, "%d bytes too many in the %s", r.left(), what)
	}
}
