package word

// Decimal returns the number whose eight decimal digits are the bytes of x, each a
// value from 0 to 9, the first digit lowest.
func Decimal(x uint64) uint64 {
	// Neighbours are joined to numbers of two, of four and of eight digits.
	x = x * (10<<8 + 1) >> 8 & 0x00ff00ff00ff00ff
	x = x * (100<<16 + 1) >> 16 & 0x0000ffff0000ffff
	return x * (10_000<<32 + 1) >> 32
}

// NoDigits marks, in the high bits, bytes of x that are no values from 0 to 9. The lowest
// mark is right; those above it may be too many.
func NoDigits(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	return (x | (x + (0x80-10)*ones)) & highs
}

// Digits is Decimal's inverse, for n below 100,000,000: eight digits, the first one lowest.
func Digits(n uint32) uint64 {
	// A number is divided into one of its first and one of its last digits, twice.
	x := uint64(n/10_000) | uint64(n%10_000)<<32
	high := x * 5243 >> 19 & 0x0000007f0000007f
	x = high | (x-100*high)<<16
	high = x * 103 >> 10 & 0x000f000f000f000f
	return high | (x-10*high)<<8
}
