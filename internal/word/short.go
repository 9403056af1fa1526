package word

// Short returns a text of four to eight bytes as a number that no other text has, for
// comparing with constants: the bytes, the first one lowest, and in the highest place the
// length where there are fewer than eight. It is 0 for every other text, and for one whose
// eighth byte is a control character.
func Short(s string) uint64 {
	n := len(s)
	if n < 4 || n > 8 {
		return 0
	}
	x := uint64(Load4(s, 0)) | uint64(Load4(s, n-4))<<(8*(n-4)&63)
	if n < 8 {
		return x | uint64(n)<<56
	}
	if x>>56 < ' ' {
		return 0
	}
	return x
}
