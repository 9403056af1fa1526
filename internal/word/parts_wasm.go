package word

import "unsafe"

// Load4 returns the four bytes of s from i on, the first one lowest. They must be there.
func Load4(s string, i int) uint32 {
	b := s[i : i+4] // the bounds are checked
	return *(*uint32)(unsafe.Pointer(unsafe.StringData(b)))
}

// Store writes x over the eight bytes of b from i on, its lowest byte first. They must
// be there.
func Store(b []byte, i int, x uint64) {
	_ = b[i+7] // not b's capacity but its length bounds
	*(*uint64)(unsafe.Pointer(&b[i])) = x
}

// Store4 is Store for four bytes.
func Store4(b []byte, i int, x uint32) {
	_ = b[i+3]
	*(*uint32)(unsafe.Pointer(&b[i])) = x
}
