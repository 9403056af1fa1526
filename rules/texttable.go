package rules

import "github.com/issuant/issuant/internal/word"

// textTable numbers texts. It is built once, from a pack's own texts, so that no
// event can fill it with collisions; a look-up of a short text reads one entry.
type textTable struct {
	entries []textEntry // a power of two of them, at most half of them used
	texts   []string    // by number
}

type textEntry struct {
	key    uint64 // of a text of up to eight bytes all of it, of a longer one its hash
	size   uint32 // bytes, plus one; 0 marks an unused entry
	number int32
}

func newTextTable(texts []string) textTable {
	size := 4
	for size < 2*len(texts) {
		size *= 2
	}
	t := textTable{entries: make([]textEntry, size), texts: texts}
	for n, s := range texts {
		key := keyOf(s)
		for i := placeOf(key, len(s)); ; i++ {
			e := &t.entries[i&uint64(size-1)]
			if e.size == 0 {
				*e = textEntry{key, uint32(len(s)) + 1, int32(n)}
				break
			}
		}
	}
	return t
}

// number returns the number of s, or -1.
func (t *textTable) number(s string) int32 {
	key, size, entries := keyOf(s), uint32(len(s))+1, t.entries
	for i := placeOf(key, len(s)); ; i++ {
		e := &entries[i&uint64(len(entries)-1)]
		if e.key == key && e.size == size && (size <= 9 || t.texts[e.number] == s) {
			return e.number
		}
		if e.size == 0 {
			return -1
		}
	}
}

// The multipliers of keys and places.
const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93

// keyOf returns what is compared first. It is the same on every platform.
func keyOf(s string) (key uint64) {
	if len(s) > 8 {
		return keyOfLong(s)
	}
	if len(s) >= 4 {
		return uint64(word.Load4(s, 0)) | uint64(word.Load4(s, len(s)-4))<<32
	}
	return keyOfShort(s)
}

func keyOfShort(s string) (key uint64) {
	if n := len(s); n > 0 {
		key = uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	return key
}

func keyOfLong(s string) (key uint64) {
	n := len(s)
	key = uint64(n) * k1
	for i := 0; i+8 < n; i += 8 {
		key = (key ^ word.Load(s, i)) * k2
		key ^= key >> 29
	}
	return key ^ word.Load(s, n-8)
}

// placeOf returns where to look for the text of n bytes that has a key.
func placeOf(key uint64, n int) uint64 {
	at := (key ^ uint64(n)) * k1
	return at ^ at>>32
}
