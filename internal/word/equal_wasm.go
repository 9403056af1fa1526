package word

// Equal is a == b, which Go compares byte by byte in WASM. The last word may overlap the
// one before it.
func Equal(a, b string) bool {
	n := len(a)
	if len(b) != n {
		return false
	}
	if n < 8 {
		if n < 4 {
			return a == b
		}
		return Load4(a, 0) == Load4(b, 0) && Load4(a, n-4) == Load4(b, n-4)
	}
	for i := 0; i < n-8; i += 8 {
		if Within(a, i) != Within(b, i) {
			return false
		}
	}
	return Within(a, n-8) == Within(b, n-8)
}
