// Package luhn checks the check digit of card numbers (ISO/IEC 7812-1 annex B).
package luhn

// Valid reports whether the last of the digits is the check digit of the others.
// Anything but ASCII digits is false; the length is the caller's affair, and no
// digits at all are valid.
func Valid[T ~string | ~[]byte](digits T) bool {
	sum, double := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		d := int(digits[i]) - '0'
		if d < 0 || d > 9 {
			return false
		}
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum%10 == 0
}
