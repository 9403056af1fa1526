//go:build !wasm

// Package word reads eight bytes at once. Go's compiler makes one instruction of eight
// single reads where the machine has one for any address; for WASM, which has, it does
// not, and there the reads are written as one.
package word

// Load returns the eight bytes of s from i on, the first one lowest. They must be there.
func Load(s string, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// Within is Load where the caller has compared i with the length of s, for loops that
// live of it. On most machines it compares again; in WASM it does not, where that would
// be most of its work. So tests and fuzzing outside of WASM find a caller's mistake.
func Within(s string, i int) uint64 { return Load(s, i) }
