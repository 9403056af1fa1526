package secret

import (
	"fmt"
	"strings"

	"github.com/issuant/issuant/internal/luhn"
)

// Bounds of a card number in digits (ISO/IEC 7812), inclusive.
const (
	MinPANDigits = 12
	MaxPANDigits = 19
)

// PAN is a card number. The zero PAN is no card number. Copies share the digits,
// so that Wipe reaches them all. Two PANs are == only when one is a copy of the
// other, so a PAN is of little use as a map key: compare with Equal, index by
// Ref. Safe for concurrent use but for Wipe.
type PAN struct{ b *box }

// ParsePAN reads 12 to 19 ASCII digits with a right Luhn check digit. Blanks and
// hyphens are refused: counterparts send bare digits, and one number must not
// have two forms. The error is ErrPAN.
func ParsePAN[T ~string | ~[]byte](digits T) (PAN, error) {
	if len(digits) < MinPANDigits || len(digits) > MaxPANDigits || !luhn.Valid(digits) {
		return PAN{}, ErrPAN
	}
	return PAN{seal(digits)}, nil
}

// IsZero reports whether p holds no card number.
func (p PAN) IsZero() bool { return len(p.b.bytes()) == 0 }

// Reveal returns the digits; "" for the zero PAN and after Wipe.
func (p PAN) Reveal() string { return string(p.b.bytes()) }

// BIN returns the first n digits, n being 6 or 8. It is "" for the zero PAN, for
// any other n, and for n = 8 with fewer than 16 digits, where eight digits beside
// the last four would leave too little hidden.
func (p PAN) BIN(n int) string {
	d := p.b.bytes()
	if n != 6 && n != 8 || len(d) == 0 || n == 8 && len(d) < 16 {
		return ""
	}
	return string(d[:n])
}

// Last4 returns the last four digits, "" for the zero PAN.
func (p PAN) Last4() string {
	d := p.b.bytes()
	if len(d) == 0 {
		return ""
	}
	return string(d[len(d)-4:])
}

// Masked returns the number with stars in place of hidden digits, as long as the
// number: 411111******0930. Below 15 digits only the last four are shown, since
// six more would leave so few hidden that the check digit gives them away.
func (p PAN) Masked() string {
	d := p.b.bytes()
	switch {
	case len(d) == 0:
		return ""
	case len(d) < 15:
		return strings.Repeat("*", len(d)-4) + string(d[len(d)-4:])
	}
	return string(d[:6]) + strings.Repeat("*", len(d)-10) + string(d[len(d)-4:])
}

// Equal compares in time that depends on the lengths alone; the zero PAN equals nothing.
func (p PAN) Equal(o PAN) bool { return p.b.equal(o.b) }

// Wipe overwrites the digits, for all copies. It must not run at the same time as another method.
func (p PAN) Wipe() { p.b.wipe() }

// String returns a placeholder. Neither it nor the methods below give digits, not
// even masked ones: what is shown beside a reference must not narrow it down.
func (p PAN) String() string { return hiddenPAN }

// Format writes a placeholder, whatever the verb.
func (p PAN) Format(s fmt.State, _ rune) { placeholder(s, hiddenPAN) }

// MarshalText returns a placeholder; JSON, XML and slog use it, for map keys too.
func (p PAN) MarshalText() ([]byte, error) { return []byte(hiddenPAN), nil }

// MarshalBinary returns ErrEncode.
func (p PAN) MarshalBinary() ([]byte, error) { return nil, ErrEncode }

// GobEncode returns ErrEncode.
func (p PAN) GobEncode() ([]byte, error) { return nil, ErrEncode }
