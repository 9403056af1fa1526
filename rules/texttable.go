package rules

import "github.com/issuant/issuant/internal/word"

// textTable numbers texts. It is built once, from a pack's own texts, so that no
// event can fill it with collisions; a look-up of a short text reads one entry.
type textTable struct {
	entries []textEntry // a power of two of them, at most half of them used
	texts   []string    // by number
}

// textEntry tells texts of up to 16 bytes apart without reading them.
type textEntry struct {
	key    uint64 // of a text of up to 8 bytes all of it, of up to 16 its first 8, of a longer one its hash
	last   uint64 // of a text of 9 to 16 bytes its last 8
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
		if e, key, last := entryOf(t.entries, 0, uint32(size-1), &t.texts, s); e.size == 0 {
			*e = textEntry{key, last, uint32(len(s)) + 1, int32(n)}
		}
	}
	return t
}

// entryOf returns the entry of s, or the unused one where it would stand, and its keys,
// which are the same on every platform. The table is the entries from one on, as many as
// mask says, which is one less than a power of two.
func entryOf(entries []textEntry, from, mask uint32, texts *[]string, s string) (e *textEntry, key, last uint64) {
	switch n := len(s); {
	case n > 16:
		key = keyOfLong(s)
	case n > 8:
		key, last = word.Load(s, 0), word.Load(s, n-8)
	case n >= 4:
		key = uint64(word.Load4(s, 0)) | uint64(word.Load4(s, n-4))<<32
	case n > 0:
		key = uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	size := uint32(len(s)) + 1
	at := (key ^ last*k2 ^ uint64(size)) * k1
	for at ^= at >> 32; ; at++ {
		e = &entries[from+uint32(at)&mask]
		if e.size == 0 || e.size == size && e.key == key && e.last == last && (size <= 17 || (*texts)[e.number] == s) {
			return e, key, last
		}
	}
}

// The multipliers of keys and of places.
const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93

// keyOfLong hashes a text of more than 16 bytes.
func keyOfLong(s string) (key uint64) {
	n := len(s)
	key = uint64(n) * k1
	for i := 0; i+8 < n; i += 8 {
		key = (key ^ word.Load(s, i)) * k2
		key ^= key >> 29
	}
	return key ^ word.Load(s, n-8)
}
