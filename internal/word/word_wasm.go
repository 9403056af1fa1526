package word

import "unsafe"

// Load returns the eight bytes of s from i on, the first one lowest. They must be there.
func Load(s string, i int) uint64 {
	b := s[i : i+8] // the bounds are checked
	return *(*uint64)(unsafe.Pointer(unsafe.StringData(b)))
}

// Within is Load where the caller has compared i with the length of s, for loops that
// live of it: here nothing is compared again.
func Within(s string, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))
}
