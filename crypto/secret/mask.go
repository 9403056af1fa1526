package secret

import "strings"

// Mask is what a masked card number still tells; it is not a secret by itself,
// but must not stand beside a reference of the same card.
type Mask struct {
	BIN    string // 6 to 8 digits
	Last4  string
	Digits int // length of the whole number, 12 to 19
}

// ParseMasked reads forms such as 411111######0930 and 506303******5057: 6 to 8
// digits, at least four of one mask character (# * X x), four digits. The error
// is ErrMask.
func ParseMasked(s string) (Mask, error) {
	first := countDigits(s)
	if len(s) < MinPANDigits || len(s) > MaxPANDigits || first < 6 || first > 8 {
		return Mask{}, ErrMask
	}
	hidden := s[first : len(s)-4]
	last := s[len(s)-4:]
	if len(hidden) < 4 || strings.IndexByte("#*Xx", hidden[0]) < 0 ||
		strings.Count(hidden, hidden[:1]) != len(hidden) || countDigits(last) != 4 {
		return Mask{}, ErrMask
	}
	return Mask{BIN: s[:first], Last4: last, Digits: len(s)}, nil
}

// countDigits returns how many ASCII digits s begins with.
func countDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// String returns the mask in one form, with stars.
func (m Mask) String() string {
	if m.BIN == "" {
		return ""
	}
	return m.BIN + strings.Repeat("*", m.Digits-len(m.BIN)-len(m.Last4)) + m.Last4
}
