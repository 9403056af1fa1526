// Package base64url decodes base64url without padding (RFC 4648 section 5) as tokens have
// it, strictly: no padding, no foreign character, no line break, no bits behind the last
// byte that are not zero, so that no two texts give the same bytes. It stands apart so
// that the host of an accelerated module decodes by the same lines as the module.
//
// A token is decoded for each message, and encoding/base64, which looks at each character
// of its own and passes over line breaks, takes twice as long.
package base64url

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/issuant/issuant/internal/word"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// bits are the six bits of a character, where they stand among the 24 of four characters:
// for the first to the fourth of them.
var bits = func() (t [4][256]uint32) {
	for place := range t {
		for c := range t[place] {
			t[place][c] = foreign
		}
		for n, c := range []byte(alphabet) {
			t[place][c] = uint32(n) << (18 - 6*place)
		}
	}
	return t
}()

// foreign marks a character that is not of the alphabet: a bit beyond the 24.
const foreign = 1 << 31

// Len is how many bytes a text of n characters gives.
func Len(n int) int { return n/4*3 + n%4*6/8 }

// Append appends the bytes of a text; ok is false where it is none, and dst is then
// returned as it was.
func Append(dst []byte, text string) (out []byte, ok bool) {
	n, size := len(dst), Len(len(text))
	out = slices.Grow(dst, size)[:n+size]
	whole := len(text) / 8
	if (eights(out[n:], text, &bits)|tail(out[n+6*whole:], text[8*whole:]))&foreign != 0 {
		return dst, false
	}
	return out, true
}

// eights writes the bytes of all whole eight characters into b, and returns what it saw.
func eights(b []byte, text string, t *[4][256]uint32) (seen uint32) {
	for i, k := 0, 0; i+8 <= len(text); i, k = i+8, k+6 {
		x := word.Load(text, i)
		y := t[0][byte(x)] | t[1][byte(x>>8)] | t[2][byte(x>>16)] | t[3][byte(x>>24)]
		z := t[0][byte(x>>32)] | t[1][byte(x>>40)] | t[2][byte(x>>48)] | t[3][x>>56]
		seen |= y | z
		six := b[k : k+6]
		binary.BigEndian.PutUint32(six, y<<8|z>>16)
		binary.BigEndian.PutUint16(six[4:], uint16(z))
	}
	return seen
}

// AppendBytes is Append for a text in bytes, which must not change meanwhile.
func AppendBytes(dst, text []byte) (out []byte, ok bool) {
	return Append(dst, unsafe.String(unsafe.SliceData(text), len(text)))
}

// tail writes the bytes of fewer than eight characters into b, which is as long as they
// are, and returns what it saw: foreign where they are none.
func tail(b []byte, text string) (seen uint32) {
	if len(text) >= 4 {
		seen = bits[0][text[0]] | bits[1][text[1]] | bits[2][text[2]] | bits[3][text[3]]
		b[0], b[1], b[2] = byte(seen>>16), byte(seen>>8), byte(seen)
		b, text = b[3:], text[4:]
	}
	last := uint32(0)
	switch len(text) {
	case 1:
		return foreign
	case 2:
		last = bits[0][text[0]] | bits[1][text[1]]
		b[0] = byte(last >> 16)
	case 3:
		last = bits[0][text[0]] | bits[1][text[1]] | bits[2][text[2]]
		b[0], b[1] = byte(last>>16), byte(last>>8)
	}
	if last<<(8+8*len(b))&0xffffff00 != 0 {
		return foreign // bits behind the last byte
	}
	return seen | last
}
