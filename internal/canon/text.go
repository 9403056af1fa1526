package canon

import (
	"slices"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/word"
)

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	if !plain(s) {
		return appendEscaped(dst, s)
	}
	n, size := len(dst), len(s)+2
	if cap(dst)-n < size {
		dst = slices.Grow(dst, size)
	}
	dst = dst[:n+size]
	dst[n] = '"'
	copy(dst[n+1:], s)
	dst[len(dst)-1] = '"'
	return dst
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

// plain tells whether each byte of s stands for itself. The last eight are read
// together, some of them for the second time, where eight do not go into the length.
func plain(s string) bool {
	if len(s) < 8 {
		return special(short(s))&highs == 0
	}
	found := special(word.Load(s, len(s)-8))
	for ; len(s) > 8; s = s[8:] {
		found |= special(word.Load(s, 0))
	}
	return found&highs == 0
}

// short returns the bytes of a text of fewer than eight, some of them twice, in any
// order, with blanks in the place of what is missing.
func short(s string) uint64 {
	n := len(s)
	switch {
	case n >= 4:
		return uint64(word.Load4(s, 0)) | uint64(word.Load4(s, n-4))<<32
	case n > 0:
		return ' '*ones&^0xffffff | uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	return ' ' * ones
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
		if i+8 <= len(s) && special(word.Load(s, i))&highs == 0 {
			i += 8
			continue
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
