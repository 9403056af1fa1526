package word

// Decimal returns the number whose eight decimal digits are the bytes of x, each a
// value from 0 to 9, the first digit lowest.
func Decimal(x uint64) uint64 {
	// Neighbours are joined to numbers of two, of four and of eight digits.
	x = x * (10<<8 + 1) >> 8 & 0x00ff00ff00ff00ff
	x = x * (100<<16 + 1) >> 16 & 0x0000ffff0000ffff
	return x * (10_000<<32 + 1) >> 32
}
