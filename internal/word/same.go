package word

// Same is a == b in a time that depends on the lengths alone: for what a sender claims
// of a secret, or of a hash.
func Same(a, b string) bool {
	n := len(a)
	if len(b) != n {
		return false
	}
	var diff uint64
	if n < 8 {
		for i := range n {
			diff |= uint64(a[i] ^ b[i])
		}
		return diff == 0
	}
	for i := 0; i < n-8; i += 8 {
		diff |= Within(a, i) ^ Within(b, i)
	}
	return diff|(Within(a, n-8)^Within(b, n-8)) == 0
}
