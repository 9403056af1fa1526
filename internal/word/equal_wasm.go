package word

// Equal is a == b, which Go compares byte by byte in WASM. The last word may overlap the
// one before it.
func Equal(a, b string) bool {
	n := len(a)
	if n < 8 || len(b) != n {
		return a == b
	}
	for i := 0; i < n-8; i += 8 {
		if Load(a, i) != Load(b, i) {
			return false
		}
	}
	return Load(a, n-8) == Load(b, n-8)
}
