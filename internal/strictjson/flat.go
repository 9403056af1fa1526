package strictjson

import (
	"math/bits"
	"unsafe"

	"github.com/issuant/issuant/internal/word"
)

// Pair is a member that Flat has read: Text is the text of a string, or the literal of an
// integer.
type Pair struct {
	Name, Text string
	Kind       Kind // String or Number
}

// Flat reads the texts that are by far the most frequent ones where programs write JSON to
// be signed: one object, canonical (see Doc.Canonical), of strings in ASCII without
// escapes and integers of 1 to 18 digits without sign, whose names have no capital. It
// appends the members to dst, at most as many as it has room for; as with ParseView their
// texts are parts of data. ok is false for everything else, be it good or bad: Parse says
// which. Since names ascend and have one case, none is there twice; what Flat takes, Parse
// takes.
//
// In WASM a call costs as much as reading fifty characters, so that there is one for each
// text.
func Flat(dst []Pair, data []byte) (pairs []Pair, ok bool) {
	s := unsafe.String(unsafe.SliceData(data), len(data))
	if len(s) < 2 || s[0] != '{' {
		return nil, false
	}
	before := ""
	for i := 1; i < len(s) && s[i] == '"' && len(dst) < cap(dst); i++ {
		end, marks := i+1, uint64(0)
		if end+8 <= len(s) {
			marks = notLower(word.Within(s, end))
		}
		if marks != 0 {
			end += bits.TrailingZeros64(marks) >> 3
		} else {
			end = lowerEnd(s, end)
		}
		if end+2 >= len(s) || s[end] != '"' || s[end+1] != ':' {
			return nil, false
		}
		name := s[i+1 : end]
		if len(dst) > 0 && !ascends(before, name) {
			return nil, false
		}
		before, i = name, end+2
		if s[i] == '"' {
			end = plainEnd(s, i+1)
			if end+1 >= len(s) || s[end] != '"' {
				return nil, false
			}
			dst = append(dst, Pair{name, s[i+1 : end], String})
			i = end + 1
		} else {
			end = digitsEnd(s, i)
			if end == i || end-i > 1 && s[i] == '0' || end-i > maxPlainNumber || end == len(s) {
				return nil, false
			}
			dst = append(dst, Pair{name, s[i:end], Number})
			i = end
		}
		if s[i] == '}' {
			return dst, i+1 == len(s)
		}
		if s[i] != ',' {
			return nil, false
		}
	}
	return nil, false
}

// ascends reports whether a stands before b. Most names differ in their first byte.
func ascends(a, b string) bool {
	if a != "" && b != "" && a[0] != b[0] {
		return a[0] < b[0]
	}
	return a < b
}

// lowerEnd is plainEnd that stops at capitals too.
func lowerEnd(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if m := notLower(word.Load(s, i)); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(s) && asIs[s[i]] && (s[i] < 'A' || s[i] > 'Z') {
		i++
	}
	return i
}

// notLower marks the bytes of x at which lowerEnd stops. The lowest mark is right.
func notLower(x uint64) uint64 {
	// Of bytes below 0x80, those from A on less those beyond Z; others have the bit already.
	capitals := (x + (0x80-'A')*ones) &^ (x + (0x80-'Z'-1)*ones)
	return (x | capitals | (x - 0x20*ones) | ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones)) & highs
}

// digitsEnd returns the index of the first byte from i on that is no digit.
func digitsEnd(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		x := word.Load(s, i)
		m := (x | (x + (0x80-'9'-1)*ones) | (x - '0'*ones)) & highs
		if m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}
