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
	seconds := uint64(t.Unix() + sinceZero)
	if seconds >= 10_000*meanYear {
		return append(t.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	}
	n := len(dst)
	if cap(dst)-n < maxTime {
		dst = slices.Grow(dst, maxTime)
	}
	b := dst[n : n+maxTime]
	century, year, month, day := date(uint32(seconds / 86400))
	clock := uint32(seconds % 86400)
	word.Store(b, 0, '"'|two(century)<<8|two(year)<<24|'-'<<40|two(month)<<48)
	word.Store(b, 8, '-'|two(day)<<8|'T'<<24|two(clock/3600)<<32)
	word.Store(b, 14, ':'|two(clock/60%60)<<8|':'<<24|two(clock%60)<<32|'Z'<<48|'"'<<56)
	end := 22
	if nanos := t.Nanosecond(); nanos != 0 {
		end = 20 + fraction(b[20:], nanos)
	}
	return dst[:n+end]
}

const (
	sinceZero = 62_167_219_200 // seconds from the year 0 to 1970
	meanYear  = 31_556_952     // seconds; after 400 years the calendar begins again
)

// date is the calendar's date days after the first of the year 0, up to the year 9999: its
// year in two parts of two digits.
//
// Years are counted from March on, so that the day more that some have is their last, and
// months have the same lengths every year: 153 days are five of them. A century of those
// years has 36,524 days and a quarter, a year in it 365 and a quarter.
func date(days uint32) (century, year, month, day uint32) {
	const leapCentury = 146_097 // days of four centuries
	days += leapCentury - 60    // nothing is below 0
	n := 4*days + 3
	century = n/leapCentury - 4
	n = n%leapCentury | 3
	year = n / 1461
	n = 5*(n%1461/4) + 2
	month, day = n/153+3, n%153/5+1
	if month > 12 {
		if month, year = month-12, year+1; year == 100 {
			century, year = century+1, 0
		}
	}
	return century, year, month, day
}

// two is n, below 100, in two digits, the first one lowest.
func two(n uint32) uint64 {
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
