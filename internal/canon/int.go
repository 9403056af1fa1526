package canon

import (
	"math/bits"
	"slices"
	"strconv"

	"github.com/issuant/issuant/internal/word"
)

// AppendInt appends i in plain decimal. Numbers of up to eight digits, as nearly all are,
// are put together in one word, and instants in two.
func AppendInt(dst []byte, i int64) []byte {
	if uint64(i) >= 1e16 {
		return strconv.AppendInt(dst, i, 10)
	}
	n := len(dst)
	if cap(dst)-n < 16 {
		dst = slices.Grow(dst, 16)
	}
	if i >= 1e8 {
		high := i / 1e8
		dst = AppendInt(dst, high)
		n = len(dst)
		word.Store(dst[n:n+8], 0, word.Digits(uint32(i-high*1e8))+'0'*ones)
		return dst[:n+8]
	}
	x := word.Digits(uint32(i))
	zeros := min(bits.TrailingZeros64(x)>>3, 7)
	word.Store(dst[n:n+8], 0, (x+'0'*ones)>>(8*zeros&63))
	return dst[:n+8-zeros]
}
