//go:build !wasm

package word

import "encoding/binary"

// Load4 returns the four bytes of s from i on, the first one lowest. They must be there.
func Load4(s string, i int) uint32 {
	b := s[i : i+4]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// Store writes x over the eight bytes of b from i on, its lowest byte first. They must
// be there.
func Store(b []byte, i int, x uint64) {
	_ = b[i+7] // not b's capacity but its length bounds
	binary.LittleEndian.PutUint64(b[i:i+8], x)
}

// Store4 is Store for four bytes.
func Store4(b []byte, i int, x uint32) {
	_ = b[i+3]
	binary.LittleEndian.PutUint32(b[i:i+4], x)
}
