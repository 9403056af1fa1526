package word

// ASCII tells whether s has no byte beyond ASCII: what most texts are, and then valid
// UTF-8.
func ASCII(s string) bool {
	const highs = 0x8080808080808080
	var x uint64
	switch last := len(s); {
	case last >= 8:
		for i := 0; i < last-8; i += 8 {
			x |= Load(s, i)
		}
		x |= Load(s, last-8)
	case last >= 4:
		x = uint64(Load4(s, 0) | Load4(s, last-4))
	case last > 0:
		x = uint64(s[0] | s[last/2] | s[last-1])
	}
	return x&highs == 0
}
