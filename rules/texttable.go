package rules

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
		key, at := keyOf(s)
		for i := at; ; i++ {
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
	if len(t.texts) == 0 {
		return -1
	}
	key, at := keyOf(s)
	mask := uint64(len(t.entries) - 1)
	for i := at; ; i++ {
		e := &t.entries[i&mask]
		if e.size == 0 {
			return -1
		}
		if e.key == key && e.size == uint32(len(s))+1 && (len(s) <= 8 || t.texts[e.number] == s) {
			return e.number
		}
	}
}

// keyOf returns what is compared first, and where to look. It is the same on every
// platform.
func keyOf(s string) (key, at uint64) {
	const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	n := len(s)
	switch {
	case n > 8:
		key = uint64(n) * k1
		for i := 0; i+8 < n; i += 8 {
			key = (key ^ eight(s, i)) * k2
			key ^= key >> 29
		}
		key ^= eight(s, n-8)
	case n >= 4:
		key = uint64(four(s, 0)) | uint64(four(s, n-4))<<32
	case n > 0:
		key = uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	at = (key ^ uint64(n)) * k1
	return key, at ^ at>>32
}

func four(s string, i int) uint32 {
	s = s[i : i+4]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func eight(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
