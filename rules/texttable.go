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
		if e, key := t.entry(s); e.size == 0 {
			*e = textEntry{key, uint32(len(s)) + 1, int32(n)}
		}
	}
	return t
}

// entry returns the entry of s, or the unused one where it would stand, and its key,
// which is the same on every platform.
func (t *textTable) entry(s string) (e *textEntry, key uint64) {
	switch n := len(s); {
	case n > 8:
		key = keyOfLong(s)
	case n >= 4:
		key = uint64(word.Load4(s, 0)) | uint64(word.Load4(s, n-4))<<32
	case n > 0:
		key = uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	entries, size := t.entries, uint32(len(s))+1
	at := (key ^ uint64(len(s))) * k1
	for at ^= at >> 32; ; at++ {
		e = &entries[at&uint64(len(entries)-1)]
		if e.key == key && e.size == size && (size <= 9 || t.texts[e.number] == s) || e.size == 0 {
			return e, key
		}
	}
}

// The multipliers of keys and of places.
const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93

// keyOfLong hashes a text of more than eight bytes.
func keyOfLong(s string) (key uint64) {
	n := len(s)
	key = uint64(n) * k1
	for i := 0; i+8 < n; i += 8 {
		key = (key ^ word.Load(s, i)) * k2
		key ^= key >> 29
	}
	return key ^ word.Load(s, n-8)
}
