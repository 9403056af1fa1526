package word

import "unsafe"

// Load returns the eight bytes of s from i on, the first one lowest. They must be there.
func Load(s string, i int) uint64 {
	b := s[i : i+8] // the bounds are checked
	return *(*uint64)(unsafe.Pointer(unsafe.StringData(b)))
}
