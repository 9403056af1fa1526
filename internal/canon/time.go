package canon

import (
	"slices"
	"time"

	"github.com/issuant/issuant/internal/word"
)

// maxTime is the length of the longest instant that AppendTime writes by itself.
const maxTime = len(`"2006-01-02T15:04:05.999999999Z"`)

// AppendTime appends t in UTC as a JSON string, in the form of RFC 3339 with as many
// fractional digits as it has.
//
// Each decision and each record has one or two instants: they are put together in words
// of eight digits and signs, of which the third begins before the second ends.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return append(t.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	}
	hour, minute, second := t.Clock()
	n := len(dst)
	if cap(dst)-n < maxTime {
		dst = slices.Grow(dst, maxTime)
	}
	b := dst[n : n+maxTime]
	word.Store(b, 0, '"'|two(year/100)<<8|two(year%100)<<24|'-'<<40|two(int(month))<<48)
	word.Store(b, 8, '-'|two(day)<<8|'T'<<24|two(hour)<<32)
	word.Store(b, 14, ':'|two(minute)<<8|':'<<24|two(second)<<32|'Z'<<48|'"'<<56)
	end := 22
	if nanos := t.Nanosecond(); nanos != 0 {
		end = 20 + fraction(b[20:], nanos)
	}
	return dst[:n+end]
}

// two is n, below 100, in two digits, the first one lowest.
func two(n int) uint64 {
	tens := uint64(n) * 103 >> 10
	return 0x3030 + tens + (uint64(n)-10*tens)<<8
}

// fraction writes nanos, which is not 0, as a fraction of a second without the zeros at
// its end, and what ends an instant. It returns how many bytes that are.
func fraction(b []byte, nanos int) int {
	digits := 9
	if nanos%1e6 == 0 {
		nanos, digits = nanos/1e6, 3
	}
	for nanos%10 == 0 {
		nanos /= 10
		digits--
	}
	b[0] = '.'
	for i := digits; i > 0; i-- {
		b[i] = byte('0' + nanos%10)
		nanos /= 10
	}
	b[digits+1], b[digits+2] = 'Z', '"'
	return digits + 3
}
