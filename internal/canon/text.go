package canon

import (
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/word"
)

// AppendString appends s as a JSON string.
//
// It looks at eight bytes at once and copies them as it goes; where eight, or four, do
// not go into the length, the last ones are done for the second time with some of those
// before. A text that needs an escape is begun again.
func AppendString(dst []byte, s string) []byte {
	n, size := len(dst), len(s)+2
	if cap(dst)-n < size {
		dst = slices.Grow(dst, size)
	}
	b := dst[n : n+size]
	b[0] = '"'
	var found uint64
	switch last := len(s); {
	case last >= 8:
		i := 0
		for ; i < last-16; i += 16 { // most bytes are those of digests
			from, to := s[i:i+16], b[i+1:i+17]
			x, y := word.Load(from, 0), word.Load(from, 8)
			found |= special(x) | special(y)
			word.Store(to, 0, x)
			word.Store(to, 8, y)
		}
		for ; i < last-8; i += 8 {
			x := word.Load(s, i)
			found |= special(x)
			word.Store(b, i+1, x)
		}
		x := word.Load(s, last-8)
		found |= special(x)
		word.Store(b, last-7, x)
	case last >= 4:
		x, y := word.Load4(s, 0), word.Load4(s, last-4)
		found = special(uint64(x) | uint64(y)<<32)
		word.Store4(b, 1, x)
		word.Store4(b, last-3, y)
	default:
		for i := range last {
			found |= special(uint64(s[i]) | ' '*(ones-1))
			b[i+1] = s[i]
		}
	}
	if found&highs != 0 {
		return appendEscaped(dst, s)
	}
	b[size-1] = '"'
	return dst[:n+size]
}

// One bit in each of eight bytes: the lowest, the highest.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special sets the highest bit of a byte that does not stand for itself in a string: a
// subtraction borrows from it, or it is beyond ASCII. It may do so for bytes above such
// a one as well; where there is none, it sets no bit.
func special(x uint64) uint64 {
	return x | (x - 0x20*ones) | ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones)
}

const hex = "0123456789abcdef"

// asIs are the bytes that stand for themselves in a string.
var asIs = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendEscaped is AppendString for a text with something in it that must not, or may
// not, stand as it is.
func appendEscaped(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		if i+8 <= len(s) {
			n := bits.TrailingZeros64(special(word.Load(s, i))&highs) / 8 // the first one is true
			if i += n; n == 8 {
				continue
			}
		}
		c := s[i]
		if asIs[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\uFFFD"...)
			i++
			start = i
			continue
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}
