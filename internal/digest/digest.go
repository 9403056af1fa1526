// Package digest writes and recognises SHA-256 as text: 64 hexadecimal digits in lower
// case, as records, manifests, grants and profiles have it.
package digest

import (
	"crypto/sha256"
	"strings"
	"unsafe"

	"github.com/issuant/issuant/internal/word"
)

// Of returns the digest of data.
func Of(data []byte) string {
	sum := sha256.Sum256(data)
	text := new([2 * sha256.Size]byte)
	return Text(text, &sum)
}

// Text writes sum into text and returns a view of it: text must not change afterwards.
// It is for those who have the memory of what the digest belongs to.
func Text(text *[2 * sha256.Size]byte, sum *[sha256.Size]byte) string {
	bytes := unsafe.String(&sum[0], len(sum))
	for i := 0; i < len(sum); i += 8 {
		x := word.Load(bytes, i)
		word.Store(text[:], 2*i, digits(x&0xffffffff))
		word.Store(text[:], 2*i+8, digits(x>>32))
	}
	return unsafe.String(&text[0], len(text))
}

// Append appends the digits of sum to dst.
func Append(dst []byte, sum *[sha256.Size]byte) []byte {
	var text [2 * sha256.Size]byte
	return append(dst, Text(&text, sum)...)
}

// digits returns the eight hexadecimal digits of the four bytes of x, the first one lowest.
func digits(x uint64) uint64 {
	const (
		nibbles = 0x000f000f000f000f
		each    = 0x0101010101010101
	)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = x>>4&nibbles | x&nibbles<<8
	letters := (x + 6*each) >> 4 & each // one bit in each byte from ten on
	return x + '0'*each + letters*('a'-'0'-10)
}

// Is reports whether s is the text of a digest.
func Is(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}
